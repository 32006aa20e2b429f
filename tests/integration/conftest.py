"""A house for the tests: simulated providers, an OTLP receiver and one standalone gateway, all real and shared by the session.

The gateway of the house is for looking, not for changing: tests that edit, restart or stop one start their own. Every test finds
the providers without faults and without memory.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.processes import Spawner
from support.keys import Keys
from support.ports import free_port
from support.resources import Folder, cache, client, gateway, model, provider, resource, route, secret
from support.spans import SpanReceiver
from support.turnout import Gateway, Provider, environment

Start = Callable[..., Gateway]


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
def spawner() -> Iterator[Spawner]:
    running = Spawner()
    yield running
    running.close()


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("integration")


@pytest.fixture(scope="session")
def all_providers(root: Path, spawner: Spawner, keys: Keys) -> Iterator[dict[str, Provider]]:
    made = {
        "alpha": Provider("alpha", root=root, spawner=spawner, env={"TURNOUT_SIMULATOR_KEY": keys.alpha}),
        "beta": Provider("beta", "--seed", "2", root=root, spawner=spawner),
        "slow": Provider("slow", "--tokens-per-second", "25", root=root, spawner=spawner),
    }
    for one in made.values():
        one.start()
    for one in made.values():
        one.wait_ready()
    yield made
    for one in made.values():
        one.process.stop()


@pytest.fixture(autouse=True)
def _calm(request: pytest.FixtureRequest) -> None:
    if "all_providers" in request.fixturenames:
        for one in request.getfixturevalue("all_providers").values():
            one.forget()


@pytest.fixture
def alpha(all_providers: dict[str, Provider]) -> Provider:
    """Wants a key."""
    return all_providers["alpha"]


@pytest.fixture
def beta(all_providers: dict[str, Provider]) -> Provider:
    """Takes any."""
    return all_providers["beta"]


@pytest.fixture
def slow(all_providers: dict[str, Provider]) -> Provider:
    """Twenty-five tokens a second."""
    return all_providers["slow"]


@pytest.fixture(scope="session")
def spans() -> Iterator[SpanReceiver]:
    with SpanReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def house_folder(root: Path, all_providers: dict[str, Provider], spans: SpanReceiver, keys: Keys) -> Folder:
    folder = Folder(root / "house")
    folder.write(
        "gateway.yaml",
        gateway(
            client("app", "UseCase", "User", "Outcome", "PromptVersion", team="claims"),
            client("other", team="billing"),
            client("narrow", routes=["plain"]),
            telemetry={"otlpEndpoint": spans.url, "sampling": "1"},
            limits={"maxBodyBytes": 2_000_000, "drain": "20s"},
        ),
        *(secret(name, value) for name, value in (("app", keys.app), ("other", keys.other), ("narrow", keys.narrow))),
        secret("alpha", keys.alpha),
        secret("wrong", keys.wrong),
    )
    embedding = model("embed", "Embeddings", price={"inputPerMillion": "0.02"})
    alpha = all_providers["alpha"].url
    folder.write(
        "providers.yaml",
        provider("alpha", alpha, model("small"), model("bounded"), embedding, secret_name="alpha"),
        provider("beta", all_providers["beta"].url),
        provider("slow", all_providers["slow"].url),
        provider("dead", f"http://127.0.0.1:{free_port()}/v1"),
        provider("locked", alpha, secret_name="wrong"),
    )
    quick = {"request": "4s", "firstToken": "1s", "streamIdle": "1s"}
    version: dict[str, Any] = {
        "name": "v1",
        "messages": [{"role": "system", "content": "Sort it."}, {"role": "user", "content": "{{ claim }}"}],
    }
    other: dict[str, Any] = {"name": "v2", "messages": [{"role": "user", "content": "Sort this: {{ claim }}"}]}
    folder.write(
        "routes.yaml",
        route("plain", "alpha/small"),
        route("cached", "alpha/small"),
        route("pair", "alpha/small", "beta/small", timeouts=quick),
        route("down", "dead/small", "beta/small"),
        route("again", "alpha/small", retry={"attempts": 2}, timeouts=quick),
        route("bounded", "alpha/bounded", retry={"attempts": 2}, timeouts=quick),
        route("alone", "alpha/small", timeouts=quick),
        route("slowly", "slow/small"),
        route("locked", "locked/small"),
        route("embed", "alpha/embed"),
        route("many", "alpha/small", models=["many-*", "named"]),
        route("triage", "alpha/small", promptTemplateRef={"name": "triage"}),
        resource("PromptTemplate", "triage", _prompt(version, other)),
        cache("answers", "cached", semantic={"maxErrorRate": "0.01"}),
    )
    return folder


def _prompt(*versions: dict[str, Any]) -> dict[str, Any]:
    claim = {"type": "string", "maxLength": 2000}
    variables = {"type": "object", "required": ["claim"], "properties": {"claim": claim}}
    return {"variables": variables, "active": "v1", "versions": list(versions)}


@pytest.fixture(scope="session")
def house(root: Path, spawner: Spawner, house_folder: Folder, keys: Keys) -> Iterator[Gateway]:
    """The gateway of the session; its key is that of client `app`."""
    arguments = ["serve", "-f", str(house_folder.path), "--state", str(root / "house-state")]
    running = Gateway("house", arguments, root=root, spawner=spawner, key=keys.app).start()
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path: Path, spawner: Spawner) -> Iterator[Start]:
    """Starts a standalone gateway of the test's own on a folder."""
    started: list[Gateway] = []

    def begin(
        folder: Folder, *options: str, env: dict[str, str] | None = None, key: str = "", ready: bool = True
    ) -> Gateway:
        name = f"serve-{len(started)}"
        arguments = ["serve", "-f", str(folder.path), *options]
        made = Gateway(name, arguments, root=tmp_path, spawner=spawner, env=env, key=key)
        started.append(made)
        return made.start(ready=ready)

    yield begin
    for one in started:
        one.process.stop()


@pytest.fixture(scope="session")
def command_environment() -> dict[str, str]:
    """What commands run in."""
    return environment()
