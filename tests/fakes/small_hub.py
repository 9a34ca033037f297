"""The hub of Hugging Face with repositories that are folders, on a port of this machine.

https://huggingface.co/docs/huggingface_hub/package_reference/file_download
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["SmallHub", "serving_hub"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class SmallHub:
    """What it has, and what it was asked."""

    repositories: Mapping[str, Path]
    gated: str = ""
    """A repository that only who has `token` may read."""
    token: str = ""
    endpoint: str = ""
    tokens: set[str] = field(default_factory=set)
    """What came in the head `Authorization`."""


@contextmanager
def serving_hub(hub: SmallHub) -> Iterator[SmallHub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        def do_HEAD(self) -> None:
            self.answer()

        def answer(self) -> None:
            said = self.headers.get("Authorization", "")
            if said:
                hub.tokens.add(said)
            asked = self.path.partition("?")[0].removeprefix("/api/models")
            name = "/".join(asked.split("/")[1:3])
            file = asked.partition("/resolve/")[2].partition("/")[2]
            path = hub.repositories.get(name, Path("/none")) / file
            if asked == "/":
                self.say(200, b"")
            elif name not in hub.repositories:
                self.say(404, b"", {"X-Error-Code": "RepoNotFound"})
            elif name == hub.gated and said != f"Bearer {hub.token}":
                self.say(403, b"", {"X-Error-Code": "GatedRepo"})
            elif not file or not path.is_file():
                self.say(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            else:
                data = path.read_bytes()
                etag = f'"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"'
                self.say(200, data, {"ETag": etag, "X-Repo-Commit": COMMIT})

        def say(self, status: int, body: bytes, heads: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for head, value in {**(heads or {}), "Content-Length": str(len(body))}.items():
                self.send_header(head, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
