"""Content blocks of a request, read into parts.

Rules: a block of a type that only Anthropic knows is refused with its field named, since the conversation would mean something
else without it; a member of a known block that has no place here is noted in `unknown`, by its path without numbers.
A document's text is carried as what every medium is here, base64; blocks as a document's source are joined where they are text.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import Document, Image, Part, Source, Text, Thinking, ToolCall, ToolResult
from turnout_sidecar.wire.members import (
    flag,
    needed_record,
    needed_text,
    path,
    record,
    records,
    text,
    untranslatable,
    wrong,
)

Unknown = set[str]
"""Where a reader notes what it has no place for."""

_TTLS: Final = ("5m", "1h")
_DEFAULT_TTL: Final = "5m"
_COMMON: Final = frozenset({"type", "cache_control", "caller"})
"""`caller` says who called a tool: its SDK gives it back, and for an application's own tools it is always `direct`."""
_PLACE: Final = re.compile(r"\[\d+\]")


def read_content(holder: dict[str, Any], where: str, unknown: Unknown) -> Iterator[Part]:
    """The parts of a message's `content`: a string, or blocks."""
    return _read_all(holder, "content", where, unknown, _READERS)


def read_texts(holder: dict[str, Any], name: str, where: str, unknown: Unknown) -> tuple[Text, ...]:
    """The texts of `system`, or of a message of the system: a string, or blocks of text."""
    parts = _read_all(holder, name, where, unknown, _TEXT_ONLY)
    return tuple(part for part in parts if isinstance(part, Text))


def read_cache(holder: dict[str, Any], where: str) -> str | None:
    """How long the prefix that ends here is to be kept; None: no mark."""
    control = record(holder, "cache_control", where)
    if control is None:
        return None
    ttl = text(control, "ttl", path(where, "cache_control"))
    if ttl is not None and ttl not in _TTLS:
        field = path(where, "cache_control.ttl")
        raise bad_request(f"{field} must be one of {', '.join(_TTLS)}.", param=field)
    return ttl or _DEFAULT_TTL


def note_unknown(holder: dict[str, Any], known: frozenset[str], where: str, unknown: Unknown) -> None:
    """Names the members that nothing reads and that say something."""
    for name, value in holder.items():
        if name not in known and name not in _COMMON and value is not None:
            unknown.add(_PLACE.sub("", path(where, name))[:128])


Reader = Callable[[dict[str, Any], str, Unknown], Part]


def _read_all(
    holder: dict[str, Any], name: str, where: str, unknown: Unknown, readers: Mapping[str, Reader]
) -> Iterator[Part]:
    content = holder.get(name)
    if content.__class__ is str:
        yield Text(content)
        return
    field = path(where, name)
    if content.__class__ is not list:
        raise wrong(field, "a string or an array of blocks", content)
    for here, block in records(holder, name, where):
        kind = needed_text(block, "type", here)
        reader = readers.get(kind)
        if reader is None:
            raise untranslatable(f"{here}.type", kind)
        yield reader(block, here, unknown)


def _text(block: dict[str, Any], where: str, unknown: Unknown) -> Part:
    note_unknown(block, frozenset({"text"}), where, unknown)
    return Text(needed_text(block, "text", where), cache=read_cache(block, where))


def _image(block: dict[str, Any], where: str, unknown: Unknown) -> Part:
    note_unknown(block, frozenset({"source"}), where, unknown)
    return Image(_source(block, where), cache=read_cache(block, where))


def _document(block: dict[str, Any], where: str, unknown: Unknown) -> Part:
    note_unknown(block, frozenset({"source", "title"}), where, unknown)
    return Document(_source(block, where), name=text(block, "title", where), cache=read_cache(block, where))


def _thinking(block: dict[str, Any], where: str, unknown: Unknown) -> Part:
    note_unknown(block, frozenset({"thinking", "signature"}), where, unknown)
    return Thinking(text(block, "thinking", where) or "", signature=text(block, "signature", where) or None)


def _redacted(block: dict[str, Any], where: str, unknown: Unknown) -> Part:
    note_unknown(block, frozenset({"data"}), where, unknown)
    return Thinking(redacted=needed_text(block, "data", where))


def _tool_use(block: dict[str, Any], where: str, unknown: Unknown) -> Part:
    note_unknown(block, frozenset({"id", "name", "input"}), where, unknown)
    own, signature = signed_ids.split(needed_text(block, "id", where))
    arguments = orjson.dumps(record(block, "input", where) or {}).decode()
    return ToolCall(own, needed_text(block, "name", where), arguments, signature, read_cache(block, where))


def _tool_result(block: dict[str, Any], where: str, unknown: Unknown) -> Part:
    note_unknown(block, frozenset({"tool_use_id", "content", "is_error"}), where, unknown)
    own, _ = signed_ids.split(needed_text(block, "tool_use_id", where))
    parts = () if block.get("content") is None else tuple(_read_all(block, "content", where, unknown, _IN_RESULTS))
    return ToolResult(
        own,
        tuple(part for part in parts if isinstance(part, Text | Image | Document)),
        is_error=bool(flag(block, "is_error", where)),
        cache=read_cache(block, where),
    )


_TEXT_ONLY: Final[dict[str, Reader]] = {"text": _text}
_IN_RESULTS: Final[dict[str, Reader]] = {"text": _text, "image": _image, "document": _document}
_READERS: Final[dict[str, Reader]] = _IN_RESULTS | {
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def _source(block: dict[str, Any], where: str) -> Source:
    source = needed_record(block, "source", where)
    here = path(where, "source")
    kind = needed_text(source, "type", here)
    if kind == "base64":
        return Source(media_type=needed_text(source, "media_type", here), data=needed_text(source, "data", here))
    if kind == "url":
        return Source(url=needed_text(source, "url", here))
    if kind == "file":
        return Source(file_id=needed_text(source, "file_id", here))
    if kind == "text":
        return _plain(needed_text(source, "data", here))
    if kind == "content":
        inner = _read_all(source, "content", here, set(), _TEXT_ONLY)
        return _plain("\n".join(part.text for part in inner if isinstance(part, Text)))
    raise untranslatable(f"{here}.type", kind)


def _plain(words: str) -> Source:
    return Source(media_type="text/plain", data=base64.b64encode(words.encode()).decode())
