"""New texts put into the client's own bytes: only the string tokens that change, so that spacing, numbers and order stay.

A parser keeps the last of two members of one name and a provider may read the first; then a string would leave that nobody read. So
the strings of the bytes are counted: as many as were read are all of them, since a member that a parser drops has a name. Where
there are more, the body is written anew from what was read.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from turnout_sidecar.bodies.leaves import Leaves
from turnout_sidecar.bodies.writing import KEY, NUMBER, Change
from turnout_sidecar.wire.json_body import STRING, quotes

_NUMBER: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(-?[0-9][0-9.eE+\-]*+)', re.DOTALL)


def rewrite_raw(raw: bytes, body: dict[str, Any], leaves: Leaves, new: Mapping[int, str]) -> bytes:
    """`raw`, from which `body` was parsed and `leaves` read, with new texts; the very same bytes where nothing is to change."""
    changes = leaves.changes(new)
    if quotes(raw) != 2 * leaves.strings:
        return orjson.dumps(leaves.rewritten(new) if changes else body)
    if not changes:
        return raw
    edited = _edited(raw, changes)
    if any(change.kind == KEY for change in changes):
        rewritten = leaves.rewritten(new)  # a key may have become another's
        if orjson.loads(edited) != rewritten:
            return orjson.dumps(rewritten)
    return edited


def _edited(raw: bytes, changes: list[Change]) -> bytes:
    strings = {change.ordinal: change.text for change in changes if change.kind != NUMBER}
    numbers = {change.ordinal: change.text for change in changes if change.kind == NUMBER}
    left = len(changes)
    parts: list[bytes] = []
    at = string = number = 0
    for found in (_NUMBER if numbers else STRING).finditer(raw):
        if numbers and found[1] is not None:
            text = numbers.get(number)
            number += 1
        else:
            text = strings.get(string)
            string += 1
        if text is None:
            continue
        parts += (raw[at : found.start()], orjson.dumps(text))
        at = found.end()
        left -= 1
        if not left:
            break
    parts.append(raw[at:])
    return b"".join(parts)
