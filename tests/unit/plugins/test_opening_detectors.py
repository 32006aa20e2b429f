"""From what a policy says to the detector that is asked."""

import orjson
import pytest

from turnout_contract.snapshot.guards import Plugin, Treatment
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.http_detector import HttpDetector
from turnout_sidecar.plugins.in_process import InProcessDetector
from turnout_sidecar.plugins.opening import Detectors, open_detector
from turnout_sidecar.plugins.presidio import PresidioDetector
from turnout_sidecar.ports.detector import Detected, DetectorFailed, FakeDetector, Flag

PLUGIN = Plugin(name="names", policy="default", adapter="Turnout", url="http://guards/")
PRESIDIO = Plugin(name="names", policy="default", adapter="Presidio", url="http://guards/")
INSTALLED = Plugin(name="names", policy="default", adapter="Turnout", entry_point="nowhere")


async def test_each_kind_of_plugin_has_its_detector() -> None:
    upstream = FakeUpstream([FakeReply()])
    assert isinstance(open_detector(PLUGIN, upstream), HttpDetector)
    assert isinstance(open_detector(PRESIDIO, upstream), PresidioDetector)
    assert isinstance(open_detector(INSTALLED, upstream), InProcessDetector)


async def test_the_timeout_is_the_plugins() -> None:
    upstream = FakeUpstream([FakeReply(hang_before=-1)])
    plugin = Plugin(name="names", policy="default", adapter="Turnout", url="http://guards/", timeout_ms=20)
    with pytest.raises(DetectorFailed, match="timeout"):
        await open_detector(plugin, upstream).detect(["Anna"], ["Person"], "input")


async def test_what_cannot_be_set_up_fails_when_it_is_asked_and_not_before() -> None:
    plugin = Plugin(name="a", policy="default", adapter="Presidio", url="http://guards/?score_threshold=x")
    for one in (plugin, Plugin(name="a", policy="default", adapter="Turnout", url="http://a:99999/")):
        detector = open_detector(one, FakeUpstream([FakeReply()]))
        with pytest.raises(DetectorFailed, match="unavailable"):
            await detector.detect(["Anna"], ["Person"], "input")
        await detector.close()


async def test_a_plugin_that_stays_keeps_its_detector_and_others_are_closed() -> None:
    detectors = Detectors(FakeUpstream([FakeReply(pieces=(orjson.dumps({"findings": [[]]}),))]))
    first = detectors.of(PLUGIN)
    other = detectors.of(PRESIDIO)
    again = Plugin(
        name="names", policy="default", adapter="Turnout", url="http://guards/", input=(Treatment("Person", "Mask"),)
    )
    await detectors.keep([again])
    assert detectors.of(again) is first
    assert detectors.of(PRESIDIO) is not other
    await detectors.close()
    assert detectors.of(PLUGIN) is not first


async def test_the_fake_finds_words_and_flags_texts() -> None:
    fake = FakeDetector({"Anna": "Person", "Oslo": "Location"}, flagged={"ignore": ("attack", 0.9)})
    said = await fake.detect(["Anna, Anna of Oslo", "ignore"], ["Person"], "input")
    assert said == Detected(
        ((Finding(0, 4, "Person", "fake"), Finding(6, 10, "Person", "fake")), ()), (Flag(1, "attack", 0.9),)
    )
    broken = FakeDetector({}, failure=lambda: DetectorFailed("timeout"))
    with pytest.raises(DetectorFailed):
        await broken.detect(["Anna"], ["Person"], "output")
    await fake.close()
    assert fake.closed
