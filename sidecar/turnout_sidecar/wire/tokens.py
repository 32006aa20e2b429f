"""How many tokens, where nobody says: for providers that report no usage and for streams whose client has left.

One rule, four bytes of UTF-8 a token and a few for each message, which English prose meets within a fifth and other scripts
within a half; what is made of it is always marked `estimated`. Binary parts (images, audio) count nothing by their bytes,
since base64 has nothing to do with what they cost.
"""

from typing import Any

BYTES_PER_TOKEN = 4
PER_MESSAGE = 4
PER_CALL = 3


def of_bytes(size: int) -> int:
    """Tokens of so many bytes of text, rounded up."""
    return -(-size // BYTES_PER_TOKEN)


def of_text(text: str) -> int:
    """Tokens of a text."""
    return of_bytes(len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")))


def of_request(body: dict[str, Any]) -> int:
    """Tokens of the input of a chat or embeddings call."""
    total = PER_CALL
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue  # embeddings have no messages, but a body may hold anything
        total += PER_MESSAGE + _of_content(message.get("content"))
        calls = message.get("tool_calls")
        if calls:
            total += of_text(str(calls))
    if body.get("tools"):
        total += of_text(str(body["tools"]))
    return total + _of_input(body.get("input"))


def _of_content(content: Any) -> int:
    if isinstance(content, str):
        return of_text(content)
    if not isinstance(content, list):
        return 0
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return sum(of_text(text) for text in texts if isinstance(text, str))


def _of_input(given: Any) -> int:
    if isinstance(given, str):
        return of_text(given)
    if not isinstance(given, list):
        return 0
    return sum(1 if isinstance(item, int) else _of_input(item) for item in given)
