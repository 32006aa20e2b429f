"""What must guard calls and was refused: what it closes until it is mended.

A policy that is left out guards nothing, so one that was never good is handed to the compiler as an operator would hand it on: as
an object that cannot be read. It closes what it attaches to, as far as that can be told, else every route.

Rules: a kind that is misspelled counts as what it resembles; of a file that cannot be read nothing is known but its words: one that
says no such kind closes nothing.
"""

import difflib
import re
from typing import Any, Final

from turnout_contract.api.meta import API_VERSION
from turnout_contract.api.registry import KINDS
from turnout_operator.compile import Broken

CLOSING: Final = ("Budget", "GuardrailPolicy")
_GROUP: Final = API_VERSION.partition("/")[0]
_LIKE: Final = 0.8
_COMMENT: Final = re.compile(r"(?m)^\s*#.*$|\s#\s.*$")
_NAMED: Final = re.compile(rf"\bkind\b[^\n]*?\b({'|'.join(CLOSING)})\b")
_KIND: Final = re.compile(r"""\bkind["']?\s*:\s*["']?(\w+)""")


def meant(document: dict[str, Any]) -> str:
    """The kind of an object; for one of no kind of ours, but of our group, the kind that it resembles."""
    kind = str(document["kind"])
    ours = str(document.get("apiVersion", "")).partition("/")[0] == _GROUP
    return kind if kind in KINDS or not ours else _resembled(kind) or kind


def refused(kind: str, name: str, document: dict[str, Any], why: str) -> Broken:
    """A document as an object that cannot be read."""
    return Broken(kind=kind, name=name, uid="", generation=0, message=why, spec=document.get("spec"))


def unread(file: str, data: bytes, why: str) -> Broken | None:
    """What a file that cannot be read closes; None: it says nothing of what guards calls."""
    text = _COMMENT.sub("", data.decode("utf-8", "replace").replace("\0", ""))
    kinds = _KIND.findall(text)
    named = {*_NAMED.findall(text), *(resembled for kind in kinds if (resembled := _resembled(kind)) in CLOSING)}
    if not named and (kinds or _GROUP not in text):
        return None
    kind = "Budget" if named == {"Budget"} else "GuardrailPolicy"
    return Broken(kind=kind, name=file, uid="", generation=0, message=why)


def _resembled(kind: str) -> str | None:
    by_small = {name.lower(): name for name in KINDS}
    found = difflib.get_close_matches(kind.lower(), by_small, n=1, cutoff=_LIKE)
    return by_small[found[0]] if found else None
