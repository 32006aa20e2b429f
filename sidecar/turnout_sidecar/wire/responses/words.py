"""The members and words of a Responses request that several modules share.

Why here: the reader, the cheap checks and the cache must agree on what leans on a provider's memory and on what a tool is.
Rules: plain data, nothing imported.
"""

from typing import Any

STATEFUL_ITEMS = frozenset({"item_reference", "compaction", "compaction_trigger"})
"""Items that stand for what one provider keeps."""

PROVIDER_ITEMS = frozenset(
    {
        "additional_tools",
        "apply_patch_call",
        "apply_patch_call_output",
        "code_interpreter_call",
        "computer_call",
        "computer_call_output",
        "configuration_update",
        "custom_tool_call",
        "custom_tool_call_output",
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "program",
        "program_output",
        "shell_call",
        "shell_call_output",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)
"""Items that tools of the provider leave behind."""

CANNOT_CHANGE_THE_ANSWER = frozenset({"model", "stream", "stream_options"})
"""The model is a name for its backends, a stream is how the answer travels; an answer repeats most of what else was asked."""

FIELDS = {
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
    "thinking": "reasoning",
    "logprobs": "top_logprobs",
    "messages": "input",
    "messages.name": "input.name",
    "messages (image)": "input (input_image)",
    "messages (file)": "input (input_file)",
    "messages (audio)": "input (input_audio)",
    "messages (url)": "input (url)",
    "messages (file id)": "input (file_id)",
    "messages (thinking)": "input (reasoning)",
    "messages (thinking signature)": "input (reasoning.encrypted_content)",
    "messages (tool result)": "input (function_call_output)",
    "image.detail": "input_image.detail",
    "cache_control": "prompt_cache_breakpoint",
}
"""What chat completions names otherwise."""


def kind_of_item(item: dict[str, Any]) -> str:
    """The type of an item; an item may leave it out where its members tell. "" where they do not."""
    kind = item.get("type")
    if isinstance(kind, str):
        return kind
    if "role" in item:
        return "message"
    return "item_reference" if isinstance(item.get("id"), str) else ""


def stateful_fields(body: dict[str, Any]) -> tuple[str, ...]:
    """The members in use that lean on what one provider keeps, in a fixed order; () for nearly all calls."""
    found = [name for name in ("previous_response_id", "conversation") if body.get(name) is not None]
    if body.get("background") is True:
        found.append("background")
    prompt = body.get("prompt")
    if isinstance(prompt, dict) and isinstance(prompt.get("id"), str) and prompt["id"].startswith("pmpt_"):
        found.append("prompt")
    given = body.get("input")
    for index, item in enumerate(given if isinstance(given, list) else ()):
        if isinstance(item, dict) and kind_of_item(item) in STATEFUL_ITEMS:
            found.append(f"input[{index}]")
            break
    return tuple(found)
