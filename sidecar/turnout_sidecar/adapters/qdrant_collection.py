"""Makes the collection on a Qdrant server that is the namespace's own.

Rules: safe to run from several gateways at once and again after a half-done run: what is there is kept, what is missing is
added; a collection with other vectors than ours is refused, never changed.
"""

from qdrant_client import AsyncQdrantClient, models

from turnout_contract.vector_collection import HNSW_M, HNSW_PAYLOAD_M, INDEXES, TENANT_FIELD, VECTOR


class WrongCollection(Exception):  # noqa: N818  says what happened
    """There is a collection of this name, and it is not ours."""


async def ensure(
    client: AsyncQdrantClient, collection: str, *, dimension: int, shard_number: int, replication_factor: int
) -> None:
    """Create the collection and its indexes where they are missing. Raises WrongCollection, and what the client raises."""
    if not await client.collection_exists(collection):
        try:
            await client.create_collection(
                collection,
                vectors_config={VECTOR: models.VectorParams(size=dimension, distance=models.Distance.COSINE)},
                hnsw_config=models.HnswConfigDiff(m=HNSW_M, payload_m=HNSW_PAYLOAD_M),
                shard_number=shard_number,
                replication_factor=replication_factor,
            )
        except Exception:  # boundary: whatever the error, another gateway may have been quicker
            if not await client.collection_exists(collection):
                raise
    info = await client.get_collection(collection)
    vectors = info.config.params.vectors
    params = vectors.get(VECTOR) if isinstance(vectors, dict) else None
    if params is None or params.size != dimension or params.distance != models.Distance.COSINE:
        raise WrongCollection(f"{collection} has other vectors than {dimension} dimensions by cosine")
    for field, kind in INDEXES.items():
        if field not in info.payload_schema:
            await client.create_payload_index(collection, field, field_schema=_schema(field, kind), wait=True)


def _schema(field: str, kind: str) -> models.PayloadSchemaType | models.KeywordIndexParams:
    if field == TENANT_FIELD:
        return models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    return models.PayloadSchemaType(kind)
