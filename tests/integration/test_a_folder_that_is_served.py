"""`turnout serve`: the folder is the configuration, at any moment, and what is wrong in it harms nothing that was right."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.processes import Spawner
from support.resources import Folder, client, gateway, provider, resource, route, secret
from support.turnout import Gateway, Provider, environment, until


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, all_providers: dict[str, Provider]) -> Folder:
    made = Folder(tmp_path_factory.mktemp("served"))
    made.write("providers.yaml", *(provider(name, all_providers["beta"].url) for name in ("beta", "gamma")))
    made.write("steady.yaml", route("steady", "beta/small"))
    return made


@pytest.fixture(scope="module")
def served(folder: Folder, tmp_path_factory: pytest.TempPathFactory, spawner: Spawner) -> Iterator[Gateway]:
    """One gateway for this module, without clients."""
    root = tmp_path_factory.mktemp("serving")
    running = Gateway("served", ["serve", "-f", str(folder.path)], root=root, spawner=spawner, key="anything").start()
    yield running
    running.stop()


def says(running: Gateway, text: str) -> None:
    until(f"it says {text!r}", lambda: text in running.log)


def backend_of(running: Gateway, model: str) -> str:
    return running.ask(model, "Who answers?").headers.get("x-turnout-backend", "")


def test_a_new_route_an_edit_of_it_and_its_end_are_live_by_themselves(folder: Folder, served: Gateway) -> None:
    assert served.ask("fresh", "Hello?").status == 404
    folder.write("fresh.yaml", route("fresh", "beta/small"))
    until("the new route", lambda: served.ask("fresh", "Hello?").status == 200, 5)
    before = served.ask("fresh", "Hello?").headers["x-turnout-config"]
    assert backend_of(served, "fresh") == "beta/small"
    folder.write("fresh.yaml", route("fresh", "gamma/small"))
    until("the edited route", lambda: backend_of(served, "fresh") == "gamma/small", 5)
    assert served.ask("steady", "Hello?").headers["x-turnout-config"] != before
    folder.remove("fresh.yaml")
    until("no route any more", lambda: served.ask("fresh", "Hello?").status == 404, 5)
    assert served.ask("steady", "Hello?").status == 200


def test_an_edit_that_cannot_be_parsed_keeps_the_last_good_configuration_and_says_why(
    folder: Folder, served: Gateway
) -> None:
    folder.write("edited.yaml", route("edited", "beta/small"))
    until("the route", lambda: served.ask("edited", "Hello?").status == 200, 5)
    folder.write_text("edited.yaml", "kind: ModelRoute\n  metadata: {name: edited\n")
    says(served, "edited.yaml: ")
    says(served, "stay as they were")
    assert served.ask("edited", "Hello?").status == 200
    folder.write("edited.yaml", route("edited", "gamma/small"))
    until("the mended route", lambda: backend_of(served, "edited") == "gamma/small", 5)
    folder.remove("edited.yaml")


def test_an_object_that_an_api_server_would_refuse_keeps_its_last_good_version(folder: Folder, served: Gateway) -> None:
    good = route("checked", "beta/small")
    folder.write("checked.yaml", good)
    until("the route", lambda: served.ask("checked", "Hello?").status == 200, 5)
    refused = route("checked", "beta/small", timeouts={"request": "never"})
    beside = route("beside", "gamma/small")
    folder.write("checked.yaml", refused, beside)
    until("the good object of the same file", lambda: served.ask("beside", "Hello?").status == 200, 5)
    says(served, "ModelRoute/checked: spec.timeouts.request")
    assert backend_of(served, "checked") == "beta/small"
    folder.remove("checked.yaml")
    until("both are gone", lambda: served.ask("checked", "Hello?").status == 404, 5)


def test_an_object_that_the_compiler_does_not_accept_answers_503_with_the_reason_and_is_printed(
    folder: Folder, served: Gateway
) -> None:
    folder.write("lost.yaml", route("lost", "nobody/small"))
    until("a closed route", lambda: served.ask("lost", "Hello?").status == 503, 5)
    assert "nobody" in served.ask("lost", "Hello?").error["message"]
    says(served, "ModelRoute/lost: ResolvedRefs=False")
    assert served.ask("steady", "Hello?").status == 200
    folder.remove("lost.yaml")


def test_a_strategy_that_is_not_supported_yet_is_said_and_never_ignored(folder: Folder, served: Gateway) -> None:
    rule = {
        "name": "all",
        "strategy": "FanOut",
        "fanOut": {"aggregate": "First"},
        "backendRefs": [{"name": "beta", "model": "small"}],
    }
    folder.write("ahead.yaml", route("ahead", rules=[rule]))
    until("a closed route", lambda: served.ask("ahead", "Hello?").status == 503, 5)
    says(served, "ModelRoute/ahead: Accepted=False Unsupported")
    folder.remove("ahead.yaml")


def test_a_guardrail_policy_is_live_and_said_and_so_is_its_edit(
    folder: Folder, served: Gateway, all_providers: dict[str, Provider]
) -> None:
    def left() -> str:
        served.ask("held", "I am ann.lee@example.org.")
        return str(all_providers["beta"].calls[-1]["body"])

    policy = {"targetRefs": [{"kind": "ModelRoute", "name": "held"}], "input": {"pii": {"action": "Mask"}}}
    masking = gateway(maskingKeySecretRef={"name": "mask", "key": "key"})
    folder.write("mask.yaml", masking, secret("mask", "a-masking-key-of-some-length"))
    folder.write(
        "held.yaml", route("held", "beta/small"), resource("GuardrailPolicy", "own", {"mode": "Monitor", **policy})
    )
    says(served, "ModelRoute/held: guarded by GuardrailPolicy own (Monitor)")
    until("the route", lambda: served.ask("held", "Hello?").status == 200, 5)
    assert "ann.lee@example.org" in left()
    folder.write(
        "held.yaml", route("held", "beta/small"), resource("GuardrailPolicy", "own", {"mode": "Enforce", **policy})
    )
    until("the enforced policy", lambda: "ann.lee@example.org" not in left(), 5)
    assert "<EMAIL_" in left()
    assert "a-masking-key" not in served.log
    folder.remove("held.yaml")
    folder.remove("mask.yaml")
    until("no route any more", lambda: served.ask("held", "Hello?").status == 404, 5)


def test_clients_and_their_keys_are_edited_like_all_else(folder: Folder, served: Gateway) -> None:
    folder.write("gateway.yaml", gateway(client("one")), secret("one", "the-first-key"))
    until("keys are asked for", lambda: served.ask("steady", "Hello?").status == 401, 5)
    assert served.ask("steady", "Hello?", key="the-first-key").status == 200
    folder.write("gateway.yaml", gateway(client("one")), secret("one", "the-second-key"))
    until("the new key opens", lambda: served.ask("steady", "Hello?", key="the-second-key").status == 200, 5)
    assert served.ask("steady", "Hello?", key="the-first-key").status == 401
    folder.remove("gateway.yaml")
    until("nobody is asked for a key", lambda: served.ask("steady", "Hello?").status == 200, 5)
    assert "the-second-key" not in served.log


def test_every_edit_under_load_is_taken_without_a_failed_call(folder: Folder, served: Gateway) -> None:
    statuses: set[int] = set()
    for number in range(10):
        folder.write("steady.yaml", route("steady", "beta/small", timeouts={"request": f"{30 + number}s"}))
        statuses |= {served.ask("steady", f"Call {number}.{call}?").status for call in range(10)}
    assert statuses == {200}


def test_several_namespaces_need_a_choice(folder: Folder, start: Any, tmp_path: Path, beta: Provider) -> None:
    both = Folder(tmp_path / "both")
    for name in ("one", "two"):
        objects = (provider("beta", beta.url), route(f"of-{name}", "beta/small"))
        both.write(f"{name}.yaml", *({**item, "metadata": {**item["metadata"], "namespace": name}} for item in objects))
    done = turnout("serve", "-f", str(both.path), "--port", "0", "--admin-port", "0")
    assert done.returncode == 2
    assert "one, two" in done.stderr
    assert "--namespace" in done.stderr
    running = start(both, "--namespace", "two", key="any")
    assert running.ask("of-two", "Hello?").status == 200
    assert running.ask("of-one", "Hello?").status == 404
    assert "namespace one is not served" in running.log


def test_a_secret_comes_from_the_environment(start: Any, tmp_path: Path, alpha: Provider, keys: Any) -> None:
    folder = Folder(tmp_path / "secretive")
    folder.write("all.yaml", provider("alpha", alpha.url, secret_name="alpha"), route("asked", "alpha/small"))
    running = start(folder, "--secret", "alpha/key=env:ALPHA_KEY", env={"ALPHA_KEY": keys.alpha}, key="any")
    assert running.ask("asked", "Hello?").status == 200
    assert keys.alpha not in running.log
    done = turnout("serve", "-f", str(folder.path), "--secret", "alpha/key=env:NOT_SET_ANYWHERE")
    assert done.returncode == 2
    assert "NOT_SET_ANYWHERE" in done.stderr


def test_a_secret_that_is_not_there_leaves_out_only_what_needs_it(
    start: Any, tmp_path: Path, alpha: Provider, beta: Provider
) -> None:
    folder = Folder(tmp_path / "incomplete")
    folder.write("providers.yaml", provider("alpha", alpha.url, secret_name="alpha"), provider("beta", beta.url))
    folder.write("routes.yaml", route("both", "alpha/small", "beta/small"), route("only", "alpha/small"))
    running = start(folder, key="any")
    assert running.ask("both", "Hello?").headers["x-turnout-backend"] == "beta/small"
    assert running.ask("only", "Hello?").status == 503
    assert "alpha/key" in running.log


def test_an_object_that_stands_in_two_files_is_taken_from_the_first(start: Any, tmp_path: Path, beta: Provider) -> None:
    folder = Folder(tmp_path / "named-twice")
    folder.write("a.yaml", provider("beta", beta.url), route("twice", "beta/small"))
    folder.write("b.yaml", route("twice", "nobody/small"))
    running = start(folder, key="any")
    assert "ModelRoute/twice: stands in a.yaml too" in running.log
    assert running.ask("twice", "Hello?").status == 200


def turnout(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "turnout_cli", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
