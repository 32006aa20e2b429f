"""JSON that is nested deeper than can be worked with: cut where it gets too deep, before it is read.

An API server takes objects nested ten thousand levels deep wherever a schema preserves unknown fields. Python reads, copies and
compares a few hundred. Whoever may write one such object would otherwise end every operator, for all namespaces and at each start.

Rules: what is not too deep is read as ever; what was cut stays deeper than the compiler takes, so that it becomes a verdict on
its object; `install` is for the operator's process, since the informer reads by itself.
"""

import json
import re
from typing import Any

MOST_LEVELS = 128
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
_TEXT = re.compile(rb'"[^"]*"')
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
_decode = json.JSONDecoder.decode


def may_be_deeper(text: str, most: int = MOST_LEVELS) -> bool:
    """False only where no object or array of the JSON lies in more than `most` others; much faster than reading it."""
    if text.count("{") + text.count("[") <= most:
        return False
    data = text.encode("utf-8", "surrogatepass").replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _OTHERS)
    data = data.replace(b'""', b"")
    brackets = _TEXT.sub(b"", data) if b'"' in data else data
    for _ in range(most // 2):  # each removes two levels at most
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not brackets:
            return False
    return True


def cut(text: str, most: int = MOST_LEVELS) -> str:
    """The same JSON with `null` in place of every object and array that lies below `most` others."""
    pieces, depth, kept_from = [], 0, 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in "{[":
            depth += 1
            if depth == most + 1:
                pieces += [text[kept_from : token.start()], "null"]
        elif sign in "}]":
            if depth == most + 1:
                kept_from = token.end()
            depth -= 1
    return "".join([*pieces, text[kept_from:]])


def install() -> None:
    """From now on `json.loads` of this process cuts what is too deep."""
    setattr(json.JSONDecoder, "decode", _decode_cut)  # noqa: B010  a method of the standard library is replaced


def _decode_cut(decoder: json.JSONDecoder, s: str, *rest: Any) -> Any:
    return _decode(decoder, cut(s) if may_be_deeper(s) else s, *rest)
