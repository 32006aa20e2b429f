"""PromptTemplate: named messages with typed variables, in versions, of which one is active or several share the calls.

The versions are all here, so that going back is an edit of one word and an experiment an edit of two weights.

Rules: exactly one of `active` and `split`, and both name versions that exist; the schema of the variables is free in form, and
so it is the compiler that checks its size and what it refers to.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.meta import Column, Kind, Part, Ratio, Rule, Word, doc, listing

Temperature = Annotated[str, Meta(min_length=1, max_length=8, pattern=r"^(0|1)(\.[0-9]{1,4})?$|^2(\.0{1,4})?$")]


class PromptMessage(Part, frozen=True, kw_only=True):
    """One message; its content is a template."""

    role: Annotated[Literal["system", "developer", "user", "assistant"], doc("Who says it.")]
    content: Annotated[str, Meta(description="Text with {{ variables }}.", min_length=1, max_length=65536)]


class PromptParameters(Part, frozen=True, kw_only=True):
    """Parameters that are used where the call gives none."""

    temperature: Annotated[Temperature | UnsetType, doc("Sampling temperature, 0 to 2.")] = UNSET
    top_p: Annotated[Ratio | UnsetType, doc("Nucleus sampling, 0 to 1.")] = UNSET
    max_tokens: Annotated[int, Meta(description="Most tokens of the answer.", ge=1, le=10_000_000)] | UnsetType = UNSET


class PromptVersion(Part, frozen=True, kw_only=True):
    """One version of the messages."""

    name: Annotated[Word, doc("Its name.")]
    messages: Annotated[
        tuple[PromptMessage, ...], listing("In order; the call's own come after them.", most=32, least=1)
    ]
    parameters: Annotated[PromptParameters | UnsetType, doc("Used where the call gives none.")] = UNSET


class PromptShare(Part, frozen=True, kw_only=True):
    """A version's share of the calls."""

    version: Annotated[Word, doc("The version.")]
    weight: Annotated[int, Meta(description="Its share.", ge=0, le=1_000_000)] = 1


class PromptTemplateSpec(Part, frozen=True, kw_only=True):
    """Messages in versions."""

    RULES = (
        Rule(
            "(has(self.active) ? 1 : 0) + (has(self.split) && size(self.split) > 0 ? 1 : 0) == 1",
            "exactly one of active and split must be given",
        ),
        Rule(
            "!has(self.active) || self.versions.exists(v, v.name == self.active)",
            "active must name one of the versions",
            ".active",
        ),
        Rule(
            "!has(self.split) || self.split.all(s, self.versions.exists(v, v.name == s.version))",
            "every split must name one of the versions",
            ".split",
        ),
        Rule(
            "!has(self.split) || size(self.split) == 0 || self.split.exists(s, !has(s.weight) || s.weight > 0)",
            "at least one split needs a weight above 0",
            ".split",
        ),
    )

    variables: (
        Annotated[
            dict[str, Any],
            Meta(
                description="JSON Schema (2020-12) of what a call must give; no $ref to the outside.",
                extra_json_schema={"x-kubernetes-preserve-unknown-fields": True},
            ),
        ]
        | UnsetType
    ) = UNSET
    active: Annotated[Word | UnsetType, doc("The version in use.")] = UNSET
    split: Annotated[tuple[PromptShare, ...], listing("Versions that share the calls.", most=16, key="version")] = ()
    versions: Annotated[tuple[PromptVersion, ...], listing("All versions.", most=32, least=1, key="name")]


KIND = Kind(
    name="PromptTemplate",
    plural="prompttemplates",
    short="pt",
    spec=PromptTemplateSpec,
    columns=(Column("Active", ".spec.active"),),
    summary="Named messages with typed variables; versions, an active version or a split.",
)
