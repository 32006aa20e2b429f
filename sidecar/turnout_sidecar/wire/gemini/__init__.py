"""Gemini's generateContent, as a backend speaks it: `format` is the bundle, `support` what it can say.

Also Vertex AI, whose endpoint holds project, region and publisher. `request` and `history` write, `answer` and `stream` read.
"""
