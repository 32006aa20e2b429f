"""ModelProviders: which of them the gateways may use, and as what.

A provider that is not accepted is not in the snapshot; routes that name it say so.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType

from turnout_contract import money
from turnout_contract.api import conditions
from turnout_contract.api.provider import (
    AwsKeys,
    Credentials,
    Model,
    ModelProviderSpec,
    Price,
    Tls,
    WorkloadIdentity,
)
from turnout_contract.api.references import ModelRef, SecretRef
from turnout_contract.api.registry import TypedObject
from turnout_contract.snapshot import model as snapshot
from turnout_operator.compile.inputs import Broken, Defaults
from turnout_operator.compile.result import Problem, Verdict, verdict
from turnout_operator.compile.support import unsupported


class Providers(NamedTuple):
    """The providers that may be used, under which reason the others may not, and what is said of each."""

    usable: dict[str, snapshot.Provider]
    models: dict[str, frozenset[str]]
    refused: dict[str, str]
    verdicts: list[Verdict]

    def problem(self, ref: ModelRef, path: str) -> Problem | None:
        """What stands in the way of a reference to a model; None: nothing."""
        if ref.name in self.refused:
            message = f"{path}: ModelProvider {ref.name} is not accepted ({self.refused[ref.name]})"
            return Problem(conditions.BACKEND_NOT_ACCEPTED, message)
        if ref.name not in self.usable:
            return Problem(conditions.BACKEND_NOT_FOUND, f"{path}: ModelProvider {ref.name} does not exist")
        if ref.model not in self.models[ref.name]:
            return Problem(conditions.BACKEND_NOT_FOUND, f"{path}: ModelProvider {ref.name} has no model {ref.model}")
        return None


def compile_providers(objects: Sequence[TypedObject], broken: Sequence[Broken], defaults: Defaults) -> Providers:
    """All ModelProviders of a namespace."""
    found = Providers({}, {}, {}, [])
    for item in broken:
        found.refused[item.name] = conditions.INVALID
    for obj in objects:
        assert isinstance(obj.spec, ModelProviderSpec)  # noqa: S101 - the caller sorted by kind
        problems = [*unsupported(obj), *_not_allowed(obj.spec, defaults), *_out_of_place(obj.spec)]
        found.verdicts.append(verdict(obj, refused=problems))
        if problems:
            found.refused[obj.name] = problems[0].reason
        else:
            found.usable[obj.name] = _provider(obj.name, obj.spec)
            found.models[obj.name] = frozenset(model.name for model in obj.spec.models)
    return found


def secret_file(ref: SecretRef | UnsetType) -> snapshot.SecretFile | None:
    """Where a secret will be mounted; None where none is named."""
    return None if ref is UNSET else snapshot.SecretFile(ref.name, ref.key)


def _not_allowed(spec: ModelProviderSpec, defaults: Defaults) -> list[Problem]:
    if spec.tls and spec.tls.insecure_skip_verify and not defaults.allow_insecure_tls:
        return [Problem(conditions.NOT_ALLOWED, "spec.tls.insecureSkipVerify: the operator does not allow it")]
    return []


_SPOKEN_ON: Final[dict[str, tuple[str, ...]]] = {
    "AWS": ("BedrockConverse",),
    "Azure": ("AzureOpenAI",),
    "Google": ("Gemini", "OpenAI"),  # Vertex AI speaks both
}


def _out_of_place(spec: ModelProviderSpec) -> list[Problem]:
    """An identity that its provider could do nothing with."""
    identity = (spec.credentials or Credentials()).workload_identity
    if not identity:
        return []
    path = "spec.credentials.workloadIdentity"
    problems = []
    if spec.protocol not in _SPOKEN_ON[identity.type]:
        where = " and ".join(_SPOKEN_ON[identity.type])
        problems.append(Problem(conditions.INVALID, f"{path}.type: {identity.type} goes with protocol {where}"))
    if identity.type == "AWS" and identity.audience:
        why = "the token of AWS already has one; leave it out"
        problems.append(Problem(conditions.INVALID, f"{path}.audience: {why}"))
    return problems


def _provider(name: str, spec: ModelProviderSpec) -> snapshot.Provider:
    tls, credentials = spec.tls or Tls(), spec.credentials or Credentials()
    return snapshot.Provider(
        name=name,
        protocol=spec.protocol,
        endpoint=spec.endpoint.rstrip("/"),
        api_key=secret_file(credentials.secret_ref),
        clearance=spec.clearance,
        residency=tuple(sorted(spec.residency)),
        tls=snapshot.Tls(
            ca=secret_file(tls.ca_secret_ref),
            server_name=tls.server_name or None,
            insecure_skip_verify=tls.insecure_skip_verify,
        ),
        models=tuple(sorted((_model(model) for model in spec.models), key=lambda model: model.name)),
        region=spec.aws.region if spec.aws else None,
        api_version=spec.azure.api_version if spec.azure else None,
        aws_keys=_aws_keys(credentials.aws) if credentials.aws else None,
        identity=_identity(credentials.workload_identity) if credentials.workload_identity else None,
    )


def _aws_keys(keys: AwsKeys) -> snapshot.AwsKeys:
    def file(ref: SecretRef) -> snapshot.SecretFile:
        return snapshot.SecretFile(ref.name, ref.key)

    return snapshot.AwsKeys(
        file(keys.access_key_id_ref), file(keys.secret_access_key_ref), secret_file(keys.session_token_ref)
    )


def _identity(identity: WorkloadIdentity) -> snapshot.Identity:
    return snapshot.Identity(identity.type, identity.audience or None)


def _model(model: Model) -> snapshot.Model:
    return snapshot.Model(
        name=model.name,
        tier=model.tier,
        capabilities=tuple(sorted(model.capabilities)) or ("Chat",),
        context_window=model.context_window or None,
        max_output_tokens=model.max_output_tokens or None,
        price=_price(model.price) if model.price else None,
    )


def _price(price: Price) -> snapshot.Price:
    """Nano-dollars for a million tokens."""
    return snapshot.Price(
        input=money.parse_usd(price.input_per_million),
        output=money.parse_usd(price.output_per_million or "0"),
        cached_input=money.parse_usd(price.cached_input_per_million) if price.cached_input_per_million else None,
    )
