"""The official clients read what the gateway makes of every recorded stream: an answer or an error of theirs, nothing else."""

from pathlib import Path

import anthropic
import openai
import pytest

from pair_clients import IN, Said, Wish
from pair_rig import OUT, Spoken, a_recorded, streamed
from support.transcripts import transcripts

CUT = (RuntimeError, openai.LengthFinishReasonError)
"""What openai's clients raise for an answer that was cut at a limit."""

ENDINGS = (".sse", ".bin")
RECORDED = [(out, path) for out in OUT.values() if out.name != "azure" for path in transcripts(out.format, *ENDINGS)]
CASES = [
    pytest.param(out, path, asked, id=f"{asked}-{out.format}-{path.stem}")
    for out, path in RECORDED
    for asked in IN
    if asked != out.format
]


async def read(out: Spoken, path: Path, asked: str) -> Said | Exception:
    async with a_recorded(out, asked, streamed(out, path.read_bytes())) as (talk, telemetry, _):
        found: Said | Exception
        try:
            found = await talk.ask("Hello?", Wish(stream=True, model="thinker"))
        except (openai.APIError, anthropic.APIError, *CUT) as error:
            found = error
    assert len(telemetry.ended) == 1
    call = telemetry.ended[0]
    assert call.cost_nano is not None
    if isinstance(found, Said):
        assert call.error is None
        assert call.usage is not None
        if not call.usage.estimated:
            assert (found.input, found.output) == (call.usage.input, call.usage.output)
    return found


@pytest.mark.parametrize(("out", "path", "asked"), CASES)
async def test_a_recorded_stream_is_read_by_the_clients(out: Spoken, path: Path, asked: str) -> None:
    found = await read(out, path, asked)
    broken = any(word in path.stem for word in ("broken", "error", "overloaded", "cut", "failed"))
    if broken:
        assert isinstance(found, Exception)
    elif isinstance(found, Exception):
        assert isinstance(found, CUT)
        assert path.stem in ("incomplete", "early_finish"), found
    else:
        assert found.text or found.calls or found.thought or "refusal" in path.stem
