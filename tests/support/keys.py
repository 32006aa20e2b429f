"""Secrets of a test session, which must turn up nowhere but where they are needed."""

import base64
import secrets


class Keys:
    """A key for each client and provider; no two sessions have the same."""

    def __init__(self) -> None:
        self.app, self.other, self.narrow, self.alpha, self.wrong = (
            f"canary-{name}-{secrets.token_hex(12)}" for name in ("app", "other", "narrow", "alpha", "wrong")
        )

    @property
    def all(self) -> tuple[str, ...]:
        """Each of them."""
        return (self.app, self.other, self.narrow, self.alpha, self.wrong)

    def found_in(self, data: bytes) -> list[str]:
        """Which of them are in there: as they are, or in base64."""
        found = [key for key in self.all if key.encode() in data]
        return found + [key for key in self.all if base64.b64encode(key.encode())[:24] in data]
