"""Answers and failures of the HTTP client, on a real socket."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib

import pytest

from modeld.errors import InvalidRequest, ProviderError, ProviderUnavailable
from modeld_daemon.providers.http import connection as connection_room
from modeld_daemon.providers.http.endpoint import Endpoint
from tests.fakes.exact_server import (
    OK,
    Run,
    client_of,
    failing,
    fetching,
    on_loop,
    saying,
    serving,
    to,
)

LOOPS = ["asyncio", "uvloop"]


@pytest.fixture(params=LOOPS)
def run(request) -> Run:
    """Runs a scene on each of the two loops."""
    return on_loop(request.param)


# -- answers ---


def test_an_answer_has_status_headers_and_body(run):
    async def scene() -> None:
        text = b"HTTP/1.1 404 No\r\nX-Request-Id: r1\r\ncontent-length: 2\r\n\r\nno"
        async with serving(saying(text)) as server, client_of() as client:
            answer = await client.fetch(to(server, ("Authorization", "Bearer k")), b'{"a":1}')
            assert (answer.status, answer.header("x-request-id"), answer.body) == (404, "r1", b"no")
            assert answer.header("missing") is None
            seen = server.requests[0]
            assert seen.body == b'{"a":1}'
            assert b"POST /v1 HTTP/1.1\r\n" in seen.head
            assert b"authorization: Bearer k\r\n" in seen.head
            assert f"host: 127.0.0.1:{server.port}\r\n".encode() in seen.head

    run(scene())


def test_chunks_may_be_cut_anywhere(run):
    text = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
    body, _ = fetching(run, saying(*(text[i : i + 1] for i in range(len(text)))))
    assert body == b"abcdefg"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    "name, pack", [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]
)
def test_compressed_bodies_are_decoded(run, name, pack):
    packed = pack(b"text " * 1000)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {name}\r\ncontent-length: {len(packed)}\r\n\r\n"
    body, _ = fetching(run, saying(head.encode() + packed[:20], packed[20:], pause=0.01))
    assert body == b"text " * 1000


@pytest.mark.parametrize(
    "encoding, body",
    [("br", b"xxxx"), ("gzip", b"no gzip"), ("gzip", gzip.compress(b"a" * 99, mtime=0)[:-9])],
)
def test_a_body_that_cannot_be_decoded_is_an_error(run, encoding, body):
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    assert type(failing(run, saying(head.encode() + body))) is ProviderError


def test_a_body_may_end_with_the_connection(run):
    body, _ = fetching(run, saying(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True))
    assert body == b"all of it"


def test_early_hints_come_before_the_answer(run):
    body, _ = fetching(run, saying(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", OK, pause=0.01))
    assert body == b"hi"


# -- failures ---


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nxx",
    ],
)
def test_garbage_is_the_providers_error(run, text):
    assert type(failing(run, saying(text))) is ProviderError


def test_silence_is_unavailability(run):
    started = time.perf_counter()
    error = failing(run, saying(), read_timeout=0.2)
    assert isinstance(error, ProviderUnavailable)
    assert error.phase == "first_token"
    assert time.perf_counter() - started < 1.5


def test_bounds_are_kept(run, monkeypatch):
    monkeypatch.setattr(connection_room, "MAX_HEAD", 1000)
    monkeypatch.setattr(connection_room, "MAX_BODY", 1000)
    assert "headers" in failing(run, saying(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2000)).message
    long = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"z" * 2000
    assert "body" in failing(run, saying(long)).message
    bomb = gzip.compress(b"\0" * 100_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    assert "decoded body" in failing(run, saying(head + bomb)).message


@pytest.mark.parametrize(
    "url, words",
    [("http://127.0.0.1:9", "127.0.0.1:9"), ("http://no.such.invalid", "no.such.invalid")],
)
def test_an_address_that_cannot_be_reached_is_named(run, url, words):
    async def scene() -> None:
        async with client_of() as client:
            with pytest.raises(ProviderUnavailable, match=words) as caught:
                await client.fetch(Endpoint.make("POST", url, []), b"{}")
            assert caught.value.phase == "connect"
            assert caught.value.provider == "test"

    run(scene())


def test_an_answer_may_come_before_the_whole_request_was_sent(run):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too big\r\ncontent-length: 3\r\n\r\nbig")
        await asyncio.sleep(0.1)
        writer.transport.abort()

    async def scene() -> None:
        listener = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
        async with client_of() as client:
            answer = await client.fetch(Endpoint.make("POST", url, []), b"x" * 20_000_000)
            assert (answer.status, answer.body) == (413, b"big")
            (statistics,) = client.statistics().values()
            assert statistics.idle == 0
            await asyncio.sleep(0.2)
        listener.close()

    run(scene())


def test_a_large_request_arrives_whole(run):
    async def scene() -> None:
        body = bytes(range(256)) * 10_000
        async with serving(saying(OK)) as server, client_of() as client:
            await client.fetch(to(server), body)
            assert server.requests[0].body == body

    run(scene())


@pytest.mark.parametrize(
    "header", [("x-a", "b\r\nx-evil: 1"), ("x a", "b"), ("", "b"), ("x-a", "b\0")]
)
def test_headers_cannot_smuggle(header):
    with pytest.raises(InvalidRequest):
        Endpoint.make("POST", "http://localhost/", [header])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/",
        "localhost:80",
        "http://",
        "http://x:99999/",
        "http://é x/",
        "http://[::1",
        "http://x/a b",
    ],
)
def test_urls_that_are_none_are_refused(url):
    with pytest.raises(InvalidRequest):
        Endpoint.make("POST", url, [])


def test_the_client_frames_its_requests_itself():
    headers = [("Content-Length", "9"), ("Host", "evil"), ("X-A", "1"), ("x-a", "2")]
    endpoint = Endpoint.make("POST", "http://[::1]:8080/a%20b?c=d", headers)
    head = endpoint.bytes_for(b"{}").decode()
    assert head.startswith("POST /a%20b?c=d HTTP/1.1\r\nhost: [::1]:8080\r\nx-a: 2\r\n")
    assert "evil" not in head
    assert head.count("content-length") == 1
    assert "x-a" not in repr(endpoint)
