"""The time to each further chunk of a stream: one observation a chunk, none for the first."""

import pytest

from gateway_rig import DONE, EVENTS, STREAM, USAGE, a_gateway, a_snapshot, call, chat
from turnout_contract import semconv
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.exchange.chunks import ChunkTimes
from turnout_sidecar.ports.telemetry import FakeTelemetry

MILLI = 1_000_000


def observed(times: ChunkTimes) -> dict[float, int]:
    bounds = (*semconv.DURATION_BUCKETS, float("inf"))
    return {bound: count for bound, count in zip(bounds, times.counts, strict=True) if count}


def test_each_chunk_after_the_first_is_one_observation() -> None:
    times = ChunkTimes()
    times.came(1, 5_000 * MILLI)
    assert (observed(times), times.total_ns) == ({}, 0)
    times.came(1, 5_010 * MILLI)
    times.came(1, 5_040 * MILLI)
    times.came(1, 205_040 * MILLI)
    assert observed(times) == {0.01: 1, 0.04: 1, float("inf"): 1}
    assert times.total_ns == 200_040 * MILLI


def test_of_chunks_that_come_together_only_the_first_was_waited_for() -> None:
    times = ChunkTimes()
    times.came(3, 5_000 * MILLI)
    times.came(4, 5_050 * MILLI)
    assert observed(times) == {0.01: 2 + 3, 0.08: 1}
    assert times.total_ns == 50 * MILLI


@pytest.mark.parametrize("together", [False, True])
async def test_a_stream_counts_the_chunks_of_its_answer(together: bool) -> None:
    telemetry = FakeTelemetry()
    pieces = (b"".join(STREAM),) if together else STREAM
    assert STREAM[4:] == (USAGE, DONE)  # which are no chunks of the answer
    upstream = FakeUpstream([FakeReply(pieces=pieces, headers=EVENTS)])
    async with a_gateway(a_snapshot(), upstream=upstream, telemetry=telemetry) as gateway:
        await call(gateway, chat(stream=True))
    (attempt,) = telemetry.ended[0].attempts
    assert attempt.chunks is not None
    assert sum(attempt.chunks.counts) == 3


async def test_what_comes_before_the_first_chunk_is_none() -> None:
    telemetry = FakeTelemetry()
    upstream = FakeUpstream([FakeReply(pieces=(b": wait\n\n", *STREAM[:2], STREAM[3], DONE), headers=EVENTS)])
    async with a_gateway(a_snapshot(), upstream=upstream, telemetry=telemetry) as gateway:
        await call(gateway, chat(stream=True))
    (attempt,) = telemetry.ended[0].attempts
    assert attempt.chunks is not None
    assert sum(attempt.chunks.counts) == 2
