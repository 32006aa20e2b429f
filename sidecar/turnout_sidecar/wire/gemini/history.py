"""The messages of a call as Gemini's `contents` and `systemInstruction`.

Rules: turns of one role are one; all results of a turn stand in one user turn, first in it, each with the name of the tool,
which is looked up by the call's id; empty texts are left out; arguments go as the JSON text that they are. On Gemini 3 the
first call of each turn needs a signature: a foreign one gets the documented stand-in.
"""

import mimetypes
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from turnout_sidecar.wire.gemini import signatures
from turnout_sidecar.wire.gemini.support import TITLE
from turnout_sidecar.wire.support import Untranslatable, arguments_object

_INSTRUCTIONS: Final = ("system", "developer")
_Wire = dict[str, Any]


class History(msgspec.Struct):
    """What the messages became. `lost` names what was left out beside what the table says."""

    system: list[_Wire]
    contents: list[_Wire]
    lost: set[str]


def write_history(request: Request, *, signing: bool, thinking: bool) -> History:
    """`signing`: the model is of the generation that wants signatures; `thinking`: it has thoughts at all.

    Raises Untranslatable.
    """
    history = History([], [], set())
    names = _names(request.messages)
    for message in request.messages:
        if message.role in _INSTRUCTIONS:
            history.system += [{"text": part.text} for part in message.parts if isinstance(part, Text) and part.text]
            continue
        role = "model" if message.role == "assistant" else "user"
        writer = _Turn(names, history.lost, signing=signing, thinking=thinking)
        parts = [written for part in message.parts for written in writer.write(part)]
        if parts and history.contents and history.contents[-1]["role"] == role:
            history.contents[-1]["parts"] += parts
        elif parts:
            history.contents.append({"role": role, "parts": parts})
    for content in history.contents:
        content["parts"].sort(key=lambda part: "functionResponse" not in part and content["role"] == "user")
        if signing and content["role"] == "model":
            _sign_first_call(content["parts"])
    if not history.contents and history.system:  # a call must hold a turn
        history.contents.append({"role": "user", "parts": history.system})
        history.system = []
    return history


def _names(messages: tuple[Message, ...]) -> dict[str, str]:
    return {part.id: part.name for message in messages for part in message.parts if isinstance(part, ToolCall)}


def _sign_first_call(parts: list[_Wire]) -> None:
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", signatures.SKIP)


class _Turn:
    """Writes the parts of one message."""

    def __init__(self, names: dict[str, str], lost: set[str], *, signing: bool, thinking: bool) -> None:
        self._names = names
        self._lost = lost
        self._signing = signing
        self._thinking = thinking

    def write(self, part: Part) -> Iterator[_Wire]:
        """What a part becomes. Raises Untranslatable."""
        match part:
            case Text() | Refusal():
                if part.text:
                    yield {"text": part.text}
            case Image() | Document() | Audio():
                yield _media(part)
            case Thinking():
                yield from self._thought(part)
            case ToolCall():
                yield self._call(part)
            case ToolResult():
                yield from self._result(part)

    def _thought(self, part: Thinking) -> Iterator[_Wire]:
        signature = signatures.own(part.signature)
        if signature is None or not self._thinking:
            self._lost.add("messages (thinking)")
        elif part.text:
            yield {"text": part.text, "thought": True, "thoughtSignature": signature}
        else:  # the signature of a text, which Gemini itself sends in an empty one
            yield {"text": "", "thoughtSignature": signature}

    def _call(self, part: ToolCall) -> _Wire:
        call: _Wire = {"name": part.name, "args": arguments_object(part.arguments, TITLE)}
        if self._signing:
            call["id"] = part.id
        written: _Wire = {"functionCall": call}
        if part.signature is not None:
            written["thoughtSignature"] = part.signature
        return written

    def _result(self, part: ToolResult) -> Iterator[_Wire]:
        name = self._names.get(part.id) or part.name
        if not name:
            raise Untranslatable("messages (tool result)", TITLE, f"no call has its id ({part.id[:64]!r})")
        text = "\n".join(inner.text for inner in part.parts if isinstance(inner, Text))
        response: _Wire = {"name": name, "response": {"error" if part.is_error else "output": text}}
        media = [_media(inner) for inner in part.parts if not isinstance(inner, Text)]
        if self._signing:
            response["id"] = part.id
            if media:
                response["parts"] = media
                media = []
        yield {"functionResponse": response}
        yield from media


def _media(part: Image | Document | Audio) -> _Wire:
    source = part.source
    if source.url is not None:
        return {"fileData": {"mimeType": _type_of(source), "fileUri": source.url}}
    kind = source.media_type
    if kind is None and isinstance(part, Audio):
        kind = f"audio/{part.format or 'wav'}"
    if kind is None:
        kind = "image/jpeg" if isinstance(part, Image) else "application/pdf"
    return {"inlineData": {"mimeType": kind, "data": source.data or ""}}


def _type_of(source: Source) -> str:
    kind = source.media_type or mimetypes.guess_type(urlsplit(source.url or "").path)[0]
    if kind is None:
        raise Untranslatable("messages (url)", TITLE, "its path does not tell the file's type, which must be said")
    return kind
