"""What the informer hands over: one event of one object, as plain data.

It stands apart so that whoever takes events need not know what watches.
"""

from typing import Any, Literal

import msgspec

NAMESPACE = "Namespace"
DEFINITION = "CustomResourceDefinition"


class Event(msgspec.Struct, frozen=True):
    """`type` None: the object was listed, and may have been known before."""

    kind: str
    type: Literal["ADDED", "MODIFIED", "DELETED"] | None
    object: dict[str, Any]
