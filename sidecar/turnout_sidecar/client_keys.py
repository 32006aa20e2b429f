"""Which client a key belongs to, without telling anything by the time that it takes.

Keys are looked up by a keyed digest (BLAKE2b under a random key of this process). Whoever tries keys cannot know the digest
of what he sends, so that neither the bucket of the dict nor the first byte that differs tells him anything of a stored
key; the digest that is found is still compared in constant time. Keys themselves are not kept.

Rules: an empty key opens nothing; a key that several clients have opens the first of them (clients are in the order of
their names).
"""

import hmac
import os
from collections.abc import Iterable
from hashlib import blake2b

from turnout_contract.snapshot import model as snap


class KeyRing:
    """The clients' keys, as digests."""

    __slots__ = ("_clients", "_pepper")

    def __init__(self, keys: Iterable[tuple[bytes, snap.Client]]) -> None:
        self._pepper = os.urandom(32)
        self._clients: dict[bytes, tuple[bytes, snap.Client]] = {}
        for key, client in keys:
            if key:
                digest = self._digest(key)
                self._clients.setdefault(digest, (digest, client))

    def __len__(self) -> int:
        return len(self._clients)

    def find(self, key: bytes) -> snap.Client | None:
        """The client that has this key."""
        digest = self._digest(key)
        found = self._clients.get(digest)
        if found is None or not hmac.compare_digest(found[0], digest):
            return None
        return found[1]

    def _digest(self, key: bytes) -> bytes:
        return blake2b(key, key=self._pepper, digest_size=32).digest()
