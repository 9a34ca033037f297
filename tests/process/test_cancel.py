"""A call that nobody waits for any more is ended where it costs: at the provider."""

from __future__ import annotations

import signal
import time

import pytest

from tests.fakes.programs import Program, status, until
from tests.fakes.upstream import UpstreamThread

HEAD = """
import asyncio, sys, threading, time
from modeld import GenerateConfig, get_model

model = get_model(sys.argv[1])
"""
TASK = """
async def main():
    task = asyncio.create_task(model.generate(sys.argv[2], config=GenerateConfig(max_tokens=4000)))
    print("asked", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""
PLAIN = """
print("asked", flush=True)
try:
    model.generate_sync(sys.argv[2], config=GenerateConfig(max_tokens=4000))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.stdin.readline()
"""
LASTING = """
print("asked", flush=True)
model.generate_sync(sys.argv[2], request_id="once")
"""
PROMPT = "Write a very long story about a river, a boat and a stone, and never stop."


@pytest.fixture
def upstream(monkeypatch):
    with UpstreamThread("hold=3") as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url())
        yield server


def ended_by(how: str, caller: Program) -> None:
    if how == "task":
        caller.tell()
        assert caller.hear() == "cancelled"
    elif how == "SIGINT":
        caller.process.send_signal(signal.SIGINT)
        assert caller.hear() == "interrupted"
    else:
        caller.process.kill()


WAYS = pytest.mark.parametrize(
    "how, text",
    [("task", TASK), ("SIGINT", PLAIN), ("SIGKILL", PLAIN)],
    ids=lambda v: v[:7].strip(),
)


@WAYS
def test_the_upstream_sees_the_disconnect_within_200_ms(modeld_home, upstream, how, text):
    with Program(HEAD + text, "openai/gpt-4o-mini", "hi") as caller:
        assert caller.hear() == "asked"
        until(lambda: upstream.stats().in_flight == 1)
        began = time.monotonic()
        ended_by(how, caller)
        until(lambda: upstream.stats().disconnects == 1, 2)
        assert time.monotonic() - began < 0.2
    assert status(modeld_home)["in_flight"] == 0


def cpu_of_engine(home) -> float:
    import psutil  # noqa: PLC0415  # only here

    (engine,) = status(home)["engines"]
    times = psutil.Process(engine["pid"]).cpu_times()
    return times.user + times.system


@WAYS
@pytest.mark.timeout(60)
def test_decoding_stops(modeld_home, how, text):
    with Program(HEAD + text, "local/smollm2-135m-instruct", PROMPT) as caller:
        assert caller.hear(30) == "asked"
        until(lambda: status(modeld_home)["engines"], 20)
        time.sleep(1.5)  # it has loaded and decodes
        ended_by(how, caller)
        time.sleep(0.25)
        before = cpu_of_engine(modeld_home)
        time.sleep(1)
        assert cpu_of_engine(modeld_home) - before < 0.3
        assert status(modeld_home)["in_flight"] == 0


def test_a_call_with_a_request_id_goes_on_and_is_fetched_by_another_process(modeld_home, upstream):
    with Program(HEAD + LASTING, "openai/gpt-4o-mini", "hi") as caller:
        assert caller.hear() == "asked"
        until(lambda: upstream.stats().in_flight == 1)
        caller.process.kill()
    time.sleep(0.3)
    assert upstream.stats().disconnects == 0
    text = HEAD + 'print(model.generate_sync(sys.argv[2], request_id="once").completion)'
    for _ in range(2):
        with Program(text, "openai/gpt-4o-mini", "hi") as other:
            assert other.end() == ["Hello!" * 8]  # it is streamed, so that others may attach
    assert upstream.stats().requests == 1
