"""Named sessions and their store: what is kept, what is counted, what becomes of trouble."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from modeld import GenerateConfig, ModelOutput, ModelUsage
from modeld.errors import InternalError, SessionNotFound
from modeld.types import CachePolicy, ModelConfig, NamedSession, SessionSettings, SessionUsage
from modeld_daemon.core.named import NamedSessions, Used
from modeld_daemon.core.ports import NotLoaded
from modeld_daemon.stores.named import MemoryNamed, SqliteNamed

pytestmark = pytest.mark.anyio

SETTINGS = SessionSettings(
    model=ModelConfig("a/b", GenerateConfig(seed=1), "http://here", {"x": [1, {"y": None}]}),
    roles={"r": [ModelConfig("c/d"), ModelConfig("", GenerateConfig(top_p=0.5))], "ü": [ModelConfig("e/f")]},
    config=GenerateConfig(
        temperature=0, cache=CachePolicy(expiry="3h"), stop_seqs=["x"], logit_bias={7: -1.5}
    ),
)  # fmt: skip


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path):
    return SqliteNamed(tmp_path / "sessions.db") if request.param == "disk" else MemoryNamed()


def again(store):
    """The store as the next daemon finds it."""
    return SqliteNamed(store._database.file.path) if isinstance(store, SqliteNamed) else store


def answer(**usage) -> ModelOutput:
    output = ModelOutput.from_content("b", "hello")
    output.usage = ModelUsage(**usage)
    return output


async def closed(store) -> None:
    if isinstance(store, SqliteNamed):
        await store.aclose()


async def test_what_is_said_and_used_is_there_again(store):
    named = NamedSessions(store, now=lambda: 5.0)
    await named.create("dev", SETTINGS)
    dev = await named.get("dev")
    dev.count("a/b", None, answer(input_tokens=3, output_tokens=2, total_tokens=5))
    dev.count("a/b", "r", answer(input_tokens=1, total_cost=0.25))
    dev.count("a/b", "r", answer(input_tokens=1, reasoning_tokens=4))
    dev.count("c/d", "r", ModelOutput.from_content("d", "without usage"))
    before = dev.seen()
    named.flush()
    dev.count("a/b", "r", answer(input_tokens=1))  # after the flush: lost with the daemon
    await closed(store)
    after = (await NamedSessions(again(store)).get("dev")).seen()
    assert after == before
    assert (after.settings, after.created, after.changed) == (SETTINGS, 5.0, 5.0)
    assert after.model_usage["a/b"] == SessionUsage(
        3,
        ModelUsage(
            input_tokens=5, output_tokens=2, total_tokens=5, reasoning_tokens=4, total_cost=0.25
        ),
    )
    assert {name: used.calls for name, used in after.role_usage.items()} == {"r": 3}
    assert after.model_usage["a/b"].usage.input_tokens_cache_read is None


async def test_sums_are_the_same_in_one_flush_or_many(store):
    named = NamedSessions(store)
    await named.create("dev", SETTINGS)
    dev = await named.get("dev")
    for number in range(20):
        dev.count("a/b", "r", answer(input_tokens=number, total_cost=0.5))
        if number % 3 == 0:
            named.flush()
    named.flush()
    named.flush()
    await closed(store)
    found = (await NamedSessions(again(store)).get("dev")).seen()
    assert found == dev.seen()
    assert found.role_usage["r"].usage.input_tokens == 190
    assert found.role_usage["r"].usage.total_cost == 10.0


async def test_of_two_changes_of_the_same_state_only_one_is_made(store):
    named = NamedSessions(store, now=lambda: 5.0)
    was = (await named.create("dev", SETTINGS)).changed
    first = await named.update("dev", SessionSettings(), since=was)
    assert first.changed > was  # by a clock that stands still
    assert await named.update("dev", SETTINGS, since=was) is None
    assert (await named.get("dev")).settings == SessionSettings()
    assert (await named.update("dev", SETTINGS)).settings == SETTINGS
    await closed(store)


async def test_a_deleted_session_leaves_nothing(store):
    named = NamedSessions(store)
    await named.create("dev", SETTINGS)
    dev = await named.get("dev")
    dev.count("a/b", None, answer(input_tokens=3))
    await named.delete("dev")
    dev.count("a/b", None, answer(input_tokens=3))
    named.flush()
    with pytest.raises(SessionNotFound):
        await named.update("dev", SETTINGS)
    with pytest.raises(SessionNotFound):
        await named.delete("dev")
    await named.create("dev", SETTINGS)
    await closed(store)
    sessions, used = await again(store).load()
    assert [session.name for session in sessions] == ["dev"]
    assert used == []


async def test_what_comes_too_late_for_a_deleted_session_is_dropped(tmp_path):
    store = SqliteNamed(tmp_path / "sessions.db")
    await store.put(NamedSession("dev"))
    await store.delete("dev")
    store.add([Used("dev", "a/b", "", SessionUsage(1))])
    assert await store.load() == ([], [])
    await store.aclose()


async def test_counting_is_handed_on_by_itself(store, monkeypatch):
    monkeypatch.setattr("modeld_daemon.core.named.FLUSH_SECONDS", 0.001)
    named = NamedSessions(store)
    await named.create("dev", SETTINGS)
    flushing = asyncio.create_task(named.keep_flushing())
    dev = await named.get("dev")
    for calls in (1, 2):
        dev.count("a/b", None, answer(input_tokens=3))
        while not (used := (await again(store).load())[1]) or used[0].used.calls < calls:
            await asyncio.sleep(0.001)
        assert dev.fresh == {}
    flushing.cancel()
    await closed(store)


async def test_who_cannot_wait_is_told_to(store):
    await store.put(NamedSession("dev"))
    named = NamedSessions(store)
    with pytest.raises(NotLoaded) as caught:
        named.find("dev")
    await caught.value.load()
    assert named.find("dev").name == "dev"
    await closed(store)


async def test_settings_that_cannot_be_read_lose_no_other_session(tmp_path):
    path = tmp_path / "sessions.db"
    store = SqliteNamed(path)
    for name in ("bad", "good"):
        await store.put(NamedSession(name, SETTINGS))
    await store.aclose()
    for text in ("no JSON", '"text"', json.dumps({"model": {"model": 5}})):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE session SET settings = ? WHERE name = 'bad'", (text,))
        store = SqliteNamed(path)
        found = {session.name: session.settings for session in (await store.load())[0]}
        assert found == {"bad": SessionSettings(), "good": SETTINGS}
        await store.aclose()


async def test_a_disk_that_cannot_be_used_is_told_and_nothing_is_said_to_be_kept(tmp_path):
    blocked = tmp_path / "no folder"
    named = NamedSessions(SqliteNamed(Path(blocked / "sessions.db")))
    for ask in (lambda: named.get("dev"), named.all, lambda: named.create("dev", SETTINGS)):
        with pytest.raises(InternalError, match=r"sessions\.db cannot be used"):
            await ask()
    blocked.mkdir()
