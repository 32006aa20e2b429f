"""`make run`: the quick start as somebody new to it sees it, on its own ports."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.ports import is_free
from support.turnout import environment

PORTS = (8080, 9001, 9002, 9090)


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The quick start, run to its end, without a key of the real provider's."""
    return subprocess.run(
        [sys.executable, "-m", "turnout_cli.demo", "--once", *arguments],
        cwd=folder,
        env={name: value for name, value in environment().items() if name != "OPENAI_API_KEY"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_real_provider_needs_a_key(tmp_path: Path) -> None:
    done = demo(tmp_path, "--provider", "openai")
    assert done.returncode == 2
    assert "OPENAI_API_KEY" in done.stderr


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
def test_a_port_that_somebody_else_has_is_said_and_nobody_else_is_asked(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        free = "--admin-port" if option == "--port" else "--port"
        done = demo(tmp_path, option, str(port), free, "0")
        assert done.returncode == 1
        assert f"port {port} is taken" in done.stderr
        assert list(tmp_path.iterdir()) == []


def test_the_quick_start_runs_and_tells_what_became_of_each_call(tmp_path: Path) -> None:
    taken = [port for port in PORTS if not is_free(port)]
    if taken:
        pytest.skip(f"its ports {taken} are taken by somebody else")
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.partition("  ")[0]: line for line in done.stdout.splitlines() if "  " in line}
    assert " 200 " in rows["a question"]
    assert " miss " in rows["a question"]
    assert " exact " in rows["the same again"]
    assert " semantic " in rows["said otherwise"]
    assert " miss " in rows["another team asks"]
    assert " openai/gpt-5 " in rows["a hard question, by header"]
    assert " in-house/llama-4-8b " in rows["confidential"]
    assert " claim-triage " in rows["a prompt template"]
    assert all(" 200 " in rows[name] for name in ("by Anthropic's API", "by the Responses API", "streamed"))
    assert " 404 " in rows["a model nobody offers"]
    assert "the cache saved $0.000" in done.stdout
    assert "curl -si http://127.0.0.1:8080/v1/chat/completions" in done.stdout
    assert "Traceback" not in done.stderr
    assert all(is_free(port) for port in PORTS)
