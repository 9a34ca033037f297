"""One account's limits, shared by real processes, against a real server that enforces them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.fakes.programs import Program, ended, until
from tests.fakes.upstream import UpstreamProcess

ASKING = """
import asyncio, sys
from modeld import get_model

base_url, count, key = sys.argv[1], int(sys.argv[2]), sys.argv[3]
model = get_model("openai/gpt-4o-mini", base_url=base_url, api_key=key)

async def main():
    outputs = await asyncio.gather(*(model.generate("hi") for _ in range(count)))
    print(sum(bool(output.completion) for output in outputs))

asyncio.run(main())
"""
ONE_BY_ONE = """
import sys, time
from modeld import get_model

model = get_model("openai/gpt-4o-mini", base_url=sys.argv[1], api_key="shared")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    began = time.monotonic()
    info = model.generate_sync("hi").metadata["modeld"]
    print(info["queue_time"], flush=True)
    time.sleep(max(0.0, began + 1 - time.monotonic()))
"""


def asking(url: str, count: int, key: str = "shared", **variables: str) -> Program:
    return Program(ASKING, url, str(count), key, **variables)


def limits(home: object) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "modeld", "limits", "--json"],
        env={**os.environ, "MODELD_HOME": str(home)},
        capture_output=True,
        check=True,
    )
    found: list[dict] = json.loads(done.stdout)
    return found


@pytest.fixture
def upstream():
    with UpstreamProcess() as server:
        yield server


@pytest.mark.parametrize("headers", [1, 0], ids=["headers", "no headers"])
@pytest.mark.soak(timeout=300, short=60)
def test_eight_processes_use_one_limited_account_well(modeld_home, upstream, full_numbers, headers):
    calls = 100 if full_numbers else 25
    url = upstream.base_url("rate=600", "burst=10", "at_once=20", "hold=0.1", f"headers={headers}")
    programs = [asking(url, calls) for _ in range(8)]
    try:
        until(lambda: upstream.stats().requests, 20)
        began = time.monotonic()  # what interpreters take to start is no use of the rate
        answers = ended(programs, 280)
    finally:
        for program in programs:
            program.__exit__(None)
    wall = time.monotonic() - began
    stats = upstream.stats()
    assert answers == [[str(calls)]] * 8
    assert stats.answered == 8 * calls
    # What is learned without headers costs some 25 refusals at the beginning, and few afterwards.
    most = 0.01 * stats.requests if headers else max(0.05 * stats.requests, 35)
    assert stats.rejected <= most, stats
    # The beginning, when processes still start and a rate is learned, weighs four times as much in
    # the short form.
    assert (8 * calls - 10) / (wall * 10) >= (0.9 if full_numbers else 0.75)


@pytest.mark.soak(timeout=200, short=60)
def test_a_light_process_is_not_held_up_by_a_flood(modeld_home, upstream, full_numbers):
    url = upstream.base_url("rate=1200", "burst=10", "headers=1", "hold=0.05")
    rounds = 60 if full_numbers else 12
    with asking(url, 2000) as flood, Program(ONE_BY_ONE, url, str(rounds)) as light:
        light.hear()
        until(lambda: upstream.stats().answered > 50)
        light.tell()
        waits = sorted(float(line) for line in light.end(rounds * 2 + 20))
        assert flood.process.poll() is None  # it is still flooding
    # Its fair share of 20 a second is 10: every tenth of a second it could be served.
    assert waits[int(len(waits) * 0.95)] < 2 * 0.1, waits


@pytest.mark.soak(timeout=200, short=60)
def test_four_floods_are_served_alike(modeld_home, upstream, full_numbers):
    url = upstream.base_url("rate=1200", "burst=10", "headers=1", "hold=0.05")
    seconds = 60 if full_numbers else 12
    counting = ASKING.replace(
        "    outputs = await asyncio.gather(*(model.generate",
        "    async def one():\n"
        "        await model.generate('hi'); print('.', flush=True)\n"
        "    await asyncio.gather(*(one() for _ in range(count)))\n"
        "    outputs = await asyncio.gather(*(model.generate",
    )
    programs = [Program(counting, url, str(2000), "shared") for _ in range(4)]
    try:
        until(lambda: upstream.stats().answered > 40, 20)
        time.sleep(seconds)
    finally:
        for program in programs:
            program.process.kill()
    counts = [len(program.process.communicate()[0].split()) for program in programs]
    for program in programs:
        program.__exit__(None)
    jain = sum(counts) ** 2 / (4 * sum(count**2 for count in counts))
    assert jain >= 0.95, counts


@pytest.mark.timeout(60)
def test_a_pause_that_is_named_to_one_process_holds_for_all_of_its_lane(modeld_home, upstream):
    url = upstream.base_url("rate=60000", "burst=1000")
    tight = upstream.base_url("rate=30", "burst=5", "retry_after=3")
    with asking(tight, 6) as one:
        until(lambda: upstream.stats().rejected >= 1)
        refused = time.monotonic()
        with asking(tight, 1) as other, asking(url, 5, "elsewhere") as elsewhere:
            assert elsewhere.end(10) == ["5"]
            assert time.monotonic() - refused < 2.8  # another lane is not held up
            served = upstream.stats().requests
            while time.monotonic() < refused + 2.8:
                assert upstream.stats().requests == served
                time.sleep(0.05)
            assert other.end(20) == ["1"]
            assert one.end(20) == ["6"]
    assert upstream.stats().rejected <= 4


@pytest.mark.timeout(60)
def test_a_killed_client_leaves_the_queue_within_a_second(modeld_home, upstream):
    url = upstream.base_url("rate=600", "burst=10", "headers=1", "hold=0.05")
    with asking(url, 500) as doomed, asking(url, 100) as other:
        until(lambda: limits(modeld_home) and limits(modeld_home)[0]["queued"] > 450, 20)
        os.kill(doomed.pid, signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: limits(modeld_home)[0]["queued"] <= 100, 2)
        assert time.monotonic() - killed < 1.5  # asking takes a part of a second itself
        assert other.end(30) == ["100"]
    (lane,) = limits(modeld_home)
    assert (lane["in_use"], lane["queued"]) == (0, 0)


@pytest.mark.timeout(60)
def test_limits_shows_what_the_upstream_counts(modeld_home, upstream):
    url = upstream.base_url("rate=600", "burst=10", "headers=1", "hold=1")
    with asking(url, 60) as program:
        until(lambda: upstream.stats().in_flight >= 5, 20)
        for _ in range(5):
            before = upstream.stats()
            (lane,) = limits(modeld_home)
            after = upstream.stats()
            low, high = sorted((before.in_flight, after.in_flight))
            assert low - 10 <= lane["in_use"] <= high + 10
            assert before.requests <= lane["attempts"] <= after.requests + 2
        assert program.end(40) == ["60"]
    stats, (lane,) = upstream.stats(), limits(modeld_home)
    assert (lane["attempts"], lane["succeeded"]) == (stats.requests, stats.answered)
    assert lane["limited"] == stats.rejected
    requests = lane["rates"][0]
    assert (requests["name"], requests["per_minute"]) == ("requests", 600)
    assert requests["used"] == stats.requests
    assert lane["model"] == "openai/gpt-4o-mini"
