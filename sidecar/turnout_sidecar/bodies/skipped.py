"""What of a body is not inspected: one table, each row with the shape that a value must have to be passed over.

A row says for which endpoints, where, which fields, of what shape and why. A value of another shape is inspected as text like any
other, and what no row names is always inspected. Shapes are strict: a word must be one of the API's own, an id must be a known
prefix and random letters, what is encrypted must be long and no text in disguise.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from turnout_sidecar.bodies.coded import BINARY, file_text
from turnout_sidecar.wire import signed_ids


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


WORDS: Final = frozenset(
    words(
        """
    system developer user assistant tool function text input_text output_text summary_text reasoning_text
    refusal image_url input_image input_file input_audio file image audio video document search_result tool_use
    tool_result thinking redacted_thinking server_tool_use mcp_tool_use mcp_tool_result web_search_tool_result
    web_search_result container_upload code_execution_tool_result web_fetch_tool_result web_fetch_result message
    function_call function_call_output reasoning item_reference compaction compaction_trigger custom
    custom_tool_call custom_tool_call_output computer_call computer_call_output computer_screenshot
    file_search_call web_search_call image_generation_call code_interpreter_call local_shell_call
    local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output mcp mcp_call
    mcp_list_tools mcp_approval_request mcp_approval_response tool_search_call tool_search_output web_search
    web_search_preview file_search code_interpreter image_generation local_shell shell apply_patch
    computer_use_preview computer auto none required any allowed_tools json_schema json_object grammar lark
    regex approximate ephemeral 5m 1h 24h in_memory default flex scale priority standard_only low medium high
    xhigh max minimal concise detailed enabled disabled adaptive between_tools summarized omitted base64 url
    content char_location page_location content_block_location web_search_result_location search_result_location
    url_citation file_citation file_path container_file_citation in_progress completed incomplete failed
    searching interpreting calling generating float exec click double_click drag keypress move screenshot scroll
    type wait find open_page search logs direct always never wav mp3 flac opus pcm16 pcm aac png jpeg jpg webp
    gif pdf image/png image/jpeg image/gif image/webp application/pdf text/plain application/json alloy ash
    ballad coral echo fable nova onyx sage shimmer verse marin cedar final_answer commentary reasoning.text
    reasoning.encrypted reasoning.summary reasoning.encrypted_content message.output_text.logprobs
    message.input_image.image_url file_search_call.results web_search_call.action.sources
    code_interpreter_call.outputs computer_call_output.output.image_url openai-responses-v1 anthropic-claude-v1
    google-gemini-v1 web_search_20250305 web_fetch_20250910 bash_20250124 text_editor_20250124
    text_editor_20250429 text_editor_20250728 computer_20250124 code_execution_20250522 code_execution_20250825
    bash_code_execution_tool_result text_editor_code_execution_tool_result
    tool_search_tool_result program program_output memory_20250818
    """
    )
)
"""Words of the APIs themselves."""

SCHEMA_WORDS: Final = frozenset(
    words(
        """
    string number integer boolean object array null date-time date time duration email hostname ipv4 ipv6 uri
    uri-reference uuid regex json-pointer http://json-schema.org/draft-07/schema#
    https://json-schema.org/draft/2020-12/schema
    """
    )
)
"""Words of JSON Schema itself."""

_PREFIX = (
    "resp|conv|file|assistant|asst|msg|rs|fc|fco|ctc|ctco|call|toolu|srvtoolu|mcptoolu|mcp|mcpl|mcpr|mcpa|ws|fs|ig|ci|cu|cuo|"
    "lsh|lsho|sh|sho|ap|apo|cntr|container|pmpt|vs|chatcmpl|item|audio|run|thread|step|cmp|req|batch|gen|skill|tool|tooluse"
)
_ID = re.compile(
    rf"(?:(?:{_PREFIX})[_-](?=[A-Za-z0-9]*[A-Za-z])(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{{16,128}}"
    r"|tooluse_(?=[A-Za-z_-]*[0-9])(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{22}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:__sig_[A-Za-z0-9_-]+)?"
)
_LONGEST_ID = 16_384  # one may carry a provider's signature
_OPAQUE = re.compile(
    r"(?:gemini\.|turnout:signature:|turnout:redacted:|responses:[A-Za-z0-9_-]*:)*"
    r"([A-Za-z0-9+/]{8}[A-Za-z0-9+/_-]{56,}+)={0,2}"
)
_SNIFFED = 88
_CREDENTIAL = re.compile(r"(?:(?:Bearer|Basic|Token|token) )?[!-?A-~]{8,8192}")
_TOKEN_NUMBER = re.compile(r"[0-9]{1,6}")

Shape = Callable[[Any], bool]


def is_word(value: Any) -> bool:
    """One of the API's own words."""
    return value.__class__ is str and value in WORDS


def is_id(value: Any) -> bool:
    """An id that a provider made: a known prefix and random letters and digits, or a UUID."""
    return value.__class__ is str and len(value) < _LONGEST_ID and _ID.fullmatch(value) is not None


def is_opaque(value: Any) -> bool:
    """Long base64 that holds no text and begins as no vendor's key does: what a provider has signed or encrypted."""
    found = _OPAQUE.fullmatch(value) if value.__class__ is str else None
    return found is not None and file_text(found[1][:_SNIFFED]) == BINARY


def signature_at(value: str) -> int:
    """Where the signature begins that an id of a tool call carries; 0: it carries none."""
    at = value.find(signed_ids.MARKER)
    if at <= 0:
        return 0
    own, signature = signed_ids.split(value)
    return at if signature is not None and len(own) == at and is_opaque(signature) else 0


def is_credential(value: Any) -> bool:
    """One word, with or without the name of its scheme before it; no address."""
    return value.__class__ is str and _CREDENTIAL.fullmatch(value) is not None


def is_bias(value: Any) -> bool:
    """Numbers of tokens, and a number for each."""
    return value.__class__ is dict and all(
        _TOKEN_NUMBER.fullmatch(name) is not None and number.__class__ in (int, float) for name, number in value.items()
    )


def is_text(value: Any) -> bool:
    """Any string."""
    return value.__class__ is str


def is_number(value: Any) -> bool:
    """Any number."""
    return value.__class__ in (int, float)


Where = Literal["top", "inner", "sealed", "server", "headers"]
"""`top`: members of the body itself; `inner`: of the objects that it is made of; `sealed`: of what holds a hidden thought;
`server`: of a tool that is a server (MCP); `headers`: of the headers for one, where a name speaks of a credential."""


class Skip(msgspec.Struct, frozen=True):
    """A row: values of this shape in these fields are passed over, and why."""

    where: Where
    fields: tuple[str, ...]
    shape: Shape
    why: str
    endpoints: frozenset[str] | None = None  # None: all


_WORD_FIELDS = words(
    """
    type role detail format media_type effort verbosity service_tier truncation object status mode strict
    tool_choice function_call modalities voice encoding_format summary generate_summary display
    search_context_size ttl phase caller environment include prompt_cache_retention reasoning_effort
    input_fidelity quality background moderation output_format size action button require_approval syntax
    """
)
_ID_FIELDS = words(
    """
    id tool_call_id tool_use_id call_id item_id previous_response_id previous_item_id file_id container
    container_id conversation vector_store_ids response_id approval_request_id skill_id file_ids connector_id
    """
)
_ENCRYPTED_FIELDS = ("encrypted_content", "encrypted_index", "encrypted_stdout")
SECRET_NAMES: Final = ("auth", "key", "token", "secret", "cookie", "credential", "signature")
_SETTINGS = words(
    """
    seed max_tokens max_completion_tokens max_output_tokens temperature top_p top_k n logprobs top_logprobs
    frequency_penalty presence_penalty dimensions max_tool_calls
    """
)
_NUMBERS = words(
    """
    max_tokens logprobs budget_tokens max_num_results max_uses index output_index content_index start_index
    end_index start_char_index end_char_index start_page_number end_page_number start_block_index
    end_block_index document_index search_result_index created created_at expires_at expires_after timeout
    timeout_ms max_output_length display_width_px display_height_px display_width display_height
    display_number partial_images x y scroll_x scroll_y ranking score score_threshold max_characters
    max_content_tokens
    """
)

SKIPPED: Final[tuple[Skip, ...]] = (
    Skip("top", ("model",), is_text, "a route's name; each backend's own name takes its place before anything leaves"),
    Skip("top", _WORD_FIELDS, is_word, "a word of the API itself"),
    Skip("inner", _WORD_FIELDS, is_word, "a word of the API itself"),
    Skip("top", _ID_FIELDS, is_id, "names what the provider keeps; changed, it names nothing"),
    Skip("inner", _ID_FIELDS, is_id, "names what the provider keeps or what it called; changed, it names nothing"),
    Skip("top", _SETTINGS, is_number, "a setting that is a number"),
    Skip("inner", _NUMBERS, is_number, "a setting or a position that is a number"),
    Skip("top", ("logit_bias",), is_bias, "numbers of tokens of a vocabulary", frozenset({"chat"})),
    Skip("inner", ("signature",), is_opaque, "proves a thought to the provider that signed it"),
    Skip("inner", _ENCRYPTED_FIELDS, is_opaque, "encrypted by the provider for itself alone"),
    Skip("sealed", ("data",), is_opaque, "a hidden thought, encrypted by the provider for itself alone"),
    Skip(
        "server",
        ("authorization", "authorization_token"),
        is_credential,
        "the caller's credential for a tool server, which the provider is to use on purpose",
    ),
    Skip("headers", SECRET_NAMES, is_credential, "the same, in a header whose name holds one of these"),
)
"""The whole table. Null, true, false and numbers of fewer than seven digits hold nothing and need no row, nor do the
words of JSON Schema where a schema stands (`SCHEMA_WORDS`). Binary data is not skipped but counted (`Leaves.binary`)."""
