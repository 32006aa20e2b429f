"""A request to Gemini's generateContent, read and checked as strictly as the real one checks it.

Names are taken in camelCase and in snake_case, unknown ones are refused wherever they stand. Models named `gemini-1...` and
`gemini-2...` are the older ones, which ask for no signature on function calls, give calls no ids, and do not take functions
together with JSON output.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.dialect import Refusal
from turnout_sidecar.simulator.fields import as_flag, as_number, as_one_of, as_whole, texts
from turnout_sidecar.simulator.gemini_contents import Content, bad, read_content, read_contents, response_text, segments
from turnout_sidecar.simulator.gemini_schema import json_schema, members
from turnout_sidecar.simulator.prompt_cache import Segment
from turnout_sidecar.simulator.turns import Task, Tool, chosen

_BODY: Final = frozenset(
    ("model", "contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig", "cachedContent",
     "labels", "serviceTier", "store")
)  # fmt: skip
_CONFIG: Final = frozenset(
    ("stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities", "candidateCount",
     "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty", "responseLogprobs",
     "logprobs", "enableEnhancedCivicAnswers", "speechConfig", "thinkingConfig", "mediaResolution", "imageConfig")
)  # fmt: skip
_TOOL: Final = frozenset(
    ("functionDeclarations", "googleSearchRetrieval", "codeExecution", "googleSearch", "computerUse", "urlContext",
     "fileSearch", "googleMaps", "mcpServers")
)  # fmt: skip
_DECLARATION: Final = frozenset(
    ("name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior")
)
_CALLING: Final = frozenset(("mode", "allowedFunctionNames"))
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_OLDER: Final = ("gemini-1", "gemini-2")
_LEVELS: Final = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "THINKING_LEVEL_UNSPECIFIED")
_MOST_STOPS: Final = 5
_MOST_CANDIDATES: Final = 8
_HOTTEST: Final = 2


class GenerateRequest(msgspec.Struct, frozen=True):
    """What an answer depends on."""

    identity: dict[str, Any]
    model: str
    task: Task
    candidates: int
    segments: tuple[Segment, ...]
    modalities: dict[str, int]
    """Tokens of the prompt by what they stand for."""
    shows_thoughts: bool
    older: bool


def is_older(model: str) -> bool:
    """Whether it is one of the models before Gemini 3."""
    return model.startswith(_OLDER)


def read_generate(body: dict[str, Any], model: str) -> GenerateRequest:
    """The request of `body`. Raises Refusal."""
    given = members(body, _BODY, "")
    older = is_older(model)
    contents = read_contents(given.get("contents"), signatures=not older)
    if contents[-1].role == "model" and contents[-1].calls:
        raise bad("contents", "a function call is not answered")
    config = members(given.get("generationConfig", {}), _CONFIG, "generation_config")
    tools = tuple(_tools(given.get("tools", [])))
    thinking = _thinking(config)
    schema = _schema(config)
    if older and schema is not None and tools:
        raise Refusal(400, "Function calling with a response mime type: 'application/json' is unsupported")
    prompt = (*_first_segments(given, tools), *segments(contents))
    candidates = as_whole(config.get("candidateCount", 1), "generation_config.candidate_count", 1, _MOST_CANDIDATES)
    return GenerateRequest(
        identity=body,
        model=model,
        task=_task(given, config, contents, tools, schema, thinks=thinking is not None),
        candidates=candidates,
        segments=prompt,
        modalities=_modalities(contents, prompt),
        shows_thoughts=bool(
            thinking and as_flag(thinking.get("includeThoughts"), "generation_config.include_thoughts")
        ),
        older=older,
    )


def _task(
    given: Mapping[str, Any],
    config: Mapping[str, Any],
    contents: tuple[Content, ...],
    tools: tuple[Tool, ...],
    schema: Any,
    *,
    thinks: bool,
) -> Task:
    last = contents[-1]
    question = last.text if last.role == "user" else ""
    results = tuple(map(response_text, last.responses))
    limit = config.get("maxOutputTokens")
    stops = texts(config.get("stopSequences"), "generation_config.stop_sequences")
    if len(stops) > _MOST_STOPS:
        raise bad("generation_config.stop_sequences", f"at most {_MOST_STOPS}")
    for name, most in (("temperature", _HOTTEST), ("topP", 1)):
        if name in config:
            as_number(config[name], f"generation_config.{name}", 0, most)
    for name, least in (("topK", 1), ("seed", -(2**31)), ("logprobs", 0)):
        if name in config:
            as_whole(config[name], f"generation_config.{name}", least)
    return Task(
        question=question,
        results=results,
        calls=_called(given.get("toolConfig", {}), tools, "" if results else question),
        schema=schema,
        schema_place="generation_config.response_schema",
        stops=stops,
        limit=None if limit is None else as_whole(limit, "generation_config.max_output_tokens", 1),
        thinks=thinks,
    )


def _thinking(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The thinking that is asked for; None: none is."""
    if "thinkingConfig" not in config:
        return None
    place = "generation_config.thinking_config"
    thinking = members(
        config["thinkingConfig"], frozenset(("includeThoughts", "thinkingBudget", "thinkingLevel")), place
    )
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise bad(place, "You can only set only one of thinking budget and thinking level.")
    if "thinkingBudget" in thinking and as_whole(thinking["thinkingBudget"], f"{place}.thinking_budget", -1) == 0:
        return None
    if "thinkingLevel" in thinking:
        level = thinking["thinkingLevel"]
        as_one_of(level.upper() if isinstance(level, str) else level, f"{place}.thinking_level", _LEVELS)
    return thinking


def _schema(config: Mapping[str, Any]) -> Any:
    mime = as_one_of(
        config.get("responseMimeType", "text/plain"),
        "generation_config.response_mime_type",
        ("text/plain", "application/json", "text/x.enum"),
    )
    given = [name for name in ("responseSchema", "responseJsonSchema") if name in config]
    if len(given) > 1:
        raise bad("generation_config.response_schema", "only one of response_schema and response_json_schema")
    if given and mime == "text/plain":
        raise bad("generation_config.response_schema", "a schema is only supported with a response_mime_type of JSON")
    if "responseSchema" in config:
        return json_schema(config["responseSchema"], "generation_config.response_schema")
    if "responseJsonSchema" in config:
        return config["responseJsonSchema"]
    return None if mime == "text/plain" else {"type": "object", "properties": {"answer": {"type": "string"}}}


def _tools(given: Any) -> Iterator[Tool]:
    if not isinstance(given, list):
        raise bad("tools", "expected a list")
    names: set[str] = set()
    for index, each in enumerate(given):
        declared = members(each, _TOOL, f"tools[{index}]").get("functionDeclarations", [])
        if not isinstance(declared, list):
            raise bad(f"tools[{index}].function_declarations", "expected a list")
        for number, value in enumerate(declared):
            place = f"tools[{index}].function_declarations[{number}]"
            function = members(value, _DECLARATION, place)
            name = function.get("name")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise bad(f"{place}.name", "Invalid function name. Must start with a letter or an underscore.")
            if name in names:
                raise bad(f"{place}.name", f"Duplicate function declaration found: {name}")
            names.add(name)
            if not isinstance(function.get("description", ""), str):
                raise bad(f"{place}.description", "expected a string")
            yield Tool(name, _parameters(function, place))


def _parameters(function: Mapping[str, Any], place: str) -> Any:
    if "parameters" in function and "parametersJsonSchema" in function:
        raise bad(f"{place}.parameters", "only one of parameters and parameters_json_schema")
    if "parameters" in function:
        return json_schema(function["parameters"], f"{place}.parameters")
    return function.get("parametersJsonSchema", {"type": "object", "properties": {}})


def _called(config: Any, tools: tuple[Tool, ...], question: str) -> tuple[Tool, ...]:
    place = "tool_config.function_calling_config"
    choice = members(config, frozenset(("functionCallingConfig", "retrievalConfig")), "tool_config")
    calling = members(choice.get("functionCallingConfig", {}), _CALLING, place)
    mode = as_one_of(
        calling.get("mode", "AUTO"), f"{place}.mode", ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED")
    )
    allowed = texts(calling.get("allowedFunctionNames"), f"{place}.allowed_function_names")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise bad(place, "Please set allowed_function_names only when function calling mode is ANY.")
    unknown = set(allowed) - {tool.name for tool in tools}
    if unknown:
        raise bad(f"{place}.allowed_function_names", f"not declared: {', '.join(sorted(unknown))[:100]}")
    if mode == "ANY" and not tools:
        raise bad(f"{place}.mode", "Function calling config is set without function_declarations.")
    if mode == "NONE":
        return ()
    return chosen([tool for tool in tools if not allowed or tool.name in allowed], question, forced=mode == "ANY")


def _first_segments(given: Mapping[str, Any], tools: tuple[Tool, ...]) -> Iterator[Segment]:
    """What stands before the contents in the prompt."""
    if tools:
        told = [[tool.name, tool.parameters] for tool in tools]
        yield Segment(told, count_tokens(str(told)))
    if "systemInstruction" in given:
        said = given["systemInstruction"]
        plain = {name: value for name, value in said.items() if name != "role"} if isinstance(said, dict) else said
        content = read_content(plain, "system_instruction")
        yield Segment(["system", content.text], count_tokens(content.text))


def _modalities(contents: tuple[Content, ...], prompt: tuple[Segment, ...]) -> dict[str, int]:
    counted: dict[str, int] = {"TEXT": 0}
    for content in contents:
        for modality, tokens in content.tokens:
            counted[modality] = counted.get(modality, 0) + tokens
    counted["TEXT"] += sum(segment.tokens for segment in prompt) - sum(counted.values())
    return {modality: tokens for modality, tokens in counted.items() if tokens}
