"""The detectors that the how-to page shows are detectors."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.http_thread import HttpThread
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.http_detector import HttpDetector
from turnout_sidecar.plugins.in_process import InProcessDetector
from turnout_sidecar.ports.detector import DetectorFailed, Flag

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "detectors.md").read_text(encoding="utf-8")
OVER_HTTP, IN_PROCESS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def names_of(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "detectors.md", "exec"), names)
    return names


@pytest.fixture
def served() -> Iterator[str]:
    with HttpThread("detector", names_of(OVER_HTTP)["Handler"]) as server:
        yield f"{server.origin}/detect"


async def test_the_example_over_http_finds_staff(served: str) -> None:
    upstream = HttpUpstream()
    try:
        one = HttpDetector("staff", served, upstream, timeout=30)
        said = await one.detect(["👋 Anna Berg", "", "José Núñez, Anna Berg"], ["Person"], "input")
        nobody = await one.detect(["Anna Berg"], ["Location"], "input")
    finally:
        await upstream.close()
    assert said.findings == (
        (Finding(2, 11, "Person", "staff"),),
        (),
        (Finding(0, 10, "Person", "staff"), Finding(12, 21, "Person", "staff")),
    )
    assert nobody.findings == ((),)


async def test_a_server_that_ends_is_not_reached(served: str) -> None:
    upstream = HttpUpstream()
    try:
        one = HttpDetector("staff", served.replace("/detect", "/x"), upstream, timeout=30)
        assert (await one.detect(["Anna Berg"], ["Person"], "output")).findings[0]
        gone = HttpDetector("staff", "http://127.0.0.1:1/detect", upstream, timeout=30)
        with pytest.raises(DetectorFailed, match="connection"):
            await gone.detect(["Anna Berg"], ["Person"], "output")
    finally:
        await upstream.close()


async def test_the_example_in_process_flags_code_names() -> None:
    one = InProcessDetector("code-names", "code-names", timeout=30, load=lambda _: names_of(IN_PROCESS)["CodeNames"]())
    said = await one.detect(["nothing", "Project Osprey is late"], ["Person"], "output")
    await one.close()
    assert said.findings == ((), ())
    assert said.flags == (Flag(1, "code-name", 1.0),)


def test_each_reason_of_a_failure_is_told() -> None:
    told = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE.split("## When it fails", 1)[1], re.MULTILINE))
    assert told == set(DetectorFailed.__init__.__annotations__["reason"].__args__)
