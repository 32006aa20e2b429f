"""The parts of a message of a Responses request as canonical parts: text, pictures, files, sound, refusals.

Rules: exactly one source for a medium; a `data:` URL becomes its type and its base64; a mark of the provider's prompt cache
keeps how long it asks for, as near as other providers have it.
"""

import re
from typing import Any

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire.canonical import Audio, Document, Image, Part, Refusal, Source, Text
from turnout_sidecar.wire.responses import fields

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*?;base64,(.*)", re.DOTALL | re.IGNORECASE)
_TEXTS = frozenset({"input_text", "output_text", "text"})
_SHORT, _LONG = "5m", "1h"


def read_part(part: dict[str, Any], field: str) -> Part:
    """One part. Raises CallError 400 naming the member that is not understood."""
    kind = fields.needed(part, "type", f"{field}.type")
    if kind in _TEXTS:
        return Text(fields.needed(part, "text", f"{field}.text"), _cache(part, field))
    if kind == "refusal":
        return Refusal(fields.needed(part, "refusal", f"{field}.refusal"))
    if kind == "input_image":
        return _image(part, field)
    if kind == "input_file":
        return _file(part, field)
    if kind == "input_audio":
        return _audio(part, field)
    raise fields.not_understood(f"{field}.type", kind)


def source_of(url: str) -> Source:
    """Where the bytes are: in the URL itself, or behind it."""
    found = _DATA_URL.fullmatch(url)
    if found is None:
        return Source(url=url)
    return Source(media_type=found.group(1).lower() or None, data=found.group(2))


def _image(part: dict[str, Any], field: str) -> Image:
    url = fields.text(part, "image_url", f"{field}.image_url")
    file_id = fields.text(part, "file_id", f"{field}.file_id")
    if (url is None) == (file_id is None):
        raise bad_request(f"{field} must have either image_url or file_id.", param=field)
    source = Source(file_id=file_id) if url is None else source_of(url)
    return Image(source, fields.text(part, "detail", f"{field}.detail"), _cache(part, field))


def _file(part: dict[str, Any], field: str) -> Document:
    data = fields.text(part, "file_data", f"{field}.file_data")
    url = fields.text(part, "file_url", f"{field}.file_url")
    file_id = fields.text(part, "file_id", f"{field}.file_id")
    given = [one for one in (data, url, file_id) if one is not None]
    if len(given) != 1:
        raise bad_request(f"{field} must have exactly one of file_data, file_url and file_id.", param=field)
    name = fields.text(part, "filename", f"{field}.filename")
    if data is not None:
        source = source_of(data)
        if source.url is not None:  # the bytes alone
            source = Source(data=data)
        return Document(source, name, _cache(part, field))
    source = Source(file_id=file_id) if url is None else source_of(url)
    return Document(source, name, _cache(part, field))


def _audio(part: dict[str, Any], field: str) -> Audio:
    sound = fields.mapping(part, "input_audio", f"{field}.input_audio")
    if sound is None:
        raise fields.wrong(f"{field}.input_audio", "an object", None, given="input_audio" in part)
    kind = fields.needed(sound, "format", f"{field}.input_audio.format")
    data = fields.needed(sound, "data", f"{field}.input_audio.data")
    return Audio(Source(data=data), kind)


def _cache(part: dict[str, Any], field: str) -> str | None:
    mark = fields.mapping(part, "prompt_cache_breakpoint", f"{field}.prompt_cache_breakpoint")
    if mark is None:
        return None
    return _SHORT if mark.get("ttl") is None else _LONG
