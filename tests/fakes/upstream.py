"""A very lean OpenAI-compatible upstream: what it costs must not hide what is measured.

Run it with `python -m tests.fakes.upstream --port 0 [--uvloop] [knob=value ...]`; it prints the
port. In a test: `with UpstreamProcess() as upstream` or `with UpstreamThread() as upstream`.

Knobs are defaults on the command line and path segments in front of `/v1`, so that one server
serves many scenes: `http://127.0.0.1:PORT/hold=2/v1`, `…/chunks=200/pace=10/v1`.

    hold=S          seconds before the first byte of the answer
    chunks=N        deltas of a streamed answer (8)
    pace=MS         milliseconds from delta to delta (0: as fast as the connection takes them)
    stamp=1         the text of a delta is `time.monotonic()` at its sending, and a space
    text=T          text of an answer or of each delta
    status=N        answer with this status and an error body [retry_after=S]
    rate=N burst=N  more than N requests a minute per key are answered 429 [retry_after=S]
    at_once=N       more than N simultaneous requests per key are answered 429
    headers=1       answers tell the rate limit as OpenAI's do

`GET /_stats` gives counters, `POST /_reset` clears them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import hashlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Self, cast

__all__ = ["Stats", "UpstreamProcess", "UpstreamThread", "fingerprint", "serve"]

from .upstream_scene import Account, Knobs, Stats, fingerprint

ROOT = Path(__file__).resolve().parents[2]
USAGE = b'{"prompt_tokens":9,"completion_tokens":8,"total_tokens":17}'
HEAD = b'{"id":"chatcmpl-fake","created":1700000000,"model":"fake-model",'
STREAM_HEADERS = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"x-request-id: req_fake\r\n%s\r\n"
)


class _Server:
    def __init__(self, knobs: Knobs) -> None:
        self.knobs = knobs
        self.stats = Stats()
        self.accounts: dict[str, Account] = {}
        self.paths: dict[bytes, Knobs] = {}
        self.transports: set[asyncio.Transport] = set()

    async def listen(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Connection(self), "127.0.0.1", port, backlog=8192)

    def knobs_of(self, path: bytes) -> Knobs:
        if path not in self.paths:
            self.paths[path] = self.knobs.set(path.decode().split("/"))
        return self.paths[path]

    def account(self, key: str, knobs: Knobs) -> Account:
        return self.accounts.setdefault(key, Account(knobs.burst))


class _Connection(asyncio.Protocol):
    def __init__(self, server: _Server) -> None:
        self.server = server
        self.buffer = b""
        self.timer: asyncio.Handle | None = None
        self.account: Account | None = None
        self.paused = self.busy = False
        self.limits = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self.server.transports.add(self.transport)
        self.loop = asyncio.get_running_loop()
        self.server.stats.connections += 1
        self.server.stats.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.transports.discard(self.transport)
        self.server.stats.open_connections -= 1
        if self.busy:
            self.server.stats.disconnects += 1
            self._settle()
        if self.timer:
            self.timer.cancel()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        while not self.busy:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end]
            at = head.lower().find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = (
                self.buffer[end + 4 : end + 4 + length],
                self.buffer[end + 4 + length :],
            )
            self.request(head, body)

    def request(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/_stats":
            self.reply(200, json.dumps(asdict(self.server.stats)).encode())
            return
        if path == b"/_reset":
            opened = self.server.stats.open_connections
            self.server.stats = Stats(open_connections=opened)
            self.server.accounts.clear()
            self.reply(200, b"{}")
            return
        stats, knobs = self.server.stats, self.server.knobs_of(path)
        stats.requests += 1
        at = head.lower().find(b"\r\nauthorization:")
        key = head[at + 16 :].split(b"\r\n", 1)[0].strip() if at >= 0 else b""
        mark = hashlib.sha256(key).hexdigest()[:12]
        stats.keys[mark] = stats.keys.get(mark, 0) + 1
        account = self.server.account(mark, knobs)
        admitted = account.admits(knobs)
        self.limits = account.headers(knobs)
        if not admitted:
            stats.rejected += 1
            self.error(429, knobs)
            return
        self.account, self.busy = account, True
        account.running += 1
        stats.in_flight += 1
        stats.peak_in_flight = max(stats.peak_in_flight, stats.in_flight)
        streams = b'"stream":true' in body or b'"stream": true' in body
        if knobs.hold:
            self.timer = self.loop.call_later(knobs.hold, self.answer, knobs, streams)
        else:
            self.answer(knobs, streams)

    def answer(self, knobs: Knobs, streams: bool) -> None:
        if knobs.status != 200:
            self._settle()
            self.error(knobs.status, knobs)
        elif streams:
            self.transport.write(STREAM_HEADERS % self.limits)
            self.delta(knobs, knobs.chunks, self.loop.time())
        else:
            self._settle()
            text = json.dumps(knobs.text).encode()
            self.reply(
                200,
                HEAD + b'"object":"chat.completion","choices":[{"index":0,"message":{"role":'
                b'"assistant","content":'
                + text
                + b'},"finish_reason":"stop"}],"usage":'
                + USAGE
                + b"}",
            )
        if not self.busy and self.buffer:
            self.data_received(b"")

    def delta(self, knobs: Knobs, left: int, due: float) -> None:
        """Sends one delta, and asks the loop for the next one."""
        if self.paused:
            self.timer = self.loop.call_later(0.001, self.delta, knobs, left, due)
            return
        if not left:
            self.finish()
            return
        text = f"{time.monotonic():.6f} " if knobs.stamp else knobs.text
        self.server.stats.chunks += 1
        self.event(
            b'[{"index":0,"delta":{"content":%s},"finish_reason":null}]' % json.dumps(text).encode()
        )
        due += knobs.pace / 1000
        if knobs.pace:
            self.timer = self.loop.call_at(due, self.delta, knobs, left - 1, due)
        else:
            self.timer = self.loop.call_soon(self.delta, knobs, left - 1, due)

    def event(self, choices: bytes, more: bytes = b"") -> None:
        data = (
            b"data: "
            + HEAD
            + b'"object":"chat.completion.chunk","choices":'
            + choices
            + more
            + b"}\n\n"
        )
        self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))

    def finish(self) -> None:
        self._settle()
        self.event(b'[{"index":0,"delta":{},"finish_reason":"stop"}]')
        self.event(b"[]", b',"usage":' + USAGE)
        self.transport.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        if self.buffer:
            self.data_received(b"")

    def error(self, status: int, knobs: Knobs) -> None:
        code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status, "server_error")
        error = {"message": f"fake status {status}", "type": code, "param": None, "code": code}
        after = f"retry-after: {knobs.retry_after}\r\n" if knobs.retry_after else ""
        self.reply(status, json.dumps({"error": error}).encode(), after.encode())

    def reply(self, status: int, body: bytes, headers: bytes = b"") -> None:
        self.transport.write(
            b"HTTP/1.1 %d Fake\r\ncontent-type: application/json\r\nx-request-id: req_fake\r\n"
            b"%s%scontent-length: %d\r\n\r\n%s" % (status, headers, self.limits, len(body), body)
        )

    def _settle(self) -> None:
        self.busy = False
        self.server.stats.in_flight -= 1
        self.server.stats.answered += 1
        if self.account:
            self.account.running -= 1
            self.account = None


async def serve(port: int = 0, knobs: Knobs | None = None) -> asyncio.Server:
    """Starts the server on 127.0.0.1."""
    return await _Server(knobs or Knobs()).listen(port)


class _Handle:
    """What tests ask of a running upstream."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def base_url(self, *knobs: str) -> str:
        """Base URL for an OpenAI client, such as `base_url("chunks=200", "pace=10")`."""
        return "/".join([self.url, *knobs, "v1"])

    def stats(self) -> Stats:
        with urllib.request.urlopen(self.url + "/_stats", timeout=10) as answer:
            return Stats(**json.load(answer))

    def reset(self) -> None:
        request = urllib.request.Request(self.url + "/_reset", data=b"", method="POST")
        urllib.request.urlopen(request, timeout=10).close()


class UpstreamProcess(_Handle):
    """The upstream in a process of its own: for measuring."""

    def __init__(self, *knobs: str, uvloop: bool = False) -> None:
        self._command = [sys.executable, "-m", "tests.fakes.upstream", "--port", "0", *knobs]
        self._command += ["--uvloop"] if uvloop else []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdout
        self.pid, self.port = self._process.pid, int(self._process.stdout.readline())
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


class UpstreamThread(_Handle):
    """The upstream in a thread: for tests."""

    def __init__(self, *knobs: str) -> None:
        self._server = _Server(Knobs().set(list(knobs)))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._server.listen(0), self._loop)
        self._listener = listening.result(10)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._listener.close()
        for transport in list(self._server.transports):
            transport.abort()
        await asyncio.sleep(0.01)  # lets the transports close their sockets


async def _run(port: int, knobs: Knobs) -> None:
    server = await serve(port, knobs)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fake OpenAI upstream for tests and benches.")
    parser.add_argument("--port", type=int, default=0, help="0: a free port")
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop")
    parser.add_argument("knobs", nargs="*", help="name=value, such as chunks=200")
    options = parser.parse_args()
    factory = None
    if options.uvloop:
        import uvloop  # noqa: PLC0415  # optional

        factory = uvloop.new_event_loop
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_run(options.port, Knobs().set(options.knobs)))


if __name__ == "__main__":
    main()
