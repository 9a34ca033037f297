"""Real processes that ask the same thing, and that die, with an upstream that counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from modeld import get_model
from tests.fakes.programs import Program, daemon_pid, ended, kill_daemon, until
from tests.fakes.upstream import UpstreamThread

ASK = """
import json, sys
from modeld import GenerateConfig, get_model
asked = json.loads(sys.argv[1])
model = get_model("openai-api/fake/m", config=GenerateConfig(cache=asked["cache"]))
input()
output = model.generate_sync("hi")
print(json.dumps([output.completion, output.metadata["modeld"]["cache"]]))
"""
EPOCH = """
import sys
from modeld import GenerateConfig, get_model
from modeld.watching import watcher

class Task:
    epoch = int(sys.argv[1])
    raw = False
    config_for = staticmethod(lambda model, asked: asked)
    begin = staticmethod(lambda model, asked: Task)
    finished = failed = staticmethod(lambda what: None)

watcher.set(Task)
model = get_model("openai-api/fake/m", config=GenerateConfig(cache=True))
input()
print(model.generate_sync("hi").completion)
"""
STREAM = """
import json, sys
from modeld import get_model
model = get_model("openai-api/fake/m")
print("ready", flush=True)
if sys.argv[2] == "streamed":
    for event in model.stream_sync("hi", request_id=sys.argv[1]):
        print(json.dumps(event.to_dict()), flush=True)
else:
    output = model.generate_sync("hi", request_id=sys.argv[1])
    print(json.dumps({"seq": 1, "type": "finished", "output": output.to_dict()}), flush=True)
"""


@pytest.fixture
def upstream(modeld_home, monkeypatch):
    with UpstreamThread("chunks=20", "pace=5", "text=ab ") as server:
        monkeypatch.setenv("FAKE_API_KEY", "sk-fake")
        monkeypatch.setenv("FAKE_BASE_URL", server.base_url())
        yield server


@pytest.mark.parametrize("cache, calls", [(True, 1), (False, 8)])
def test_eight_processes_ask_the_same_at_once(upstream, cache, calls):
    with contextlib.ExitStack() as stack:
        asked = json.dumps({"cache": cache})
        programs = [stack.enter_context(Program(ASK, asked)) for _ in range(8)]
        for program in programs:
            program.tell()
        answers = [json.loads(lines[0]) for lines in ended(programs)]
    assert upstream.stats().requests == calls
    assert {answer[0] for answer in answers} == {"ab " * (20 if cache else 1)}
    assert all((answer[1] is not None) is cache for answer in answers)


@pytest.mark.parametrize("epochs, calls", [(8, 8), (2, 2)])
def test_each_epoch_is_a_sample_of_its_own(upstream, epochs, calls):
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(Program(EPOCH, str(n % epochs))) for n in range(8)]
        for program in programs:
            program.tell()
        assert {line for lines in ended(programs) for line in lines} == {"ab " * 20}
    assert upstream.stats().requests == calls


def deltas(lines: list[str]) -> tuple[str, dict | None]:
    """What the events say after the last one that voided those before, and the output."""
    text, output, last = "", None, 0
    for line in lines:
        event = json.loads(line)
        assert event["seq"] > last
        last = event["seq"]
        if event["type"] == "retrying":
            text = ""
        elif event["type"] == "text":
            text += event["text"]
        elif event["type"] == "finished":
            output = event["output"]
    return text, output


def whole(program: Program) -> list[str]:
    return [line for line in program.end() if line != "ready"]


def rounds(full: bool) -> int:
    return 200 if full else 12


def way(number: int) -> str:
    return "unary" if number % 4 == 3 else "streamed"


def good(text: str, output: dict | None, way: str) -> bool:
    assert output is not None
    answer = output["choices"][0]["message"]["content"]
    return answer == "ab " * 20 and (way == "unary" or text == answer)


@pytest.mark.soak(timeout=900, short=120)
def test_clients_killed_at_any_moment_and_started_again(upstream, full_numbers):
    chance = random.Random(7)
    for number in range(rounds(full_numbers)):
        with Program(STREAM, f"id-{number}", way(number)) as first:
            assert first.hear() == "ready"
            time.sleep(chance.uniform(0, 0.25))
            first.process.send_signal(signal.SIGKILL)
        with Program(STREAM, f"id-{number}", way(number)) as second:
            text, output = deltas(whole(second))
        assert good(text, output, way(number))
        assert not output["metadata"]["modeld"]["interrupted"]
        assert upstream.stats().requests == number + 1


@pytest.mark.soak(timeout=900, short=120)
def test_daemons_killed_at_any_moment(upstream, modeld_home, full_numbers):
    """An upstream is asked twice only where the answer says so."""
    chance = random.Random(8)
    get_model("openai-api/fake/m").generate_sync("warm")
    requests, interrupted = 1, 0
    for number in range(rounds(full_numbers)):
        with Program(STREAM, f"id-{number}", way(number)) as program:
            assert program.hear() == "ready"
            time.sleep(chance.uniform(0, 0.25))
            kill_daemon(modeld_home)
            text, output = deltas(whole(program))
        assert good(text, output, way(number))
        interrupted += output["metadata"]["modeld"]["interrupted"]
        requests += 1
        assert upstream.stats().requests <= requests + interrupted
        with Program(STREAM, f"id-{number}", way(number)) as again:
            kept, same = deltas(whole(again))
        assert (kept, without_call(same)) == (text, without_call(output))
    assert interrupted or not full_numbers  # the full form kills in the middle of answers too
    for name in Path(modeld_home).glob("*.db"):
        with contextlib.closing(sqlite3.connect(name)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(Path(modeld_home).glob("*.broken*"))


def without_call(output: dict) -> dict:
    """The output without how its call went."""
    return {name: value for name, value in output.items() if name != "metadata"}


def test_an_answer_that_is_kept_outlives_the_daemon(upstream, modeld_home):
    model = get_model("openai-api/fake/m")
    first = model.generate_sync("hi", request_id="kept", cache=True)
    hit = model.generate_sync("hi", cache=True)
    kill_daemon(modeld_home)
    kept = model.generate_sync("hi", request_id="kept", cache=True)
    assert without_call(kept.to_dict()) == without_call(first.to_dict())
    again = model.generate_sync("hi", cache=True)
    assert again.metadata["modeld"]["cache"] == "hit"
    assert again.completion == hit.completion
    assert upstream.stats().requests == 2


def test_a_restart_in_the_middle_of_calls_and_streams_fails_none(upstream, modeld_home):
    model = get_model("openai-api/fake/m")

    async def streamed(number: int) -> str:
        said = ""
        async for event in model.stream(f"stream {number}"):
            if event.type == "retrying":
                said = ""
            elif event.type == "text":
                said += event.text
        assert event.type == "finished"
        assert said == event.output.completion
        return said

    async def unary(number: int) -> str:
        return (await model.generate(f"hi {number}")).completion * 20

    async def run() -> list[str]:
        calls = [asyncio.create_task(ask(n)) for n in range(25) for ask in (unary, streamed)]
        await asyncio.sleep(0.1)
        restart = await asyncio.create_subprocess_exec(sys.executable, "-m", "modeld", "restart")
        for n in range(25, 50):
            calls += [asyncio.create_task(ask(n)) for ask in (unary, streamed)]
            await asyncio.sleep(0.02)
        said = await asyncio.gather(*calls)
        assert await restart.wait() == 0
        return said

    model.generate_sync("warm")
    pid = daemon_pid(modeld_home)
    assert asyncio.run(run()) == ["ab " * 20] * 100
    until(lambda: daemon_pid(modeld_home) != pid)
    assert upstream.stats().requests == 101
