"""OpenAI chat completions to and from the canonical exchange, for calls that cross protocols.

Where both sides speak chat, bytes pass and `wire/openai*.py` reads along. Here: `format` (the two bundles), `support` (what
chat can say), `request_in` and `messages_in` (a caller's body), `request_out` and `messages_out` (a backend's), `answer_in`
and `stream_in` (what a backend says), `answer_out` and `stream_out` (what a caller is told).
"""
