"""GuardrailPolicy: what is checked in questions and answers, and what is done about it.

Policies add up: what one of them forbids no other allows. With a namespaceSelector, in the operator's own namespace, one holds
for the whole organisation.

Rules: an absent list of entities means all, an empty one is refused; an empty selector is refused, since it could mean anything.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.meta import (
    Column,
    Duration,
    Kind,
    Part,
    Ratio,
    Rule,
    SectionName,
    WebUrl,
    Word,
    doc,
    listing,
    longer_than_zero,
    word_set,
)
from turnout_contract.api.references import TargetRef

Entity = Literal[
    "Email",
    "Phone",
    "CreditCard",
    "IBAN",
    "NationalId",
    "IPAddress",
    "MACAddress",
    "CryptoWallet",
    "URLCredentials",
    "Person",
    "Location",
]
Action = Literal["Mask", "Block", "Monitor", "Reroute"]
FailureMode = Literal["FailClosed", "FailOpen"]
LabelKey = Annotated[str, Meta(min_length=1, max_length=317)]
LabelValue = Annotated[str, Meta(max_length=63)]


class LabelExpression(Part, frozen=True, kw_only=True):
    """One requirement of a selector, after metav1.LabelSelectorRequirement."""

    RULES = (
        Rule(
            "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) || size(self.values) == 0"
            " : has(self.values) && size(self.values) > 0",
            "values goes with In and NotIn, which need it",
            ".values",
        ),
    )

    key: Annotated[LabelKey, doc("The label.")]
    operator: Annotated[Literal["In", "NotIn", "Exists", "DoesNotExist"], doc("How it is compared.")]
    values: Annotated[tuple[LabelValue, ...], listing("With what.", most=32)] = ()


class LabelSelector(Part, frozen=True, kw_only=True):
    """Which namespaces, after metav1.LabelSelector.

    An empty one is refused, since elsewhere it means all and here it could mean none.
    """

    RULES = (
        Rule(
            "has(self.matchLabels) && size(self.matchLabels) > 0"
            " || has(self.matchExpressions) && size(self.matchExpressions) > 0",
            "an empty selector is ambiguous; to select all namespaces, ask that kubernetes.io/metadata.name Exists",
        ),
    )

    match_labels: Annotated[dict[LabelKey, LabelValue], Meta(description="All of these.", max_length=32)] = {}
    match_expressions: Annotated[tuple[LabelExpression, ...], listing("All of these.", most=16)] = ()


class InputPii(Part, frozen=True, kw_only=True):
    """Personal data in questions."""

    action: Annotated[Action, doc("What is done.")] = "Mask"
    restore: Annotated[bool, doc("Whether what was masked is put back into the answer.")] = True
    entities: (
        Annotated[tuple[Entity, ...], word_set("What is looked for; absent: all that is built in.", most=11, least=1)]
        | UnsetType
    ) = UNSET


class InputSecrets(Part, frozen=True, kw_only=True):
    """Keys and passwords in questions."""

    action: Annotated[Action, doc("What is done.")] = "Mask"
    restore: Annotated[bool, doc("Whether what was masked is put back into the answer.")] = True


class PromptInjection(Part, frozen=True, kw_only=True):
    """Attempts to turn the model against its instructions."""

    action: Annotated[Literal["Block", "Monitor", "Reroute"], doc("What is done.")] = "Monitor"
    threshold: Annotated[Ratio, doc("From which score on.")] = "0.9"


class DenyPattern(Part, frozen=True, kw_only=True):
    """A pattern that must not occur (RE2)."""

    name: Annotated[SectionName, doc("Its name.")]
    pattern: Annotated[
        str,
        Meta(
            description="An RE2 expression. In answers, one that may match over 512 characters makes streams wait for their end.",
            min_length=1,
            max_length=1024,
        ),
    ]
    action: Annotated[
        Literal["Mask", "Block", "Monitor"],
        doc("What is done; in definitions of tools and of answers' shapes Block masks."),
    ] = "Block"


class InputChecks(Part, frozen=True, kw_only=True):
    """What is checked in questions."""

    pii: Annotated[InputPii | UnsetType, doc("Personal data.")] = UNSET
    secrets: Annotated[InputSecrets | UnsetType, doc("Keys and passwords.")] = UNSET
    prompt_injection: Annotated[PromptInjection | UnsetType, doc("Prompt injection.")] = UNSET
    deny_patterns: Annotated[tuple[DenyPattern, ...], listing("Patterns of one's own.", most=64, key="name")] = ()
    binary_parts: Annotated[
        Literal["Allow", "Block"],
        doc("Pictures, sound, films and other parts that cannot be inspected; Allow counts them."),
    ] = "Allow"
    max_input_tokens: (
        Annotated[int, Meta(description="Most tokens of a question: all that the model reads.", ge=1, le=100_000_000)]
        | UnsetType
    ) = UNSET


class OutputSchema(Part, frozen=True, kw_only=True):
    """The shape that answers must have."""

    on_violation: Annotated[Literal["Retry", "Escalate", "Block"], doc("What is done.")] = "Retry"
    strict: Annotated[bool, doc("Hold a stream back until it is known to be valid.")] = False
    schema: (
        Annotated[
            dict[str, Any],
            Meta(
                description="A JSON Schema; absent: the call's response_format. `format` is not asserted.",
                extra_json_schema={"x-kubernetes-preserve-unknown-fields": True},
            ),
        ]
        | UnsetType
    ) = UNSET


class OutputPii(Part, frozen=True, kw_only=True):
    """Personal data in answers."""

    action: Annotated[Literal["Mask", "Block", "Monitor"], doc("What is done.")] = "Mask"
    entities: (
        Annotated[tuple[Entity, ...], word_set("What is looked for; absent: all that is built in.", most=11, least=1)]
        | UnsetType
    ) = UNSET


class OutputChecks(Part, frozen=True, kw_only=True):
    """What is checked in answers."""

    json_schema: Annotated[OutputSchema | UnsetType, doc("Their shape.")] = UNSET
    pii: Annotated[OutputPii | UnsetType, doc("Personal data.")] = UNSET
    deny_patterns: Annotated[tuple[DenyPattern, ...], listing("Patterns of one's own.", most=64, key="name")] = ()


class PluginFlags(Part, frozen=True, kw_only=True):
    """What is done about texts that a classifier flags as a whole."""

    action: Annotated[Literal["Block", "Monitor", "Reroute"], doc("What is done; Reroute goes with Input.")] = "Monitor"
    threshold: Annotated[Ratio, doc("From which score on.")] = "0.9"


class Plugin(Part, frozen=True, kw_only=True):
    """A heavier detector: asked by HTTP, or installed beside the gateway."""

    RULES = (
        Rule("has(self.url) != has(self.entryPoint)", "exactly one of url and entryPoint is needed"),
        Rule(
            "!has(self.entryPoint) || !has(self.adapter) || self.adapter == 'Turnout'",
            "adapter goes with url: an entryPoint is asked as Turnout asks",
            ".adapter",
        ),
    )

    name: Annotated[SectionName, doc("Its name.")]
    url: Annotated[WebUrl, doc("Where it is asked.")] | UnsetType = UNSET
    entry_point: (
        Annotated[Word, doc("The entry point in the group `turnout.detectors` that makes it, in the gateway's image.")]
        | UnsetType
    ) = UNSET
    adapter: Annotated[Literal["Turnout", "Presidio"], doc("The protocol that it speaks.")] = "Turnout"
    entities: (
        Annotated[tuple[Entity, ...], word_set("What it looks for; absent: all that it knows.", most=11, least=1)]
        | UnsetType
    ) = UNSET
    on: Annotated[
        tuple[Literal["Input", "Output"], ...],
        word_set("What it is shown; with Output, streams wait for their end. Quote this key in YAML.", most=2),
    ] = ("Input",)
    kubectl_on: Annotated[
        tuple[Literal["Input", "Output"], ...],
        word_set("`on`, as kubectl sends it when its key is not quoted (YAML 1.1 reads it as true); wins.", most=2),
    ] = msgspec.field(default=(), name="true")
    timeout: Annotated[Duration, doc("How long it may take."), longer_than_zero("60s")] = "500ms"
    failure_mode: Annotated[FailureMode, doc("What happens when it fails.")] = "FailClosed"
    flags: Annotated[
        PluginFlags | UnsetType,
        doc("Texts that it flags, but system prompts and definitions; absent: told from 0.9 on."),
    ] = UNSET


class GuardrailPolicySpec(Part, frozen=True, kw_only=True):
    """What is checked, and what is done about it."""

    RULES = (
        Rule(
            "!has(self.namespaceSelector) || !has(self.targetRefs) || size(self.targetRefs) == 0",
            "namespaceSelector and targetRefs exclude each other",
            ".targetRefs",
        ),
    )

    target_refs: Annotated[
        tuple[TargetRef, ...], listing("What it is for; absent or empty: every route of the namespace.", most=16)
    ] = ()
    namespace_selector: Annotated[
        LabelSelector | UnsetType, doc("For the whole organisation: only in the operator's own namespace.")
    ] = UNSET
    mode: Annotated[Literal["Enforce", "Monitor"], doc("Monitor changes nothing and counts.")] = "Enforce"
    failure_mode: Annotated[FailureMode, doc("What happens when a check fails to run.")] = "FailClosed"
    input: Annotated[InputChecks | UnsetType, doc("Questions.")] = UNSET
    output: Annotated[OutputChecks | UnsetType, doc("Answers.")] = UNSET
    plugins: Annotated[tuple[Plugin, ...], listing("Heavier detectors.", most=8, key="name")] = ()


KIND = Kind(
    name="GuardrailPolicy",
    plural="guardrailpolicies",
    short="gp",
    spec=GuardrailPolicySpec,
    columns=(Column("Mode", ".spec.mode"), Column("Failure", ".spec.failureMode", priority=1)),
    summary="Checks of questions and answers; Enforce or Monitor; FailClosed or FailOpen.",
)
