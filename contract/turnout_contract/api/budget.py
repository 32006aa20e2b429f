"""Budget: who may spend how much in which window, and what happens on the way there.

Budgets add up: the strictest wins. Whoever tries one out sets its mode to Shadow and leaves the rest as it will be.

Rules: exactly one of dollars and tokens; dollars are decimal strings; every part of the selector that is present must match.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.guardrail import FailureMode, LabelSelector
from turnout_contract.api.meta import (
    Column,
    Kind,
    ObjectName,
    Part,
    Rule,
    Tier,
    Usd,
    WebUrl,
    Word,
    doc,
    listing,
    word_set,
)
from turnout_contract.api.references import SecretRef

UserName = Annotated[str, Meta(min_length=1, max_length=256)]


class BudgetSelector(Part, frozen=True, kw_only=True):
    """Whose calls count: each part that is present must match; empty: everyone in the namespace."""

    teams: Annotated[tuple[Word, ...], word_set("Any of these teams.", most=64)] = ()
    use_cases: Annotated[tuple[Word, ...], word_set("Any of these use cases.", most=64)] = ()
    users: Annotated[tuple[UserName, ...], word_set("Any of these users.", most=256)] = ()
    routes: Annotated[tuple[ObjectName, ...], word_set("Any of these routes.", most=64)] = ()


class Window(Part, frozen=True, kw_only=True):
    """A calendar window."""

    per: Annotated[Literal["Hour", "Day", "Week", "Month"], doc("How long it is.")]
    time_zone: Annotated[
        str, Meta(description="An IANA time zone.", min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")
    ] = "UTC"


class Limit(Part, frozen=True, kw_only=True):
    """How much: exactly one."""

    RULES = (Rule("has(self.usd) != has(self.tokens)", "exactly one of usd and tokens must be given"),)

    usd: Annotated[Usd | UnsetType, doc("Dollars.")] = UNSET
    tokens: Annotated[int, Meta(description="Tokens, input and output together.", ge=1, le=10**15)] | UnsetType = UNSET


class Reach(Part, frozen=True, kw_only=True):
    """What happens at a share of the limit."""

    RULES = (
        Rule(
            "self.action == 'Downgrade' ? has(self.tier) : !has(self.tier)",
            "tier goes with Downgrade, which needs it",
            ".tier",
        ),
    )

    percent: Annotated[int, Meta(description="Share of the limit.", ge=1, le=100)]
    action: Annotated[Literal["Warn", "Downgrade", "Deny"], doc("What happens.")]
    tier: Annotated[Tier | UnsetType, doc("The highest tier that is left, under Downgrade.")] = UNSET


class Webhook(Part, frozen=True, kw_only=True):
    """Who is told."""

    url: Annotated[WebUrl, doc("Where to.")]
    secret_ref: Annotated[SecretRef | UnsetType, doc("The key of the signature (HMAC).")] = UNSET


class BudgetSpec(Part, frozen=True, kw_only=True):
    """Who, how much, in which window."""

    RULES = (
        Rule(
            "!has(self.onReach) || self.onReach.all(r, self.onReach.exists_one(s, s.percent == r.percent))",
            "the percents of onReach must be unique",
            ".onReach",
        ),
        Rule(
            "!has(self.namespaceSelector) || !has(self.selector) || !has(self.selector.routes)"
            " || size(self.selector.routes) == 0",
            "a budget of the whole organisation cannot name routes, which are a namespace's own",
            ".selector",
        ),
    )

    selector: Annotated[BudgetSelector | UnsetType, doc("Whose calls count; absent: everyone's.")] = UNSET
    namespace_selector: Annotated[
        LabelSelector | UnsetType, doc("For the whole organisation: only in the operator's own namespace.")
    ] = UNSET
    window: Annotated[Window, doc("In which window.")]
    limit: Annotated[Limit, doc("How much.")]
    mode: Annotated[
        Literal["Hard", "Soft", "Shadow"],
        doc("Hard denies at 100 percent; Soft never denies, Deny warns; Shadow only counts."),
    ] = "Hard"
    failure_mode: Annotated[FailureMode, doc("When no allotment can be had: deny, or let through and count.")] = (
        "FailClosed"
    )
    on_reach: Annotated[tuple[Reach, ...], listing("In order of percent.", most=8)] = ()
    webhook: Annotated[Webhook | UnsetType, doc("Who is told.")] = UNSET


KIND = Kind(
    name="Budget",
    plural="budgets",
    short="bud",
    spec=BudgetSpec,
    columns=(Column("Mode", ".spec.mode"), Column("Per", ".spec.window.per"), Column("USD", ".spec.limit.usd")),
    summary="Who may spend how much in which window, and what happens at 80, 90 and 100 percent.",
)
