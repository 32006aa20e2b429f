"""One namespace's compilation as the worker thread runs it: inputs in, bytes and everything that follows from them out.

Pure. A snapshot that is too large for one message is an outcome like any other, so that it can be said in status.
"""

import msgspec

from turnout_contract.api.gateway import ModelGatewaySpec
from turnout_contract.protocol import MAX_MESSAGE_BYTES
from turnout_contract.snapshot import codec
from turnout_operator.compile import Inputs, Result, compile_namespace
from turnout_operator.settings import OperatorSettings
from turnout_operator.workloads.render import Facts

SPARE_BYTES = 1024 * 1024
"""What the message around a snapshot may take."""


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """What one compilation gave.

    `text` is the snapshot's canonical bytes as text, "" where it is too large (`too_large`); `secrets` are those that a gateway
    must have mounted to be sent it (more are mounted: those of objects that are not in force).
    """

    result: Result
    version: str
    text: str
    secrets: frozenset[str]
    sources: frozenset[tuple[str, int]]
    too_large: str = ""


def compiled(inputs: Inputs, most_bytes: int = MAX_MESSAGE_BYTES - SPARE_BYTES) -> Compiled:
    """Compile and encode."""
    result = compile_namespace(inputs)
    data = codec.encode(result.snapshot)
    text = data.decode()
    # As a JSON string every quote and backslash takes another byte.
    size = len(data) + data.count(b'"') + data.count(b"\\")
    too_large = ""
    if size > most_bytes:
        too_large = f"the snapshot takes {size} bytes, at most {most_bytes} can be sent: gateways keep what they have"
    return Compiled(
        result=result,
        version=codec.version(data),
        text="" if too_large else text,
        secrets=frozenset(result.snapshot.secrets),
        sources=frozenset((source.uid, source.generation) for source in result.snapshot.sources),
        too_large=too_large,
    )


def facts(inputs: Inputs, done: Compiled, settings: OperatorSettings, ca: str) -> Facts:
    """What of a compilation shapes the namespace's workloads."""
    specs = [item.spec for item in inputs.objects if isinstance(item.spec, ModelGatewaySpec)]
    spec = specs[0] if specs else None
    return Facts(
        namespace=inputs.namespace,
        secrets=tuple(sorted(done.result.secrets)),
        drain_seconds=-(-done.result.snapshot.gateway.limits.drain_ms // 1000),
        service_account_annotations=dict(spec.service_account_annotations) if spec is not None else {},
        replicas=spec.replicas if spec is not None else settings.gateway.replicas,
        ca=ca,
        operator_url=settings.operator_url,
        operator_namespace=settings.namespace,
        operator_port=settings.service_port,
    )
