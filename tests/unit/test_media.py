"""Files and web pages in messages, made inline: what works, and what is refused and how."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trio

import modeld
from modeld.errors import InvalidRequest, UnresolvedMediaError
from modeld.model import materialize_media, materialize_media_sync
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentText,
    ContentVideo,
)

PNG = b"\x89PNG\r\n\x1a\nrest"
PDF = b"%PDF-1.7 rest"
HTML = b"<html>log in</html>"


def uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def made(part: Content, **more: Any) -> Any:
    (message,) = materialize_media_sync([ChatMessageUser([part])], **more)
    return message.content_list[0]


def refused(part: Content, said: str, **more: Any) -> UnresolvedMediaError:
    history = [ChatMessageUser("hi"), ChatMessageUser([ContentText("look"), part])]
    with pytest.raises(UnresolvedMediaError, match=said) as caught:
        materialize_media_sync(history, **more)
    assert f"messages[1].content[1] ({part.type} " in caught.value.message
    return caught.value


# -- files -----------------------------------------------------------------------------------


def test_files_of_each_kind_become_inline(tmp_path: Path):
    def file(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    wav = b"RIFF0000WAVErest"
    assert made(ContentImage(file("a.png", PNG))).image == uri("image/png", PNG)
    assert made(ContentImage(file("png-by-name.jpg", PNG))).image == uri("image/png", PNG)
    assert made(ContentImage(file("a.svg", b"<svg>"))).image == uri("image/svg+xml", b"<svg>")
    assert made(ContentAudio(file("a", wav), format="wav")).audio == uri("audio/wav", wav)
    assert made(ContentAudio(file("b", b"raw"), format="mp3")).audio == uri("audio/mpeg", b"raw")
    film = b"0000ftypisom"
    assert made(ContentVideo(file("a.mp4", film), format="mp4")).video == uri("video/mp4", film)
    page = made(ContentDocument(file("a.pdf", PDF), citations=True))
    assert page.document == uri("application/pdf", PDF)
    assert (page.filename, page.mime_type, page.citations) == ("a.pdf", "application/pdf", True)
    text = made(ContentDocument(file("a.md", b"# hi")))
    assert (text.document, text.mime_type) == (uri("text/markdown", b"# hi"), "text/markdown")
    unknown = made(ContentDocument(file("a", b"hi")))
    assert unknown.document == uri("application/octet-stream", b"hi")


def test_messages_that_need_nothing_are_the_same_and_others_are_copied(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    inline = ContentImage(uri("image/png", PNG))
    history: list[ChatMessage] = [
        ChatMessageUser("hi"),
        ChatMessageUser([inline]),
        ChatMessageTool([ContentImage(str(path), detail="low", internal={"a": 1})]),
        ChatMessageAssistant([ContentText("a"), ContentImage(str(path))]),
    ]
    new = materialize_media_sync(history)
    assert [one is two for one, two in zip(new, history, strict=True)] == [True, True, False, False]
    assert [message.id for message in new] == [message.id for message in history]
    image = new[2].content_list[0]
    assert isinstance(image, ContentImage)
    assert (image.image, image.detail, image.internal) == (inline.image, "low", {"a": 1})
    before = history[2].content_list[0]
    assert isinstance(before, ContentImage)
    assert before.image == str(path)


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.png").write_bytes(PNG)
    assert made(ContentImage("~/a.png")).image == uri("image/png", PNG)


def test_files_that_cannot_be_had_name_the_part(tmp_path: Path):
    refused(ContentImage(str(tmp_path / "no.png")), "no such file")
    refused(ContentImage(str(tmp_path)), "directory")
    refused(ContentImage("a\0b"), "null")
    refused(ContentImage("/dev/zero"), "no regular file")
    os.mkfifo(tmp_path / "pipe")
    refused(ContentImage(str(tmp_path / "pipe")), "no regular file")
    (tmp_path / "empty.png").touch()
    refused(ContentImage(str(tmp_path / "empty.png")), "empty")
    (tmp_path / "a.txt").write_text("hi")
    refused(ContentImage(str(tmp_path / "a.txt")), "no image")
    refused(ContentVideo(str(tmp_path / "no.mp4"), format="mp4"), "no such file")
    (tmp_path / "a.pdf").write_text("hi")
    refused(ContentDocument(str(tmp_path / "a.pdf")), "no application/pdf")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_refused(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    path.chmod(0)
    refused(ContentImage(str(path)), "permission denied")


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def deny(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", deny)
    refused(ContentImage(str(tmp_path / "a.png")), "permission denied")


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path):
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.write(PNG)
        file.truncate(1 << 40)  # a hole: no disk is used
    error = refused(ContentImage(str(path)), "max_bytes")
    assert str(1 << 40) in error.message
    path.write_bytes(PNG)
    refused(ContentImage(str(path)), "max_bytes", max_bytes=len(PNG) - 1)
    assert made(ContentImage(str(path)), max_bytes=len(PNG)).image == uri("image/png", PNG)


@pytest.mark.parametrize("where", ["s3://a/b.png", "file:///etc/hostname", "ftp://a/b"])
def test_other_addresses_are_refused(where):
    refused(ContentImage(where), "only paths, http and https")


def test_bounds_must_be_bounds():
    with pytest.raises(InvalidRequest, match="max_bytes"):
        materialize_media_sync([], max_bytes=0)
    with pytest.raises(InvalidRequest, match="timeout"):
        materialize_media_sync([], timeout=0)


# -- the web ---------------------------------------------------------------------------------


class Pages(BaseHTTPRequestHandler):
    """A server whose paths say how it behaves."""

    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        getattr(self, self.path.split("?")[0].strip("/").partition(".")[0])()

    def say(self, data: bytes, kind: str = "", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        if kind:
            self.send_header("content-type", kind)
        for name, value in {"content_length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def png(self) -> None:
        self.say(PNG, "application/octet-stream")

    def bare(self) -> None:
        self.say(b"raw")

    def svg(self) -> None:
        self.say(b"<svg>", "image/svg+xml; charset=utf-8")

    def page(self) -> None:
        self.say(HTML, "text/html; charset=utf-8")

    def liar(self) -> None:
        self.say(PNG, "text/html")

    def gone(self) -> None:
        self.say(b"no", status=404)

    def broken(self) -> None:
        self.say(b"no", status=500)

    def empty(self) -> None:
        self.say(b"", "image/png")

    def zipped(self) -> None:
        self.say(PNG, "image/png", content_encoding="gzip")

    def cut(self) -> None:
        self.say(PNG, "image/png", content_length="1000")

    def announced(self) -> None:
        self.say(b"", "image/png", content_length=str(1 << 40))

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(PNG * 1000)
        except OSError:
            self.server.hung_up.set()  # type: ignore[attr-defined]

    def drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(200):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass

    def silent(self) -> None:
        time.sleep(1)

    def moved(self) -> None:
        self.say(b"", status=302, location="/png")

    def file(self) -> None:
        self.say(b"", status=302, location="file:///etc/hostname")

    def ftp(self) -> None:
        self.say(b"", status=301, location="ftp://127.0.0.1/a")

    def loop(self) -> None:
        self.say(b"", status=307, location=f"/loop?{time.monotonic_ns()}")

    def nowhere(self) -> None:
        self.say(b"", status=302)


@pytest.fixture(scope="module")
def web() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.asked, server.hung_up = [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_pages_of_each_kind_become_inline(web):
    def document(path: str, **more: Any) -> Any:
        return made(ContentDocument(f"{web.url}/{path}", **more))

    assert made(ContentImage(f"{web.url}/png?a=b")).image == uri("image/png", PNG)
    assert made(ContentImage(f"{web.url}/liar")).image == uri("image/png", PNG)
    assert made(ContentImage(f"{web.url}/moved")).image == uri("image/png", PNG)
    assert made(ContentImage(f"{web.url}/svg")).image == uri("image/svg+xml", b"<svg>")
    assert made(ContentAudio(f"{web.url}/bare", format="wav")).audio == uri("audio/wav", b"raw")
    assert document("page").document == uri("text/html", HTML)
    assert document("page.html").mime_type == "text/html"
    assert document("bare.csv").document == uri("text/csv", b"raw")
    assert document("bare", mime_type="text/x-a").document == uri("text/x-a", b"raw")


def test_a_page_that_is_named_twice_is_fetched_once(web):
    web.asked.clear()
    part = ContentImage(f"{web.url}/png")
    materialize_media_sync([ChatMessageUser([part, part]), ChatMessageUser([part])])
    assert web.asked == ["/png"]


@pytest.mark.parametrize(
    "path, said",
    [
        ("gone", "404"),
        ("broken", "500"),
        ("empty", "empty"),
        ("page", "no image but text/html"),
        ("bare", "no image but unknown"),
        ("zipped", "compressed"),
        ("cut", "ended before"),
        ("announced", f"{1 << 40} bytes"),
        ("endless", "at most"),
        ("file", "redirects to a file: address"),
        ("ftp", "redirects to a ftp: address"),
        ("loop", "redirect|loop|answered 307"),
        ("nowhere", "302"),
    ],
)
def test_pages_that_are_no_picture_name_the_part(web, path, said):
    web.hung_up.clear()
    refused(ContentImage(f"{web.url}/{path}"), said)
    if path == "endless":
        assert web.hung_up.wait(5)


@pytest.mark.parametrize("path", ["drip", "silent"])
def test_a_page_that_takes_too_long_is_left(web, path):
    started = time.monotonic()
    refused(ContentImage(f"{web.url}/{path}"), "did not arrive", timeout=0.2)
    assert time.monotonic() - started < 3


def test_a_login_page_is_no_document(web):
    refused(ContentDocument(f"{web.url}/page.pdf"), "no application/pdf but text/html")
    refused(ContentDocument(f"{web.url}/page.csv"), "no text/csv but text/html")


def test_what_may_be_secret_in_a_url_is_not_shown(web):
    error = refused(ContentImage(f"{web.url}/gone?X-Amz-Signature=abc#d"), "404")
    assert "abc" not in error.message
    other = refused(ContentImage("http://user:hunter22@127.0.0.1:1/a"), "image")
    assert "hunter22" not in other.message


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/a.png", "http://", "http://[::1/a.png"])
def test_a_server_that_is_not_there_names_the_part(where):
    refused(ContentImage(where), "image")


# -- in a task -------------------------------------------------------------------------------


def test_it_works_in_asyncio_and_trio_and_by_each_name(web):
    async def scene() -> list[ChatMessage]:
        return await materialize_media([ChatMessageUser([ContentImage(f"{web.url}/png")])])

    for run in (lambda: asyncio.run(scene()), lambda: trio.run(scene)):
        (message,) = run()
        image = message.content_list[0]
        assert isinstance(image, ContentImage)
        assert image.image == uri("image/png", PNG)
    assert modeld.materialize_media is materialize_media
    assert modeld.materialize_media_sync is materialize_media_sync


def test_a_task_that_has_nothing_to_do_does_nothing():
    history: list[ChatMessage] = [ChatMessageUser("hi")]
    assert asyncio.run(materialize_media(history)) == history
