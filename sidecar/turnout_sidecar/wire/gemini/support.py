"""What Gemini can say, and what becomes of the rest.

Gemini 3 changed how thinking is asked for, that signatures are demanded, and that a format and tools go together; where the
two generations differ the rule says so (`generation.py` tells them apart by the model's name).
"""

from typing import Final

from turnout_sidecar.wire.support import EXACT, SupportTable, dropped, refused, translated

TITLE: Final = "Google Gemini"

SUPPORT: Final[SupportTable] = {
    "text": EXACT,
    "system_messages": translated("`systemInstruction`"),
    "system_inside": translated("moved up to the end of `systemInstruction`"),
    "names_of_speakers": dropped("turns have no names"),
    "answer_prefill": translated(
        "sent as the last turn, as it stands; whether the model goes on with it is its own affair"
    ),
    "tools": translated("`functionDeclarations`, with the whole JSON Schema as `parametersJsonSchema`"),
    "strict_tools": dropped("the model is not held to a schema while it is free to answer in text"),
    "tool_choice": translated("`functionCallingConfig`: AUTO, ANY, NONE; one tool is ANY with one allowed name"),
    "parallel_tool_calls": dropped("the number of calls in a turn cannot be limited"),
    "tool_results": translated("`functionResponse`, its text as `output`, or as `error` where the tool failed"),
    "tool_result_images": translated("inside of the `functionResponse`; before Gemini 3 after it in the same turn"),
    "provider_tools": refused("tools that a provider runs itself are not translated"),
    "images": translated("`inlineData`"),
    "image_urls": translated(
        "`fileData`; the URL's path must end in the name of a picture, from which its type is known"
    ),
    "image_detail": dropped("the resolution is the model's own choice"),
    "documents": translated("`inlineData`"),
    "document_urls": translated(
        "`fileData`; the URL's path must end in the name of a file, from which its type is known"
    ),
    "audio": translated("`inlineData`"),
    "audio_output": refused("spoken answers are not translated"),
    "files_by_id": refused("an upload is known to the provider alone to whom it was made"),
    "json_object": translated("`responseMimeType`; refused beside tools for models before Gemini 3"),
    "json_schema": translated(
        "`responseMimeType` and `responseJsonSchema`; refused beside tools for models before Gemini 3, which cannot do both"
    ),
    "reasoning_effort": translated(
        "`thinkingLevel`: HIGH at most, and where thinking cannot be switched off the lowest that the model knows; before"
        " Gemini 3 a `thinkingBudget` of 1,024, 8,192 or 24,576 tokens, 0 for none; dropped without the capability Reasoning"
    ),
    "reasoning_budget": translated("`thinkingBudget`; dropped without the capability Reasoning"),
    "thinking": translated("thoughts that Gemini signed go back to it; those of other models are left out and named"),
    "thinking_signatures": translated(
        "as they came; a tool call that another model made gets the value by which Gemini 3 takes it without one"
    ),
    "max_tokens": translated("`maxOutputTokens`"),
    "temperature": EXACT,
    "top_p": translated("`topP`"),
    "top_k": translated("`topK`"),
    "stop": translated("`stopSequences`"),
    "seed": translated("`seed`, its lowest 31 bits"),
    "n": refused("one answer a call"),
    "penalties": translated("`presencePenalty`, `frequencyPenalty`"),
    "logit_bias": refused("its numbers are tokens of another tokenizer"),
    "logprobs": translated("`responseLogprobs` and `logprobs`"),
    "verbosity": dropped("there is no such setting"),
    "service_tier": translated("`serviceTier`: flex, standard, priority; others are dropped"),
    "user": dropped("there is no such field"),
    "metadata": dropped("there is no such field"),
    "prompt_cache_marks": dropped("prefixes are cached without being marked"),
    "prompt_cache_key": dropped("prefixes are cached without a key"),
    "stateful": refused("nothing is kept between calls"),
}
