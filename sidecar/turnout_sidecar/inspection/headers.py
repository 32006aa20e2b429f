"""Headers of a caller's that go on to a provider: looked at as the body is.

They say which features of an API are wanted, or where a call stands in a trace. What is found in one has no business there, and a
placeholder would be no feature either, so that a header in which something must be masked is left out whole.

Rules: what blocks in the body blocks in a header that asks for features; the state of a trace is written by others on the way,
so that it is left out and never a reason to refuse or reroute a call; a guard that only watches leaves out nothing; what has the
shape of a feature's name is looked for in patterns of one's own alone, since long names with dates read like keys.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.header_lines import FORWARDED, joined
from turnout_sidecar.inspection.matches import Match
from turnout_sidecar.inspection.repeated import SHORTEST

_TRACE: Final = "tracestate"
_FEATURE: Final = re.compile(
    r"(?<![^,\s])(?P<words>[a-z]{2,24}(?:[-_](?:[a-z]{1,24}|v?\d{1,3}[a-z]{0,2})(?![^-_,=\s])){0,8})"
    r"(?:[-_]20\d\d(?P<sign>-?)[01]\d(?P=sign)[0-3]\d|=(?:v\d{1,2}|experimental))?(?![^,\s])"
)
"""`context-1m-2025-08-07`, `assistants=v2`: words, short versions, and a date at the end."""
_MOST_VERSIONS: Final = 2
_VERSION: Final = re.compile(r"[-_]v?\d")


def passed_on(exchange: Exchange) -> dict[str, str]:
    """The texts of those that are there, by name."""
    found = {}
    for name in (*FORWARDED[exchange.endpoint.format], _TRACE):
        text = joined(exchange.headers, name)
        if text:
            found[name] = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return found


def other_than_features(name: str, text: str) -> str:
    """The text with blanks in the place of features that it names."""

    def blank(match: re.Match[str]) -> str:
        return match[0] if len(_VERSION.findall(match["words"])) > _MOST_VERSIONS else " " * len(match[0])

    return text if name == _TRACE else _FEATURE.sub(blank, text)


def as_header(name: str, matches: Iterable[Match]) -> Iterator[Match]:
    """What was found in this header, with what may be done about it there."""
    for match in matches:
        acts = match.reroute or match.action != "Monitor"
        yield match._replace(action="Mask", reroute=False) if name == _TRACE and acts else match


def withheld(headers: Mapping[str, str], found: Mapping[str, Sequence[Match]], values: Iterable[str]) -> frozenset[str]:
    """The names of those that must not go on. `values`: what was masked in the body."""
    known = [value for value in values if len(value) >= SHORTEST]
    return frozenset(
        name
        for name, text in headers.items()
        if any(match.action == "Mask" for match in found.get(name, ())) or any(value in text for value in known)
    )
