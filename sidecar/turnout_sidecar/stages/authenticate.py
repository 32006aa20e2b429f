"""Who calls, and what is believed of what he says of himself.

A gateway without clients takes every call, whatever credentials it carries, as team <namespace>, trusted for nothing.
Rules: a wrong key and no key are both 401, with no word on which; what a client is not trusted for is not read at all, so
that it cannot be a reason to refuse; sensitivity alone may be raised by anybody, and never lowered.
"""

import re
from collections.abc import Mapping

import msgspec

from turnout_contract.api.meta import SENSITIVITIES, VALUES, Sensitivity, Value
from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Caller, Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.exchange.header_lines import lines
from turnout_sidecar.routing import RANK
from turnout_sidecar.runtime import Runtime

MAX_IDENTITY = 256
_SENSITIVITY = "x-turnout-sensitivity"
_COMPLEXITY = re.compile(r"(?:0(?:\.[0-9]{1,6})?|1(?:\.0{1,6})?)")
_SENSITIVITIES: Mapping[str, Sensitivity] = {name.lower(): name for name in SENSITIVITIES}
_VALUES: Mapping[str, Value] = {name.lower(): name for name in VALUES}


async def authenticate(exchange: Exchange, proceed: Proceed) -> Response:
    """Stage: fills in `caller`. Raises CallError 401, and 400 for a header that is believed and cannot be read."""
    runtime: Runtime = exchange.runtime
    caller = runtime.everyone
    if caller is None:
        caller = _identified(runtime, exchange.headers)
    if _SENSITIVITY in exchange.headers:
        for said in lines(exchange.headers, _SENSITIVITY):
            caller = _raised(caller, said)
    exchange.caller = caller
    return await proceed(exchange)


def _identified(runtime: Runtime, headers: Mapping[str, str]) -> Caller:
    key = _key(headers)
    client = runtime.keys.find(key) if key else None
    if client is None:
        raise CallError(
            401,
            "invalid_api_key",
            "A valid key is needed: Authorization: Bearer KEY, or x-api-key: KEY.",
            headers={"www-authenticate": "Bearer"},
        )
    caller = runtime.caller_of(client)
    if not client.trust:
        return caller
    return _believed(caller, client, headers)


def _key(headers: Mapping[str, str]) -> bytes:
    given = headers.get("authorization")
    if given is not None and given[:7].lower() == "bearer ":
        return given[7:].strip().encode("utf-8", "surrogateescape")
    return headers.get("x-api-key", "").strip().encode("utf-8", "surrogateescape")


def _believed(caller: Caller, client: snap.Client, headers: Mapping[str, str]) -> Caller:
    said = {}
    for trust, field, header in _BELIEVED:
        if trust in client.trust:
            value = headers.get(header)
            if value:
                said[field] = _bounded(header, value)
    if not said:
        return caller
    complexity = said.get("complexity")
    if complexity is not None and not _COMPLEXITY.fullmatch(complexity):
        raise bad_request("x-turnout-complexity must be a number from 0 to 1.", param="x-turnout-complexity")
    value = said.get("value")
    if value is not None:
        if value.lower() not in _VALUES:
            raise bad_request("x-turnout-value must be Low, Normal or High.", param="x-turnout-value")
        said["value"] = _VALUES[value.lower()]
    return msgspec.structs.replace(caller, **said)


_BELIEVED = (
    ("Team", "team", "x-turnout-team"),
    ("UseCase", "use_case", "x-turnout-use-case"),
    ("User", "user", "x-turnout-user"),
    ("Outcome", "outcome_id", "x-turnout-outcome-id"),
    ("Complexity", "complexity", "x-turnout-complexity"),
    ("Value", "value", "x-turnout-value"),
    ("PromptVersion", "prompt_version", "x-turnout-prompt-version"),
)


def _bounded(header: str, value: str) -> str:
    if len(value) > MAX_IDENTITY:
        raise bad_request(f"{header} must be at most {MAX_IDENTITY} characters long.", param=header)
    if not value.isprintable():
        raise bad_request(f"{header} must be printable text.", param=header)
    return value


def _raised(caller: Caller, said: str) -> Caller:
    wanted = _SENSITIVITIES.get(said.lower())
    if wanted is None:
        names = ", ".join(SENSITIVITIES)
        raise bad_request(f"x-turnout-sensitivity must be one of {names}.", param=_SENSITIVITY)
    if RANK[wanted] <= RANK[caller.sensitivity]:
        return caller
    return msgspec.structs.replace(caller, sensitivity=wanted)
