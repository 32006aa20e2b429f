"""Content parts of a chat request to canonical parts. A part that is not understood is a 400 that names its type's field.

Rules: data URLs become bytes with their media type; `cache_control` (which many servers borrow from Anthropic) and OpenAI's own
`prompt_cache_breakpoint` mark the end of a prefix that is to be kept.
"""

from typing import Any, Final

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire import members
from turnout_sidecar.wire.canonical import Audio, Document, Image, Refusal, Source, Text

_BASE64: Final = ";base64"
_SHORT: Final = "5m"
_LONG: Final = "1h"
_AUDIO_TYPES: Final = {"mp3": "audio/mpeg"}
_TYPES_BY_ENDING: Final = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}
Content = Text | Image | Document | Audio | Refusal


def content(holder: dict[str, Any], where: str) -> tuple[Content, ...]:
    """The parts of a message's `content`: a string is one text, and absent ones are none."""
    value = holder.get("content")
    if value is None:
        return ()
    if value.__class__ is str:
        return (Text(value, cache_of(holder, where)),)
    if value.__class__ is not list:
        raise members.wrong(f"{where}.content", "a string or an array of parts", value)
    return tuple(_part(part, field) for field, part in members.records(holder, "content", where))


def cache_of(holder: dict[str, Any], where: str) -> str | None:
    """For how long the prefix that ends here is to be kept; None: nothing was said."""
    control = members.record(holder, "cache_control", where)
    if control is not None:
        return _LONG if members.text(control, "ttl", f"{where}.cache_control") == _LONG else _SHORT
    mark = members.record(holder, "prompt_cache_breakpoint", where)
    if mark is None:
        return None
    return _SHORT if members.text(mark, "ttl", f"{where}.prompt_cache_breakpoint") is None else _LONG


def _part(part: dict[str, Any], where: str) -> Content:
    kind = members.needed_text(part, "type", where)
    if kind == "text":
        return Text(members.needed_text(part, "text", where), cache_of(part, where))
    if kind == "image_url":
        return _image(part, where)
    if kind == "file":
        return _file(part, where)
    if kind == "input_audio":
        return _audio(part, where)
    if kind == "refusal":
        return Refusal(members.needed_text(part, "refusal", where))
    raise members.unknown_value(f"{where}.type", kind)


def _image(part: dict[str, Any], where: str) -> Image:
    field = f"{where}.image_url"
    given = part.get("image_url")
    if given.__class__ is str:  # what many clients write, and many servers take
        return Image(_source(given, field), cache=cache_of(part, where))
    image = members.needed_record(part, "image_url", where)
    source = _source(members.needed_text(image, "url", field), f"{field}.url")
    return Image(source, members.text(image, "detail", field), cache_of(part, where))


def _file(part: dict[str, Any], where: str) -> Document:
    field = f"{where}.file"
    file = members.needed_record(part, "file", where)
    name = members.text(file, "filename", field)
    data = members.text(file, "file_data", field)
    identity = members.text(file, "file_id", field)
    if (data is None) == (identity is None):
        raise bad_request(f"{field} must have one of file_data and file_id.", param=field)
    if data is None:
        return Document(Source(file_id=identity), name, cache_of(part, where))
    source = _source(data, f"{field}.file_data") if data[:5].lower() == "data:" else Source(_type_of(name), data)
    return Document(source, name, cache_of(part, where))


def _type_of(name: str | None) -> str | None:
    return _TYPES_BY_ENDING.get((name or "").rpartition(".")[2].lower())


def _audio(part: dict[str, Any], where: str) -> Audio:
    field = f"{where}.input_audio"
    audio = members.needed_record(part, "input_audio", where)
    kind = members.needed_text(audio, "format", field)
    data = members.needed_text(audio, "data", field)
    return Audio(Source(_AUDIO_TYPES.get(kind, f"audio/{kind}"), data), kind)


def _source(url: str, field: str) -> Source:
    """The bytes of a data URL, or the URL."""
    if url[:5].lower() != "data:":
        return Source(url=url)
    head, comma, data = url[5:].partition(",")
    if not comma or not head.lower().endswith(_BASE64):
        raise bad_request(f"{field}: a data URL must hold base64.", param=field, code="invalid_value")
    return Source(head[: -len(_BASE64)].partition(";")[0].lower() or None, data)
