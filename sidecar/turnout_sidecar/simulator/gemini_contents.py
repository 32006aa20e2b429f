"""The contents of a request to Gemini, checked as strictly as the real one checks them.

Rules of the real one that are kept here: a part holds one thing; a turn of function calls comes after the user's or after
function responses, and is followed by as many responses, each with its name; in the turn that is being gone on with, the
first call of each of the model's contents has the signature that it was given, or one of the two documented words for none.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.dialect import Refusal
from turnout_sidecar.simulator.gemini_schema import members
from turnout_sidecar.simulator.prompt_cache import Segment
from turnout_sidecar.simulator.signatures import sealed

KIND: Final = "gemini"
_DATA: Final = frozenset(
    ("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult")
)
_PART: Final = _DATA | {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
_CALL: Final = frozenset(("id", "name", "args"))
_RESPONSE: Final = frozenset(("id", "name", "response", "willContinue", "scheduling", "parts"))
_INLINE: Final = frozenset(("mimeType", "data", "displayName"))
_FILE: Final = frozenset(("mimeType", "fileUri", "displayName"))
_NO_SIGNATURE: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_HEAVY: Final = {"image": 258, "audio": 320, "video": 2630, "application": 774, "text": 774}
_MODALITIES: Final = {
    "image": "IMAGE",
    "audio": "AUDIO",
    "video": "VIDEO",
    "application": "DOCUMENT",
    "text": "DOCUMENT",
}


class Content(msgspec.Struct, frozen=True):
    """One content: its parts by their JSON names, and its tokens by modality."""

    role: str
    parts: tuple[dict[str, Any], ...]
    place: str
    tokens: tuple[tuple[str, int], ...]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Its function calls."""
        return [part["functionCall"] for part in self.parts if "functionCall" in part]

    @property
    def responses(self) -> list[dict[str, Any]]:
        """Its function responses."""
        return [part["functionResponse"] for part in self.parts if "functionResponse" in part]

    @property
    def text(self) -> str:
        """All that is said in it, thoughts aside."""
        return "\n".join(part["text"] for part in self.parts if "text" in part and not part.get("thought"))


def bad(place: str, why: str) -> Refusal:
    """400, naming the field."""
    return Refusal(400, f"{place}: {why}", param=place)


def read_contents(value: Any, *, signatures: bool) -> tuple[Content, ...]:
    """The contents. `signatures`: function calls must have them. Raises Refusal."""
    if not isinstance(value, list) or not value:
        raise bad("contents", "contents is not specified")
    contents = tuple(read_content(given, f"contents[{index}]") for index, given in enumerate(value))
    for index, content in enumerate(contents):
        _check_turn(content, contents[index - 1] if index else None, contents[index + 1 : index + 2])
    if signatures:
        _check_signatures(contents)
    return contents


def read_content(value: Any, place: str) -> Content:
    """One content. Raises Refusal."""
    given = members(value, frozenset(("role", "parts")), place)
    role = given.get("role", "user")
    if role not in ("user", "model"):
        raise Refusal(400, "Please use a valid role: user, model.", param=f"{place}.role")
    if not isinstance(given.get("parts"), list) or not given["parts"]:
        raise bad(f"{place}.parts", "contents.parts must not be empty.")
    parts = tuple(_part(part, f"{place}.parts[{index}]") for index, part in enumerate(given["parts"]))
    return Content(role, parts, place, tuple(map(_tokens, parts)))


def _part(value: Any, place: str) -> dict[str, Any]:
    part = members(value, _PART, place)
    held = [name for name in part if name in _DATA]
    if len(held) != 1:
        raise bad(f"{place}.data", "required oneof field 'data' must have one initialized field")
    if "text" in part and not isinstance(part["text"], str):
        raise bad(f"{place}.text", "expected a string")
    if "functionCall" in part:
        call = part["functionCall"] = members(part["functionCall"], _CALL, f"{place}.function_call")
        _named(call, f"{place}.function_call")
        if not isinstance(call.get("args", {}), dict):
            raise bad(f"{place}.function_call.args", "expected an object")
    if "functionResponse" in part:
        told = part["functionResponse"] = members(part["functionResponse"], _RESPONSE, f"{place}.function_response")
        _named(told, f"{place}.function_response")
        if not isinstance(told.get("response"), dict):
            raise bad(f"{place}.function_response.response", "expected an object")
    if "inlineData" in part:
        part["inlineData"] = members(part["inlineData"], _INLINE, f"{place}.inline_data")
        _media(part["inlineData"], "data", f"{place}.inline_data")
    if "fileData" in part:
        part["fileData"] = members(part["fileData"], _FILE, f"{place}.file_data")
        _media(part["fileData"], "fileUri", f"{place}.file_data")
    if "thoughtSignature" in part and not _known(part["thoughtSignature"]):
        raise bad(f"{place}.thought_signature", "Thought signature is not valid")
    return part


def _named(value: dict[str, Any], place: str) -> None:
    if not isinstance(value.get("name"), str) or not value["name"]:
        raise bad(f"{place}.name", "Name cannot be empty.")


def _media(value: dict[str, Any], name: str, place: str) -> None:
    content = value.get(name)
    if not isinstance(content, str) or not content:
        raise bad(f"{place}.{name}", "must not be empty")
    if name == "data":
        try:
            base64.b64decode(content.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            raise bad(f"{place}.data", "Base64 decoding failed") from None
    mime = value.get("mimeType", "image/*" if name == "fileUri" else None)
    if not isinstance(mime, str) or mime.partition("/")[0] not in _HEAVY:
        raise bad(f"{place}.mime_type", f"Unsupported MIME type: {str(mime)[:60]}")


def _known(signature: Any) -> bool:
    if not isinstance(signature, str):
        return False
    plain = signature.replace("-", "+").replace("_", "/")
    words = {base64.b64encode(word.encode()).decode().rstrip("=") for word in _NO_SIGNATURE}
    return sealed(KIND, plain) or signature in _NO_SIGNATURE or plain.rstrip("=") in words


def _check_turn(content: Content, before: Content | None, following: tuple[Content, ...]) -> None:
    if content.calls:
        if content.role != "model":
            raise bad(content.place, "function calls are the model's")
        if before is None or before.role == "model":
            why = "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
            raise Refusal(400, why, param=content.place)
        if len(following[0].responses if following else ()) != len(content.calls):
            why = (
                "Please ensure that the number of function response parts is equal to the number of function call parts of "
                "the function call turn."
            )
            raise Refusal(400, why, param=content.place)
    if content.responses:
        called = before.calls if before is not None else []
        if not called:
            why = "Please ensure that function response turn comes immediately after a function call turn."
            raise Refusal(400, why, param=content.place)
        for response in content.responses:
            same = [call for call in called if call["name"] == response["name"]]
            if not same or (
                "id" in response and all(call.get("id", response["id"]) != response["id"] for call in same)
            ):
                raise bad(content.place, f"no function call that {response['name'][:64]!r} responds to")


def _check_signatures(contents: tuple[Content, ...]) -> None:
    asked = [index for index, content in enumerate(contents) if content.role == "user" and not content.responses]
    for index in range(asked[-1] + 1 if asked else 0, len(contents)):
        content = contents[index]
        first = next((part for part in content.parts if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first:
            raise Refusal(
                400,
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
                "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
                f"call `default_api:{first['functionCall']['name'][:64]}` , position {index + 1}.",
                param=content.place,
            )


def _tokens(part: dict[str, Any]) -> tuple[str, int]:
    if "text" in part:
        return "TEXT", count_tokens(part["text"])
    media = part.get("inlineData") or part.get("fileData")
    if media is None:
        return "TEXT", count_tokens(json.dumps(next(part[name] for name in part if name in _DATA)))
    kind = media.get("mimeType", "image/*").partition("/")[0]
    return _MODALITIES[kind], _HEAVY[kind]


def response_text(response: dict[str, Any]) -> str:
    """What a function gave, in words."""
    values = list(response["response"].values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else json.dumps(response["response"])


def segments(contents: tuple[Content, ...]) -> Iterator[Segment]:
    """The contents as pieces of the prompt."""
    for content in contents:
        yield Segment([content.role, list(content.parts)], sum(tokens for _, tokens in content.tokens) + 1)
