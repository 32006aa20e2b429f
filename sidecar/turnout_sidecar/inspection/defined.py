"""What a deny pattern may do in definitions of tools and of answers' shapes: mask what they say, and never what they are called.

A part of a name that is masked is no name any more: the model calls a tool that nobody has, a reference leads nowhere, a server
of tools is asked for at another address. Only a name that a pattern matches from end to end goes out as a placeholder, where the
API takes one for a name, and comes back as it was.

Rules: keys, references, patterns, addresses and lists of names are left as they are, and so is such a name where a tool is called;
nothing in a definition is a reason to refuse a call; a match that only watches is counted wherever it is.
"""

from typing import Any, Final

from turnout_sidecar.bodies.leaves import Leaf, Leaves
from turnout_sidecar.inspection.matches import Match

NAMING: Final = frozenset(
    {
        *("name", "type", "format", "pattern", "required", "dependentRequired"),
        *("$ref", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$schema"),
        *("url", "server_url", "server_label", "connector_id", "allowed_tools", "tool_names"),
        *("allowed_domains", "blocked_domains", "filters", "vector_store_ids", "container"),
    }
)
"""Members of definitions that name something for a machine."""


class Defined:
    """The definitions of one call."""

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves
        self._names: frozenset[str] | None = None

    def placed(self, index: int, match: Match) -> Match | None:
        """A match in its place: as it is, masked where it would refuse, or None where it would break a name."""
        if match.action == "Monitor":
            return match
        leaf = self._leaves.items[index]
        if leaf.part != "definition" and not ((leaf.bare or leaf.key) and leaf.text in self._defined()):
            return match
        whole = match.start == 0 and match.end == len(leaf.text)
        if leaf.key or (not whole if leaf.bare else leaf.part == "definition" and _names(leaf)):
            return None
        return match._replace(action="Mask") if match.action == "Block" else match

    def _defined(self) -> frozenset[str]:
        if self._names is None:
            items = self._leaves.items
            self._names = frozenset(one.text for one in items if one.part == "definition" and (one.bare or one.key))
        return self._names


def _names(leaf: Leaf) -> bool:
    """Whether this, or a list that it is in, is a member that names something."""
    path: Any = leaf.path
    while path is not None:
        path, step = path
        if isinstance(step, str):
            return step in NAMING
    return False
