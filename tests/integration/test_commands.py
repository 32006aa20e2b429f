"""The command as people and CI use it: help, exit codes, findings, and a simulator that answers the same every time."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from cluster.processes import Spawner
from support.resources import Folder, provider, resource, route
from support.turnout import Provider, environment, fetch, question
from turnout_cli.__main__ import main

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = ("gateway", "operator", "serve", "simulate-provider", "status", "validate")


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of a command, run in this process."""
    done = CliRunner().invoke(main, list(arguments))
    return done.exit_code, done.output


def run_apart(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """The same as a process."""
    return subprocess.run(
        [sys.executable, "-m", "turnout_cli", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command() -> None:
    done = run_apart(["--help"])
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    code, output = run(name, "--help")
    assert code == 0
    assert "Usage:" in output
    assert "Options:" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["serve"],
        ["serve", "-f", "no/such/folder"],
        ["serve", "-f", ".", "--port", "seventy"],
        ["serve", "-f", ".", "--secret", "without-a-source"],
        ["validate"],
        ["validate", "-f", "no/such/folder"],
        ["simulate-provider"],
        ["simulate-provider", "--port", "0", "--protocol", "telepathy"],
        ["simulate-provider", "--port", "0", "--latency", "soon"],
        ["gateway"],
        ["status", "--output", "poem"],
    ],
)
def test_misuse_exits_with_2(arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


def test_a_port_that_is_taken_exits_with_1_and_says_which(beta: Provider) -> None:
    done = run_apart(["simulate-provider", "--port", str(beta.port)])
    assert done.returncode == 1
    assert str(beta.port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["words", "clusters: 5", "{"])
def test_an_operator_without_a_cluster_exits_with_1_and_says_so(tmp_path: Path, text: str) -> None:
    wrong = tmp_path / "kubeconfig"
    wrong.write_text(text, encoding="utf-8")
    done = run_apart(["operator", "--kubeconfig", str(wrong)])
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no cluster to serve: ")


def json_lines(*arguments: str) -> list[dict[str, str]]:
    """What a command says on standard error until it is told to end, after its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "turnout_cli", *arguments], env=environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = [process.stderr.readline()]
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    return [json.loads(line) for line in (*lines, *rest.splitlines())]


def test_an_operator_writes_its_log_as_json_lines(tmp_path: Path) -> None:
    nowhere = tmp_path / "kubeconfig"
    cluster = {"name": "a", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    known = {"clusters": [cluster], "contexts": [context], "users": [{"name": "a", "user": {}}]}
    nowhere.write_text(json.dumps({**known, "current-context": "a"}), encoding="utf-8")
    said = json_lines("operator", "--kubeconfig", str(nowhere), "--port=0", "--health-port=0")
    assert all({"time", "level", "logger", "message"} <= set(line) for line in said)
    assert "info" in {line["level"] for line in said}


def test_a_gateway_without_secrets_writes_its_log_as_json_lines_too(tmp_path: Path) -> None:
    ports = ["--port=0", "--admin-port=0"]
    said = json_lines("gateway", "--operator=ws://127.0.0.1:9", f"--token-file={tmp_path / 'none'}", *ports)
    assert any("the token cannot be read" in line["message"] for line in said)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_the_examples_are_valid(name: str) -> None:
    code, output = run("validate", "-f", str(EXAMPLES / name))
    assert code == 0, output
    assert "all good" in output


def test_validate_prints_a_line_for_each_finding_and_exits_with_1(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "wrong")
    folder.write("a.yaml", route("lost", "nobody/small"), provider("beta", "ftp://example.org/v1"))
    folder.write_text("b.yaml", "kind: [")
    folder.write("c.yaml", resource("CachePolicy", "odd", {"mode": "Sometimes"}))
    code, output = run("validate", "-f", str(folder.path))
    assert code == 1
    lines = output.splitlines()
    assert any(line.startswith("b.yaml: ") for line in lines)
    assert any(line.startswith("c.yaml: CachePolicy/odd: spec.mode: ") for line in lines)
    assert any(line.startswith("a.yaml: ModelProvider/beta: spec.endpoint: ") for line in lines)
    assert any(line.startswith("ModelRoute/lost: ResolvedRefs=False") for line in lines)

    code, output = run("validate", "-f", str(folder.path), "--output", "json")
    assert code == 1
    found = json.loads(output)["findings"]
    assert {(row["ref"], row["path"]) for row in found} >= {("CachePolicy/odd", "spec.mode")}


def test_validate_takes_one_file_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "single")
    folder.write("route.yaml", provider("beta", "http://127.0.0.1:9/v1"), route("one", "beta/small"))
    assert run("validate", "-f", str(folder.path / "route.yaml"))[0] == 0


def test_status_without_an_operator_exits_with_1_and_says_so() -> None:
    code, output = run("status", "--url", "http://127.0.0.1:9")
    assert code == 1
    assert "no leading operator" in output


@pytest.mark.parametrize("text", ["", "words", "clusters: 5", "{"])
def test_status_without_a_cluster_exits_with_1_and_says_so(tmp_path: Path, text: str) -> None:
    wrong = tmp_path / "kubeconfig"
    wrong.write_text(text, encoding="utf-8")
    code, output = run("status", "--kubeconfig", str(wrong))
    assert code == 1
    assert output.startswith("Error: no cluster to ask: ")


def test_a_simulated_provider_answers_the_same_after_a_restart_and_otherwise_with_another_seed(
    tmp_path: Path, spawner: Spawner
) -> None:
    body = json.dumps(question("any", "What is a turnout?")).encode()

    def answer(one: Provider) -> str:
        one.start()
        one.wait_ready()
        status, text = fetch(f"{one.url}/chat/completions", method="POST", body=body)
        one.process.stop()
        assert status == 200
        return text

    same = Provider("same", root=tmp_path, spawner=spawner)
    first = answer(same)
    assert answer(same) == first
    assert answer(Provider("other", "--seed", "2", root=tmp_path, spawner=spawner)) != first
    assert "simulating openai on http://127.0.0.1:" in same.process.log.read_text()
