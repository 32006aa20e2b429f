"""What chat completions can say, and what becomes of the rest.

`OpenAI` in a provider's protocol means every server that is compatible with it: OpenAI and Azure, and vLLM, Ollama, Mistral,
Groq and many more. So what only OpenAI's own servers know is left out where it changes nothing but speed or bookkeeping, since
others answer 400 to a member that they do not know. Callers who speak chat themselves are not concerned: their bytes pass.
"""

from typing import Final

from turnout_sidecar.wire.support import EXACT, SupportTable, dropped, refused, translated

TITLE: Final = "OpenAI Chat Completions"

SUPPORT: Final[SupportTable] = {
    "text": EXACT,
    "system_messages": translated("`developer` is said as `system`, which every compatible server knows"),
    "system_inside": translated("`developer` is said as `system`, at its place among the messages"),
    "names_of_speakers": EXACT,
    "answer_prefill": refused("chat models answer anew and do not go on with what an assistant message began"),
    "tools": EXACT,
    "strict_tools": EXACT,
    "tool_choice": EXACT,
    "parallel_tool_calls": EXACT,
    "tool_results": translated(
        "a `tool` message for each result, of one text; that of a failed tool begins with `Error: `"
    ),
    "tool_result_images": translated(
        "`tool` messages hold text alone; pictures and files follow in a user message that names the call"
    ),
    "provider_tools": refused("tools that a provider runs itself, and tools that are no functions, are not translated"),
    "images": EXACT,
    "image_urls": EXACT,
    "image_detail": EXACT,
    "documents": translated("a `file` part; a document that is plain text becomes text"),
    "document_urls": refused("chat takes files by their bytes, not by URL"),
    "audio": EXACT,
    "audio_output": refused("spoken answers are not translated"),
    "files_by_id": refused("an upload is known to the provider alone to whom it was made"),
    "json_object": EXACT,
    "json_schema": EXACT,
    "reasoning_effort": translated("`reasoning_effort`, where the model has the capability Reasoning; else dropped"),
    "reasoning_budget": translated(
        "`reasoning_effort`: low up to 4,096 tokens, medium up to 16,384, else high; dropped without the capability Reasoning"
    ),
    "thinking": dropped("chat has no place for the thoughts of earlier turns"),
    "thinking_signatures": dropped("chat has no place for the thoughts of earlier turns"),
    "max_tokens": translated(
        "`max_completion_tokens` where the model has the capability Reasoning, else `max_tokens`; no more than the model can give"
    ),
    "temperature": EXACT,
    "top_p": EXACT,
    "top_k": dropped("compatible servers differ on it"),
    "stop": EXACT,
    "seed": EXACT,
    "n": EXACT,
    "penalties": EXACT,
    "logit_bias": EXACT,
    "logprobs": EXACT,
    "verbosity": EXACT,
    "service_tier": translated("`standard_only` becomes `default`; tiers that chat does not know are dropped"),
    "user": translated("an id of more than 64 characters becomes its SHA-256"),
    "metadata": dropped("only OpenAI keeps it, and only with answers that are stored"),
    "prompt_cache_marks": dropped("compatible servers keep prefixes by themselves"),
    "prompt_cache_key": dropped("compatible servers keep prefixes by themselves"),
    "stateful": refused("chat completions keep nothing between calls"),
}
