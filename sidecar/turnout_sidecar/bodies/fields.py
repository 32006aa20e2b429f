"""How each known field of a body is read: as text, as media, as a schema, as an object of the API or as anybody's data.

Why known fields at all, when everything is inspected: names of the API itself need no inspection and are no context; fields of the
API may be passed over where `skipped` says so; what stands in a field of free form (metadata, arguments, what is unknown) is
inspected with its keys. Rules: a field without a row is free; tables are built once; who speaks is told by the place that the
endpoint's schema has for it, never by a member's name or type anywhere, so that nobody's words pass for a definition.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from turnout_sidecar.bodies.skipped import SKIPPED, Skip, Where, is_number, is_word, words

Part = Literal["system", "user", "assistant", "tool", "definition", "other"]
Inside = Literal["inner", "tool", "image", "source", "audio", "headers", "free", "schema"]


class Field(msgspec.Struct, frozen=True):
    """How one field is read. `inside` is how objects and lists in it are."""

    inside: Inside = "inner"
    part: Part | None = None  # None: that of what it stands in
    bare: bool = False
    media: Literal["", "url", "data", "file"] = ""
    tokens: bool = False  # lists of numbers in it are tokens
    joins: bool = False  # goes on in the next part of the same list
    skip: Callable[[Any], bool] | None = None
    words: bool = False  # words of the API in it are passed over
    numbers: bool = False  # numbers in it are settings
    plain: bool = False  # none of all that: a string in it is a leaf


Fields = Mapping[str, Field]
_TEXT: Final = Field()
_BARE: Final = Field(bare=True)
_FREE: Final = Field(inside="free")
_URL: Final = Field(media="url", bare=True)
_MEDIA: Final = Field(media="data")

_FLAGS = words(
    "stream store parallel_tool_calls disable_parallel_tool_use strict is_error include_usage include_obfuscation "
    "enabled defer_loading logprobs"
)

_INNER: dict[str, Field] = {
    **dict.fromkeys(_FLAGS, _TEXT),
    **dict.fromkeys(
        words(
            """
    content refusal thinking reasoning reasoning_content reasoning_details tool_calls custom output annotations
    citations cited_text title context filename file document_title source_title summary file_search web_search
    operation action outputs results result stdout stderr logprobs input_audio cache_control
    prompt_cache_breakpoint skills outcome query queries sources code path command commands diff error
    user_location filters ranking_options edits configs default_config default_configuration description
    instructions text server_description conversation container
    """
        ),
        _TEXT,
    ),
    **dict.fromkeys(
        words(
            """
    name tool_call_id tool_use_id call_id id server_label tool_name version username key skill_id
    container_id item_id
    """
        ),
        _BARE,
    ),
    **dict.fromkeys(
        words(
            """
    input arguments variables attributes metadata env allowed_callers defer_loading
    """
        ),
        _FREE,
    ),
    "function": _TEXT,
    "text": Field(joins=True),
    **dict.fromkeys(("url", "server_url"), _BARE),
    **dict.fromkeys(("image_url", "video_url", "audio_url"), Field(inside="image", media="url", bare=True)),
    "audio": Field(inside="audio"),
    "file_url": _URL,
    **dict.fromkeys(("file_data", "b64_json", "data"), _MEDIA),
    "file_id": Field(media="file", bare=True),
    "source": Field(inside="source", bare=True),
    "parameters": Field(inside="schema", bare=True),
    "input_schema": Field(inside="schema", bare=True),
    "output_schema": Field(inside="schema", bare=True),
    "schema": Field(inside="schema", bare=True),
    "json_schema": _TEXT,
    "format": _TEXT,
    "tools": Field(inside="tool"),
}
_TOOL: dict[str, Field] = {
    "allowed_tools": Field(bare=True),
    "tool_names": Field(bare=True),
    "authorization": _TEXT,
    "authorization_token": _TEXT,
    "function": Field(inside="tool"),
    "custom": Field(inside="tool"),
    "configuration": Field(inside="tool"),
    "tool_configuration": Field(inside="tool"),
    "filters": _FREE,
    "examples": _FREE,
    "input_examples": _FREE,
}
_TOP: dict[str, Field] = {
    **dict.fromkeys(_FLAGS, _TEXT),
    "model": _TEXT,
    "messages": _TEXT,
    "system": Field(part="system"),
    "instructions": Field(part="system"),
    "input": Field(part="user", tokens=True),
    "prompt": Field(part="user", tokens=True),
    "prediction": Field(part="assistant"),
    **dict.fromkeys(("tools", "functions", "mcp_servers"), Field(inside="tool")),
    **dict.fromkeys(words("tool_choice function_call response_format text output_config output_format"), _TEXT),
    **dict.fromkeys(
        words(
            """
    stop stop_sequences reasoning stream_options thinking audio modalities include web_search_options
    context_management cache_control diagnostics moderation prompt_cache_retention
    """
        ),
        _TEXT,
    ),
    **dict.fromkeys(["metadata", "logit_bias"], _FREE),
    **dict.fromkeys(
        words(
            """
    user safety_identifier prompt_cache_key user_profile_id container conversation previous_response_id
    """
        ),
        _BARE,
    ),
}
_OF_MESSAGES = words("tools tool_choice mcp_servers output_config output_format")
DEFINITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": words("tools functions tool_choice function_call response_format"),
    "responses": words("tools tool_choice text"),
    "messages": _OF_MESSAGES,
    "count_tokens": _OF_MESSAGES,
    "embeddings": (),
}
"""Where the application defines tools and shapes of answers, by endpoint: in these members of the body itself, and in `ITEMS`."""
SCHEMA_KEYWORDS: Final = frozenset(
    words(
        """
    $schema $id $ref $defs $anchor $comment $dynamicRef $dynamicAnchor definitions type properties required
    items prefixItems additionalProperties patternProperties propertyNames unevaluatedProperties
    unevaluatedItems description title default examples example enum const format pattern minimum maximum
    exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems uniqueItems contains
    minContains maxContains minProperties maxProperties dependentRequired dependentSchemas allOf anyOf oneOf not
    if then else nullable readOnly writeOnly deprecated strict
    """
    )
)
ROLES: Final[Mapping[str, Part]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def _with(table: dict[str, Field], rows: list[Skip]) -> dict[str, Field]:
    """A table with what may be passed over in it."""
    found = dict(table)
    for row in rows:
        for name in row.fields:
            field = found.get(name, _TEXT)
            if row.shape is is_number:
                found[name] = msgspec.structs.replace(field, numbers=True)
            elif row.shape is is_word:
                found[name] = msgspec.structs.replace(field, words=True)
            else:
                found[name] = msgspec.structs.replace(field, skip=row.shape)
    return {name: msgspec.structs.replace(field, plain=_is_plain(field)) for name, field in found.items()}


def _is_plain(field: Field) -> bool:
    return not (field.media or field.joins or field.words or field.skip is not None)


def _top(endpoint: str) -> Fields:
    """The members of the body itself."""
    found = dict(_TOP)
    for name in DEFINITIONS[endpoint]:
        found[name] = msgspec.structs.replace(found[name], part="definition")
    return _with(found, _rows("top", endpoint))


def _rows(where: Where, endpoint: str = "") -> list[Skip]:
    return [row for row in SKIPPED if row.where == where and (row.endpoints is None or endpoint in row.endpoints)]


INNER: Final[Fields] = _with(_INNER, _rows("inner"))
_IMAGE: Final = {**INNER, "url": _URL}
_AUDIO: Final = {**INNER, "id": msgspec.structs.replace(INNER["id"], media="file", plain=False)}
"""What an assistant said aloud, by the id under which the provider keeps it."""
_SERVER: Final[Fields] = _with({**INNER, **_TOOL, "headers": Field(inside="headers")}, _rows("server"))
_SEALED: Final[Fields] = _with({**INNER, "data": _TEXT}, _rows("sealed"))
INSIDE: Final[Mapping[str, Fields]] = {
    "inner": INNER,
    "tool": _with({**INNER, **_TOOL}, []),
    "image": _IMAGE,
    "source": _IMAGE,
    "audio": _AUDIO,
}
TOP: Final[Mapping[str, Fields]] = {endpoint: _top(endpoint) for endpoint in DEFINITIONS}
KNOWN: Final = frozenset((*_TOP, *_INNER, *_TOOL, *SCHEMA_KEYWORDS, *(name for row in SKIPPED for name in row.fields)))
"""Names that may be said of a place: those of the API, never a caller's own."""


class Kind(msgspec.Struct, frozen=True):
    """What the type of an object says: who speaks in it (None: whoever it stands with), and how its fields are read."""

    part: Part | None = None
    fields: Fields | None = None


_RESULTS: Final = """
    tool_result search_result web_search_tool_result web_fetch_tool_result code_execution_tool_result mcp_tool_result
    bash_code_execution_tool_result text_editor_code_execution_tool_result tool_search_tool_result program_output
    """
_OF_A_MODEL: Final = """
    tool_use server_tool_use mcp_tool_use thinking reasoning compaction program function_call custom_tool_call
    computer_call file_search_call web_search_call code_interpreter_call local_shell_call shell_call apply_patch_call
    mcp_call mcp_approval_request tool_search_call redacted_thinking
    """
_IMAGE_MADE: Final = {**INNER, "result": _MEDIA}
KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_RESULTS.split(), Kind("tool")),
    **dict.fromkeys(("redacted_thinking", "reasoning.encrypted"), Kind(None, _SEALED)),
    "image_generation_call": Kind(None, _IMAGE_MADE),
}
"""What a type says wherever it stands: never that these are no user's words."""
ITEMS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_OF_A_MODEL.split(), Kind("assistant")),
    "redacted_thinking": Kind("assistant", _SEALED),
    "image_generation_call": Kind("assistant", _IMAGE_MADE),
    "mcp_list_tools": Kind("definition"),
    "tool_search_output": Kind("tool", {**INNER, "tools": Field(inside="tool", part="definition")}),
    "mcp_approval_response": Kind("user"),
}
"""What it says of an item of the Responses API's input, which has no role."""
_OUTPUTS: Final = Kind("tool")
_A_SERVER: Final = Kind(None, _SERVER)


def kind_of(held: Mapping[str, Any], inside: Inside, *, item: bool) -> Kind | None:
    """What the type of an object says, if it has one that says something. `item`: it stands where `ITEMS` stand."""
    name = held.get("type")
    if name.__class__ is not str:
        return None
    found = (ITEMS.get(name) if item else None) or KINDS.get(name)
    if found is not None:
        return found
    if inside == "tool" and name in ("mcp", "url"):
        return _A_SERVER
    return _OUTPUTS if name.endswith("_call_output") else None
