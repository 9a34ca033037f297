"""How the HTTP client uses connections, and lets go of them."""

from __future__ import annotations

import asyncio
import time

import pytest

from modeld.errors import ProviderUnavailable
from modeld_daemon.providers.http import pool as pool_room
from tests.fakes.exact_server import (
    OK,
    Run,
    Seen,
    Server,
    chunked,
    client_of,
    failing,
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


# -- connections ---


def test_a_connection_is_used_again(run):
    async def scene() -> None:
        async with serving(saying(OK)) as server, client_of() as client:
            for _ in range(5):
                await client.fetch(to(server), b"{}")
            assert server.connections == 1
            (statistics,) = client.statistics().values()
            assert (statistics.busy, statistics.idle, statistics.opened) == (0, 1, 1)

    run(scene())


def test_connection_close_is_obeyed(run):
    async def scene() -> None:
        text = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi"
        async with serving(saying(text)) as server, client_of() as client:
            for _ in range(2):
                assert (await client.fetch(to(server), b"{}")).body == b"hi"
            assert server.connections == 2

    run(scene())


def test_there_is_no_cap_and_the_last_used_connection_comes_first(run):
    gate = asyncio.Event()

    async def answer(seen: Seen) -> None:
        await gate.wait()
        seen.writer.write(OK)

    async def scene() -> None:
        async with serving(answer) as server, client_of() as client:
            tasks = [asyncio.ensure_future(client.fetch(to(server), b"{}")) for _ in range(300)]
            while len(server.requests) < 300:
                await asyncio.sleep(0.01)
            gate.set()
            await asyncio.gather(*tasks)
            assert server.connections == 300
            for _ in range(3):
                await client.fetch(to(server), b"{}")
            assert len({seen.connection for seen in server.requests[-3:]}) == 1

    run(scene())


def test_a_burst_waits_to_dial_and_takes_freed_connections(run, monkeypatch):
    monkeypatch.setattr(pool_room, "MAX_DIALS", 2)

    async def scene() -> None:
        async with serving(saying(OK)) as server, client_of() as client:
            tasks = [asyncio.ensure_future(client.fetch(to(server), b"{}")) for _ in range(50)]
            await asyncio.sleep(0)
            tasks[7].cancel()
            tasks[1].cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(answer, asyncio.CancelledError) for answer in answers) == 2
            (statistics,) = client.statistics().values()
            assert (statistics.busy, statistics.dialling, statistics.waiting) == (0, 0, 0)
            assert server.connections <= 48
            await client.fetch(to(server), b"{}")

    run(scene())


def test_a_stale_connection_costs_one_resend(run):
    async def answer(seen: Seen) -> None:
        if seen.connection == 1 and len(server_of[0].requests) == 2:
            seen.writer.close()  # read, and not a byte of an answer
            return
        seen.writer.write(OK)

    server_of: list[Server] = []

    async def scene() -> None:
        async with serving(answer) as server, client_of() as client:
            server_of.append(server)
            await client.fetch(to(server), b"{}")
            assert (await client.fetch(to(server), b"{}")).body == b"hi"
            assert [seen.connection for seen in server.requests] == [1, 1, 2]

    run(scene())
    server_of.clear()


def test_a_server_that_closed_its_end_while_idle_costs_nothing(run):
    async def scene() -> None:
        async with serving(saying(OK, close=True)) as server, client_of() as client:
            await client.fetch(to(server), b"{}")
            await asyncio.sleep(0.05)
            await client.fetch(to(server), b"{}")
            assert len(server.requests) == 2

    run(scene())


def test_a_request_on_a_new_connection_is_never_sent_twice(run):
    error = failing(run, saying(close=True))
    assert isinstance(error, ProviderUnavailable)
    assert error.phase == "first_token"


def test_a_half_answer_is_never_asked_again(run):
    async def answer(seen: Seen) -> None:
        if len(everything) > 0:
            seen.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal")
            seen.writer.close()
            return
        everything.append(seen)
        seen.writer.write(OK)

    everything: list[Seen] = []

    async def scene() -> None:
        async with serving(answer) as server, client_of() as client:
            await client.fetch(to(server), b"{}")
            with pytest.raises(ProviderUnavailable) as caught:
                await client.fetch(to(server), b"{}")
            assert caught.value.phase == "stream"
            assert len(server.requests) == 2

    run(scene())


def test_unasked_bytes_end_an_idle_connection(run):
    async def answer(seen: Seen) -> None:
        seen.writer.write(OK)
        await asyncio.sleep(0.02)
        seen.writer.write(b"HTTP/1.1 408 Too slow\r\ncontent-length: 0\r\n\r\n")

    async def scene() -> None:
        async with serving(answer) as server, client_of() as client:
            await client.fetch(to(server), b"{}")
            await asyncio.sleep(0.1)
            assert (await client.fetch(to(server), b"{}")).status == 200
            assert server.connections == 2

    run(scene())


def test_idle_connections_are_closed_after_a_while(run):
    async def scene() -> None:
        async with serving(saying(OK)) as server, client_of(idle_seconds=0.1) as client:
            await client.fetch(to(server), b"{}")
            for _ in range(100):
                await asyncio.sleep(0.02)
                if server.gone:
                    break
            assert server.gone == 1
            (statistics,) = client.statistics().values()
            assert statistics.idle == 0

    run(scene())


def test_closing_the_client_ends_what_is_in_flight(run):
    async def scene() -> None:
        async with serving(saying()) as server, client_of() as client:
            task = asyncio.ensure_future(client.fetch(to(server), b"{}"))
            while not server.requests:
                await asyncio.sleep(0.005)
            await client.aclose()
            with pytest.raises(ProviderUnavailable):
                await task
            with pytest.raises(ProviderUnavailable, match="closed"):
                await client.fetch(to(server), b"{}")

    run(scene())


# -- streams ---


def test_a_stream_comes_as_it_is_sent_and_leaves_its_connection(run):
    async def scene() -> None:
        answer = saying(*chunked(b"one", b"two", b"three"), pause=0.03)
        async with serving(answer) as server, client_of() as client:
            for _ in range(2):
                pieces = []
                async with client.stream(to(server), b"{}") as response:
                    assert response.status == 200
                    while piece := await response.read():
                        pieces.append(piece)
                assert pieces == [b"one", b"two", b"three"]
            assert server.connections == 1

    run(scene())


def test_a_slow_reader_holds_the_server_up(run):
    sent = 0

    async def answer(seen: Seen) -> None:
        nonlocal sent
        head, *pieces, end = chunked(*[b"x" * 65536] * 400)
        seen.writer.write(head)
        for piece in pieces:
            seen.writer.write(piece)
            await seen.writer.drain()
            sent += 65536
        seen.writer.write(end)

    async def scene() -> None:
        async with (
            serving(answer) as server,
            client_of() as client,
            client.stream(to(server), b"{}", patience=0.3) as response,
        ):
            first = len(await response.read())
            await asyncio.sleep(0.5)  # longer than the patience: it is not the server's fault
            assert sent < 400 * 65536 / 2
            assert first + len(await response.read_all()) == 400 * 65536

    run(scene())


def test_leaving_a_stream_early_hangs_up(run):
    async def scene() -> None:
        slow = saying(*chunked(b"a", b"b", b"c"), pause=5)
        async with serving(slow) as server, client_of() as client:
            async with client.stream(to(server), b"{}") as response:
                assert response.status == 200
            started = time.perf_counter()
            seen = server.requests[0]
            assert await asyncio.wait_for(seen.reader.read(1), 1) == b""
            assert time.perf_counter() - started < 0.5

    run(scene())


@pytest.mark.parametrize("streams", [False, True])
def test_cancelling_hangs_up_at_once(run, streams):
    async def scene() -> None:
        answer = saying(*chunked(b"a")[:2] if streams else ())
        async with serving(answer) as server, client_of() as client:

            async def call() -> None:
                if not streams:
                    await client.fetch(to(server), b"{}")
                    return
                async with client.stream(to(server), b"{}") as response:
                    await response.read_all()

            task = asyncio.ensure_future(call())
            while not server.requests:
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            started = time.perf_counter()
            while not server.gone:
                assert time.perf_counter() - started < 0.5
                await asyncio.sleep(0.005)
            (statistics,) = client.statistics().values()
            assert (statistics.busy, statistics.idle) == (0, 0)

    run(scene())
