"""Streams that break between real processes: the client lives, is stopped, or has died."""

from __future__ import annotations

import signal
import time

import pytest

from tests.fakes.programs import Program, kill_daemon, status, until
from tests.fakes.relay import Relay
from tests.fakes.upstream import UpstreamThread

ASKING = """
import sys
from modeld import GenerateConfig, get_model

model = get_model("openai/gpt-4o-mini")
print("ready", flush=True)
sys.stdin.readline()
retries, text = 0, ""
for event in model.stream_sync("hi", config=GenerateConfig(max_tokens=4000)):
    if event.type == "retrying":
        retries, text = retries + 1, ""
    elif event.type == "text":
        text += event.text
    elif event.type == "finished":
        print(retries, text == event.output.completion, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def upstream(monkeypatch):
    with UpstreamThread("hold=1") as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url())
        yield server


@pytest.fixture
def relay(modeld_home, tmp_path):
    """A wire to a daemon that was started by somebody else."""
    with Program("from modeld import get_model; get_model('mockllm/model')") as first:
        first.end()
    with Relay(tmp_path, next((modeld_home / "run").glob("*.sock")).as_posix()) as wire:
        yield wire


def asking(relay: Relay) -> Program:
    program = Program(ASKING, MODELD_ADDRESS=relay.address)
    assert program.hear() == "ready"
    program.tell()
    return program


def test_a_client_that_lives_goes_on_by_itself(relay, upstream):
    with asking(relay) as client:
        until(lambda: upstream.stats().in_flight == 1)
        for _ in range(5):
            relay.cut()
            time.sleep(0.05)
        assert client.hear() == "0 True"
        assert upstream.stats().requests == 1


def test_a_client_that_is_stopped_goes_on_when_it_may(relay, upstream):
    with asking(relay) as client:
        until(lambda: upstream.stats().in_flight == 1)
        client.process.send_signal(signal.SIGSTOP)
        relay.cut()
        until(lambda: upstream.stats().in_flight == 0)
        client.process.send_signal(signal.SIGCONT)
        assert client.hear() == "0 True"
        assert upstream.stats().requests == 1


@pytest.mark.parametrize("cut_first", [False, True])
def test_a_client_that_dies_frees_all_at_once(relay, upstream, modeld_home, cut_first):
    with asking(relay) as client:
        until(lambda: upstream.stats().in_flight == 1)
        if cut_first:
            client.process.send_signal(signal.SIGSTOP)
            relay.cut()
            time.sleep(0.1)
            assert upstream.stats().in_flight == 1
        began = time.monotonic()
        client.process.kill()
        until(lambda: upstream.stats().in_flight == 0)
        assert time.monotonic() - began < 0.2
        assert status(modeld_home)["in_flight"] == 0


def test_a_daemon_that_dies_is_followed_by_another_one(upstream, modeld_home):
    with Program(ASKING) as client:
        assert client.hear() == "ready"
        client.tell()
        until(lambda: upstream.stats().in_flight == 1)
        kill_daemon(modeld_home)
        assert client.hear() == "1 True"
