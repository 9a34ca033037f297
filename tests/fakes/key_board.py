"""An upstream of two dialects that writes down who called with which key.

Who calls says so in the last message: the first word of it. The dialect is told by the path.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["KeyBoard"]

_CHAT = {
    "id": "c",
    "object": "chat.completion",
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
}
_MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


class KeyBoard(ThreadingHTTPServer):
    """Use as a context manager."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, str]] = []
        """Dialect, who called, and the key."""
        self._thread = threading.Thread(target=self.serve_forever, name="key board")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: KeyBoard
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        chat = self.path.endswith("/chat/completions")
        key = self.headers["x-api-key"] or self.headers["authorization"].removeprefix("Bearer ")
        who = _text(body["messages"][-1]["content"]).split()[0]
        self.server.seen.append(("openai" if chat else "anthropic", who, key))
        data = json.dumps(_CHAT if chat else _MESSAGE).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        # In one piece: in two, the second would wait for the first to be acknowledged.
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + data)

    def log_message(self, *_: object) -> None:
        """Nothing is written."""


def _text(content: Any) -> str:
    text: str = content if isinstance(content, str) else content[0]["text"]
    return text
