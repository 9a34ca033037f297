"""A process that writes is killed again and again: the databases stay whole, and what was said to be
kept is there.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from modeld.types import ModelOutput
from modeld_daemon.stores import cache_places
from modeld_daemon.stores.cache import SqliteCache
from modeld_daemon.stores.journal import SqliteJournal

ROOT = Path(__file__).resolve().parents[2]
KILLS = 30
LOST = (  # entries that the index should have
    "SELECT count(*) FROM entry, tail WHERE entry.id <= placed AND NOT EXISTS (SELECT 1 FROM run "
    "JOIN place ON place.run = run.id WHERE place.prefix = substr(key, 1, 8) AND place.id = entry.id)"
)
STRAY = (  # places that an entry's deletion would not find
    "SELECT count(*) FROM place, tail WHERE run != (SELECT max(id) FROM run WHERE id <= place.id) "
    "AND coalesce(run != (SELECT max(id) FROM run WHERE id < merging), TRUE)"
)


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


async def write(folder: Path, start: int) -> None:
    """Writes for ever, and prints the number of each entry and call that the stores have taken."""
    cache = SqliteCache(folder / "cache.db", 3_000_000)
    journal = SqliteJournal(folder / "journal.db")

    async def one(number: int) -> None:
        output = ModelOutput.from_content("m", f"{number} " * 300)
        await journal.begin("acc", str(number), b"body")
        await journal.asking("acc", str(number))
        await cache.put(key(number), f"p/{number % 3}", output, None)
        await journal.end("acc", str(number), output, None, None)
        print(number, flush=True)

    for first in range(start, start + 1_000_000, 8):
        await asyncio.gather(*map(one, range(first, first + 8)))
        await cache.get(key(random.randrange(start + 1)))


async def read(folder: Path, numbers: list[int]) -> list[int]:
    """Numbers of which the journal does not know the answer, or the cache has another."""
    cache = SqliteCache(folder / "cache.db", 3_000_000)
    journal = SqliteJournal(folder / "journal.db")
    wrong = []
    for number in numbers:
        expected = f"{number} " * 300
        record = await journal.begin("acc", str(number), b"body")
        got = await cache.get(key(number))
        answered = record is not None and record.output is not None
        if not answered or record.output.completion != expected:
            wrong.append(number)
        if got is not None and got.completion != expected:
            wrong.append(number)
    if numbers and await cache.get(key(numbers[-1])) is None:
        wrong.append(numbers[-1])
    await cache.aclose()
    await journal.aclose()
    return wrong


@pytest.mark.timeout(120)
def test_killed_in_the_middle_of_writing(tmp_path):
    chance = random.Random(5)
    start = 0
    for _ in range(KILLS):
        command = [
            sys.executable,
            "-m",
            "tests.process.test_store_kills",
            str(tmp_path),
            str(start),
        ]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        taken = [int(child.stdout.readline())]
        time.sleep(chance.uniform(0, 0.3))
        child.kill()
        lines = child.stdout.read().split("\n")[:-1]  # the last one may be cut off
        child.wait()
        child.stdout.close()
        taken += map(int, lines)
        assert asyncio.run(read(tmp_path, taken[-50:])) == []
        start = max(taken) + 100
    for name, table in (("cache.db", "entry"), ("journal.db", "call")):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            (counted,) = connection.execute(f"SELECT sum(size) FROM {table}").fetchone()
            assert connection.execute("SELECT size FROM total").fetchone() == (counted,)
    with closing(sqlite3.connect(tmp_path / "cache.db")) as connection:
        for question in (LOST, STRAY):
            assert connection.execute(question).fetchone() == (0,)
        assert connection.execute("SELECT count(*) > 2 FROM run").fetchone() == (1,)
    assert list(tmp_path.glob("*.broken-*")) == []


if __name__ == "__main__":
    cache_places._TAIL, cache_places._RUNS = 60, 3  # kills in the midst of runs and merges, too
    cache_places._STEP, cache_places._HASTE = 8, 2
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
