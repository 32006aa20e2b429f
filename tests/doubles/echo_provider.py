"""A provider that says what it was asked, word for word, in a thread of its own; it keeps what reached it.

It speaks chat completions, whole and as a stream of pieces of a few characters, so that what was masked comes back cut anywhere.
`next_faults` holds what goes wrong with the next calls: `error` (a 400 that quotes the question, as providers do), `quoting-500`,
`cut` (the connection ends in the middle), `malformed` (an event that is no JSON, with the question in it), `error-event`. As a
detector (`POST /v1/detect`) it always fails, and quotes what it was shown.
"""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

PIECE = 7


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is talked to may hang up."""


class EchoProvider:
    """Takes `POST /v1/chat/completions`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.next_faults: deque[str] = deque()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="echo-provider", daemon=True)

    def __enter__(self) -> "EchoProvider":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """What a ModelProvider has as its endpoint."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for each in value for text in _texts(each)]
        case dict():
            return [text for each in value.values() for text in _texts(each)]
    return []


def _events(text: str, fault: str) -> list[bytes]:
    def event(data: Any) -> bytes:
        return b"data: " + json.dumps(data).encode() + b"\n\n"

    def delta(said: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": said, "finish_reason": finish}
        return event(
            {"id": "e1", "object": "chat.completion.chunk", "created": 1, "model": "echo", "choices": [choice]}
        )

    pieces = [delta({"content": text[at : at + PIECE]}) for at in range(0, len(text), PIECE)]
    half = len(pieces) // 2
    match fault:
        case "malformed":
            return [*pieces[:half], f"data: {{{text}\n\n".replace("\r", " ").encode(), *pieces[half:]]
        case "error-event":
            return [*pieces[:half], event({"error": {"message": f"cannot go on with {text}", "type": "server_error"}})]
        case "cut":
            return pieces[:half]
    return [*pieces, delta({}, "stop"), b"data: [DONE]\n\n"]


def _handler(provider: EchoProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            if not self.path.endswith("/detect"):
                provider.bodies.append(raw)
            fault = provider.next_faults.popleft() if provider.next_faults else ""
            if self.path.endswith("/detect"):
                self._whole(500, {"error": f"cannot look at {raw.decode()}"})
                return
            body = json.loads(raw)
            text = "\n".join(_texts([message.get("content") for message in body["messages"]]))
            if fault in ("error", "quoting-500"):
                message = {"error": {"message": f"Not to be done: {text}", "type": "invalid_request_error"}}
                self._whole(400 if fault == "error" else 500, message)
            elif body.get("stream"):
                self._stream(_events(text, fault), cut=fault == "cut")
            else:
                said = {"role": "assistant", "content": text}
                usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
                choice = {"index": 0, "message": said, "finish_reason": "stop"}
                answer = {"id": "e1", "object": "chat.completion", "created": 1, "model": "echo"}
                self._whole(200, {**answer, "choices": [choice], "usage": usage}, cut=fault == "cut")

        def _whole(self, status: int, answer: dict[str, Any], *, cut: bool = False) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            self.close_connection = cut

        def _stream(self, events: list[bytes], *, cut: bool) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for event in events:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            if not cut:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = cut

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing is logged."""

    return Handler
