"""Which model `get_model` gives, what it holds, and what crosses the wire."""

from __future__ import annotations

import copy
import json
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import GenerateConfig, daemon, get_model
from modeld.errors import InvalidRequest, ModeldError, PrerequisiteError
from tests.fakes.acting import until

pytestmark = pytest.mark.usefixtures("house")
KEY = "sk-canary-4711-and-more"


def leases(house) -> int:
    return sum(client.leases for client in house.ask(house.clients.statistics))


def test_equal_arguments_give_the_same_model(house):
    model = get_model("free/model", a=1, b=[2])
    assert get_model("free/model", b=[2], a=1) is model
    assert get_model("free/model", a=1, b=[2], config=GenerateConfig()) is model
    others = [
        get_model("free/model"),
        get_model("free/model", a=2, b=[2]),
        get_model("free/model", a=1, b=[2], config=GenerateConfig(temperature=0)),
        get_model("free/model", a=1, b=[2], api_key=KEY),
        get_model("free/model", a=1, b=[2], base_url="http://x"),
        get_model("free/model", a=1, b=[2], role="grader"),
        get_model("free/model", a=1, b=[2], memoize=False),
    ]
    assert len({id(m) for m in (model, *others)}) == 8
    assert leases(house) == 8


def test_threads_that_ask_at_once_get_one_model_and_one_lease(house):
    with ThreadPoolExecutor(16) as pool:
        models = set(pool.map(lambda _: get_model("free/model"), range(64)))
    assert len(models) == 1
    until(lambda: leases(house) == 1)


def test_threads_that_use_a_new_copy_at_once_share_its_lease(house):
    model = get_model("free/model")
    with ThreadPoolExecutor(32) as pool:
        for number in range(10):
            copied = model.with_role("grader")
            said = pool.map(lambda n, m=copied: m.generate_sync(f"echo {n}").completion, range(32))
            assert list(said) == [str(n) for n in range(32)]
            assert leases(house) == number + 2


def test_leaving_a_block_gives_the_lease_back_and_the_client_is_closed(house, acting):
    other = get_model("free/model", api_key="other")
    with get_model("free/model") as model:
        model.generate_sync("echo 1")
        other.generate_sync("echo 1")
        assert len(daemon.status().clients) == 2
    until(lambda: len(daemon.status().clients) == 1)
    closed = {built.connection.api_key: built.closed for built in acting.built}
    assert closed == {None: 1, "other": 0}
    assert other.generate_sync("echo 2").completion == "2"
    assert model.generate_sync("echo again").completion == "again"
    assert len(daemon.status().clients) == 2


def test_a_block_inside_a_block_keeps_the_lease(house):
    model = get_model("free/model")
    with model, model:
        pass
    until(lambda: leases(house) == 0)
    with model:
        with model:
            model.generate_sync("echo 1")
        assert leases(house) == 1
    until(lambda: leases(house) == 0)


def test_another_holder_of_the_same_client_is_not_harmed(house, acting):
    mine, other = (get_model("free/model", memoize=False) for _ in range(2))
    mine.generate_sync("echo 1")
    mine.close()
    mine.close()
    until(lambda: leases(house) == 1)
    assert other.generate_sync("echo 2").completion == "2"
    assert [built.closed for built in acting.built] == [0]


def test_closing_under_way_lets_the_call_finish(house, acting):
    model = get_model("free/model")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(model.generate_sync, "hold")
        until(lambda: acting.actor.running)
        model.close()
        until(lambda: leases(house) == 0)
        assert acting.built[0].closed == 0
        acting.actor.release.set()
        assert pending.result(5).completion == "held "
    until(lambda: acting.built[0].closed == 1)


def test_closing_and_calling_at_once_never_fails(house):
    model = get_model("free/model")
    ending = threading.Event()

    def close() -> None:
        while not ending.is_set():
            model.close()
            time.sleep(0.001)

    with ThreadPoolExecutor(5) as pool:
        closer = pool.submit(close)
        calls = [pool.submit(model.generate_sync, f"echo {n}") for n in range(200)]
        assert [call.result(15).completion for call in calls] == [str(n) for n in range(200)]
        ending.set()
        closer.result()
    model.close()
    until(lambda: leases(house) == 0)


def test_a_key_that_changes_counts_from_the_next_call_on(house, acting, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("FAKE_API_KEY=dotenv\n")
    model = get_model("fake/model")
    for number, key in enumerate(["one", "two", "one", "three"]):
        monkeypatch.setenv("FAKE_API_KEY", key)
        model.generate_sync(f"echo {number}")
        assert key in {built.connection.api_key for built in acting.built}
    monkeypatch.delenv("FAKE_API_KEY")
    model.generate_sync("echo dotenv")
    (tmp_path / ".env").write_text("FAKE_API_KEY=changed\n")
    model.generate_sync("echo changed")
    keys = [built.connection.api_key for built in acting.built]
    assert list(dict.fromkeys(keys)) == ["one", "two", "three", "dotenv", "changed"]
    (tmp_path / ".env").unlink()
    time.sleep(1.1)  # the search upward is repeated once in a second
    with pytest.raises(PrerequisiteError):
        model.generate_sync("echo none")


def test_a_key_that_changes_counts_for_large_requests_too(house, acting, monkeypatch):
    monkeypatch.setenv("FAKE_API_KEY", "key 0")
    model = get_model("fake/model")
    small = get_model("fake/small")
    for number in range(1, 15):
        monkeypatch.setenv("FAKE_API_KEY", f"key {number}")
        if number % 2:
            small.stream_sync("echo never begun")
        model.generate_sync("echo " + "x" * 1_100_000)
        assert acting.built[-1].connection.api_key == f"key {number}"


def test_a_key_that_was_missing_is_seen_once_it_is_set(house, acting, monkeypatch):
    for _ in range(2):
        with pytest.raises(PrerequisiteError):
            get_model("fake/model")
    monkeypatch.setenv("FAKE_API_KEY", "at last")
    get_model("fake/model").generate_sync("echo x")
    assert acting.built[-1].connection.api_key == "at last"


def test_closing_does_not_overtake_a_large_request(house):
    model = get_model("free/model")
    with ThreadPoolExecutor(8) as pool:
        calls = []
        for _ in range(8):
            calls.append(pool.submit(model.generate_sync, "echo " + "x" * 1_100_000))
            time.sleep(0.003)
            model.close()
        assert {len(call.result(10).completion) for call in calls} == {1_100_000}


def test_a_variable_that_is_no_text_fails_its_own_calls_only(house, monkeypatch):
    monkeypatch.setenv("FAKE_API_KEY", "good")
    model, free = get_model("fake/model"), get_model("free/model")
    monkeypatch.setitem(os.environ, "FAKE_API_KEY", "bad \udcff")
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="FAKE_API_KEY"):
            model.generate_sync("echo x")
        with pytest.raises(InvalidRequest, match="FAKE_API_KEY"):
            get_model("fake/model", memoize=False)
        assert free.generate_sync("echo y").completion == "y"
    monkeypatch.setenv("FAKE_API_KEY", "better")
    assert model.generate_sync("echo x").completion == "x"


def test_an_explicit_key_wins_and_shows_nowhere(house, acting, monkeypatch):
    monkeypatch.setenv("FAKE_API_KEY", "weaker")
    model = get_model("fake/model", api_key=KEY)
    model.generate_sync("echo x")
    assert acting.built[-1].connection.api_key == KEY
    shown = [repr(model), str(model), str(daemon.status()), repr(model._spec), repr(vars(model))]
    assert not any(KEY in text for text in shown)
    with pytest.raises(InvalidRequest):
        pickle.dumps(model)
    with pytest.raises(InvalidRequest):
        copy.deepcopy(model)
    with pytest.raises(ModeldError) as caught:
        model.generate_sync("fail provider_error")
    assert KEY not in repr(caught.value)


def test_a_status_shows_what_is_held_and_no_secret(house, monkeypatch):
    monkeypatch.setenv("FAKE_API_KEY", KEY)
    get_model("fake/model").generate_sync("echo x")
    shown = daemon.status()
    assert shown.running
    assert shown.sessions[0].pid == os.getpid()
    assert shown.sessions[0].leases == 1
    assert shown.calls_total == 1
    assert KEY not in json.dumps(shown.to_dict())
