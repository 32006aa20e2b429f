"""A body for each feature that callers of an API can say, and for each API."""

from typing import Any

from turnout_sidecar.wire.canonical import Thinking
from turnout_sidecar.wire.responses.thoughts import seal
from turnout_sidecar.wire.support import Feature

PNG = "data:image/png;base64,aWk="
PDF = "data:application/pdf;base64,aWk="
SCHEMA = {"type": "object"}
PICTURE = "https://example.com/a.png"


def chat(*content: Any, before: tuple[Any, ...] = (), after: tuple[Any, ...] = (), **members: Any) -> dict[str, Any]:
    asked = [{"role": "user", "content": list(content) or "Hello"}]
    return {"model": "m", "messages": [*before, *asked, *after], **members}


def chat_turn(result: Any, **assistant: Any) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call], **assistant}
    return chat(after=(turn, {"role": "tool", "tool_call_id": "c", "content": result}))


def chat_image(url: str, **members: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **members}}


def chat_tool(**members: Any) -> list[Any]:
    return [{"type": "function", "function": {"name": "t", **members}}]


THOUGHTS = [{"type": "reasoning.text", "text": "Hm", "signature": "s", "index": 0}]
SAID_IN_CHAT: dict[Feature, dict[str, Any]] = {
    "system_messages": chat(before=({"role": "developer", "content": "x"},)),
    "system_inside": chat(after=({"role": "system", "content": "x"},)),
    "names_of_speakers": chat(after=({"role": "user", "content": "x", "name": "ann"},)),
    "answer_prefill": chat(after=({"role": "assistant", "content": "x"},)),
    "tools": chat(tools=chat_tool()),
    "strict_tools": chat(tools=chat_tool(strict=True)),
    "tool_choice": chat(tools=chat_tool(), tool_choice="auto"),
    "parallel_tool_calls": chat(tools=chat_tool(), parallel_tool_calls=False),
    "tool_results": chat_turn("rain"),
    "tool_result_images": chat_turn([chat_image(PNG)]),
    "provider_tools": chat(web_search_options={}),
    "images": chat(chat_image(PNG)),
    "image_urls": chat(chat_image(PICTURE)),
    "image_detail": chat(chat_image(PNG, detail="low")),
    "documents": chat({"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}),
    "audio": chat({"type": "input_audio", "input_audio": {"data": "aWk=", "format": "wav"}}),
    "audio_output": chat(modalities=["audio"]),
    "files_by_id": chat({"type": "file", "file": {"file_id": "f"}}),
    "json_object": chat(response_format={"type": "json_object"}),
    "json_schema": chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}),
    "reasoning_effort": chat(reasoning_effort="low"),
    "thinking": chat_turn("rain", reasoning_content="Hm"),
    "thinking_signatures": chat_turn("rain", reasoning_details=THOUGHTS),
    "max_tokens": chat(max_completion_tokens=1),
    "temperature": chat(temperature=0),
    "top_p": chat(top_p=0),
    "top_k": chat(top_k=1),
    "stop": chat(stop="x"),
    "seed": chat(seed=1),
    "n": chat(n=2),
    "penalties": chat(presence_penalty=1),
    "logit_bias": chat(logit_bias={"1": 1}),
    "logprobs": chat(logprobs=True),
    "verbosity": chat(verbosity="low"),
    "service_tier": chat(service_tier="flex"),
    "user": chat(user="u"),
    "metadata": chat(metadata={"a": "b"}),
    "prompt_cache_marks": chat({"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}),
    "prompt_cache_key": chat(prompt_cache_key="k"),
    "stateful": chat(after=({"role": "assistant", "audio": {"id": "a"}},)),
}


def responses(*content: Any, after: tuple[Any, ...] = (), **members: Any) -> dict[str, Any]:
    return {"model": "m", "input": [{"role": "user", "content": list(content) or "Hello"}, *after], **members}


def responses_turn(output: Any, *before: Any) -> dict[str, Any]:
    call = {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"}
    return responses(after=(*before, call, {"type": "function_call_output", "call_id": "c", "output": output}))


def input_image(url: str, **members: Any) -> dict[str, Any]:
    return {"type": "input_image", "image_url": url, **members}


def thought(**members: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}], **members}


FUNCTION = {"type": "function", "name": "t", "parameters": SCHEMA}
SAID_IN_RESPONSES: dict[Feature, dict[str, Any]] = {
    "system_messages": responses(instructions="x"),
    "system_inside": responses(after=({"role": "developer", "content": "x"},)),
    "answer_prefill": responses(after=({"role": "assistant", "content": "x"},)),
    "tools": responses(tools=[FUNCTION]),
    "strict_tools": responses(tools=[{**FUNCTION, "strict": True}]),
    "tool_choice": responses(tools=[FUNCTION], tool_choice="auto"),
    "parallel_tool_calls": responses(parallel_tool_calls=False),
    "tool_results": responses_turn("rain"),
    "tool_result_images": responses_turn([input_image(PNG)]),
    "provider_tools": responses(tools=[{"type": "web_search"}]),
    "images": responses(input_image(PNG)),
    "image_urls": responses(input_image(PICTURE)),
    "image_detail": responses(input_image(PNG, detail="low")),
    "documents": responses({"type": "input_file", "file_data": PDF, "filename": "a.pdf"}),
    "document_urls": responses({"type": "input_file", "file_url": "https://example.com/a.pdf"}),
    "audio": responses({"type": "input_audio", "input_audio": {"data": "aWk=", "format": "wav"}}),
    "files_by_id": responses({"type": "input_file", "file_id": "f"}),
    "json_object": responses(text={"format": {"type": "json_object"}}),
    "json_schema": responses(text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}),
    "reasoning_effort": responses(reasoning={"effort": "low"}),
    "thinking": responses_turn("rain", thought()),
    "thinking_signatures": responses_turn("rain", thought(encrypted_content=seal(Thinking("Hm", "s")))),
    "max_tokens": responses(max_output_tokens=1),
    "temperature": responses(temperature=0),
    "top_p": responses(top_p=0),
    "logprobs": responses(top_logprobs=1),
    "verbosity": responses(text={"verbosity": "low"}),
    "service_tier": responses(service_tier="flex"),
    "user": responses(user="u"),
    "metadata": responses(metadata={"a": "b"}),
    "prompt_cache_marks": responses(
        {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ),
    "prompt_cache_key": responses(prompt_cache_key="k"),
    "stateful": responses(previous_response_id="r"),
}


def messages(*content: Any, after: tuple[Any, ...] = (), **members: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": list(content) or "Hello"}
    return {"model": "m", "max_tokens": 9, "messages": [asked, *after], **members}


def messages_turn(result: Any, *before: Any) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "c", "name": "t", "input": {}}
    turn = {"role": "assistant", "content": [*before, call]}
    return messages(
        after=(turn, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": result}]})
    )


def block(kind: str, source: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, "source": {"type": source, **members}}


PIXEL = block("image", "base64", media_type="image/png", data="aWk=")
TOOL = {"name": "t", "input_schema": SCHEMA}
SAID_IN_MESSAGES: dict[Feature, dict[str, Any]] = {
    "system_messages": messages(system="x"),
    "system_inside": messages(after=({"role": "system", "content": "x"},)),
    "answer_prefill": messages(after=({"role": "assistant", "content": "x"},)),
    "tools": messages(tools=[TOOL]),
    "strict_tools": messages(tools=[{**TOOL, "strict": True}]),
    "tool_choice": messages(tools=[TOOL], tool_choice={"type": "any"}),
    "parallel_tool_calls": messages(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    "tool_results": messages_turn("rain"),
    "tool_result_images": messages_turn([PIXEL]),
    "provider_tools": messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    "images": messages(PIXEL),
    "image_urls": messages(block("image", "url", url=PICTURE)),
    "documents": messages(block("document", "base64", media_type="application/pdf", data="aWk=")),
    "document_urls": messages(block("document", "url", url="https://example.com/a.pdf")),
    "files_by_id": messages(block("document", "file", file_id="f")),
    "json_schema": messages(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
    "reasoning_effort": messages(output_config={"effort": "low"}),
    "reasoning_budget": messages(thinking={"type": "enabled", "budget_tokens": 1024}),
    "thinking": messages_turn("rain", {"type": "thinking", "thinking": "Hm", "signature": "s"}),
    "thinking_signatures": messages_turn("rain", {"type": "redacted_thinking", "data": "x"}),
    "max_tokens": messages(),
    "temperature": messages(temperature=0),
    "top_p": messages(top_p=0),
    "top_k": messages(top_k=1),
    "stop": messages(stop_sequences=["x"]),
    "service_tier": messages(service_tier="auto"),
    "user": messages(metadata={"user_id": "u"}),
    "prompt_cache_marks": messages({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
    "stateful": messages(container="c"),
}
SAID = {"chat": SAID_IN_CHAT, "responses": SAID_IN_RESPONSES, "messages": SAID_IN_MESSAGES}
