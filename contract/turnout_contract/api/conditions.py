"""The conditions of every object and the reasons that they may carry, with what each means.

Accepted, ResolvedRefs and Programmed say what Turnout found; Ready and Stalled sum them up for kstatus, and so for
`helm --wait` and Argo CD. The CRDs default all five to Unknown/Pending, so that an object that nobody has looked at yet is
not taken for a finished one.

Rules: a reason is one CamelCase word and stands here before it is used; its meaning is printed in the reference.
"""

from typing import Any, Final

ACCEPTED: Final = "Accepted"
RESOLVED_REFS: Final = "ResolvedRefs"
PROGRAMMED: Final = "Programmed"
READY: Final = "Ready"
STALLED: Final = "Stalled"

CONDITIONS: dict[str, str] = {
    ACCEPTED: "The object is valid, supported and in force.",
    RESOLVED_REFS: "Everything that it refers to exists and may be used.",
    PROGRAMMED: "Every gateway of the namespace has acknowledged this very generation.",
    READY: "All three of the above; without Programmed where no gateway is wanted.",
    STALLED: "It will not become ready without a change of the object: Accepted is False.",
}

PENDING: Final = "Pending"

INVALID: Final = "Invalid"
UNSUPPORTED: Final = "Unsupported"
CONFLICTED: Final = "Conflicted"
NOT_ALLOWED: Final = "NotAllowed"

REF_NOT_FOUND: Final = "RefNotFound"
REF_NOT_ACCEPTED: Final = "RefNotAccepted"
BACKEND_NOT_FOUND: Final = "BackendNotFound"
BACKEND_NOT_ACCEPTED: Final = "BackendNotAccepted"
TARGET_NOT_FOUND: Final = "TargetNotFound"
NAME_NOT_CLAIMED: Final = "NameNotClaimed"
SECRET_MISSING: Final = "SecretMissing"
MODEL_NOT_FOUND: Final = "ModelNotFound"
CLOSED_BY_POLICY: Final = "ClosedByPolicy"

NO_GATEWAYS: Final = "NoGateways"
NOT_ACCEPTED: Final = "NotAccepted"
NOT_PUBLISHED: Final = "NotPublished"
ROLLOUT_PENDING: Final = "RolloutPending"
REJECTED: Final = "Rejected"
BLOCKED: Final = "Blocked"
DISCONNECTED: Final = "Disconnected"
WORKLOAD_CONFLICT: Final = "WorkloadConflict"
WORKLOAD_REFUSED: Final = "WorkloadRefused"
DEFINITION_MISSING: Final = "DefinitionMissing"
INTERNAL_ERROR: Final = "InternalError"

PROGRESSING: Final = "Progressing"

REASONS: dict[str, str] = {
    PENDING: "Nobody has looked at this generation, or not every gateway has acknowledged it, yet.",
    ACCEPTED: "Accepted is True: valid, supported, in force.",
    INVALID: "Accepted is False: the message names the field and says what is wrong.",
    UNSUPPORTED: "Accepted is False: the field named in the message is not supported yet.",
    CONFLICTED: "An older or equal object claims the same; the message names it. Accepted is False where nothing is left.",
    NOT_ALLOWED: "Accepted is False: the operator's settings, or the namespace, do not allow the field named.",
    RESOLVED_REFS: "ResolvedRefs is True: everything that is referred to exists and may be used.",
    REF_NOT_FOUND: "An object that is referred to does not exist.",
    REF_NOT_ACCEPTED: "An object that is referred to exists and is not accepted.",
    BACKEND_NOT_FOUND: "A backendRef names a ModelProvider, or a model of it, that does not exist.",
    BACKEND_NOT_ACCEPTED: "A backendRef names a ModelProvider that is not accepted.",
    TARGET_NOT_FOUND: "A targetRef names a route, or a rule of it, that does not exist.",
    NAME_NOT_CLAIMED: "A match asks for a model name that the route does not claim.",
    SECRET_MISSING: "A file of a Secret that is referred to is not there, as the gateways see it.",
    MODEL_NOT_FOUND: "The provider says that a configured model does not exist; its other models, and its routes, go on.",
    CLOSED_BY_POLICY: "The route, or a rule of it, answers 503: a policy that must guard it is not in force.",
    PROGRAMMED: "Programmed is True: every gateway has acknowledged this generation.",
    NO_GATEWAYS: "Programmed is Unknown: the namespace wants no gateway, or has none yet.",
    NOT_ACCEPTED: "Programmed is False, since Accepted is.",
    NOT_PUBLISHED: "Programmed is False: the version is not pushed; the message says why.",
    ROLLOUT_PENDING: "Programmed is False: gateways that have the new Secrets mounted are still to come.",
    REJECTED: "Programmed is False: a gateway refused the version because of this object.",
    BLOCKED: "Programmed is False: a gateway refused the version because of another object, which is named.",
    DISCONNECTED: "Programmed is Unknown: a gateway has not been heard of for a while.",
    WORKLOAD_CONFLICT: "Programmed is False: an object that is not Turnout's has a name that the gateways need.",
    WORKLOAD_REFUSED: "Programmed is False: the cluster refuses what the gateways need; the message is the API server's.",
    DEFINITION_MISSING: "Programmed is False: a kind's definition was deleted or replaced; gateways keep what they have.",
    INTERNAL_ERROR: "The compiler failed on the namespace, a defect of Turnout's; gateways keep what they have.",
    READY: "Ready is True.",
    PROGRESSING: "Stalled is False.",
}


def pending() -> list[dict[str, Any]]:
    """The conditions of an object that nobody has looked at yet, as the CRDs default them."""
    return [
        {
            "type": name,
            "status": "Unknown",
            "reason": PENDING,
            "message": "Waiting for the operator",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
        for name in CONDITIONS
    ]
