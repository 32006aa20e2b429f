"""The classes of LangChain and LlamaIndex, as applications use them, through a listening gateway to simulated providers.

They live in an environment of their own (`.venv-frameworks`, made by `make test` from its own lock file), since they ask for
other versions of the clients than the rest of the tests.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pair_rig import KEY, MODEL, OUT, a_world

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-frameworks" / "bin" / "python"
PROGRAMS = Path(__file__).parent / "programs"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() and "CI" not in os.environ, reason="`make test` sets up .venv-frameworks"
)


async def said_by(program: str, *arguments: str) -> dict[str, Any]:
    """What a program of the other environment printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANGSMITH_TRACING": "false"}
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        "-I",
        PROGRAMS / program,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, err = await asyncio.wait_for(process.communicate(), 110)
    assert process.returncode == 0, err.decode()[-3000:]
    said: dict[str, Any] = json.loads(out)
    return said


@pytest.mark.parametrize("out", ["chat", "anthropic", "gemini"])
async def test_langchain_gets_answers_streams_and_tools(out: str) -> None:
    async with a_world(OUT[out]) as world:
        said = await said_by("call_by_langchain.py", world.url, KEY, MODEL)
    for api, told in said.items():
        assert told["text"], api
        assert told["streamed"] == told["text"], api
        assert told["pieces"] > 1, api
        assert told["usage"]["input_tokens"] > 0, api
        assert told["usage"]["output_tokens"] > 0, api
        assert told["tools"] == ["weather"], api
        assert "It rains in" in told["answered"], api


@pytest.mark.parametrize("out", ["chat", "anthropic"])
async def test_llamaindex_gets_answers_streams_and_tools(out: str) -> None:
    async with a_world(OUT[out]) as world:
        said = await said_by("call_by_llamaindex.py", world.url, KEY)
    for api, told in said.items():
        assert told["text"], api
        assert told["streamed"] == told["text"], api
        assert told["pieces"] > 1, api
        assert told["tools"] == ["weather"], api
