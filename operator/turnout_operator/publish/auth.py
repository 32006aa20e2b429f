"""Who dials in: a gateway's projected service-account token, judged by the API server (TokenReview).

Rules: the token must be for our audience, of the service account `turnout-gateway`, and bound to a pod; the namespace is the
token's, and nothing that the request says counts. An answer is remembered for a minute by the token's digest, a refusal for
a few seconds; tokens are neither logged nor kept.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import msgspec

from turnout_contract.protocol import AUDIENCE, SERVICE_ACCOUNT
from turnout_operator.kube import AsyncKube, Json
from turnout_operator.publish.registry import Peer

ACCEPTED_SECONDS = 60.0
REFUSED_SECONDS = 10.0
MOST_REMEMBERED = 4096
MOST_TOKEN_BYTES = 16_384
_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCOUNTS = "system:serviceaccount:"
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"


class Refused(msgspec.Struct, frozen=True):
    """Not let in. `Unauthenticated`: the token proves nothing; `Forbidden`: it proves somebody else."""

    why: Literal["Unauthenticated", "Forbidden"]
    message: str


Answer = Peer | Refused


class TokenReviewer:
    """Judges tokens. `allowed` says whether a namespace is one of ours."""

    def __init__(self, kube: AsyncKube, *, monotonic: Callable[[], float], allowed: Callable[[str], bool]) -> None:
        self._kube = kube
        self._monotonic = monotonic
        self._allowed = allowed
        self._remembered: OrderedDict[bytes, tuple[float, Answer]] = OrderedDict()

    async def review(self, token: str) -> Answer:
        """Who it is. Raises ApiError where the API server cannot be asked."""
        if not token or len(token) > MOST_TOKEN_BYTES:
            return Refused("Unauthenticated", "a bearer token is needed")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        now = self._monotonic()
        known = self._remembered.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        body: Json = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [AUDIENCE]},
        }
        review = await self._kube.request("POST", _PATH, body=body)
        answer = judge(review.get("status") or {}, self._allowed)
        self._remember(digest, now, answer)
        return answer

    def _remember(self, digest: bytes, now: float, answer: Answer) -> None:
        seconds = ACCEPTED_SECONDS if isinstance(answer, Peer) else REFUSED_SECONDS
        self._remembered[digest] = (now + seconds, answer)
        self._remembered.move_to_end(digest)
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)


def judge(status: Json, allowed: Callable[[str], bool]) -> Answer:
    """What a TokenReview's status says of a caller."""
    # An API server that knows nothing of audiences answers without them; its word is not enough.
    if not status.get("authenticated") or AUDIENCE not in (status.get("audiences") or ()):
        return Refused("Unauthenticated", "the token is not valid for this audience")
    user = status.get("user") or {}
    prefix, _, account = str(user.get("username", "")).rpartition(":")
    if account != SERVICE_ACCOUNT or not prefix.startswith(_ACCOUNTS):
        return Refused("Forbidden", f"only the service account {SERVICE_ACCOUNT} may connect")
    namespace = prefix.removeprefix(_ACCOUNTS)
    extra = user.get("extra") or {}
    pods, uids = list(extra.get(_POD_NAME) or ()), list(extra.get(_POD_UID) or ())
    if len(pods) != 1 or len(uids) != 1:
        return Refused("Forbidden", "the token must be bound to a pod")
    if not allowed(namespace):
        return Refused("Forbidden", "this operator does not serve the namespace")
    return Peer(namespace=namespace, pod=str(pods[0]), uid=str(uids[0]))
