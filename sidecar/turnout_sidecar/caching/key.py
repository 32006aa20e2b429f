"""What a call is filed under: who may share its answer, everything that can change the answer, and the question itself.

The partition is the wall between tenants: namespace, route and scope, made here and nowhere else, of the authenticated caller.
The exact key is a digest of everything that can change the answer. The context key is the same but for the text of the last
message, where that is a user's plain text: two calls with one context key differ in their question alone.

Rules: whatever is not known to be harmless is in the key, unknown members too; key order and spacing of JSON do not count. The
model's name is in it only as what it leads to (rule and backends); so are sensitivity, since an answer for confidential data is
for such calls alone, and the guardrails' digest. Pure.
"""

from hashlib import sha256
from typing import Any

import msgspec

from turnout_contract import canonical
from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Caller, Exchange
from turnout_sidecar.ports.store import Partition, namespace_scope, team_scope, user_scope

CANNOT_CHANGE_THE_ANSWER = frozenset(
    {
        "model",  # a name for the rule and its backends, which are in the key
        "stream",  # how the answer travels
        "stream_options",
        "user",  # whom the provider may blame; who may share answers is the partition's matter
        "safety_identifier",
        "metadata",  # labels for the provider's own lists
        "store",  # whether the provider keeps a copy
        "prompt_cache_key",  # where the provider keeps its own prefix cache, and how long
        "prompt_cache_retention",
    }
)
FORWARDED = ("openai-beta",)
"""Request headers that reach the provider and may change what it does."""
_FORMAT = 1
"""Raised when what goes into a key changes: older entries are then never found."""


class Keys(msgspec.Struct, frozen=True):
    """Where a call's answer is kept. `question`: the text of the last message, None where it is no user's plain text."""

    partition: str
    exact: str
    context: str
    question: str | None


def partition_of(namespace: str, route: str, caller: Caller, scope: str) -> Partition | None:
    """Who may share answers with this caller; None: nobody, since it is not known who calls."""
    if scope == "Namespace":
        return Partition(namespace, route, namespace_scope())
    if scope == "Team":
        return Partition(namespace, route, team_scope(caller.team))
    return None if caller.user is None else Partition(namespace, route, user_scope(caller.team, caller.user))


def keys_of(exchange: Exchange, route: snap.Route, rule: snap.Rule, partition: Partition) -> Keys:
    """The keys of a call that was routed and rendered."""
    body = {name: value for name, value in exchange.body.items() if name not in CANNOT_CHANGE_THE_ANSWER}
    question = _question(body.get("messages")) if exchange.endpoint.name == "chat" else None
    if question is not None:
        *earlier, last = body["messages"]
        body["messages"] = [*earlier, {**last, "content": None}]
    prompt = exchange.prompt
    context = [
        _FORMAT,
        exchange.endpoint.name,
        partition.namespace,
        route.name,
        route.guardrails,
        rule.name,
        sorted((backend.provider, backend.model) for backend in rule.backends),
        exchange.sensitivity,
        None if prompt is None else [prompt.name, prompt.version, prompt.variables_digest],
        [ascii(exchange.headers.get(name)) for name in FORWARDED],  # which may hold bytes that are no text
        question is not None,
        body,
    ]
    context_key = sha256(canonical.encode(context)).hexdigest()
    exact_key = sha256(f"{context_key}\n{question or ''}".encode()).hexdigest()
    return Keys(partition.key, exact_key, context_key, question)


def _question(messages: Any) -> str | None:
    """The last message's text, if it is a user's and nothing but text."""
    if not isinstance(messages, list) or not messages:
        return None
    last = messages[-1]
    if not isinstance(last, dict) or last.get("role") != "user":
        return None
    content = last.get("content")
    return content if isinstance(content, str) and content.strip() else None
