"""An HTTP server of this machine in a thread of its own, for doubles that other processes ask. It logs nothing."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is talked to may hang up."""


class HttpThread:
    """The server, while it is entered."""

    def __init__(self, name: str, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = _Server(("127.0.0.1", 0), type("Silent", (handler,), {"log_message": lambda *_: None}))
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)

    def __enter__(self) -> HttpThread:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """A connection that stays open from one request to the next."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A request has come."""
        self.posted(self.rfile.read(int(self.headers["content-length"])))

    def posted(self, body: bytes) -> None:
        """What is done about it: here nothing is known."""
        del body
        self.answer(404, "text/plain", b"")

    def answer(self, status: int, content_type: str, data: bytes, *, cut: bool = False) -> None:
        """A whole answer; `cut`: half of it, and the connection ends."""
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = cut
