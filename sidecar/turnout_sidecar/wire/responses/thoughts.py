"""Thoughts and what signs them, in the one place that this API has for it: `encrypted_content` of a reasoning item.

Two ways, and they must not be mixed up. An application that asks in this API is given another provider's signature *sealed*: told
apart by its prefix, it goes back to that provider unchanged. A backend that speaks this API gives content that is encrypted for
it alone; that becomes a signature, *packed* together with the item's id, since clients of other APIs return only the signature.
Rules: what carries no prefix of ours was not made here and is nobody's signature.
"""

from turnout_sidecar.wire.canonical import Thinking

_SIGNED = "turnout:signature:"
_HIDDEN = "turnout:redacted:"
OF_RESPONSES = "responses:"
SEALED = (_SIGNED, _HIDDEN)
"""How the content begins that an application is given of another provider's thought."""


def seal(thought: Thinking) -> str | None:
    """`encrypted_content` for an application: the thought's signature or what hides it; None where there is neither."""
    if thought.redacted is not None:
        return _HIDDEN + thought.redacted
    return None if thought.signature is None else _SIGNED + thought.signature


def unseal(content: str | None) -> tuple[str | None, str | None]:
    """(signature, redacted) of `encrypted_content` that an application sends back; (None, None): it was not sealed here."""
    if content is not None and content.startswith(_SIGNED):
        return content[len(_SIGNED) :], None
    if content is not None and content.startswith(_HIDDEN):
        return None, content[len(_HIDDEN) :]
    return None, None


def pack(item: str, encrypted: str) -> str:
    """A signature out of a backend's reasoning item."""
    return f"{OF_RESPONSES}{item}:{encrypted}"


def unpack(thought: Thinking) -> tuple[str, str] | None:
    """(id of the item, encrypted content) to give back to a backend; None: no backend of this API made this thought."""
    said = thought.redacted if thought.signature is None else thought.signature
    if said is None or not said.startswith(OF_RESPONSES):
        return None
    item, mark, encrypted = said[len(OF_RESPONSES) :].partition(":")
    return (item, encrypted) if mark else None


def thought_of(words: str, item: str | None, encrypted: str | None) -> Thinking:
    """A backend's reasoning item: with words they are signed, without them it is a hidden thought."""
    packed = None if encrypted is None else pack(item or "", encrypted)
    if words or packed is None:
        return Thinking(text=words, signature=packed, item=item)
    return Thinking(redacted=packed, item=item)
