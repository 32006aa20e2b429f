"""What the Messages API can be asked, feature by feature: `request_out` does what this table says, and docs are made of it."""

from typing import Final

from turnout_sidecar.wire.support import EXACT, SupportTable, dropped, refused, translated

TITLE: Final = "Anthropic Messages"

SUPPORT: Final[SupportTable] = {
    "text": EXACT,
    "system_messages": translated("They become the `system` member."),
    "system_inside": translated(
        "Words of the system inside a conversation move to the end of `system`, in their order."
    ),
    "names_of_speakers": dropped("The API does not name speakers."),
    "answer_prefill": EXACT,
    "tools": translated("`parameters` become `input_schema`; a tool without any takes an empty object."),
    "strict_tools": EXACT,
    "tool_choice": translated("`required` becomes `any`; a choice without tools says nothing and is left out."),
    "parallel_tool_calls": translated("It becomes `tool_choice.disable_parallel_tool_use`, turned round."),
    "tool_results": translated("All results of one turn stand first in one user message."),
    "tool_result_images": EXACT,
    "provider_tools": refused("tools that another provider runs do not exist there."),
    "images": EXACT,
    "image_urls": EXACT,
    "image_detail": dropped("The API chooses the resolution itself."),
    "documents": translated("PDF files and plain text are taken; any other type of file is refused."),
    "document_urls": EXACT,
    "audio": refused("the API takes no sound."),
    "audio_output": refused("the API gives no sound."),
    "files_by_id": refused("a file that was uploaded to another provider is unknown there."),
    "json_object": refused("JSON is made only to a schema there; ask for a json_schema."),
    "json_schema": translated("It becomes `output_config.format`, which is always strict and has no name."),
    "reasoning_effort": translated(
        "Claude from 4.6 on: adaptive thinking with `output_config.effort`, `minimal` as low. Other models: a thinking budget "
        "of 1024 (minimal, low), 4096 (medium), 16384 (high), 24576 (xhigh) or 32768 (max) tokens, held to three quarters of "
        "max_tokens. `none` switches thinking off. Left out and named for a model without the capability Reasoning, and where "
        "a tool is forced, the answer's beginning is given, or max_tokens leaves no room to think."
    ),
    "reasoning_budget": translated(
        "The budget, from 1024 to three quarters of max_tokens; for Claude from 4.6 on, which takes none, the effort nearest."
    ),
    "thinking": translated("A thought without its signature, or of another provider, is left out and named."),
    "thinking_signatures": EXACT,
    "max_tokens": translated("The API demands it: without it, what the model can give at most, or 4096."),
    "temperature": translated(
        "Above 1 it is 1. Left out and named for Claude from 4.7 on, which takes none, and where the model thinks."
    ),
    "top_p": translated(
        "Left out and named for Claude from 4.7 on, for Claude beside a temperature, and where the model thinks."
    ),
    "top_k": translated("Left out and named for Claude from 4.7 on, and where the model thinks."),
    "stop": translated("It becomes `stop_sequences`; one of nothing but white space is refused."),
    "seed": dropped("Answers cannot be repeated."),
    "n": refused("one call gives one answer."),
    "penalties": dropped("The API has none."),
    "logit_bias": refused("the API has none."),
    "logprobs": refused("the API tells none."),
    "verbosity": dropped("The API has none."),
    "service_tier": translated("`default` becomes `standard_only`; any other but `auto` is left out and named."),
    "user": translated("It becomes `metadata.user_id`."),
    "metadata": dropped("The API keeps no labels."),
    "prompt_cache_marks": EXACT,
    "prompt_cache_key": dropped("Its cache is found by the prefix alone."),
    "stateful": refused("what another provider keeps is unknown there."),
}
