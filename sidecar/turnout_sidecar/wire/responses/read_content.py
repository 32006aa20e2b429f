"""The parts of a message of a Responses request as canonical parts: text, pictures, files, sound, refusals.

Rules: exactly one source for a medium; a `data:` URL becomes its type and its base64; a mark of the provider's prompt cache
keeps how long it asks for, as near as other providers have it.
"""

import re
from typing import Any

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire import members
from turnout_sidecar.wire.canonical import Audio, Document, Image, Part, Refusal, Source, Text

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*?;base64,(.*)", re.DOTALL | re.IGNORECASE)
_TEXTS = frozenset({"input_text", "output_text", "text"})
_SHORT, _LONG = "5m", "1h"


def read_part(part: dict[str, Any], field: str) -> Part:
    """One part. Raises CallError 400 naming the member that is not understood."""
    kind = members.needed_text(part, "type", field)
    if kind in _TEXTS:
        return Text(members.needed_text(part, "text", field), _cache(part, field))
    if kind == "refusal":
        return Refusal(members.needed_text(part, "refusal", field))
    if kind == "input_image":
        return _image(part, field)
    if kind == "input_file":
        return _file(part, field)
    if kind == "input_audio":
        return _audio(part, field)
    raise members.unknown_value(f"{field}.type", kind)


def source_of(url: str) -> Source:
    """Where the bytes are: in the URL itself, or behind it."""
    found = _DATA_URL.fullmatch(url)
    if found is None:
        return Source(url=url)
    return Source(media_type=found.group(1).lower() or None, data=found.group(2))


def _image(part: dict[str, Any], field: str) -> Image:
    url = members.text(part, "image_url", field)
    file_id = members.text(part, "file_id", field)
    if (url is None) == (file_id is None):
        raise bad_request(f"{field} must have either image_url or file_id.", param=field)
    source = Source(file_id=file_id) if url is None else source_of(url)
    return Image(source, members.text(part, "detail", field), _cache(part, field))


def _file(part: dict[str, Any], field: str) -> Document:
    data = members.text(part, "file_data", field)
    url = members.text(part, "file_url", field)
    file_id = members.text(part, "file_id", field)
    given = [one for one in (data, url, file_id) if one is not None]
    if len(given) != 1:
        raise bad_request(f"{field} must have exactly one of file_data, file_url and file_id.", param=field)
    name = members.text(part, "filename", field)
    if data is not None:
        source = source_of(data)
        if source.url is not None:  # the bytes alone
            source = Source(data=data)
        return Document(source, name, _cache(part, field))
    source = Source(file_id=file_id) if url is None else source_of(url)
    return Document(source, name, _cache(part, field))


def _audio(part: dict[str, Any], field: str) -> Audio:
    sound = members.needed_record(part, "input_audio", field)
    kind = members.needed_text(sound, "format", f"{field}.input_audio")
    data = members.needed_text(sound, "data", f"{field}.input_audio")
    return Audio(Source(data=data), kind)


def _cache(part: dict[str, Any], field: str) -> str | None:
    mark = members.record(part, "prompt_cache_breakpoint", field)
    if mark is None:
        return None
    return _SHORT if mark.get("ttl") is None else _LONG
