"""A provider that says one thing to everybody: a server in a thread of the test."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Upstream"]


class Upstream(ThreadingHTTPServer):
    """Answers every call as the test says, and gives tokens. Use as a context manager."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told: tuple[int, Any] = (404, {})
        """Status and body."""
        self._thread = threading.Thread(target=self.serve_forever, name="upstream")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Upstream

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        token = {"access_token": "a-token", "expires_in": 3600}
        status, body = (200, token) if self.path == "/token" else self.server.told
        self._say(status, body)

    def do_GET(self) -> None:
        """The list of models, which own servers are asked for."""
        self._say(200, {"object": "list", "data": [{"id": "another-model"}]})

    def _say(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is written."""
