"""Each way past the inspection, through what reads, scans, masks and writes a body: nothing of a value leaves, the rest stays."""

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from turnout_sidecar.bodies.leaves import Leaf
from turnout_sidecar.bodies.raw import rewrite_raw
from turnout_sidecar.bodies.reading import read
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.guarding.scanner import scan
from turnout_sidecar.wire.json_body import parse
from unit.bodies.adversarial_cases import CASES
from unit.bodies.adversarial_kit import Case

LETTERS = "bcdfghjkmnpqrstv"


def placeholder(value: str, entity: str, *, bare: bool) -> str:
    digest = hashlib.blake2b(f"{entity}:{value}".encode(), digest_size=6).hexdigest()
    name = f"{entity.upper()}_{''.join(LETTERS[int(digit, 16)] for digit in digest)}"
    return name if bare else f"<{name}>"


def masked(leaf: Leaf, findings: list[Finding]) -> str:
    text = leaf.text
    for finding in reversed(findings):
        made = placeholder(text[finding.start : finding.end], finding.entity, bare=leaf.bare)
        text = text[: finding.start] + made + text[finding.end :]
    return text


def protected(endpoint: str, raw: bytes) -> bytes:
    """What would leave. Raises CallError where the body is refused."""
    body = parse(raw)
    leaves = read(endpoint, body)
    new = {index: masked(leaves.items[index], found) for index, found in leaves.split(scan(leaves.page)).items()}
    left = rewrite_raw(raw, body, leaves, new)
    assert orjson.loads(left) == leaves.rewritten(new)
    return left


def strings(value: Any) -> Iterator[str]:
    """Every string and key, also of JSON in strings, and what base64 or percent signs in it say."""
    if isinstance(value, str):
        yield value
        yield unquote(value)
        yield from decoded(value)
        if value.strip()[:1] in ("{", "[", '"'):
            with contextlib.suppress(ValueError):
                yield from strings(json.loads(value))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    else:
        yield str(value)


def decoded(value: str) -> Iterator[str]:
    _, _, payload = value.rpartition(",")
    payload = re.sub(r"\s", "", payload).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return
    for encoding in ("latin-1", "utf-8", "utf-16"):
        yield raw.decode(encoding, "replace")


def shape(value: Any) -> Any:
    """What a body is made of, without its texts. A number that became a placeholder is a string."""
    if isinstance(value, dict):
        return [shape(inner) for inner in value.values()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return ["json", shape(json.loads(value))]
        except ValueError:
            return "text"
    return "text" if isinstance(value, str) or type(value) in (int, float) else value


def raw_of(case: Case) -> bytes:
    return case.body if isinstance(case.body, bytes) else orjson.dumps(case.body)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_nothing_leaves(case: Case) -> None:
    raw = raw_of(case)
    try:
        left = protected(case.endpoint, raw)
    except CallError:
        assert case.may_block
        return
    body = orjson.loads(left)
    said = [
        left.decode(),
        re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), left.decode()),
        *strings(body),
    ]
    for value in case.must_not_leave:
        assert not [text for text in said if value in text], value
    for value in case.must_stay:
        assert [text for text in said if value in text], value
    assert sorted(body) == sorted(orjson.loads(raw))
    assert shape(body) == shape(orjson.loads(raw))


def test_every_case_has_a_sentence_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
