"""What Converse can say, and what becomes of the rest.

One API for the models of many makers: what only some of them take (thinking, top_k, marks for the cache) goes to those alone,
by the family that the model's name tells (`family.py`), and is dropped and named for the others.
"""

from typing import Final

from turnout_sidecar.wire.support import EXACT, SupportTable, dropped, refused, translated

TITLE: Final = "Amazon Bedrock Converse"

SUPPORT: Final[SupportTable] = {
    "text": EXACT,
    "system_messages": translated("`system`"),
    "system_inside": translated("moved up to the end of `system`"),
    "names_of_speakers": dropped("turns have no names"),
    "answer_prefill": translated(
        "sent as the last turn, as it stands; whether the model goes on with it is its own affair"
    ),
    "tools": translated("`toolConfig.tools[].toolSpec`; a description that is empty is left out"),
    "strict_tools": translated("`toolSpec.strict`"),
    "tool_choice": translated(
        "`toolChoice`: auto, any, tool; for none the tools are left out, and it is refused where the messages hold calls,"
        " since Converse takes those only beside tools"
    ),
    "parallel_tool_calls": dropped("the number of calls in a turn cannot be limited"),
    "tool_results": translated("`toolResult`, all those of a turn in one user message, first in it"),
    "tool_result_images": translated("`image` and `document` inside of the `toolResult`"),
    "provider_tools": refused("tools that a provider runs itself are not translated"),
    "images": translated("`image` with its bytes: png, jpeg, gif, webp"),
    "image_urls": refused("a picture must be in the request itself"),
    "image_detail": dropped("the resolution is the model's own choice"),
    "documents": translated("`document` with its bytes, under a name of letters, digits, blanks and hyphens"),
    "document_urls": refused("a document must be in the request itself"),
    "audio": translated("`audio` with its bytes"),
    "audio_output": refused("spoken answers are not translated"),
    "files_by_id": refused("an upload is known to the provider alone to whom it was made"),
    "json_object": refused("an answer is held to a schema or to nothing"),
    "json_schema": translated("`outputConfig.textFormat`"),
    "reasoning_effort": translated(
        "Claude from 4.6 on: adaptive thinking and `outputConfig.effort`; older Claudes: a budget of 1,024 (minimal), 2,048,"
        " 8,192, 16,384 or 32,000 tokens; Nova: `reasoningConfig`, high only where no temperature, top_p and max_tokens are"
        " given; OpenAI's models: `reasoning_effort`; others, and without the capability Reasoning: dropped"
    ),
    "reasoning_budget": translated(
        "Claude before 4.6: `thinking.budget_tokens`, below max_tokens; later Claudes think adaptively; others: as medium effort"
    ),
    "thinking": translated(
        "`reasoningContent` where it is signed; thoughts without a signature are left out and named"
    ),
    "thinking_signatures": translated("`reasoningContent`; those of Gemini are left out and named"),
    "max_tokens": translated("`inferenceConfig.maxTokens`"),
    "temperature": translated("`inferenceConfig.temperature`; left out and named where a Claude thinks"),
    "top_p": translated("`inferenceConfig.topP`; below 0.95 left out and named where a Claude thinks"),
    "top_k": translated(
        "`additionalModelRequestFields`, for Claude and Nova; others, and where a Claude thinks: dropped"
    ),
    "stop": translated("`inferenceConfig.stopSequences`"),
    "seed": dropped("there is no such setting"),
    "n": refused("one answer a call"),
    "penalties": dropped("there is no such setting"),
    "logit_bias": refused("there is no such setting"),
    "logprobs": refused("probabilities are not told"),
    "verbosity": dropped("there is no such setting"),
    "service_tier": translated("`serviceTier`: default, flex, priority, reserved; others are dropped"),
    "user": dropped("there is no such field"),
    "metadata": translated("`requestMetadata`: 16 at most, of the characters that it takes; others are dropped"),
    "prompt_cache_marks": translated("`cachePoint`, for Claude and Nova; dropped for others"),
    "prompt_cache_key": dropped("prefixes are cached without a key"),
    "stateful": refused("nothing is kept between calls"),
}
