"""The suite of stores: what every store of the cache and of the journal does, whatever it is made of."""

from __future__ import annotations

import hashlib
import math

import anyio
import pytest

from modeld.types import ChatMessageAssistant, ModelOutput, ModelUsage, ToolCall
from modeld_daemon.core.kept import CacheModel, Swept
from modeld_daemon.stores.cache import ROW_BYTES, SqliteCache
from modeld_daemon.stores.journal import SqliteJournal
from modeld_daemon.stores.memory import MemoryCache, MemoryJournal

pytestmark = pytest.mark.anyio

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def key(name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()


def answer(text: str = "hello") -> ModelOutput:
    output = ModelOutput.from_content("m", text)
    output.message.id = "id"
    return output


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "memory"])
async def make_cache(request, tmp_path, clock):
    made = []

    def make(most: int = 0):
        if request.param == "memory":
            cache = MemoryCache(most, now=clock)
        else:
            cache = SqliteCache(tmp_path / "cache.db", most, now=clock)
        made.append(cache)
        return cache

    yield make
    for cache in made:
        await cache.aclose()


@pytest.fixture
def cache(make_cache):
    return make_cache()


@pytest.fixture(params=["sqlite", "memory"])
async def make_journal(request, tmp_path, clock):
    made = []

    def make(keep: float = 7 * DAY, most: int = 0):
        if request.param == "memory":
            journal = MemoryJournal(keep, most, now=clock)
        else:
            journal = SqliteJournal(tmp_path / "journal.db", keep, most, now=clock)
        made.append(journal)
        return journal

    yield make
    for journal in made:
        await journal.aclose()


@pytest.fixture
def journal(make_journal):
    return make_journal()


# -- the cache -----------------------------------------------------------------------------------


async def test_what_was_put_is_got(cache):
    assert await cache.get(key(1)) is None
    await cache.put(key(1), "a/b", answer(), None)
    assert await cache.get(key(1)) == answer()
    assert await cache.get(key(2)) is None
    assert cache.trouble is None


async def test_an_output_comes_back_whole(cache):
    call = ToolCall("id", "f", {"big": 2**70, "text": "\ud800 ü 漢", "deep": [[{"x": None}]]})
    output = ModelOutput.from_message(
        ChatMessageAssistant("\x00 zero, \udcff alone", tool_calls=[call], id="x"), "tool_calls"
    )
    output.usage = ModelUsage(1, 2, 3, total_cost=0.1)
    output.metadata = {"infinite": math.inf, "modeld": {"call_id": "c"}}
    await cache.put(key(1), "a/b", output, None)
    assert await cache.get(key(1)) == output


async def test_nan_comes_back_as_nan(cache):
    output = answer()
    output.metadata = {"x": math.nan}
    await cache.put(key(1), "a/b", output, None)
    got = await cache.get(key(1))
    assert math.isnan(got.metadata["x"])


def looped():
    loop: dict = {}
    loop["loop"] = loop
    return loop


@pytest.mark.parametrize("metadata", [{"x": object()}, {"x": 10**5000}, looped()])
async def test_what_cannot_be_written_is_not_stored_and_warned_of(cache, caplog, metadata):
    output = answer()
    output.metadata = metadata
    await cache.put(key(1), "a/b", output, None)
    assert await cache.get(key(1)) is None
    assert "cannot be cached" in caplog.text
    await cache.put(key(1), "a/b", answer(), None)
    assert await cache.get(key(1)) == answer()


async def test_one_that_cannot_be_written_costs_no_other(cache):
    bad = answer()
    bad.metadata = {"x": object()}
    async with anyio.create_task_group() as tasks:
        for number in range(50):
            output = bad if number % 7 == 0 else answer(str(number))
            tasks.start_soon(cache.put, key(number), "a/b", output, None)
    for number in range(50):
        expected = None if number % 7 == 0 else answer(str(number))
        assert await cache.get(key(number)) == expected


async def test_what_comes_out_is_nobody_elses(cache):
    output = answer()
    await cache.put(key(1), "a/b", output, None)
    got = await cache.get(key(1))
    got.choices[0].message.content = "changed"
    output.choices[0].message.content = "changed too"
    assert (await cache.get(key(1))).choices[0].message.content == "hello"


async def test_the_last_put_of_a_key_counts(cache):
    await cache.put(key(1), "a/b", answer("old"), 10)
    await cache.put(key(1), "a/b", answer("new"), None)
    assert (await cache.get(key(1))).completion == "new"
    assert (await cache.statistics()).entries == 1


async def test_an_entry_lives_for_its_seconds(cache, clock):
    await cache.put(key(1), "a/b", answer(), 10)
    await cache.put(key(2), "a/b", answer(), None)
    clock.now += 9.9
    assert await cache.get(key(1)) == answer()
    clock.now += 0.1
    assert await cache.get(key(1)) is None
    clock.now += 1000 * DAY
    assert await cache.get(key(2)) == answer()


async def test_an_expired_entry_is_deleted_when_it_is_met(cache, clock):
    await cache.put(key(1), "a/b", answer(), 10)
    clock.now += 10
    assert (await cache.statistics()).expired == 1
    assert await cache.get(key(1)) is None
    await cache.put(key(2), "a/b", answer(), 10)  # it waits for its turn behind the deletion
    statistics = await cache.statistics()
    assert (statistics.entries, statistics.expired) == (1, 0)


async def test_many_at_once(cache):
    async with anyio.create_task_group() as tasks:
        for number in range(1000):
            tasks.start_soon(cache.put, key(number), "a/b", answer(str(number)), None)
    got = {}

    async def get(number):
        got[number] = await cache.get(key(number))

    async with anyio.create_task_group() as tasks:
        for number in range(1500):
            tasks.start_soon(get, number)
    assert [n for n in range(1500) if got[n] is not None] == list(range(1000))
    assert all(got[n].completion == str(n) for n in range(1000))


async def test_statistics_count(cache):
    await cache.put(key(1), "a/b", answer(), None)
    await cache.get(key(1))
    await cache.get(key(2))
    statistics = await cache.statistics()
    assert (statistics.entries, statistics.hits, statistics.misses) == (1, 1, 1)
    assert (statistics.stored, statistics.evicted, statistics.most) == (1, 0, 0)
    assert statistics.size > ROW_BYTES
    await cache.clear()
    assert (await cache.statistics()).size == 0


async def test_models_are_told_apart(cache, clock):
    start = clock.now
    await cache.put(key(1), "b/two", answer(), 5)
    clock.now += 10
    await cache.put(key(2), "a/one", answer(), 100)
    await cache.put(key(3), "b/two", answer(), 100)
    size = (await cache.statistics()).size // 3
    assert await cache.models() == [
        CacheModel("a/one", 1, size, 0, 0, start + 10, start + 10),
        CacheModel("b/two", 2, 2 * size, 1, size, start, start + 10),
    ]


async def test_prune_deletes_what_has_expired(cache, clock):
    for number in range(700):
        await cache.put(key(number), f"p/{number % 2}", answer(), 5 if number < 600 else 50)
    clock.now += 5
    size = (await cache.statistics()).size // 700
    assert await cache.prune(["p/1"]) == Swept(300, 300 * size)
    assert [m.expired for m in await cache.models()] == [300, 0]
    assert await cache.prune() == Swept(300, 300 * size)
    assert await cache.prune() == Swept(0, 0)
    assert (await cache.statistics()).entries == 100


async def test_clear_deletes_all_or_some_models_or_what_is_old(cache, clock):
    await cache.put(key(1), "p/a", answer(), None)
    clock.now += 100
    for number in range(2, 8):
        await cache.put(key(number), "p/ab"[: 3 + number % 2], answer(), None)
    assert (await cache.clear(older=100)).entries == 0
    assert (await cache.clear(older=99)).entries == 1
    assert (await cache.clear(["p/a"])).entries == 3
    assert (await cache.clear(["p/none"])).entries == 0
    assert (await cache.clear(["p/ab", "p/a"])).entries == 3
    assert await cache.models() == []
    await cache.put(key(9), "p/a", answer(), None)
    assert (await cache.clear()).entries == 1


async def test_calls_go_on_while_much_is_cleared(cache):
    async with anyio.create_task_group() as tasks:
        for number in range(2000):
            tasks.start_soon(cache.put, key(number), "p/old", answer(), None)

    async def put_more():
        for number in range(3000, 3020):
            await cache.put(key(number), "p/new", answer(), None)
            assert await cache.get(key(number)) == answer()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put_more)
        assert (await cache.clear(["p/old"])).entries == 2000
    assert [(m.model, m.entries) for m in await cache.models()] == [("p/new", 20)]


async def test_the_least_recently_used_leave(make_cache, clock):
    cache = make_cache()
    await cache.put(key(0), "a/b", answer("x"), None)
    size = (await cache.statistics()).size
    await cache.clear()
    await cache.aclose()
    cache = make_cache(10 * size)
    for number in range(10):
        await cache.put(key(number), "a/b", answer("y"), None)
        clock.now += 100
    assert (await cache.statistics()).entries == 10
    assert await cache.get(key(0)) is not None
    for number in range(10, 15):
        clock.now += 100
        await cache.put(key(number), "a/b", answer("z"), None)
    statistics = await cache.statistics()
    assert (statistics.entries, statistics.evicted, statistics.size) == (10, 5, 10 * size)
    left = [number for number in range(15) if await cache.get(key(number)) is not None]
    assert left == [0, *range(6, 15)]


async def test_what_is_larger_than_the_cache_is_not_stored(make_cache):
    cache = make_cache(2000)
    await cache.put(key(1), "a/b", answer(), None)
    await cache.put(key(2), "a/b", answer("x" * 2000), None)
    assert await cache.get(key(2)) is None
    assert await cache.get(key(1)) == answer()


# -- the journal ---------------------------------------------------------------------------------


async def test_a_call_is_taken_down_step_by_step(journal):
    assert await journal.begin("acc", "r", b"body") is None
    record = await journal.begin("acc", "r", b"body")
    assert (record.body, record.runs, record.asked, record.output) == (b"body", 1, False, None)
    await journal.asking("acc", "r")
    record = await journal.begin("acc", "r", b"body")
    assert (record.runs, record.asked, record.output) == (2, True, None)
    await journal.end("acc", "r", answer(), {"attempts": 1}, [{"text": "he"}])
    for _ in range(2):
        record = await journal.begin("acc", "r", b"body")
        assert (record.runs, record.asked, record.output) == (3, False, answer())
        assert (record.info, record.events) == ({"attempts": 1}, [{"text": "he"}])


async def test_a_call_of_another_body_is_left_as_it_is(journal):
    await journal.begin("acc", "r", b"one")
    for _ in range(2):
        record = await journal.begin("acc", "r", b"two")
        assert (record.body, record.runs) == (b"one", 1)


async def test_accounts_are_apart(journal):
    await journal.begin("a", "r", b"one")
    assert await journal.begin("b", "r", b"one") is None
    await journal.end("a", "r", answer("of a"), None, None)
    assert (await journal.begin("b", "r", b"one")).output is None
    assert (await journal.begin("a", "r", b"one")).output.completion == "of a"


async def test_a_dropped_call_is_new_again(journal):
    await journal.begin("acc", "r", b"one")
    await journal.asking("acc", "r")
    await journal.drop("acc", "r")
    assert await journal.begin("acc", "r", b"two") is None
    await journal.drop("acc", "never begun")


async def test_an_end_is_the_end(journal):
    await journal.begin("acc", "r", b"one")
    await journal.end("acc", "r", answer(), None, None)
    await journal.asking("acc", "r")
    record = await journal.begin("acc", "r", b"one")
    assert (record.asked, record.output) == (False, answer())


async def test_an_end_without_a_beginning_is_nothing(journal):
    await journal.end("acc", "r", answer(), None, None)
    assert await journal.begin("acc", "r", b"one") is None


async def test_an_answer_that_cannot_be_written_leaves_the_call_asked(journal, caplog):
    await journal.begin("acc", "r", b"one")
    await journal.asking("acc", "r")
    await journal.end("acc", "r", answer(), {"x": object()}, None)
    record = await journal.begin("acc", "r", b"one")
    assert (record.asked, record.output) == (True, None)
    assert "cannot be kept" in caplog.text


async def test_what_is_old_is_forgotten(make_journal, clock):
    journal = make_journal(keep=7 * DAY)
    for number in range(500):
        await journal.begin("acc", str(number), b"one")
        await journal.end("acc", str(number), answer(), None, None)
    clock.now += 6 * DAY
    await journal.begin("acc", "young", b"one")
    clock.now += DAY + 1
    for _ in range(5):  # it is swept beside what comes
        await journal.begin("acc", "new", b"one")
    assert (await journal.begin("acc", "young", b"one")).runs == 1
    assert await journal.begin("acc", "0", b"one") is None
    assert await journal.begin("acc", "499", b"one") is None


async def test_the_oldest_answers_leave_when_there_are_too_many(make_journal, clock):
    journal = make_journal(most=30_000)
    await journal.begin("acc", "running", b"one")
    await journal.asking("acc", "running")
    for number in range(100):
        clock.now += 1
        await journal.begin("acc", str(number), b"one")
        await journal.end("acc", str(number), answer("x" * 500), None, None)
    assert (await journal.begin("acc", "running", b"one")).asked
    assert (await journal.begin("acc", "99", b"one")).output is not None
    assert await journal.begin("acc", "0", b"one") is None


async def test_many_calls_at_once(journal):
    async def live(number):
        name = str(number)
        assert await journal.begin("acc", name, b"one") is None
        await journal.asking("acc", name)
        await journal.end("acc", name, answer(name), None, None)
        assert (await journal.begin("acc", name, b"one")).output.completion == name

    async with anyio.create_task_group() as tasks:
        for number in range(300):
            tasks.start_soon(live, number)
