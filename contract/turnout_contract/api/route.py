"""ModelRoute: the model name that applications ask for, and the rules that choose which model answers.

Rules: of its rules the first that matches is used, and their names are unique; what goes with one strategy only is refused with
another; `on` is a key that YAML 1.1 reads as true, so kubectl's spelling of it is taken as well.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.meta import (
    MODEL_CHARACTERS,
    Capability,
    Column,
    Duration,
    Kind,
    Part,
    Ratio,
    Rule,
    SectionName,
    Sensitivity,
    Value,
    Word,
    doc,
    listing,
    longer_than_zero,
    word_set,
)
from turnout_contract.api.references import BackendRef, LocalRef, ModelRef

AskedName = Annotated[str, Meta(min_length=1, max_length=253, pattern=rf"^{MODEL_CHARACTERS}\*?$")]
Strategy = Literal["Weighted", "Failover", "Cheapest", "LowestLatency", "Cascade", "FanOut", "Chain"]
Task = Literal[
    "Reasoning",
    "Maths",
    "Coding",
    "Extraction",
    "Classification",
    "Summarization",
    "Translation",
    "Writing",
    "Question",
]
RetryOn = Literal["ConnectFailure", "RateLimited", "ServerError", "FirstTokenTimeout"]


class UseCase(Part, frozen=True, kw_only=True):
    """What the calls of a route are for."""

    name: Annotated[Word, doc("The use case that calls are counted under.")]
    outcome: Annotated[Word | UnsetType, doc("The kind of business outcome that they serve.")] = UNSET
    value: Annotated[Value, doc("How much a good answer is worth.")] = "Normal"


class HeaderMatch(Part, frozen=True, kw_only=True):
    """A header of the call, compared exactly; its name whatever its case."""

    name: Annotated[
        str, Meta(description="Its name.", min_length=1, max_length=128, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    ]
    value: Annotated[str, Meta(description="Its whole value.", min_length=1, max_length=1024)]


class AtLeastRatio(Part, frozen=True, kw_only=True):
    """A lower bound between 0 and 1."""

    at_least: Annotated[Ratio, doc("From here on, 0 to 1.")]


class AtLeastSensitivity(Part, frozen=True, kw_only=True):
    """A lower bound of sensitivity."""

    at_least: Annotated[Sensitivity, doc("From here on: Public < Internal < Confidential < Restricted.")]


class AtLeastValue(Part, frozen=True, kw_only=True):
    """A lower bound of value."""

    at_least: Annotated[Value, doc("From here on: Low < Normal < High.")]


class Match(Part, frozen=True, kw_only=True):
    """All of its parts must hold."""

    RULES = (
        Rule(
            "has(self.models) && size(self.models) > 0 || has(self.headers) && size(self.headers) > 0"
            " || has(self.complexity) || has(self.sensitivity) || has(self.value)"
            " || has(self.tasks) && size(self.tasks) > 0",
            "a match needs at least one part",
        ),
    )

    models: Annotated[tuple[AskedName, ...], word_set("The name asked for: exact, or a prefix with *.", most=32)] = ()
    headers: Annotated[tuple[HeaderMatch, ...], listing("Headers, all of them, exact.", most=16, key="name")] = ()
    complexity: Annotated[AtLeastRatio | UnsetType, doc("How hard the call is.")] = UNSET
    sensitivity: Annotated[AtLeastSensitivity | UnsetType, doc("How sensitive the call is.")] = UNSET
    value: Annotated[AtLeastValue | UnsetType, doc("How much a good answer is worth.")] = UNSET
    tasks: Annotated[tuple[Task, ...], word_set("What the call asks for: any of these.", most=9)] = ()


class Requires(Part, frozen=True, kw_only=True):
    """What a model must have, beside what the call itself needs."""

    capabilities: Annotated[tuple[Capability, ...], word_set("All of these.", most=8)] = ()
    residency: Annotated[tuple[Word, ...], word_set("Any of these.", most=16)] = ()


class Cascade(Part, frozen=True, kw_only=True):
    """Ask the cheapest first and go on while the answer is not sure enough."""

    RULES = (Rule("self.confidence != 'Judge' || has(self.judgeRef)", "confidence Judge needs judgeRef", ".judgeRef"),)

    min_confidence: Annotated[Ratio, doc("An answer below it goes on to the next model.")]
    confidence: Annotated[Literal["Logprobs", "Judge", "SelfConsistency"], doc("How sure an answer is.")]
    judge_ref: Annotated[ModelRef | UnsetType, doc("The model that judges.")] = UNSET
    on_exhausted: Annotated[Literal["Answer", "HumanReview", "Fail"], doc("What to do at the end.")] = "Answer"
    review_mode: Annotated[Literal["Flag", "Hold"], doc("Answer and flag, or hold back.")] = "Flag"


class FanOut(Part, frozen=True, kw_only=True):
    """Ask all models and make one answer of theirs."""

    RULES = (
        Rule(
            "!(self.aggregate in ['Judge', 'Merge']) || has(self.judgeRef)",
            "aggregate Judge and Merge need judgeRef",
            ".judgeRef",
        ),
    )

    aggregate: Annotated[Literal["First", "Majority", "Judge", "Merge"], doc("How one answer is made.")]
    judge_ref: Annotated[ModelRef | UnsetType, doc("The model that judges or merges.")] = UNSET


class ChainStep(Part, frozen=True, kw_only=True):
    """One call of a chain."""

    name: Annotated[SectionName, doc("Its name; later steps see its answer as {{ steps.NAME }}.")]
    prompt_template_ref: Annotated[LocalRef, doc("Its prompt.")]
    backend_refs: Annotated[tuple[BackendRef, ...], listing("Its models; absent: the rule's.", most=16)] = ()


class Chain(Part, frozen=True, kw_only=True):
    """Several calls, one after another; the last is the answer."""

    RULES = (
        Rule(
            "self.steps.all(s, self.steps.exists_one(t, t.name == s.name))",
            "the names of steps must be unique",
            ".steps",
        ),
    )

    steps: Annotated[tuple[ChainStep, ...], listing("In order.", most=8, least=1)]


class Mirror(Part, frozen=True, kw_only=True):
    """A copy of some calls to another model, whose answer nobody sees."""

    backend_ref: Annotated[ModelRef, doc("Where the copies go.")]
    percent: Annotated[int, Meta(description="Share of the calls.", ge=0, le=100)]


class RouteRule(Part, frozen=True, kw_only=True):
    """Which calls, and how their model is chosen."""

    RULES = (
        Rule(
            "self.strategy == 'Cascade' ? has(self.cascade) : !has(self.cascade)",
            "cascade goes with strategy Cascade, which needs it",
            ".cascade",
        ),
        Rule(
            "self.strategy == 'FanOut' ? has(self.fanOut) : !has(self.fanOut)",
            "fanOut goes with strategy FanOut, which needs it",
            ".fanOut",
        ),
        Rule(
            "self.strategy == 'Chain' ? has(self.chain) : !has(self.chain)",
            "chain goes with strategy Chain, which needs it",
            ".chain",
        ),
        Rule(
            "self.backendRefs.all(b, self.backendRefs.exists_one(c, c.name == b.name && c.model == b.model))",
            "a model may stand only once among the backendRefs of a rule",
            ".backendRefs",
        ),
        Rule(
            "self.strategy != 'Weighted' || self.backendRefs.exists(b, !has(b.weight) || b.weight > 0)",
            "under Weighted at least one backendRef needs a weight above 0",
            ".backendRefs",
        ),
    )

    name: Annotated[SectionName, doc("Its name, unique in the route.")]
    matches: Annotated[tuple[Match, ...], listing("Any of these; absent: every call.", most=16)] = ()
    requires: Annotated[Requires | UnsetType, doc("What a model must have.")] = UNSET
    strategy: Annotated[Strategy, doc("How one is chosen.")] = "Weighted"
    backend_refs: Annotated[tuple[BackendRef, ...], listing("The models.", most=16, least=1)]
    cascade: Annotated[Cascade | UnsetType, doc("For strategy Cascade.")] = UNSET
    fan_out: Annotated[FanOut | UnsetType, doc("For strategy FanOut.")] = UNSET
    chain: Annotated[Chain | UnsetType, doc("For strategy Chain.")] = UNSET
    mirror: Annotated[tuple[Mirror, ...], listing("Copies of calls to other models.", most=4)] = ()


class Retry(Part, frozen=True, kw_only=True):
    """When a failed attempt is made again on the same backend."""

    attempts: Annotated[int, Meta(description="Retries after the first attempt.", ge=0, le=10)] = 2
    budget_percent: Annotated[
        int, Meta(description="Most retries, as a share of recent calls to that upstream.", ge=0, le=100)
    ] = 10
    on: Annotated[tuple[RetryOn, ...], word_set("After which failures; quote this key in YAML.", most=4)] = (
        "ConnectFailure",
        "RateLimited",
        "ServerError",
        "FirstTokenTimeout",
    )
    kubectl_on: Annotated[
        tuple[RetryOn, ...],
        word_set("`on`, as kubectl sends it when its key is not quoted (YAML 1.1 reads it as true); wins.", most=4),
    ] = msgspec.field(default=(), name="true")

    @property
    def failures(self) -> tuple[RetryOn, ...]:
        """The failures after which to try again, whichever way `on` was written."""
        return self.kubectl_on or self.on or Retry().on


class Timeouts(Part, frozen=True, kw_only=True):
    """How long a call may take."""

    request: Annotated[
        Duration, doc("The whole of a unary call; for a stream, the time to its first byte."), longer_than_zero("24h")
    ] = "60s"
    first_token: Annotated[
        Duration, doc("The time to the first token of one attempt of a stream."), longer_than_zero("24h")
    ] = "10s"
    stream_idle: Annotated[Duration, doc("The longest silence within a stream."), longer_than_zero("24h")] = "20s"


class ModelRouteSpec(Part, frozen=True, kw_only=True):
    """A model name and its rules."""

    RULES = (
        Rule(
            "self.rules.all(r, self.rules.exists_one(s, s.name == r.name))",
            "the names of rules must be unique",
            ".rules",
        ),
    )

    models: Annotated[
        tuple[AskedName, ...],
        word_set("What applications ask for: exact, or a prefix with *; absent: the object's name.", most=32),
    ] = ()
    visibility: Annotated[
        Literal["Public", "Internal"], doc("Internal: only other routes' chains and judges may use it.")
    ] = "Public"
    sensitivity: Annotated[Sensitivity, doc("The least that each call counts as.")] = "Internal"
    use_case: Annotated[UseCase | UnsetType, doc("What the calls are for.")] = UNSET
    prompt_template_ref: Annotated[LocalRef | UnsetType, doc("The prompt of every call.")] = UNSET
    rules: Annotated[tuple[RouteRule, ...], listing("In order; the first that matches is used.", most=16, least=1)]
    retry: Annotated[Retry | UnsetType, doc("When a failed attempt is made again.")] = UNSET
    timeouts: Annotated[Timeouts | UnsetType, doc("How long a call may take.")] = UNSET


KIND = Kind(
    name="ModelRoute",
    plural="modelroutes",
    short="mr",
    spec=ModelRouteSpec,
    columns=(Column("Models", ".spec.models"), Column("Visibility", ".spec.visibility", priority=1)),
    summary="The model name that applications ask for, and the rules that choose which model answers.",
)
