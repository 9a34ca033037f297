"""What disks and strangers do to the databases, and that no call suffers from it."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import anyio
import pytest

from modeld.errors import InternalError
from modeld_daemon.stores.cache import SqliteCache
from modeld_daemon.stores.file import DatabaseFile
from modeld_daemon.stores.journal import SqliteJournal

from .test_stores import answer, key

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


@pytest.fixture
async def open_cache(path):
    opened = []

    def open_cache(**settings):
        opened.append(SqliteCache(path, retry=0, **settings))
        return opened[-1]

    yield open_cache
    for cache in opened:
        await cache.aclose()


@pytest.fixture
def cache(open_cache):
    return open_cache()


async def fill(cache, count=200, text="x" * 1000):
    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(cache.put, key(number), "a/b", answer(text), None)


async def works(cache):
    await cache.put(key("new"), "a/b", answer("new"), None)
    got = await cache.get(key("new"))
    return got is not None and got.completion == "new" and cache.trouble is None


def broken(path):
    return sorted(p.name for p in path.parent.glob("*.broken-*") if p.name[-4:] not in TAILS)


TAILS = ("-wal", "-shm")


def sound(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# -- a file that is not what it should be --------------------------------------------------------


def text(path):
    path.write_text("This is not a database, and it is long enough to be one. " * 100)


def folder(path):
    (path / "deep").mkdir(parents=True)


def foreign(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def newer(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entry (x)")
        connection.execute(f"PRAGMA application_id = {0x6D644361}")
        connection.execute("PRAGMA user_version = 99")


def bare(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entry (x)")
        connection.execute(f"PRAGMA application_id = {0x6D644361}")
        connection.execute("PRAGMA user_version = 1")


def strange_log(path):
    foreign(path)
    path.with_name("cache.db-wal").write_bytes(b"\x37\x7f\x06\x82" + os.urandom(5000))


@pytest.mark.parametrize("spoil", [text, folder, foreign, newer, bare, strange_log])
@pytest.mark.parametrize("first", ["get", "put"])
async def test_a_file_that_is_no_cache_is_set_aside(cache, path, spoil, first, caplog):
    spoil(path)
    if first == "get":
        assert await cache.get(key(1)) is None
    assert await works(cache)
    assert len(broken(path)) == 1
    assert caplog.text.count("was broken") == 1
    assert (path.stat().st_mode & 0o777) == 0o600
    await cache.aclose()
    assert sound(path)


async def test_an_empty_file_is_begun(cache, path, caplog):
    path.touch()
    assert await works(cache)
    assert broken(path) == []
    assert "was empty" in caplog.text


async def test_a_file_that_others_may_read_is_closed_to_them(cache, path):
    path.touch(0o644)
    path.chmod(0o644)
    assert await works(cache)
    assert (path.stat().st_mode & 0o777) == 0o600
    assert (path.with_name("cache.db-wal").stat().st_mode & 0o777) == 0o600


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.9])
async def test_a_truncated_file_is_set_aside(open_cache, path, share):
    cache = open_cache()
    await fill(cache)
    await cache.aclose()
    os.truncate(path, int(path.stat().st_size * share))
    cache = open_cache()
    for number in range(200):
        await cache.get(key(number))
    assert await works(cache)
    await fill(cache)
    await cache.aclose()
    assert sound(path)


async def test_pages_that_break_in_use_cost_no_call(open_cache, path):
    cache = open_cache()
    await fill(cache)
    await cache.aclose()
    cache = open_cache()
    assert await cache.get(key(0)) is not None
    with path.open("r+b") as file:  # in use: the locks of this process on it are lost, and needless
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    for number in range(1, 200):
        got = await cache.get(key(number))
        assert got is None or got == answer("x" * 1000)
    assert await works(cache)
    assert len(broken(path)) == 1
    await fill(cache)
    assert await cache.get(key(7)) == answer("x" * 1000)
    await cache.aclose()
    assert sound(path)


async def test_a_writer_that_meets_a_broken_page_stores_in_the_new_file(open_cache, path):
    cache = open_cache()
    await fill(cache)
    await cache.aclose()
    cache = open_cache()
    await cache.put(key("first"), "a/b", answer(), None)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    await fill(cache)
    assert await works(cache)
    assert all([await cache.get(key(number)) for number in range(200)])


async def test_a_rotten_bit_is_a_miss(cache, path, caplog):
    await fill(cache, 3)
    with closing(sqlite3.connect(path)) as connection, connection:
        (packed,) = connection.execute("SELECT packed FROM output WHERE id = 2").fetchone()
        rotten = packed[:100] + bytes([packed[100] ^ 1]) + packed[101:]
        connection.execute("UPDATE output SET packed = ? WHERE id = 2", (rotten,))
    assert [await cache.get(key(n)) is None for n in range(3)] == [False, True, False]
    assert "checksum" in caplog.text
    assert await works(cache)
    assert (await cache.statistics()).entries == 3


async def test_an_output_of_another_key_is_a_miss(cache, path):
    await fill(cache, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE output SET packed = (SELECT packed FROM output WHERE id = 1) WHERE id = 2"
        )
    assert await cache.get(key(1)) is None


def to_nothing(path):
    os.truncate(path, 0)


def to_half(path):
    os.truncate(path, path.stat().st_size // 8192 * 4096)


def without_log(path):
    path.with_name(f"{path.name}-wal").unlink()


def with_another_log(path):
    without_log(path)
    path.with_name(f"{path.name}-wal").touch()


def with_an_empty_log(path):
    os.truncate(f"{path}-wal", 0)


CUTS = [to_nothing, to_half, without_log, with_another_log, with_an_empty_log]


async def end_many(journal, name, count=300):
    async with anyio.create_task_group() as tasks:

        async def one(id):
            await journal.begin("acc", id, b"body")
            assert await journal.end("acc", id, answer("x" * 1000), None, None)

        for number in range(count):
            tasks.start_soon(one, f"{name} {number}")


@pytest.mark.parametrize("cut", CUTS)
async def test_what_is_cut_off_in_use_is_told_and_what_follows_is_kept(tmp_path, cut, caplog):
    """The pages in memory are whole: without a look at the file nobody would know."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, retry=1)
    for part in range(10):  # more than the log takes: a part is in the file
        await end_many(journal, f"before {part}")
    cut(path)
    assert await journal.begin("acc", "after", b"body") is None
    assert await journal.end("acc", "after", answer(), None, None)
    assert "answers of calls with a request id are lost" in journal.trouble
    assert len(broken(path)) == 1
    assert caplog.text.count("are lost") == 1
    for part in range(2):
        await end_many(journal, f"after {part}", 50)
    await journal.aclose()
    assert sound(path)
    journal = SqliteJournal(path)
    assert (await journal.begin("acc", "after", b"body")).output == answer()
    assert journal.trouble is None
    await journal.aclose()


@pytest.mark.parametrize("cut", [to_nothing, without_log, with_another_log])
async def test_a_cache_that_is_cut_off_in_use_is_begun_anew(open_cache, path, cut):
    cache = open_cache()
    for _ in range(5):
        await fill(cache)
    assert await cache.get(key(1)) is not None
    cut(path)
    assert await cache.get(key(1)) is None
    assert await works(cache)
    assert len(broken(path)) == 1
    assert (await cache.statistics()).entries == 1
    await cache.aclose()
    assert sound(path)


async def test_statistics_of_a_truncated_file_leave_its_log_alone(open_cache, path):
    """SQLite deletes the log of an empty database, whoever else has it open."""
    cache = open_cache()
    await fill(cache)
    os.truncate(path, 0)
    assert (await cache.statistics()).entries == 0
    assert len(broken(path)) == 1
    assert await works(cache)


async def test_a_file_that_a_tool_has_made_smaller_is_whole(tmp_path, caplog):
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, retry=0)
    await end_many(journal, "before")
    for number in range(300):
        await journal.drop("acc", f"before {number}")
    await journal.begin("acc", "kept", b"body")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < before
    assert await journal.begin("acc", "kept", b"body") is not None
    assert "lost" not in caplog.text
    await journal.aclose()


async def test_pruning_is_no_loss(open_cache, path, caplog):
    cache = open_cache()
    for _ in range(5):
        await fill(cache, 500, "x" * 3000)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    await cache.clear()
    await fill(cache, 10)
    assert path.stat().st_size < before
    assert "lost" not in caplog.text
    assert cache.trouble is None


async def test_whoever_calls_soon_after_hears_of_a_loss(path):
    path.write_text("broken " * 1000)
    cache = SqliteCache(path, retry=0.05)
    await cache.put(key(1), "a/b", answer(), None)
    assert "outputs of the cache are lost" in cache.trouble
    assert (await cache.statistics()).trouble == cache.trouble
    await anyio.sleep(0.7)
    assert cache.trouble is None
    await cache.aclose()


async def test_only_the_last_broken_files_are_kept(open_cache, path):
    for _ in range(6):
        path.write_text("broken " * 1000)
        cache = open_cache()
        assert await works(cache)
        await cache.aclose()
    assert len(broken(path)) == 3


@pytest.mark.parametrize("looked", [False, True])
async def test_a_file_that_is_taken_away_is_begun_anew(cache, path, caplog, looked):
    await fill(cache, 10)
    if looked:
        assert await cache.get(key(1)) is not None
    path.unlink()
    assert await cache.get(key(1)) is None
    assert await works(cache)
    assert path.exists()
    assert caplog.text.count("taken away") == 1
    assert broken(path) == []
    await cache.aclose()
    assert sound(path)


async def test_a_folder_that_is_taken_away_is_a_trouble_that_passes(open_cache, tmp_path, path):
    cache = open_cache()
    await fill(cache, 10)
    shutil.move(tmp_path, f"{tmp_path}.moved")
    assert await cache.get(key(1)) is None
    await cache.put(key("x"), "a/b", answer(), None)
    assert "cannot be used" in cache.trouble
    shutil.move(f"{tmp_path}.moved", tmp_path)
    assert await works(cache)
    assert await cache.get(key(1)) is not None


# -- what a new file would not help --------------------------------------------------------------


async def refuses(cache, words):
    """Calls go on at once, and it is told why nothing is kept."""
    start = time.monotonic()
    await cache.put(key("lost"), "a/b", answer(), None)
    assert time.monotonic() - start < 1
    assert words in cache.trouble
    assert cache.trouble.endswith("Outputs are not cached meanwhile.")
    return True


async def test_a_link_to_nothing_passes(cache, tmp_path, path):
    target = tmp_path / "elsewhere" / "cache.db"
    path.symlink_to(target)
    assert await refuses(cache, "a link to a file that is not there")
    target.parent.mkdir()
    target.touch()
    assert await works(cache)
    assert await works(cache)
    assert broken(path) == []


async def test_a_log_that_is_a_folder_is_set_aside(open_cache, path):
    cache = open_cache()
    await fill(cache, 3)
    await cache.aclose()
    path.with_name("cache.db-wal").mkdir()
    cache = open_cache()
    assert await works(cache)
    assert len(broken(path)) == 1


async def test_a_file_in_place_of_the_folder_passes(tmp_path):
    (tmp_path / "home").write_text("")
    cache = SqliteCache(tmp_path / "home" / "cache.db", retry=0)
    assert await refuses(cache, "Not a directory")
    assert await cache.get(key("lost")) is None
    with pytest.raises(InternalError, match=r"cache\.db cannot be used"):
        await cache.statistics()
    with pytest.raises(InternalError, match=r"cache\.db cannot be used"):
        await cache.clear()
    (tmp_path / "home").unlink()
    (tmp_path / "home").mkdir()
    assert await works(cache)
    await cache.aclose()


@contextmanager
def file_size_limit(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_limit_on_the_size_of_files_passes(cache, path):
    await fill(cache, 5)
    size = path.with_name("cache.db-wal").stat().st_size
    with file_size_limit(size):
        assert await refuses(cache, "the disk fails, or a limit on the size of files is reached")
        assert await cache.get(key(1)) is not None
    assert await works(cache)
    assert await cache.get(key("lost")) is None
    await cache.aclose()
    assert sound(path)


async def test_a_database_can_be_begun_when_there_is_room_again(cache, path):
    with file_size_limit(1000):
        assert await refuses(cache, "the disk fails")
    assert await works(cache)


async def test_a_full_disk_passes(open_cache, path, monkeypatch):
    most = [1_000_000]
    prepare = DatabaseFile._prepare

    def prepare_small(self, connection):
        prepare(self, connection)
        connection.execute(f"PRAGMA max_page_count = {most[0]}")

    monkeypatch.setattr(DatabaseFile, "_prepare", prepare_small)
    cache = open_cache()
    await fill(cache, 50)
    await cache.aclose()
    most[0] = 1  # SQLite takes it up to what the file has
    cache = open_cache()
    assert await cache.get(key(1)) is not None
    await cache.put(key("lost"), "a/b", answer("y" * 100_000), None)
    assert "the disk is full" in cache.trouble
    assert await cache.get(key(1)) is not None
    most[0] = 1_000_000
    assert await works(cache)
    assert await cache.get(key("lost")) is None


async def test_all_can_be_deleted_where_there_is_no_room(cache, path):
    await fill(cache)
    assert await cache.get(key(1)) is not None
    with file_size_limit(path.with_name("cache.db-wal").stat().st_size):
        assert await refuses(cache, "a limit on the size of files is reached")
        with pytest.raises(InternalError, match="Deleting all entries needs no room"):
            await cache.clear(["a/b"])
        assert (await cache.statistics()).entries == 200
        swept = await cache.clear()
        assert swept.entries == 200
        assert swept.size > 200_000
        assert await works(cache)
        assert await cache.get(key(1)) is None
    assert broken(path) == []
    await cache.aclose()
    assert sound(path)


async def test_a_lock_of_another_process_passes(cache, path):
    await fill(cache, 5)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert await refuses(cache, "another process has locked it")
        assert await cache.get(key(1)) is not None
        other.execute("ROLLBACK")
    assert await works(cache)
    assert await cache.get(key("lost")) is None


async def test_a_lock_at_the_beginning_passes(cache, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE t (x)")
        start = time.monotonic()
        assert await cache.get(key(1)) is None
        assert time.monotonic() - start < 1
        assert await refuses(cache, "another process has locked it")
        other.execute("ROLLBACK")
    assert await works(cache)


async def test_a_trouble_is_believed_for_some_seconds(path):
    cache = SqliteCache(path, retry=1000)
    await fill(cache, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert await refuses(cache, "locked")
        other.execute("ROLLBACK")
    start = time.monotonic()
    await cache.put(key("lost too"), "a/b", answer(), None)
    assert time.monotonic() - start < 0.2
    assert await cache.get(key("lost too")) is None
    assert await cache.get(key(1)) is not None
    await cache.aclose()


async def test_a_trouble_is_logged_once(cache, path, caplog):
    await fill(cache, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for _ in range(3):
            assert await refuses(cache, "locked")
        other.execute("ROLLBACK")
    assert caplog.text.count("cannot be used") == 1


async def test_a_call_does_not_wait_for_a_disk_that_hangs(cache, monkeypatch):
    await fill(cache, 2)
    released = threading.Event()
    look_up = cache._look_up

    def hanging(connection, keys):
        released.wait(10)
        return look_up(connection, keys)

    monkeypatch.setattr(cache, "_look_up", hanging)
    start = time.monotonic()
    assert await cache.get(key(1)) is None
    assert 0.9 < time.monotonic() - start < 1.5
    assert cache.trouble.endswith("does not answer in time. Outputs are not cached meanwhile.")
    released.set()
    assert await works(cache)


# -- the end of it -------------------------------------------------------------------------------


async def test_after_the_end_there_is_nothing(cache, path):
    await fill(cache, 5)
    await cache.aclose()
    assert await cache.get(key(1)) is None
    await cache.put(key(1), "a/b", answer(), None)
    await cache.aclose()
    assert sorted(os.listdir(path.parent)) == ["cache.db"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (5,)


async def test_nothing_is_opened_before_it_is_needed(cache, path):
    await cache.aclose()
    assert not path.exists()


async def test_uses_are_remembered_beyond_the_end(path):
    now = [1_000_000.0]
    cache = SqliteCache(path, now=lambda: now[0])
    await fill(cache, 2)
    now[0] += 1000
    await cache.get(key(0))
    await cache.aclose()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT used FROM entry ORDER BY used").fetchall()
    assert rows == [(1_000_000.0,), (1_001_000.0,)]


async def test_a_cache_that_is_only_read_remembers_and_deletes(path):
    now = [1_000_000.0]
    cache = SqliteCache(path, now=lambda: now[0])
    await fill(cache, 2)
    await cache.put(key("short"), "a/b", answer(), 10)
    await cache.aclose()
    now[0] += 1000
    cache = SqliteCache(path, now=lambda: now[0])
    assert await cache.get(key(0)) is not None
    assert await cache.get(key("short")) is None
    await cache.aclose()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT used FROM entry ORDER BY used").fetchall()
    assert rows == [(1_000_000.0,), (1_001_000.0,)]


async def test_a_hit_writes_nothing(cache, path):
    await fill(cache, 20)
    log = path.with_name("cache.db-wal")
    before = log.stat().st_size
    for number in range(20):
        await cache.get(key(number))
    assert log.stat().st_size == before


# -- the journal ---------------------------------------------------------------------------------


async def test_a_rotten_answer_counts_as_asked(tmp_path):
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    await journal.begin("acc", "r", b"one")
    await journal.end("acc", "r", answer(), None, None)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE call SET answer = substr(answer, 1, 60)")
    for _ in range(2):
        record = await journal.begin("acc", "r", b"one")
        assert (record.asked, record.output) == (True, None)
    await journal.end("acc", "r", answer(), None, None)
    assert (await journal.begin("acc", "r", b"one")).output == answer()
    await journal.aclose()


async def test_a_journal_outlives_its_daemon(tmp_path):
    path = tmp_path / "journal.db"
    first, second = SqliteJournal(path), SqliteJournal(path)
    await first.begin("acc", "r", b"one")
    await first.asking("acc", "r")
    record = await second.begin("acc", "r", b"one")  # the first one is still there, as after a kill
    assert (record.runs, record.asked) == (1, True)
    await second.end("acc", "r", answer(), None, None)
    assert (await first.begin("acc", "r", b"one")).output == answer()
    await first.aclose()
    await second.aclose()


async def test_a_broken_journal_is_set_aside_and_says_what_is_lost(tmp_path):
    path = tmp_path / "journal.db"
    path.write_text("broken " * 1000)
    journal = SqliteJournal(path, retry=0)
    assert await journal.begin("acc", "r", b"one") is None
    assert journal.trouble is None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await journal.asking("acc", "r")
        assert journal.trouble.endswith("may be paid for twice meanwhile.")
        other.execute("ROLLBACK")
    assert (await journal.begin("acc", "r", b"one")).asked is False
    assert journal.trouble is None
    await journal.aclose()
