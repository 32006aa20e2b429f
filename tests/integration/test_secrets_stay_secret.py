"""Keys of clients and providers turn up where they are needed and nowhere else, whatever goes wrong."""

import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.keys import Keys
from support.resources import Folder, cache, client, gateway, provider, route, secret
from support.spans import SpanReceiver
from support.turnout import CHAT, Gateway, Provider, until


@pytest.fixture
def guarded(start: Any, tmp_path: Path, alpha: Provider, spans: SpanReceiver, keys: Keys) -> Gateway:
    """A gateway of its own, that tells as much as it ever does."""
    folder = Folder(tmp_path / "guarded")
    folder.write(
        "all.yaml",
        gateway(client("app"), telemetry={"otlpEndpoint": spans.url, "sampling": "1", "captureContent": True}),
        secret("app", keys.app),
        secret("alpha", keys.alpha),
        secret("wrong", keys.wrong),
        provider("alpha", alpha.url, secret_name="alpha"),
        provider("locked", alpha.url, secret_name="wrong"),
        route("plain", "alpha/small"),
        route("locked", "locked/small"),
        cache("kept", "plain"),
    )
    running: Gateway = start(folder, "--state", str(tmp_path / "state"), key=keys.app)
    return running


def test_no_key_is_in_what_the_gateway_says_or_keeps(
    guarded: Gateway, tmp_path: Path, alpha: Provider, spans: SpanReceiver, keys: Keys
) -> None:
    said = [answer.body for answer in _every_kind_of_call(guarded, alpha, keys)]
    said += [_raw(guarded, line) for line in _not_http(keys)]
    last = guarded.ask("plain", "And the last?")
    spans.call(last.headers["x-turnout-request-id"])
    _break_a_file(tmp_path, keys)
    until("the broken file is spoken of", lambda: "all.yaml: " in guarded.log)
    status, snapshot = guarded.admin("/debug/snapshot")
    assert status == 200
    said += [snapshot.encode(), guarded.metrics().encode(), guarded.admin("/healthz")[1].encode()]
    guarded.stop()

    assert [found for body in said for found in keys.found_in(body)] == []
    assert keys.found_in(guarded.log.encode()) == []
    assert [found for body in spans.bodies for found in keys.found_in(body)] == []
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert kept
    assert [path.name for path in kept if keys.found_in(path.read_bytes())] == []


def _every_kind_of_call(guarded: Gateway, alpha: Provider, keys: Keys) -> list[Any]:
    said = [guarded.ask("plain", "All is well?"), guarded.ask("plain", "And as a stream?", stream=True)]
    said.append(guarded.ask("plain", "Who am I?", key=keys.wrong))
    assert said[-1].status == 401
    said.append(guarded.ask("locked", "Refused by the provider?"))
    assert (said[-1].status, said[-1].error["code"]) == (502, "upstream_refused")
    for fault in ("status=500", "status=400", "cut=10", "status=429,retry_after=3"):
        alpha.prescribe(fault)
        said.append(guarded.ask("plain", f"With {fault}?"))
        assert said[-1].status >= 400
    said.append(guarded.post(b"{", x_turnout_user=keys.app))
    return said


def _not_http(keys: Keys) -> list[bytes]:
    bearer = f"authorization: Bearer {keys.app}\r\n"
    return [
        f"NONSENSE {keys.app}\r\n\r\n".encode(),
        f"POST {CHAT} HTTP/1.1\r\n{bearer}bad header\r\n\r\n".encode(),
        f"POST {CHAT} HTTP/1.1\r\n{bearer}x: {'y' * 20_000}\r\n\r\n".encode(),
        f"GET {CHAT} HTTP/1.1\r\n{bearer}\r\n".encode(),
    ]


def _raw(guarded: Gateway, request: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", guarded.port), timeout=20)) as raw:
        raw.sendall(request)
        raw.shutdown(socket.SHUT_WR)
        parts = []
        while piece := raw.recv(65_536):
            parts.append(piece)
        return b"".join(parts)


def _break_a_file(tmp_path: Path, keys: Keys) -> None:
    folder = Folder(tmp_path / "guarded")
    folder.write_text("all.yaml", f"kind: Secret\nstringData: {{key: {keys.alpha}\n  oops: [{keys.app}\n")


def test_a_secret_that_is_wrong_is_named_and_not_shown(start: Any, tmp_path: Path, beta: Provider, keys: Keys) -> None:
    folder = Folder(tmp_path / "odd")
    odd = secret("odd", "")
    odd.pop("stringData")
    folder.write(
        "a.yaml", provider("beta", beta.url), route("plain", "beta/small"), {**odd, "data": {"key": f"{keys.app}!"}}
    )
    folder.write("b.yaml", {**secret("list", ""), "stringData": [keys.other]})
    running = start(folder, key="any")
    assert "Secret/odd: data.key: is not base64" in running.log
    assert keys.found_in(running.log.encode()) == []


def test_the_providers_see_their_own_key_and_no_other(house: Gateway, alpha: Provider, keys: Keys) -> None:
    assert house.ask("plain", "Which key is it?").status == 200
    seen = json.dumps(alpha.calls)
    assert keys.found_in(seen.encode()) == []  # a simulated provider remembers credentials by their digest alone
    assert alpha.calls[0]["status"] == 200  # and it answers only to the right one
