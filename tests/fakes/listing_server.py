"""A server that lists models in the shapes of OpenAI, Anthropic, Mistral and Google."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "listing-key-0123456789"

# https://platform.openai.com/docs/api-reference/models/list
OPENAI = {"object": "list", "data": [{"id": "gpt-b", "object": "model"}, {"id": "gpt-a"}]}
# https://docs.mistral.ai/api/endpoint/models
MISTRAL = {"object": "list", "data": [{"id": "mistral-x", "name": "X"}]}
# https://docs.claude.com/en/api/models-list
ANTHROPIC = {
    None: {"data": [{"id": "c-1", "display_name": "One"}], "has_more": True, "last_id": "c-1"},
    "c-1": {"data": [{"id": "c-2", "display_name": "Two"}], "has_more": False, "last_id": "c-2"},
}
# https://ai.google.dev/api/models#method:-models.list
GOOGLE = {
    None: {"models": [{"name": "models/g-1", "displayName": "G 1"}], "nextPageToken": "p/2"},
    "p/2": {"models": [{"name": "models/g-2"}]},
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, body = self._answer(parts.path, query)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        known = {
            "/openai/v1/models": OPENAI,
            "/mistral/v1/models": MISTRAL,
            "/anthropic/v1/models": ANTHROPIC.get(query.get("after_id")),
            "/google/v1beta/models": GOOGLE.get(query.get("pageToken")),
            "/odd/v1/models": {"what": "is this"},
        }
        if path not in known:
            return 404, {"error": {"message": "no such page"}}
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = (headers.get("authorization") or "").removeprefix("Bearer ")
        given = given or headers.get("x-api-key") or headers.get("x-goog-api-key") or ""
        if given != KEY:
            return 401, {"error": {"message": f"the key {given} is not known"}}
        return 200, known[path]

    def log_message(self, *_: Any) -> None:
        pass


class ListingServer:
    """Use as a context manager."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
