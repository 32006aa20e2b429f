"""Gemini's signatures of thoughts, marked as its own while a client holds them.

A thought's signature is worth nothing, and often an error, at another provider: behind the mark every writer sees whose it is.
Signatures of tool calls need no mark: only Gemini makes them.
"""

from typing import Final

MARK: Final = "gemini."

SKIP: Final = "skip_thought_signature_validator"
"""What Google documents for calls of tools that Gemini did not make: Gemini 3 takes them without a signature then."""


def marked(signature: str) -> str:
    """As a client is given it."""
    return MARK + signature


def own(signature: str | None) -> str | None:
    """Gemini's own signature out of a marked one; None for anybody else's."""
    return signature[len(MARK) :] if signature is not None and signature.startswith(MARK) else None
