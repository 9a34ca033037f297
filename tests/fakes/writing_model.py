"""A server of chat completions whose model writes what a test says, whole or a few letters at once."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_PIECE = 5


class WritingModel:
    """Use as a context manager.

    Args:
        texts: What it writes, one text an answer.
    """

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.requests: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                model.requests.append(body)
                kind, data = _answer(model.texts.pop(0), stream=bool(body.get("stream")))
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(text: str, *, stream: bool) -> tuple[str, bytes]:
    usual = {"id": f"r{len(text)}", "model": "m", "created": 1}
    if not stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}}
        choices = [{**choice, "finish_reason": "stop"}]
        return "application/json", json.dumps({**usual, "choices": choices}).encode()
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    said: list[tuple[dict[str, str], str | None]] = [({"content": piece}, None) for piece in pieces]
    events = [
        {**usual, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in (*said, ({}, "stop"))
    ]
    lines = [*(json.dumps(event) for event in events), "[DONE]"]
    return "text/event-stream", "".join(f"data: {line}\n\n" for line in lines).encode()
