"""Where secrets' values come from: mounted files in a cluster, manifests in the standalone mode.

Rules: values live in memory only and are never part of a message, a log, a span, a metric or a snapshot; `Secret` prints as
[redacted].
"""

from collections.abc import Callable
from typing import Protocol

from turnout_contract.snapshot.model import SecretFile


class Secret:
    """A secret value that does not show itself."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes, stripped of white space around them (files often end in a newline)."""
        return self._value.strip()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "[redacted]"


class Secrets(Protocol):
    """The secrets that this gateway can read now."""

    def read(self, file: SecretFile) -> Secret | None:
        """The value, or None where it is not there."""
        ...

    def mounted(self) -> tuple[str, ...]:
        """The names of the Secrets that are mounted, sorted (an absent optional one is an empty folder)."""
        ...

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call back, in the event loop, whenever a value has changed, come or gone (within 5 s)."""
        ...


class HeldSecrets:
    """Secrets that are given: by the manifests of the standalone mode, or by a test."""

    def __init__(self, values: dict[str, dict[str, bytes]] | None = None) -> None:
        self._values = values or {}
        self._callbacks: list[Callable[[], None]] = []

    def read(self, file: SecretFile) -> Secret | None:
        """The value, or None."""
        value = self._values.get(file.name, {}).get(file.key)
        return None if value is None else Secret(value)

    def mounted(self) -> tuple[str, ...]:
        """All names."""
        return tuple(sorted(self._values))

    def known(self) -> tuple[Secret, ...]:
        """Every value held now, for taking them out of what is logged."""
        return tuple(Secret(value) for keys in self._values.values() for value in keys.values())

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Remember whom to call."""
        self._callbacks.append(changed)

    def replace(self, values: dict[str, dict[str, bytes]]) -> None:
        """Put other values in and tell everybody."""
        self._values = values
        for call in self._callbacks:
            call()


FakeSecrets = HeldSecrets
"""The fake beside the real adapter is the held one."""
