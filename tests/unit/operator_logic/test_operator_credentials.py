"""The shared Qdrant: tokens that open one collection, and collections that come and go with their namespaces."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from turnout_contract.protocol import Credentials
from turnout_operator.publish.collections import RETRY_SECONDS, CollectionKeeper
from turnout_operator.publish.credentials import FakeCollections, collection_of, mint, read_key, sign
from turnout_operator.settings import SharedQdrant


def decoded(token: str, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, signature = token.split(".")
    expected = hmac.new(key.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64encode(expected).rstrip(b"=").decode() == signature
    parts = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, body)]
    return parts[0], parts[1]


def test_a_token_is_the_one_that_everybody_else_would_make() -> None:
    # The example of jwt.io, whose header and claims are written in another order, must verify with our arithmetic.
    known = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
        "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
    )
    assert decoded(known, "your-256-bit-secret")[1]["name"] == "John Doe"
    assert decoded(sign("k", {"b": 1, "a": 2}), "k") == ({"alg": "HS256", "typ": "JWT"}, {"a": 2, "b": 1})


def test_a_token_opens_the_namespaces_own_collection_for_an_hour(shared: SharedQdrant) -> None:
    given = mint(shared, "top", "claims", 1000)
    _, claims = decoded(given.qdrant_token, "top")
    assert claims == {"exp": 4600, "access": [{"collection": collection_of("claims"), "access": "rw"}]}
    assert (given.expires_at, given.qdrant_url) == (4600, "http://qdrant:6333")
    assert collection_of("claims") != collection_of("sales")


def test_an_empty_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        read_key(str(path))


@pytest.fixture
def shared(tmp_path: Path) -> SharedQdrant:
    path = tmp_path / "key"
    path.write_text("top\n")
    return SharedQdrant(url="http://qdrant:6333", key_file=str(path))


class Rig:
    """A keeper with a clock."""

    def __init__(self, shared: SharedQdrant) -> None:
        self.now = 1000.0
        self.collections = FakeCollections()
        self.given: list[tuple[str, Credentials | None]] = []
        self.keeper = CollectionKeeper(
            shared,
            self.collections,
            leading=lambda: True,
            give=lambda namespace, credentials: self.given.append((namespace, credentials)),
            wall_ms=lambda: round(self.now * 1000),
        )

    async def after(self, seconds: float) -> list[tuple[str, Credentials | None]]:
        self.now += seconds
        self.given = []
        await self.keeper.tick()
        return self.given


async def test_a_namespace_gets_its_collection_and_then_a_token_that_is_renewed_in_time(shared: SharedQdrant) -> None:
    rig = Rig(shared)
    rig.keeper.want("claims", wanted=True)
    ((namespace, first),) = await rig.after(0)
    assert first is not None
    assert (namespace, first.expires_at) == ("claims", 4600)
    assert set(rig.collections.marks) == {collection_of("claims")}
    assert await rig.after(1700) == []
    ((_, second),) = await rig.after(200)
    assert second is not None
    assert second.expires_at == 1000 + 1900 + 3600


async def test_while_qdrant_is_down_there_is_no_token_and_later_there_is(shared: SharedQdrant) -> None:
    rig = Rig(shared)
    rig.collections.down = True
    rig.keeper.want("claims", wanted=True)
    assert await rig.after(0) == []
    rig.collections.down = False
    assert await rig.after(1) == []
    assert len(await rig.after(RETRY_SECONDS)) == 1


async def test_a_deleted_namespace_takes_its_collections_along_and_nobody_elses(shared: SharedQdrant) -> None:
    rig = Rig(shared)
    for namespace in ("claims", "claims-b"):
        rig.keeper.want(namespace, wanted=True)
    await rig.after(0)
    rig.keeper.want("claims", wanted=False)
    await rig.after(1)
    assert collection_of("claims") in set(rig.collections.marks)
    rig.keeper.gone("claims")
    await rig.after(1)
    assert set(rig.collections.marks) == {collection_of("claims-b")}
