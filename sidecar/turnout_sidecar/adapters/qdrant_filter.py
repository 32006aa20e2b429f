"""The filters sent to a Qdrant server, built here and nowhere else.

One form for both transports: the gRPC message; the HTTP transport has it converted. Rules: every search names the partition, the
context and the time; a selection for housekeeping names a partition or a time, never nothing.
"""

from qdrant_client import grpc, models
from qdrant_client.conversions.conversion import GrpcToRest

from turnout_contract.vector_collection import SPACE_FIELD, TENANT_FIELD, space
from turnout_sidecar.adapters.sweeping import Selection


def live(partition: str, context_key: str, now: float) -> grpc.Filter:
    """What a search may find: entries of the partition and context that have not expired."""
    within = _equal(SPACE_FIELD, space(partition, context_key))
    return grpc.Filter(must=[_equal(TENANT_FIELD, partition), within, _range(gt=now)])


def selected(selection: Selection) -> grpc.Filter:
    """What a sweep picks from."""
    must = []
    if selection.partition is not None:
        must.append(_equal(TENANT_FIELD, selection.partition))
    if selection.expired_at is not None:
        must.append(_range(lte=selection.expired_at))
    return grpc.Filter(must=must)


def as_model(message: grpc.Filter) -> models.Filter:
    """The same filter for qdrant-client's own methods."""
    return GrpcToRest.convert_filter(message)


def _equal(field: str, value: str) -> grpc.Condition:
    return grpc.Condition(field=grpc.FieldCondition(key=field, match=grpc.Match(keyword=value)))


def _range(gt: float | None = None, lte: float | None = None) -> grpc.Condition:
    return grpc.Condition(field=grpc.FieldCondition(key="expires_at", range=grpc.Range(gt=gt, lte=lte)))
