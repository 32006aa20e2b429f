"""Where cached answers are kept, as the cache stage sees it.

A store is a set of entries, each in one partition (namespace, route, scope): the hard wall between tenants. Rules:
- an adapter builds the partition filter in one place, and what it reads is checked again by
  `adapters.stored_entry.Reader`: an entry of another partition, another context or past its time is never returned;
- a written entry can be read within a second;
- whatever goes wrong is `StoreUnavailable`, and nothing else: a cache may be missing, it may never break a call;
- scores are cosine similarities in [-1, 1].
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import quote, unquote

import msgspec

if TYPE_CHECKING:  # the engine's child process reads this module too and must stay small
    import numpy as np

Trouble = Literal["timeout", "open", "busy", "credentials", "failed"]


class StoreUnavailable(Exception):  # noqa: N818  says what happened
    """The store cannot be asked now; the call goes on without a cache. `why` has few values, fit for a metric label."""

    def __init__(self, why: Trouble, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why: Trouble = why


def namespace_scope() -> str:
    """All of the namespace share answers."""
    return "namespace"


def team_scope(team: str) -> str:
    """The callers of one team share answers."""
    return f"team:{_escape(team)}"


def user_scope(team: str, user: str) -> str:
    """A user of a team has answers of its own; ("a/b", "c") and ("a", "b/c") differ."""
    return f"user:{_escape(team)}/{_escape(user)}"


class Partition(msgspec.Struct, frozen=True):
    """Who may share answers. `scope` comes from one of the three functions above."""

    namespace: str
    route: str
    scope: str

    @property
    def key(self) -> str:
        """One canonical ASCII string; different partitions have different keys."""
        return _key_of(self.namespace, self.route, self.scope)

    @classmethod
    def parse(cls, key: str) -> Partition | None:
        """The partition with this key, or None where it is no key."""
        parts = key.split("/")
        if len(parts) != 3:  # noqa: PLR2004  namespace, route, scope
            return None
        namespace, route, scope = (unquote(part, errors="surrogatepass") for part in parts)
        found = cls(namespace, route, scope)
        return found if found.key == key else None


@functools.lru_cache(maxsize=4096)
def _key_of(namespace: str, route: str, scope: str) -> str:
    return f"{_escape(namespace)}/{_escape(route)}/{_escape(scope)}"


@functools.lru_cache(maxsize=4096)
def _escape(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


_VARIANTS = "89ab"


@functools.lru_cache(maxsize=1024)  # a call that misses asks for it twice
def entry_id(partition: str, exact_key: str) -> str:
    """The one id that an entry of this partition key and exact key has, so that writing it twice replaces it."""
    digits = hashlib.sha256(f"{len(partition)}:{partition}{exact_key}".encode()).hexdigest()
    variant = _VARIANTS[int(digits[16], 16) & 3]  # a UUID of version 5; its class takes five times as long
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


class Entry(msgspec.Struct, frozen=True):
    """What is stored. `answer` is opaque to the store; times are Unix seconds."""

    id: str
    """`entry_id(partition, exact_key)`."""
    partition: str
    """`Partition.key`."""
    exact_key: str
    """Hex SHA-256 of everything that can change the answer."""
    context_key: str
    """Hex SHA-256 of all of that but the last question of the user: semantic candidates agree on it."""
    question: str
    """The text that was compared."""
    answer: bytes
    expires_at: float
    created_at: float


class Candidate(msgspec.Struct, frozen=True):
    """An entry whose question is near, and how near (cosine)."""

    entry: Entry
    score: float


Write = tuple[Entry, "np.ndarray | None"]
"""An entry to keep, and its vector where it has one."""


class CacheStore(Protocol):
    """Look up and keep. Every method raises StoreUnavailable, and nothing else."""

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        """The live entry with this very key, or None."""
        ...

    async def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> list[Candidate]:
        """At most `limit` live entries of the partition and context that have a vector, nearest first."""
        ...

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        """Keep it, in place of one with the same id. Without a vector it is found by `get` only."""
        ...


EntryLimit = Callable[[str], int | None]
"""How many entries a partition (by its key) may hold; None: leave it alone; 0: it is not wanted any more."""


class Backing(Protocol):
    """What a store offers to the guard in front of it. Raises StoreUnavailable, and nothing else."""

    def lacks(self, partition: str, exact_key: str) -> bool:
        """Whether it is certain, without asking anybody, that `get` would find nothing. False where that is not known."""
        ...

    async def put_all(self, writes: Sequence[Write]) -> int:
        """Keep them as so many `put`s would, the last first where two have one id; how many were kept.

        What cannot be kept, such as a vector of another length, is left out and does not harm the others.
        """
        ...


class StoreAdmin(Protocol):
    """The housekeeping of a store."""

    async def delete_partition(self, partition: str) -> int:
        """Remove all its entries; how many there were."""
        ...

    async def sweep(self, now: float, max_entries: EntryLimit) -> int:
        """Remove expired entries, then the oldest of partitions over their limit; how many.

        One call does a bounded amount of work; what is left over is for the next.
        """
        ...

    async def close(self) -> None:
        """Let go of connections, processes and files. The store is not used afterwards."""
        ...
