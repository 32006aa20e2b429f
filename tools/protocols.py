"""`python tools/protocols.py --root DIR`: write docs/reference/protocols.md from the tables of the wire formats, or check it.

The page says for each pair of an API that is asked and one that a backend speaks, and for each feature of a request, whether it
is exact, translated, dropped or refused, and by which rule. The rules are the very tables by which requests are written
(`SUPPORT` of each format), so that the page cannot say something else than the gateway does. With `--check` nothing is written:
the exit code is 1 where the page is not fresh.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Final, get_args

from turnout_contract.schema import fresh
from turnout_sidecar.wire.chat import support as chat
from turnout_sidecar.wire.converse import support as converse
from turnout_sidecar.wire.gemini import support as gemini
from turnout_sidecar.wire.messages import support as messages
from turnout_sidecar.wire.responses import support as responses
from turnout_sidecar.wire.support import Feature, Support, SupportTable

PAGE: Final = "docs/reference/protocols.md"
FEATURES: Final[tuple[Feature, ...]] = get_args(Feature)
TABLES: Final[Mapping[str, SupportTable]] = {
    "chat": chat.SUPPORT,
    "responses": responses.SUPPORT,
    "messages": messages.SUPPORT,
    "gemini": gemini.SUPPORT,
    "converse": converse.SUPPORT,
}
TITLES: Final[Mapping[str, str]] = {
    "chat": chat.TITLE,
    "responses": responses.TITLE,
    "messages": messages.TITLE,
    "gemini": gemini.TITLE,
    "converse": converse.TITLE,
}
PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
SPOKEN: Final = {
    "chat": "`OpenAI`, `AzureOpenAI`: models with the capability Chat",
    "responses": "`OpenAI`, `AzureOpenAI`: models with the capability Responses, asked for it or unable to chat",
    "messages": "`Anthropic`",
    "gemini": "`Gemini`",
    "converse": "`BedrockConverse`",
}
LACKS: Final[Mapping[str, frozenset[Feature]]] = {
    "chat": frozenset({"reasoning_budget", "document_urls"}),
    "responses": frozenset(
        {
            "names_of_speakers", "audio_output", "top_k", "stop", "seed", "n", "penalties", "logit_bias",
            "reasoning_budget",
        }
    ),
    "messages": frozenset(
        {
            "names_of_speakers", "image_detail", "audio", "audio_output", "json_object", "seed", "n", "penalties",
            "logit_bias", "logprobs", "verbosity", "metadata", "prompt_cache_key",
        }
    ),
}  # fmt: skip
"""What callers of an API have no way to say."""
NAMES: Final[Mapping[Feature, str]] = {
    "text": "text",
    "system_messages": "system messages before the conversation",
    "system_inside": "system messages inside of it",
    "names_of_speakers": "names of speakers",
    "answer_prefill": "the beginning of the answer",
    "tools": "tools (functions)",
    "strict_tools": "strict tools",
    "tool_choice": "choice of tools",
    "parallel_tool_calls": "one call a turn, or several",
    "tool_results": "results of tools",
    "tool_result_images": "pictures and files in results",
    "provider_tools": "tools that are no functions",
    "images": "pictures",
    "image_urls": "pictures by URL",
    "image_detail": "detail of pictures",
    "documents": "files",
    "document_urls": "files by URL",
    "audio": "sound",
    "audio_output": "spoken answers",
    "files_by_id": "uploads, by id",
    "json_object": "JSON answers without a schema",
    "json_schema": "JSON answers by a schema",
    "reasoning_effort": "effort of thinking",
    "reasoning_budget": "tokens for thinking",
    "thinking": "thoughts of earlier turns",
    "thinking_signatures": "their signatures",
    "max_tokens": "most tokens of the answer",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop sequences",
    "seed": "seed",
    "n": "several answers",
    "penalties": "presence and frequency penalty",
    "logit_bias": "logit bias",
    "logprobs": "log probabilities",
    "verbosity": "verbosity",
    "service_tier": "service tier",
    "user": "the end user's id",
    "metadata": "metadata",
    "prompt_cache_marks": "marks for the provider's cache",
    "prompt_cache_key": "key for the provider's cache",
    "stateful": "what the provider has kept",
}
BYTES: Final = "exact (bytes pass)"
_HEAD: Final = """<!-- Generated from the SUPPORT tables in sidecar/turnout_sidecar/wire. Do not edit: run `make generate`. -->

# Protocols

Which API an application asks and which one a backend speaks are two things. Where they are the same, the request's and the
answer's bytes pass, and only what must change does: the model's name, the option that asks for usage, text that is masked.
Unknown members and events pass as well. Where they differ, the call is translated:

- **exact**: said in the same words;
- **translated**: said in other words, by the rule below;
- **dropped**: left out, since the answer means the same without it; the header `x-turnout-dropped` of the answer names it;
- **refused**: answered with 400 and the code `not_translatable`, naming the field, since the answer would not mean the same;
- **-**: the API that is asked has no way to say it.

Members that the gateway does not know are dropped and named. A rule may depend on the model; what it leaves out is named too.
"""


def fate(asked: str, spoken: str, feature: Feature) -> str:
    """What becomes of a feature between an API that is asked and one that is spoken."""
    if feature in LACKS[asked]:
        return "-"
    return BYTES if asked == spoken else TABLES[spoken][feature].fate


def page() -> str:
    """The page."""
    return "\n".join([_HEAD, *_formats(), *_pairs(), *_rules()])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _formats() -> Iterator[str]:
    yield _row("API", "asked at", "spoken to a ModelProvider of the protocol")
    yield "|---|---|---|"
    for name, title in TITLES.items():
        yield _row(title, f"`{PATHS[name]}`" if name in PATHS else "-", SPOKEN[name])
    yield ""


def _pairs() -> Iterator[str]:
    for asked in PATHS:
        yield f"## Asked as {TITLES[asked]}"
        yield ""
        yield _row("", *TITLES.values())
        yield f"|{'---|' * (len(TITLES) + 1)}"
        for feature in FEATURES:
            yield _row(NAMES[feature], *(fate(asked, spoken, feature) for spoken in TITLES))
        yield ""


def _rules() -> Iterator[str]:
    for spoken, table in TABLES.items():
        yield f"## Rules for {TITLES[spoken]}"
        yield ""
        yield _row("", "fate", "rule")
        yield "|---|---|---|"
        for feature in FEATURES:
            yield _row(NAMES[feature], table[feature].fate, _sentence(table[feature]))
        yield ""


def _sentence(support: Support) -> str:
    how = support.how.replace("|", "\\|").removesuffix(".")
    first = how.partition(" ")[0].strip(",;:")
    return f"{how[:1].upper()}{how[1:]}." if first.isalpha() else f"{how}." if how else ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    return fresh.command(arguments, __doc__, {PAGE: page()})


if __name__ == "__main__":
    sys.exit(main())
