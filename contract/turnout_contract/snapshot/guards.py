"""What guards the calls of a rule, as one value: all GuardrailPolicies that attach to it, added up by the compiler.

The strictest wins, entity by entity: Block over Mask over Monitor; a Reroute adds to whatever else is done; what one policy does
not put back is not put back. A policy in mode Monitor adds nothing but Monitor.

Rules: tuples in a defined order; `id` is the digest of the rest, so that equal guards are one guard, and it is part of what an
answer is cached under; an empty guard does not exist.
"""

from typing import Any, Literal

import msgspec

Action = Literal["Monitor", "Mask", "Block"]
SECRET = "Secret"  # noqa: S105 - what keys and passwords are called where personal data has the names of its entities
BUILT_IN = (
    "Email",
    "Phone",
    "CreditCard",
    "IBAN",
    "NationalId",
    "IPAddress",
    "MACAddress",
    "CryptoWallet",
    "URLCredentials",
)
"""What the gateway finds by itself, beside secrets; other entities are a plug-in's to find."""
UNKNOWN_TO_PRESIDIO = ("URLCredentials",)
"""Entities that Presidio has no name for."""


class Treatment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is done with one entity. `reroute`: the call counts as Restricted; `restore`: what was masked is put back.

    `fail_open`: where it cannot be looked for, the call goes on, but as a Restricted one; else it is refused. Monitor without
    reroute changes nothing, so a failure of it changes nothing either. What is masked in an answer is never put back. Of a
    plug-in's entities the plug-in's own `fail_open` says whether the call goes on; here it says that it then is a Restricted one.
    """

    entity: str
    action: Action
    reroute: bool = False
    restore: bool = True
    fail_open: bool = False


class Pattern(msgspec.Struct, frozen=True):
    """An RE2 pattern that must not occur. `policy` is who says so."""

    name: str
    pattern: str
    action: Action
    policy: str


class Injection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is done about attempts to turn a model, from which score on. Monitor without reroute: a failure changes nothing."""

    threshold: float
    action: Literal["Monitor", "Block"]
    reroute: bool = False
    fail_open: bool = False


class TokenLimit(msgspec.Struct, frozen=True):
    """Most tokens of a question."""

    most: int
    action: Literal["Monitor", "Block"]


class AnswerSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """A shape that answers must have. `schema` None: the one that the call asks for itself, if it does."""

    policy: str
    on_violation: Literal["Monitor", "Retry", "Escalate", "Block"]
    strict: bool = False
    schema: dict[str, Any] | None = None


class Flags(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is done about texts that a classifier flags as a whole, from which score on."""

    threshold: float = 0.9
    action: Literal["Monitor", "Block"] = "Monitor"
    reroute: bool = False


class Plugin(msgspec.Struct, frozen=True, omit_defaults=True):
    """A detector outside. Exactly one of `url` and `entry_point`.

    `input` and `output` are what is done with the entities that it is asked for; empty: it is not shown that side.
    """

    name: str
    policy: str
    adapter: Literal["Turnout", "Presidio"]
    url: str | None = None
    entry_point: str | None = None
    input: tuple[Treatment, ...] = ()
    output: tuple[Treatment, ...] = ()
    timeout_ms: int = 500
    fail_open: bool = False
    enforced: bool = True
    flags: Flags = Flags()


class Guard(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that holds for a rule's calls. `policies`: the names, "NAMESPACE/NAME" for the organisation's."""

    id: str
    policies: tuple[str, ...]
    input: tuple[Treatment, ...] = ()  # by entity; Secret too
    output: tuple[Treatment, ...] = ()
    injections: tuple[Injection, ...] = ()  # by threshold, each stricter than those before; what a score reaches holds
    deny_input: tuple[Pattern, ...] = ()
    deny_output: tuple[Pattern, ...] = ()
    binary_parts: Literal["Allow", "Monitor", "Block"] = "Allow"
    token_limits: tuple[TokenLimit, ...] = ()
    schemas: tuple[AnswerSchema, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    fail_open: bool = False
    """Whether a check that is not about personal data or secrets lets a call pass that it could not look at. One whose action
    is Monitor always does."""
