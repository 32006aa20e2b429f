"""What all kinds share: bounded scalar types, object metadata, and the descriptor from which a CRD is made.

Why here: a bound or a rule that is stated beside the type is stated once; the CRD, the JSON Schema, the reference page and
the standalone checks all read it from here.

Rules: every string, list and map is bounded; an optional field is `UNSET`, never null; objects that need CEL carry it in
`RULES`; descriptions are the public documentation.
"""

from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from turnout_contract import durations

GROUP: Final = "turnout.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
MODEL_CHARACTERS = r"[A-Za-z0-9@][-A-Za-z0-9_.:/@+#~=]*"

_HOST = r"([A-Za-z0-9_]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])"
_PORT = r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_PATH = r"(/[-A-Za-z0-9._~!$&'()*+,;=:@%/]*)?"
_QUERY = r"(\?[-A-Za-z0-9._~!$&'()*+,;=:@%/?]*)?"

ObjectName = Annotated[str, Meta(min_length=1, max_length=253, pattern=DNS_NAME)]
SectionName = Annotated[str, Meta(min_length=1, max_length=63, pattern=DNS_LABEL)]
Word = Annotated[str, Meta(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")]
ModelName = Annotated[str, Meta(min_length=1, max_length=253, pattern=rf"^{MODEL_CHARACTERS}$")]
SecretKey = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$")]
Url = Annotated[str, Meta(min_length=8, max_length=2048, pattern=rf"^https?://{_HOST}{_PORT}{_PATH}$")]
WebUrl = Annotated[str, Meta(min_length=8, max_length=2048, pattern=rf"^https?://{_HOST}{_PORT}{_PATH}{_QUERY}$")]
Duration = Annotated[str, Meta(min_length=2, max_length=28, pattern=durations.PATTERN)]
Usd = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$")]
Ratio = Annotated[str, Meta(min_length=1, max_length=8, pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$")]
Sensitivity = Literal["Public", "Internal", "Confidential", "Restricted"]
Value = Literal["Low", "Normal", "High"]
Tier = Literal["Small", "Mid", "Frontier"]
Capability = Literal["Chat", "Responses", "Embeddings", "Tools", "JSONSchema", "Vision", "Audio", "Reasoning"]

SENSITIVITIES: tuple[Sensitivity, ...] = ("Public", "Internal", "Confidential", "Restricted")
VALUES: tuple[Value, ...] = ("Low", "Normal", "High")


def doc(text: str) -> Meta:
    """A field's public description."""
    return Meta(description=text)


def listing(text: str, *, most: int, least: int = 0, key: str | None = None, **extra: Any) -> Meta:
    """A bounded list: a map by `key` where one is given, else atomic."""
    shape: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
    if key is not None:
        shape = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return Meta(description=text, min_length=least or None, max_length=most, extra_json_schema={**shape, **extra})


def checked(rule: str, message: str) -> Meta:
    """A CEL rule of one value (`self`), with the message that is shown where it does not hold."""
    return Meta(extra_json_schema={"x-kubernetes-validations": [{"rule": rule, "message": message}]})


def longer_than_zero(most: str) -> Meta:
    """The bounds of a duration: above zero, at most `most`."""
    return checked(
        f"duration(self) > duration('0s') && duration(self) <= duration('{most}')",
        f"must be longer than 0s and at most {most}",
    )


def word_set(text: str, *, most: int, least: int = 0) -> Meta:
    """A bounded set of words, in which nothing may stand twice."""
    shape = {"x-kubernetes-list-type": "set"}
    return Meta(description=text, min_length=least or None, max_length=most, extra_json_schema=shape)


class Rule(msgspec.Struct, frozen=True):
    """One CEL rule of an object, with the message that is shown and the field that it is about ("" for the object)."""

    rule: str
    message: str
    path: str = ""


class Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The base of everything below `spec`: immutable, camelCase on the wire."""

    RULES: ClassVar[tuple[Rule, ...]] = ()


class Condition(Part, frozen=True, kw_only=True):
    """One aspect of an object's state, after metav1.Condition."""

    type: Annotated[str, Meta(description="What it is about.", max_length=63, pattern=r"^[A-Z][A-Za-z]*$")]
    status: Annotated[Literal["True", "False", "Unknown"], doc("Whether it holds.")]
    reason: Annotated[str, Meta(description="Why, in one CamelCase word.", max_length=128, pattern=r"^[A-Z][A-Za-z]*$")]
    message: Annotated[str, Meta(description="Why, for people.", max_length=32768)] = ""
    last_transition_time: Annotated[
        str, Meta(description="When the status last changed.", max_length=40, extra_json_schema={"format": "date-time"})
    ]
    observed_generation: (
        Annotated[int, Meta(description="The generation that this is about.", ge=0, le=2**53)] | UnsetType
    ) = UNSET


class Status(Part, frozen=True, kw_only=True):
    """What Turnout says of an object."""

    conditions: Annotated[
        tuple[Condition, ...],
        listing("Accepted, ResolvedRefs, Programmed, and the summaries Ready and Stalled.", most=16, key="type"),
    ] = ()


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The part of metav1.ObjectMeta that Turnout reads. `uid` and `generation` are empty and 0 for files."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Column(msgspec.Struct, frozen=True):
    """A printer column of `kubectl get`."""

    name: str
    json_path: str
    type: str = "string"
    priority: int = 0


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind's names and types: everything that its CRD needs beside the schema."""

    name: str
    plural: str
    short: str
    spec: type[Part]
    status: type[Status] = Status
    columns: tuple[Column, ...] = ()
    summary: str
    rules: tuple[Rule, ...] = ()

    @property
    def singular(self) -> str:
        """The lower-case name."""
        return self.name.lower()

    @property
    def crd_name(self) -> str:
        """The name of the CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"
