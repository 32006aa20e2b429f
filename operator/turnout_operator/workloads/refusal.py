"""What the cluster says when it will not have a workload, as something to put into a condition.

Two ways lead there: the API server refuses an object of ours (a quota, an admission webhook, an immutable field, an invalid
value), or it takes the Deployment and then refuses its pods, which only the Deployment's own status tells.

Rules: pure; the message is the server's, bounded, in one line, without what looks like a credential, and without the names of pods,
which are others at each try; what may pass by itself is told only by whoever has waited for a while.
"""

import re
from typing import Any

from turnout_contract.api.conditions import WORKLOAD_REFUSED
from turnout_operator.compile import ConditionValue
from turnout_operator.kube import CONFLICT, HTTP_BAD_REQUEST, ApiError
from turnout_operator.workloads.render import NAME

Json = dict[str, Any]
MOST_CHARACTERS = 512
_PASSING = frozenset({401, 408, CONFLICT, 429})
_SERVER_ERROR = 500
_POD = re.compile(rf"{NAME}-[a-z0-9]+(?:-[a-z0-9]*)?")
_CREDENTIALS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 ***"),
    (
        re.compile(r"(?i)\b(\w*(?:token|password|secret|api[-_]?key|authorization))(\"?\s*[:=]\s*\"?)[^\s\",;}]+"),
        r"\1\2***",
    ),
    (re.compile(r"\bsk-[\w-]{8,}|\beyJ[\w-]{8,}(?:\.[\w-]+)*"), "***"),
    (re.compile(r"://[^/\s@]+@"), "://***@"),
)


def refusal(error: ApiError) -> ConditionValue:
    """What a refused object is told as."""
    return ConditionValue(
        "False", WORKLOAD_REFUSED, told(f"the API server refuses it: {error.message or error.reason}")
    )


def may_pass(error: ApiError) -> bool:
    """Whether the same request may well succeed in a moment."""
    return error.status in _PASSING or not HTTP_BAD_REQUEST <= error.status < _SERVER_ERROR


def of_pods(deployment: Json) -> ConditionValue | None:
    """What a refusal of the Deployment's pods is told as; None: none was refused."""
    for condition in (deployment.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            message = str(condition.get("message") or condition.get("reason") or "")
            return ConditionValue("False", WORKLOAD_REFUSED, told(f"the API server refuses pods: {message}"))
    return None


def complete(deployment: Json) -> bool:
    """Whether all pods that are wanted are there, and of the newest template."""
    status, wanted = deployment.get("status") or {}, (deployment.get("spec") or {}).get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return bool(seen) and bool(min(status.get(key, 0) for key in ("availableReplicas", "updatedReplicas")) >= wanted)


def told(text: str) -> str:
    """A message fit for a status."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    line = _POD.sub(f"{NAME}-…", line)
    for pattern, instead in _CREDENTIALS:
        line = pattern.sub(instead, line)
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
