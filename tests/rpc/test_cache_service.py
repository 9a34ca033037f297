"""The cache looked at and swept over a real socket, by the client's functions."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from modeld import cache
from modeld.cache import Swept
from modeld.errors import InternalError, InvalidRequest
from modeld.model import cache_clear, cache_list_expired, cache_path, cache_prune, cache_size
from modeld.types import ModelOutput
from modeld_daemon.stores.cache import SqliteCache


@pytest.fixture
def put(house):
    """Puts entries into the daemon's cache, in the daemon's own thread."""

    def put(model: str, *lives: float | None) -> None:
        for life in lives:
            put.number += 1
            key = put.number.to_bytes(32, "big")
            output = ModelOutput.from_content("m", "hello")
            work = house.cache.put(key, model, output, life)
            asyncio.run_coroutine_threadsafe(work, house._loop).result(10)

    put.number = 0
    return put


@pytest.fixture
def filled(put):
    put("openai/gpt-4o", None, 1000, 1e-9)
    put("openai/gpt-4o-mini", 1e-9, None)
    put("google/gemini", 1000)
    time.sleep(0.001)  # two entries have expired now


def test_statistics_and_models(filled):
    found = cache.cache_statistics()
    assert (found.entries, found.expired, found.stored, found.max_size) == (6, 2, 6, 0)
    assert (found.hits, found.misses, found.evicted, found.trouble) == (0, 0, 0, None)
    models = cache.cache_models()
    assert [(m.model, m.entries, m.expired) for m in models] == [
        ("google/gemini", 1, 0),
        ("openai/gpt-4o", 3, 1),
        ("openai/gpt-4o-mini", 2, 1),
    ]
    assert found.size == sum(m.size for m in models)
    assert 0 < models[0].oldest <= models[0].newest <= time.time()


def test_clear_takes_models_providers_and_ages(filled):
    assert cache.clear_cache(["none"]) == Swept(0, 0)
    assert cache.clear_cache(older=3600) == Swept(0, 0)
    assert cache.clear_cache(["openai/gpt-4o"]).entries == 3
    assert cache.clear_cache(["openai"]).entries == 2
    assert cache.clear_cache().entries == 1
    assert cache.cache_models() == []


def test_prune_takes_what_has_expired(filled):
    assert cache.prune_cache(["google"]) == Swept(0, 0)
    assert cache.prune_cache(["openai/gpt-4o-mini"]).entries == 1
    assert cache.prune_cache().entries == 1
    assert cache.cache_statistics().entries == 4


@pytest.mark.parametrize("older", [-1, float("nan"), float("inf"), "x"])
def test_an_age_that_is_none_is_refused(filled, older):
    with pytest.raises(InvalidRequest, match="older"):
        cache.clear_cache(older=older)
    assert cache.cache_statistics().entries == 6


def test_the_references_functions(filled):
    root = cache_path()
    assert root.name == "cache.db"
    assert cache_path("openai/gpt-4o") == root / "openai/gpt-4o"
    sizes = dict(cache_size())
    assert sizes.keys() == {"google/gemini", "openai/gpt-4o", "openai/gpt-4o-mini"}
    assert dict(cache_size(["openai/gpt-4o"])) == {"openai/gpt-4o": sizes["openai/gpt-4o"]}
    expired = cache_list_expired()
    assert expired == [root / "openai/gpt-4o", root / "openai/gpt-4o-mini"]
    assert cache_list_expired(["openai/gpt-4o"]) == [root / "openai/gpt-4o"]
    assert cache_list_expired(["google"]) == []
    one = sizes["openai/gpt-4o-mini"] // 2
    assert cache_size(files=expired) == [("openai/gpt-4o", one), ("openai/gpt-4o-mini", one)]
    cache_prune(expired[:1])
    assert cache_list_expired() == expired[1:]
    cache_prune()
    assert cache_list_expired() == []
    assert cache_clear("openai/gpt-4o") is True
    assert cache_clear("openai/gpt-4o") is False
    assert cache_clear() is True
    assert cache_size() == []


def test_a_database_that_cannot_be_used_is_named(house, tmp_path, monkeypatch):
    broken = SqliteCache(tmp_path / "none" / "cache.db")
    for name in ("statistics", "models", "clear", "prune"):
        monkeypatch.setattr(house.cache, name, getattr(broken, name))
    for ask in (cache.cache_statistics, cache.cache_models, cache.clear_cache, cache.prune_cache):
        with pytest.raises(InternalError, match=r"none/cache\.db cannot be used: No such file"):
            ask()


def test_the_path_needs_no_daemon(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELD_HOME", str(tmp_path))
    assert cache_path() == Path(tmp_path) / "cache.db"
