"""A provider that says what it was asked, word for word, in a thread of its own; it keeps what reached it.

It speaks chat completions, whole and as a stream of pieces of a few characters, so that what was masked comes back cut anywhere.
`next_faults` holds what goes wrong with the next calls: `error` (a 400 that quotes the question, as providers do), `quoting-500`,
`cut` (the connection ends in the middle), `malformed` (an event that is no JSON, with the question in it), `error-event`. As a
detector (`POST /v1/detect`) it always fails, and quotes what it was shown.
"""

import json
from collections import deque
from typing import Any

from support.http_thread import Handler, HttpThread

PIECE = 7


class EchoProvider(HttpThread):
    """Takes `POST /v1/chat/completions`."""

    def __init__(self) -> None:
        super().__init__("echo-provider", _handler(self))
        self.bodies: list[bytes] = []
        self.next_faults: deque[str] = deque()

    def __enter__(self) -> "EchoProvider":
        super().__enter__()
        return self

    @property
    def url(self) -> str:
        """What a ModelProvider has as its endpoint."""
        return f"{self.origin}/v1"


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


def _handler(provider: EchoProvider) -> type[Handler]:
    class Echoing(Handler):
        def posted(self, body: bytes) -> None:
            if not self.path.endswith("/detect"):
                provider.bodies.append(body)
            fault = provider.next_faults.popleft() if provider.next_faults else ""
            if self.path.endswith("/detect"):
                self._whole(500, {"error": f"cannot look at {body.decode()}"})
                return
            asked = json.loads(body)
            text = "\n".join(_texts([message.get("content") for message in asked["messages"]]))
            if fault in ("error", "quoting-500"):
                message = {"error": {"message": f"Not to be done: {text}", "type": "invalid_request_error"}}
                self._whole(400 if fault == "error" else 500, message)
            elif asked.get("stream"):
                self._stream(_events(text, fault), cut=fault == "cut")
            else:
                said = {"role": "assistant", "content": text}
                usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
                choice = {"index": 0, "message": said, "finish_reason": "stop"}
                answer = {"id": "e1", "object": "chat.completion", "created": 1, "model": "echo"}
                self._whole(200, {**answer, "choices": [choice], "usage": usage}, cut=fault == "cut")

        def _whole(self, status: int, answer: dict[str, Any], *, cut: bool = False) -> None:
            self.answer(status, "application/json", json.dumps(answer).encode(), cut=cut)

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

    return Echoing
