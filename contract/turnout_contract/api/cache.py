"""CachePolicy: which answers may be kept and served again, to whom, and with what promised error rate.

The most specific policy wins: one for a rule before one for its route before the namespace's default; then the oldest.

Rules: without a policy nothing is cached; what is said for mode Semantic may stay while the mode is another.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.meta import Column, Duration, Kind, Part, Ratio, Rule, doc, listing, longer_than_zero
from turnout_contract.api.prompt import Temperature
from turnout_contract.api.references import ModelRef, TargetRef


class BuiltinEmbedder(Part, frozen=True, kw_only=True):
    """The embedder that ships with the gateway (all-MiniLM-L6-v2, 384 dimensions)."""


class EndpointEmbedder(Part, frozen=True, kw_only=True):
    """A model of the namespace."""

    backend_ref: Annotated[ModelRef, doc("A model with the capability Embeddings.")]


class Embedder(Part, frozen=True, kw_only=True):
    """What turns questions into vectors: one; empty: the gateway's own."""

    RULES = (Rule("!has(self.builtin) || !has(self.endpoint)", "at most one of builtin and endpoint may be given"),)

    builtin: Annotated[BuiltinEmbedder | UnsetType, doc("The gateway's own.")] = UNSET
    endpoint: Annotated[EndpointEmbedder | UnsetType, doc("A model of the namespace.")] = UNSET


class Verification(Part, frozen=True, kw_only=True):
    """How the promise is measured while it is kept."""

    sample_rate: Annotated[Ratio, doc("Share of hits that are checked.")]
    judge_ref: Annotated[ModelRef | UnsetType, doc("The model that says whether two answers say the same.")] = UNSET


class Semantic(Part, frozen=True, kw_only=True):
    """When another question's answer may be served."""

    max_error_rate: Annotated[Ratio, doc("Wrong answers among the answers that the cache serves.")] = "0.01"
    confidence: Annotated[Ratio, doc("How sure that bound must be.")] = "0.95"
    max_temperature: Annotated[Temperature, doc("A call above it is not served semantically.")] = "0"
    embedder: Annotated[Embedder | UnsetType, doc("Absent: the gateway's own.")] = UNSET
    verification: Annotated[Verification | UnsetType, doc("How the promise is measured.")] = UNSET


class CachePolicySpec(Part, frozen=True, kw_only=True):
    """Which answers may be served again."""

    target_refs: Annotated[
        tuple[TargetRef, ...], listing("What it is for; absent or empty: the namespace's default.", most=16)
    ] = ()
    mode: Annotated[
        Literal["Exact", "Semantic", "Off"],
        doc("Semantic looks for the exact question first. Quote Off, which YAML takes for false."),
    ] = "Exact"
    ttl: Annotated[Duration, doc("How long an answer may be served."), longer_than_zero("8784h")] = "24h"
    scope: Annotated[Literal["Namespace", "Team", "User"], doc("Who shares answers; no user under User: bypass.")] = (
        "Team"
    )
    semantic: Annotated[Semantic | UnsetType, doc("For mode Semantic; without effect in the others.")] = UNSET
    max_entries: Annotated[int, Meta(description="Most answers kept for a partition.", ge=1, le=100_000_000)] = 100_000


KIND = Kind(
    name="CachePolicy",
    plural="cachepolicies",
    short="cp",
    spec=CachePolicySpec,
    columns=(Column("Mode", ".spec.mode"), Column("Scope", ".spec.scope"), Column("TTL", ".spec.ttl")),
    summary="Exact or semantic cache, scope, ttl, promised error rate.",
)
