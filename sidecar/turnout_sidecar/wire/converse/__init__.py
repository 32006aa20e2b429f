"""Amazon Bedrock's Converse, as a backend speaks it: `format` is the bundle, `support` what it can say.

`format` and `framing` need botocore (the extra `bedrock`) and are loaded by who has a Bedrock provider; the rest needs nothing.
"""
