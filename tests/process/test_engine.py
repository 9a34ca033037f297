"""The mechanism that keeps native engines in processes of their own, with a program that fails on
demand. The real engine is in test_local_models.py."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import psutil
import pytest

from modeld.errors import EngineError
from modeld_daemon.providers.engine import frames
from modeld_daemon.providers.engine.engine import MOST_FAILED_STARTS, Engine, LoadFailed
from modeld_daemon.providers.engine.serve import Job, Line
from modeld_daemon.providers.engine.watchdog import Limits
from modeld_daemon.providers.engine.words import CallFailed

pytestmark = pytest.mark.anyio

PROGRAM = "tests.fakes.engine_program"
PATIENT = Limits()


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@asynccontextmanager
async def an_engine(
    mode: str = "good", slots: int = 4, limits: Limits = PATIENT
) -> AsyncIterator[Engine]:
    engine = Engine("fake", PROGRAM, {"mode": mode}, slots=slots, provider="local", limits=limits)
    try:
        yield engine
    finally:
        await engine.aclose()


async def pid_of(engine: Engine) -> int:
    return (await engine.call("echo", {}))["pid"]


async def until(condition, seconds: float = 5.0):
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)


async def test_calls_share_one_process_and_events_come_in_order():
    async with an_engine("slow") as engine, anyio.create_task_group() as group:
        heard: dict[int, list[int]] = {}

        async def ask(to: int):
            events = heard[to] = []
            result = await engine.call(
                "count", {"to": to}, on_event=lambda event: events.append(event["n"])
            )
            assert result == {"done": to}
            assert events == list(range(1, to + 1))

        for to in range(20, 40):
            group.start_soon(ask, to)
    assert len(heard) == 20
    assert engine.statistics().starts == 1


async def test_messages_may_be_large_and_hold_any_text():
    async with an_engine() as engine:
        body = {"text": "é🦊\0\n" * 1_000_000, "number": 2**70}
        assert (await engine.call("echo", body))["body"] == body
        assert (await engine.call("echo", {"t": "\ud800"}))["body"] == {"t": "?"}


async def test_a_cancelled_call_ends_in_the_process_and_gives_its_slot_on(tmp_path: Path):
    mark = tmp_path / "mark"
    async with an_engine(slots=1) as engine:
        await pid_of(engine)
        waits: list[tuple[str, int | None]] = []
        async with anyio.create_task_group() as group:
            scope = anyio.CancelScope()

            async def first():
                with scope:
                    await engine.call("count", {"to": 10**6, "pause": 0.005, "mark": str(mark)})

            async def second():
                await engine.call("echo", {}, on_wait=lambda *why: waits.append(why))

            group.start_soon(first)
            await until(lambda: engine.statistics().in_flight == 1)
            group.start_soon(second)
            await until(lambda: engine.statistics().waiting == 1)
            scope.cancel()
            began = time.monotonic()
        assert time.monotonic() - began < 0.2
        assert waits == [("slots", 1)]
        assert mark.exists()


async def test_the_death_of_the_process_is_told_and_the_next_call_starts_another():
    async with an_engine() as engine:
        first = await pid_of(engine)
        with pytest.raises(EngineError) as caught:
            await engine.call("die", {})
        assert f"process {first}" in str(caught.value)
        assert "SIGABRT" in str(caught.value)
        assert "ggml_abort: out of luck" in str(caught.value)
        assert caught.value.reason == "engine_died"
        assert await pid_of(engine) != first
        assert engine.statistics().starts == 2


async def test_kill_9_ends_all_calls_in_flight_with_errors_of_their_own():
    async with an_engine() as engine:
        pid = await pid_of(engine)
        errors: list[EngineError] = []

        async def ask():
            with pytest.raises(EngineError, match="SIGKILL") as caught:
                await engine.call("count", {"to": 10**6, "pause": 0.01})
            errors.append(caught.value)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)
            await until(lambda: engine.statistics().in_flight == 3)
            await anyio.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
        assert len({id(error) for error in errors}) == 3
        assert (await engine.call("count", {"to": 2})) == {"done": 2}


async def test_calls_that_the_dead_process_had_not_begun_are_not_lost():
    async with an_engine(slots=1) as engine, anyio.create_task_group() as group:
        pid = await pid_of(engine)

        async def doomed():
            with pytest.raises(EngineError):
                await engine.call("stall", {})

        results = []

        async def waiting():
            results.append(await engine.call("count", {"to": 1}))

        group.start_soon(doomed)
        await until(lambda: engine.statistics().in_flight == 1)
        await anyio.sleep(0.05)
        for _ in range(5):
            group.start_soon(waiting)
        await until(lambda: engine.statistics().waiting == 5)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: len(results) == 5)
        # Killed while idle: the call that follows at once does not notice either.
        os.kill(await pid_of(engine), signal.SIGKILL)
        assert await pid_of(engine) != pid


async def test_a_hung_process_is_killed():
    async with an_engine(limits=Limits(hang_seconds=0.4)) as engine:
        pid = await pid_of(engine)

        def stop(event):
            if event["n"] == 3:
                os.kill(pid, signal.SIGSTOP)

        with anyio.fail_after(5), pytest.raises(EngineError, match=r"did not answer for 0\.4 s"):
            await engine.call("count", {"to": 10**6, "pause": 0.01}, on_event=stop)
        assert await pid_of(engine) != pid


async def test_a_call_without_progress_is_ended_with_its_process():
    async with an_engine(limits=Limits(hang_seconds=0.2, stall_seconds=0.4)) as engine:
        assert await engine.call("count", {"to": 100, "pause": 0.01}) == {"done": 100}
        with anyio.fail_after(5), pytest.raises(EngineError, match="no progress for"):
            await engine.call("stall", {})


@pytest.mark.parametrize(
    "op, words", [("babble", "sent a frame of"), ("ramble", "sent what makes no sense")]
)
async def test_a_process_that_babbles_is_killed(op, words):
    async with an_engine() as engine:
        with anyio.fail_after(5), pytest.raises(EngineError, match=words):
            await engine.call(op, {})


async def test_a_result_that_is_too_long_fails_its_call_alone(monkeypatch):
    monkeypatch.setattr(frames, "LONGEST", 1_000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        job = Job(1, Line(theirs, lambda: None), lambda _id: None)
        job.done({"text": "a" * 1_000})
        (message,) = frames.FrameReader().feed(ours.recv(4_000))
    assert (message["say"], message["id"]) == ("failed", 1)
    assert "a frame of 10" in message["failure"]["message"]


async def test_full_memory_and_defects_fail_one_call_only():
    async with an_engine() as engine:
        pid = await pid_of(engine)
        with pytest.raises(CallFailed) as caught:
            await engine.call("hungry", {})
        assert caught.value.kind == "memory"
        with pytest.raises(CallFailed) as caught:
            await engine.call("count", {})
        assert (caught.value.kind, caught.value.message) == ("defect", "KeyError: 'to'")
        assert await pid_of(engine) == pid


async def test_a_crash_loop_ends():
    async with an_engine("abort") as engine:
        for _ in range(MOST_FAILED_STARTS):
            with pytest.raises(EngineError, match="GGML_ASSERT"):
                await engine.call("echo", {})
        with pytest.raises(EngineError, match=r"3 times in a row.*GGML_ASSERT") as caught:
            await engine.call("echo", {})
        assert caught.value.retry_after is not None
        assert engine.statistics().starts == MOST_FAILED_STARTS
        assert engine.statistics().pid is None


async def test_what_cannot_be_opened_is_told_with_the_last_lines():
    async with an_engine("refuse") as engine:
        with pytest.raises(LoadFailed) as caught:
            await engine.call("echo", {})
        assert caught.value.lines == ["the file has a hole"]
        await until(lambda: engine.statistics().pid is None)


async def test_what_is_wrong_with_the_request_is_told_each_time():
    async with an_engine("absent") as engine:
        for _ in range(MOST_FAILED_STARTS + 2):
            with pytest.raises(LoadFailed, match="no such model"):
                await engine.call("echo", {})


async def test_all_who_wait_hear_how_far_a_load_is():
    async with an_engine("steps") as engine, anyio.create_task_group() as group:
        heard: dict[int, list[float | None]] = {0: [], 1: []}

        async def ask(index: int):
            def on_wait(reason: str, position: int | None, progress: float | None = None, /):
                assert (reason, position) == ("loading", None)
                heard[index].append(progress)

            await engine.call("echo", {}, on_wait=on_wait)

        for index in heard:
            group.start_soon(ask, index)
    assert heard == {index: [None, 0.25, 0.5, 1.0] for index in (0, 1)}


async def test_the_load_goes_on_when_its_first_caller_leaves():
    async with an_engine("slow") as engine:
        with anyio.move_on_after(0.1):
            await engine.call("echo", {})
        await pid_of(engine)
        assert engine.statistics().starts == 1


async def test_the_process_gets_no_keys_and_stands_behind_everyone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    async with an_engine() as engine:
        seen = await engine.call("surroundings", {})
    assert "canary" not in str(seen["environment"])
    assert (seen["core"], seen["session"]) == (0, True)
    assert seen["nice"] >= 5
    assert seen["oom"] is None or seen["oom"] >= 500
    assert not {"grpc", "openai", "asyncio", "anyio"} & set(seen["modules"])


async def test_the_process_has_the_variables_that_it_is_given():
    given = {"HF_HOME": "/somewhere"}
    engine = Engine("fake", PROGRAM, {}, slots=1, provider="hf", limits=PATIENT, environment=given)
    try:
        seen = await engine.call("surroundings", {})
    finally:
        await engine.aclose()
    assert seen["environment"]["HF_HOME"] == "/somewhere"


async def test_closing_leaves_no_process():
    async with an_engine() as engine:
        process = psutil.Process(await pid_of(engine))
    assert not process.is_running()


async def test_no_orphan_is_left_when_the_parent_is_killed():
    program = f"""
        import anyio, sys
        from modeld_daemon.providers.engine.engine import Engine
        from modeld_daemon.providers.engine.watchdog import Limits

        async def main():
            engine = Engine("fake", "{PROGRAM}", {{}}, slots=1, provider="local", limits=Limits())
            print((await engine.call("echo", {{}}))["pid"], flush=True)
            await engine.call("stall", {{}})

        anyio.run(main)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([child], timeout=2)
    assert gone
