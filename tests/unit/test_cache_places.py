"""The index of the cache's keys, which lags behind: whatever happens, a key is found or it is not."""

from __future__ import annotations

import hashlib
import random
import sqlite3

import pytest

from modeld.types import ModelOutput
from modeld_daemon.stores import cache_places
from modeld_daemon.stores.cache import SqliteCache

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def key(name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()


def answer(text: str) -> ModelOutput:
    return ModelOutput.from_content("m", text)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Places go into the index early, and a few at a time."""
    monkeypatch.setattr(cache_places, "_TAIL", 16)
    monkeypatch.setattr(cache_places, "_STEP", 3)
    monkeypatch.setattr(cache_places, "_HASTE", 2)
    monkeypatch.setattr(cache_places, "_RUNS", 3)


def rows(path, question: str):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("seed", range(6))
async def test_two_daemons_at_random_find_what_was_put_last(path, clock, seed):
    """Puts, replacements, clearing, expiry, merges and daemons that begin anew, beside a plain mapping."""
    dice = random.Random(seed)
    stores = [SqliteCache(path, now=clock) for _ in range(2)]
    kept: dict[int, tuple[str, float | None]] = {}
    for step in range(600):
        store, number = dice.choice(stores), dice.randrange(80)
        clock.now += 1
        match dice.randrange(12):
            case 0:
                dead = dice.randrange(2)
                await stores[dead].aclose()
                stores[dead] = SqliteCache(path, now=clock)
            case 1:
                await store.clear([f"p/{number % 4}"])
                kept = {n: what for n, what in kept.items() if n % 4 != number % 4}
            case 2:
                await store.prune()
            case 3 | 4 | 5 | 6:
                seconds = 30 if number % 3 else None  # the life is a part of the key
                text = f"{number} {step}"
                await store.put(key(number), f"p/{number % 4}", answer(text), seconds)
                kept[number] = text, None if seconds is None else clock.now + seconds
            case _:
                got = await store.get(key(number))
                text, until = kept.get(number, (None, None))
                if until is not None and until <= clock.now:
                    text = None
                assert (None if got is None else got.completion) == text
    for number, (text, until) in kept.items():
        if until is None or until > clock.now:
            for store in stores:
                assert (await store.get(key(number))).completion == text
    ((placed,),) = rows(path, "SELECT placed FROM tail")
    assert placed > 100
    assert len(rows(path, "SELECT * FROM run")) <= 5
    for store in stores:
        await store.aclose()


async def test_every_entry_comes_into_the_index_once(path, clock):
    store = SqliteCache(path, now=clock)
    for number in range(200):
        await store.put(key(number), "p/m", answer(str(number)), None)
    ((last, placed),) = rows(path, "SELECT last, placed FROM tail")
    assert last == 200
    assert placed >= 150
    found = rows(path, f"SELECT prefix, id FROM place WHERE id <= {placed} ORDER BY id")
    assert found == [(key(n)[:8], n + 1) for n in range(placed)]
    (whole,) = rows(path, "SELECT count(*), sum(entries) FROM run")
    assert 3 <= whole[0] <= 5
    assert whole[1] >= placed
    for number in range(200):
        assert (await store.get(key(number))).completion == str(number)
    await store.aclose()


async def test_an_older_entry_of_a_key_leaves_when_a_lookup_meets_it(path, clock):
    store = SqliteCache(path, now=clock)
    await store.put(key("twice"), "p/m", answer("old"), None)
    for number in range(60):
        await store.put(key(number), "p/m", answer("x"), None)
    await store.put(key("twice"), "p/m", answer("new"), None)
    assert (await store.statistics()).entries == 62
    assert (await store.get(key("twice"))).completion == "new"
    for number in range(60, 120):
        await store.put(key(number), "p/m", answer("x"), None)
    assert (await store.get(key("twice"))).completion == "new"
    assert (await store.statistics()).entries == 121
    assert len(rows(path, f"SELECT * FROM entry WHERE key = x'{key('twice').hex()}'")) == 1
    await store.aclose()


async def test_keys_that_begin_alike_are_told_apart(path, clock):
    store = SqliteCache(path, now=clock)
    keys = [b"the same" + bytes([number]) * 24 for number in range(70)]
    for number, name in enumerate(keys):
        await store.put(name, "p/m", answer(str(number)), None)
    for number, name in enumerate(keys):
        assert (await store.get(name)).completion == str(number)
    assert await store.get(b"the same" + b"\xff" * 24) is None
    assert (await store.statistics()).entries == 70
    await store.aclose()


async def test_what_is_deleted_leaves_no_place_and_its_number_is_not_given_again(path, clock):
    store = SqliteCache(path, now=clock)
    for number in range(100):
        await store.put(key(number), "p/m", answer("x"), None)
    await store.clear()
    for number in range(40):
        await store.put(key(number), "p/m", answer("again"), None)
    ((least, most),) = rows(path, "SELECT min(id), max(id) FROM entry")
    assert (least, most) == (101, 140)
    assert rows(path, "SELECT id FROM place WHERE id NOT IN (SELECT id FROM entry)") == []
    assert (await store.get(key(7))).completion == "again"
    assert await store.get(key(41)) is None
    await store.aclose()


async def test_a_database_of_the_schema_before_is_set_aside_with_a_message(path, clock, caplog):
    connection = sqlite3.connect(path)
    connection.executescript(
        f"PRAGMA application_id = {0x6D644361}; PRAGMA user_version = 1;"
        "CREATE TABLE entry (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);"
    )
    connection.close()
    store = SqliteCache(path, now=clock)
    assert await store.get(key(1)) is None
    await store.put(key(1), "p/m", answer("x"), None)
    assert (await store.get(key(1))).completion == "x"
    assert "schema is version 1, and this modeld knows 3" in caplog.text
    await store.aclose()
