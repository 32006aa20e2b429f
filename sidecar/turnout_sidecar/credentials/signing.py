"""What a token source puts on a request: a bearer token, or AWS's signature by keys that change.

Where there are no credentials now, nothing can be sent: that is a provider which cannot be reached, so that another may be asked.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from turnout_sidecar.credentials.exchanges import Proof
from turnout_sidecar.credentials.source import TokenSource
from turnout_sidecar.ports.upstream import ConnectFailure, UpstreamRequest

Sign = Callable[[UpstreamRequest], UpstreamRequest]


class LiveSecrets:
    """The secrets of a source as they are when somebody looks."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __iter__(self) -> Iterator[str]:
        return self._source.secrets()

    def __repr__(self) -> str:
        return "LiveSecrets([redacted])"


class BearerSigner:
    """Puts the token into `authorization`."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __call__(self, request: UpstreamRequest) -> UpstreamRequest:
        """The same request with the token of now. Raises ConnectFailure where there is none."""
        proof = proof_of(self._source, request)
        return replace(request, headers=(*request.headers, ("authorization", f"Bearer {proof.secrets[0]}")))


class RotatingSigner:
    """Signs with the keys of now; `make` makes a signer of them."""

    def __init__(self, source: TokenSource, make: Callable[[str, str, str], Sign]) -> None:
        self._source = source
        self._make = make
        self._made: tuple[Proof, Sign] | None = None

    def __call__(self, request: UpstreamRequest) -> UpstreamRequest:
        """The same request, signed. Raises ConnectFailure where there are no keys."""
        proof = proof_of(self._source, request)
        if self._made is None or self._made[0] is not proof:
            identity, secret, token = proof.secrets
            self._made = (proof, self._make(identity, secret, token))
        return self._made[1](request)


def proof_of(source: TokenSource, request: UpstreamRequest) -> Proof:
    """The credentials of now. Raises ConnectFailure."""
    proof = source.current()
    if proof is None:
        raise ConnectFailure(request.target.origin, f"no credentials by the {source.name}")
    return proof
