"""What a call is filed under: who may share its answer, everything that can change the answer, and the question itself.

The partition is the wall between tenants: namespace, route and scope, made here and nowhere else, of the authenticated caller.
The exact key is a digest of everything that can change the answer. The context key is the same but for the text of the last
message, where that is a user's plain text: two calls with one context key differ in their question alone.

Rules: whatever is not known to be harmless is in the key, unknown members too; key order and spacing of JSON do not count. The
model's name is in it only as what it leads to (rule and backends); so are sensitivity, since an answer for confidential data is
for such calls alone, and what guards the call. Pure.
"""

from functools import lru_cache
from hashlib import sha256

import msgspec

from turnout_contract import canonical
from turnout_contract.snapshot import model as snap
from turnout_sidecar.caching.formats import CACHED
from turnout_sidecar.exchange.call import Caller, Exchange
from turnout_sidecar.exchange.header_lines import FORWARDED, joined
from turnout_sidecar.ports.store import Partition, namespace_scope, team_scope, user_scope

_HEADERS = tuple(dict.fromkeys(name for names in FORWARDED.values() for name in names))
_FORMAT = 3
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
        return _partition(namespace, route, namespace_scope())
    if scope == "Team":
        return _partition(namespace, route, team_scope(caller.team))
    return None if caller.user is None else _partition(namespace, route, user_scope(caller.team, caller.user))


_partition = lru_cache(maxsize=1024)(Partition)


def keys_of(exchange: Exchange, route: snap.Route, rule: snap.Rule, partition: Partition) -> Keys:
    """The keys of a call that was routed and rendered."""
    cached = CACHED[exchange.endpoint.name]
    question, asked = cached.question(exchange.body)
    body = {name: value for name, value in asked.items() if name not in cached.harmless}
    prompt = exchange.prompt
    context = [
        _FORMAT,
        exchange.endpoint.name,
        partition.namespace,
        route.name,
        rule.name,
        rule.guard or "",
        sorted((backend.provider, backend.model) for backend in rule.backends),
        exchange.sensitivity,
        None if prompt is None else [prompt.name, prompt.version, prompt.variables_digest],
        # which may hold bytes that are no text
        [ascii(None if name in exchange.withheld else joined(exchange.headers, name)) for name in _HEADERS],
        question is not None,
        body,
    ]
    context_key = sha256(canonical.encode(context)).hexdigest()
    exact_key = sha256(f"{context_key}\n{question or ''}".encode()).hexdigest()
    return Keys(partition.key, exact_key, context_key, question)
