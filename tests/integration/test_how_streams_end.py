"""Streams that end early, by the client's will, a provider's fault or the gateway's own end: each is closed, counted and said."""

import http.client
import json
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from cluster.processes import Spawner
from support.keys import Keys
from support.resources import Folder, gateway, provider, route
from support.turnout import CHAT, Answer, Gateway, Provider, question, until


class Listener:
    """A client that reads a stream as it comes and may leave."""

    def __init__(self, running: Gateway, model: str, text: str, **more: Any) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        body = json.dumps(question(model, text, stream=True, **more))
        headers = {"authorization": f"Bearer {running.key}", "content-type": "application/json"}
        self.connection.request("POST", CHAT, body, headers)
        self.answer = self.connection.getresponse()
        self.request_id = str(self.answer.getheader("x-turnout-request-id"))

    def first(self) -> bytes:
        """The first event."""
        return self.answer.readline()

    def words(self, count: int) -> None:
        """So many events that hold a piece of the answer."""
        while count:
            line = self.answer.readline()
            assert line, "the stream has ended"
            count -= b'"content":"' in line.replace(b": ", b":") and b'"content":""' not in line.replace(b": ", b":")

    def rest(self) -> bytes:
        """All that follows."""
        return self.answer.read()

    def leave(self) -> None:
        """Close the connection, with everything that is unread."""
        assert self.connection.sock is not None or self.answer.fp is not None
        self.answer.close()
        self.connection.close()


def ending(one: Provider) -> str:
    calls = one.calls
    return str(calls[-1]["ending"]) if calls else "open"


def test_a_client_that_leaves_a_stream_has_the_provider_left_within_a_second_and_its_use_settled(
    house: Gateway, slow: Provider
) -> None:
    listener = Listener(house, "slowly", "Tell me a long story about trains and tracks.")
    listener.words(5)
    listener.leave()
    # Promised is one second; the rest is for a busy machine.
    until("the provider is left", lambda: ending(slow) == "client-left", 10)
    line = house.line_of(listener.request_id)
    assert line["client_gone"] is True
    assert line["aborted"] is True
    assert line["usage_estimated"] is True
    assert line["input_tokens"] > 0
    assert line["output_tokens"] >= 3
    assert float(line["cost_usd"]) > 0


def test_a_client_that_leaves_before_the_first_byte_has_the_provider_left_too(house: Gateway, beta: Provider) -> None:
    beta.prescribe("hang=headers")
    with closing(socket.create_connection(("127.0.0.1", house.port))) as raw:
        body = json.dumps(question("down", "Never mind.")).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {house.key}\r\ncontent-length: {len(body)}\r\n\r\n"
        raw.sendall(head.encode() + body)
        until("the call is at the provider", lambda: len(beta.calls) == 1)
    until("the provider is left", lambda: ending(beta) == "client-left", 10)
    line = until(
        "the line", lambda: [each for each in house.lines() if each.get("client_gone") and each.get("route") == "down"]
    )[-1]
    assert line["status"] == 499
    assert line["usage_estimated"] is True


def test_a_stream_that_a_provider_cuts_ends_with_an_error_and_is_not_kept(house: Gateway, alpha: Provider) -> None:
    body = question("cached", "Will this stream be whole?", stream=True)
    alpha.prescribe("cut=5")
    answer = house.post(body)
    assert answer.status == 200
    assert not answer.body.endswith(b"[DONE]\n\n")
    assert answer.events[-1]["error"]["code"] == "upstream_incomplete"
    line = house.line_of(answer.headers["x-turnout-request-id"])
    assert line["aborted"] is True
    again = house.post(body)
    assert again.cache in {"miss", "bypass"}
    assert again.body.endswith(b"[DONE]\n\n")


def test_a_stream_that_falls_silent_ends_with_an_error(house: Gateway, alpha: Provider) -> None:
    alpha.prescribe("hang=middle")
    answer = house.ask("alone", "Still there?", stream=True)
    assert answer.events[-1]["error"]["code"] == "upstream_timeout"
    until("the provider is left", lambda: ending(alpha) == "client-left", 10)


def _slow_folder(path: Path, slow: Provider, **limits: str) -> Folder:
    folder = Folder(path)
    folder.write("all.yaml", gateway(limits=limits), provider("slow", slow.url), route("slowly", "slow/small"))
    return folder


def test_a_gateway_that_is_told_to_end_lets_its_streams_finish(start: Any, tmp_path: Path, slow: Provider) -> None:
    running = start(_slow_folder(tmp_path / "draining", slow, drain="30s"), key="any")
    listener = Listener(running, "slowly", "Tell me all about the drain of a gateway.")
    assert listener.first().startswith(b"data: ")
    read: list[bytes] = []
    reading = threading.Thread(target=lambda: read.append(listener.rest()))
    reading.start()
    running.process.send_signal(signal.SIGTERM)
    until("it takes no new calls", lambda: not running.ready() and not _takes_calls(running))
    reading.join(30)
    assert read[0].endswith(b"data: [DONE]\n\n")
    until("it has ended", lambda: running.process.pid is None)
    assert running.lines()[-1]["status"] == 200
    assert "aborted" not in running.lines()[-1]


def test_a_stream_that_outlasts_the_drain_is_cut_and_settled(start: Any, tmp_path: Path, slow: Provider) -> None:
    running = start(_slow_folder(tmp_path / "cutting", slow, drain="1s"), key="any")
    slow.prescribe("hang=middle")
    listener = Listener(running, "slowly", "This will never end.")
    assert listener.first().startswith(b"data: ")
    running.process.send_signal(signal.SIGTERM)
    until("it has ended", lambda: running.process.pid is None)
    line = running.lines()[-1]
    assert line["usage_estimated"] is True
    assert line["aborted"] is True


def test_a_stream_keeps_the_configuration_that_it_began_with(start: Any, tmp_path: Path, slow: Provider) -> None:
    folder = _slow_folder(tmp_path / "swapped", slow)
    running = start(folder, key="any")
    listener = Listener(running, "slowly", "Are you changed on the way?")
    began_with = listener.answer.getheader("x-turnout-config")
    assert listener.first().startswith(b"data: ")
    folder.write("all.yaml", provider("slow", slow.url), route("other", "slow/small"))
    until("the route is gone", lambda: _status(running) == 404, 5)
    assert listener.rest().endswith(b"data: [DONE]\n\n")
    assert running.line_of(listener.request_id)["config"] == str(began_with)[:12]


def test_a_killed_gateway_is_back_with_its_configuration_in_a_moment(
    house_folder: Folder, tmp_path: Path, spawner: Spawner, keys: Keys
) -> None:
    arguments = ["serve", "-f", str(house_folder.path), "--state", str(tmp_path / "state")]
    running = Gateway("killed", arguments, root=tmp_path, spawner=spawner, key=keys.app).start()
    assert running.ask("plain", "Before?").status == 200
    running.stop(signal.SIGKILL)
    running.start()
    assert running.ask("plain", "After?").status == 200
    running.stop()


def _status(running: Gateway) -> int:
    return running.ask("slowly", "Hello?", max_tokens=1).status


def _takes_calls(running: Gateway) -> bool:
    try:
        answer: Answer = running.ask("slowly", "Hello?", max_tokens=1)
    except OSError:
        return False
    return answer.status == 200
