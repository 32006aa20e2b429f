"""Puts the messages of a PromptTemplate in front of the call's own.

`prompt: {id?, version?, variables}` in the body, as in OpenAI's Responses API. Rules: on a route with a template the prompt is
that one, whether the call names it or not; elsewhere a call names any of the namespace. A version is asked for by the body or by
x-turnout-prompt-version, and only by a client that is trusted with PromptVersion. Parameters of the version are used where the
call gives none. `pmpt_...` is a prompt of the provider's, which Responses alone can name. Embeddings have no prompts.
"""

from typing import Any

from turnout_contract.templates import MissingVariable, TemplateError
from turnout_contract.variables import VariableError
from turnout_sidecar.exchange.call import Exchange, Proceed, PromptUse, Response, Stage
from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.ports.clock import Clock, Dice
from turnout_sidecar.templates.placing import place
from turnout_sidecar.templates.prompts import CompiledPrompt, CompiledVersion, digest_of
from turnout_sidecar.wire.registry import INBOUND

VERSION_HEADER = "x-turnout-prompt-version"
_MEMBERS = frozenset({"id", "version", "variables"})
_PROVIDERS_OWN = "pmpt_"


def render_prompt(clock: Clock, dice: Dice) -> Stage:
    """The stage: writes `exchange.prompt` and `exchange.body`. Raises CallError 400, 403 and 503."""

    def now() -> float:
        return clock.monotonic_ns() / 1e9

    async def stage(exchange: Exchange, proceed: Proceed) -> Response:
        asked = exchange.body.get("prompt")
        bound = exchange.route.prompt if exchange.route is not None else None
        if asked is None and bound is None:
            return await proceed(exchange)
        if asked is not None and bound is None and _is_the_providers(exchange, asked):
            return await proceed(exchange)
        if exchange.endpoint.format not in INBOUND:
            where = (
                f"route {exchange.route.name} has a prompt, and "
                if asked is None and exchange.route is not None
                else ""
            )
            raise bad_request(f"{where}prompts are for chat only.", param="prompt", code="prompt_not_supported")
        request = {} if asked is None else _members(asked)
        prompt = _prompt(exchange, request.get("id"), bound)
        version = _version(exchange, prompt, request.get("version"), dice)
        values, messages = _rendered(prompt, version, request.get("variables"), now)
        exchange.prompt = PromptUse(prompt.name, version.name, digest_of(values))
        parameters = version.parameters if exchange.endpoint.operation == "chat" else {}  # what is counted has none
        exchange.body = place(exchange.endpoint.format, exchange.body, messages, parameters)
        return await proceed(exchange)

    return stage


def _members(asked: Any) -> dict[str, Any]:
    if not isinstance(asked, dict):
        raise bad_request("prompt must be an object.", param="prompt", code="invalid_type")
    for name in asked:
        if name not in _MEMBERS:
            raise bad_request(
                f"prompt.{name[:64]} is not known; a prompt has id, version and variables.", param=f"prompt.{name[:64]}"
            )
    return asked


def _prompt(exchange: Exchange, name: Any, bound: str | None) -> CompiledPrompt:
    name = _text(name, "prompt.id")
    if name is not None and name.startswith(_PROVIDERS_OWN):
        what = f"{name[:64]} is a prompt of the provider's, which chat completions do not take"
        raise bad_request(f"prompt.id: {what}.", param="prompt.id", code="prompt_not_supported")
    if name is not None and bound is not None and name != bound:
        raise bad_request(
            f"prompt.id: on this model it is {bound}, or left out.", param="prompt.id", code="prompt_not_allowed"
        )
    chosen = bound if name is None else name
    if chosen is None:
        raise bad_request(
            "prompt.id is missing; this model has no prompt of its own.", param="prompt.id", code="missing_field"
        )
    prompt: CompiledPrompt | None = exchange.runtime.prompts.get(chosen)
    if prompt is None:
        raise bad_request(
            f"prompt.id: there is no prompt {chosen[:128]!r}.", param="prompt.id", code="prompt_not_found"
        )
    if prompt.closed is not None:
        raise CallError(503, "prompt_closed", f"Prompt {prompt.name} is closed: {prompt.closed}", param="prompt")
    return prompt


def _version(exchange: Exchange, prompt: CompiledPrompt, asked: Any, dice: Dice) -> CompiledVersion:
    asked = _text(asked, "prompt.version")
    header = exchange.headers.get(VERSION_HEADER)
    caller = exchange.caller
    if asked is None and header is None:
        sticky = (caller.outcome_id or caller.user) if caller is not None else None
        return prompt.choose(sticky, dice)
    if caller is None or "PromptVersion" not in caller.trust:
        message = "This client may not choose the version of a prompt (it is not trusted with PromptVersion)."
        raise CallError(
            403, "prompt_version_not_allowed", message, param="prompt.version" if asked is not None else VERSION_HEADER
        )
    if asked is not None and header is not None and asked != header:
        raise bad_request(f"prompt.version and {VERSION_HEADER} name different versions.", param="prompt.version")
    name = header if asked is None else asked
    version = prompt.versions.get(name or "")
    if version is None:
        message = f"prompt.version: prompt {prompt.name} has no version {(name or '')[:128]!r}."
        raise bad_request(message, param="prompt.version", code="prompt_version_not_found")
    return version


def _rendered(
    prompt: CompiledPrompt, version: CompiledVersion, variables: Any, now: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        values = prompt.check({} if variables is None else variables)
        return values, version.render(values, now)
    except VariableError as error:
        param = ".".join(filter(None, ("prompt.variables", error.name)))[:256]
        missing = error.message == "is required"
        raise bad_request(
            f"{param} {error.message}.", param=param, code="missing_variable" if missing else "invalid_variable"
        ) from None
    except MissingVariable as error:
        param = f"prompt.variables.{error.name}"[:256]
        raise bad_request(f"{param} is required.", param=param, code="missing_variable") from None
    except TemplateError as error:
        message = f"Prompt {prompt.name} cannot be rendered with these variables: {error.message}."
        raise bad_request(message, param="prompt.variables", code="prompt_not_rendered") from None


def _is_the_providers(exchange: Exchange, asked: Any) -> bool:
    """Whether it is a prompt that the provider keeps, which Responses alone can name."""
    name = asked.get("id") if isinstance(asked, dict) else None
    return exchange.endpoint.format == "responses" and isinstance(name, str) and name.startswith(_PROVIDERS_OWN)


def _text(value: Any, param: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise bad_request(f"{param} must be a string.", param=param, code="invalid_type")
