"""What the Responses API can say, feature by feature.

The table is the rule that the writer of requests follows and the documentation of it. Two things shape it: this API has neither
stop sequences nor a choice of several answers, and it keeps answers where it is not told otherwise.
"""

from turnout_sidecar.wire.support import EXACT, SupportTable, dropped, refused, translated

TITLE = "OpenAI Responses"

SUPPORT: SupportTable = {
    "text": EXACT,
    "system_messages": EXACT,
    "system_inside": EXACT,
    "names_of_speakers": dropped("messages have no names"),
    "answer_prefill": refused("the model begins a new answer and does not go on with the last one"),
    "tools": EXACT,
    "strict_tools": EXACT,
    "tool_choice": EXACT,
    "parallel_tool_calls": EXACT,
    "tool_results": translated(
        "each result is an item of its own; one that says that the tool failed begins with `Error: `"
    ),
    "tool_result_images": EXACT,
    "provider_tools": refused("tools that a provider runs are its own"),
    "images": EXACT,
    "image_urls": EXACT,
    "image_detail": EXACT,
    "documents": translated("an `input_file`; a document that is plain text becomes text"),
    "document_urls": EXACT,
    "audio": refused("this API takes no sound"),
    "audio_output": refused("this API answers without sound"),
    "files_by_id": translated("the id goes through: it must be of an upload at this provider"),
    "json_object": translated("text.format"),
    "json_schema": translated("text.format; a schema without a name is called `answer`"),
    "reasoning_effort": translated("reasoning.effort, for models with the capability Reasoning"),
    "reasoning_budget": translated("the effort that is near it: low to 4,096 tokens, medium to 16,384, else high"),
    "thinking": translated("reasoning items, where this API made the thought; other thoughts are left out and named"),
    "thinking_signatures": translated("reasoning.encrypted_content, where this API made it"),
    "max_tokens": translated("max_output_tokens"),
    "temperature": EXACT,
    "top_p": EXACT,
    "top_k": dropped("there is no such choice"),
    "stop": refused("this API has no stop sequences, and the answer would go on behind them"),
    "seed": dropped("there is none"),
    "n": refused("a call has one answer"),
    "penalties": dropped("there are none"),
    "logit_bias": refused("tokens cannot be forced or forbidden"),
    "logprobs": translated("include message.output_text.logprobs, and top_logprobs"),
    "verbosity": translated("text.verbosity"),
    "service_tier": translated("`standard_only` becomes `default`; tiers that this API does not know are dropped"),
    "user": EXACT,
    "metadata": EXACT,
    "prompt_cache_marks": dropped("prefixes are cached without marks"),
    "prompt_cache_key": EXACT,
    "stateful": refused("what one provider keeps is not known to another"),
}
