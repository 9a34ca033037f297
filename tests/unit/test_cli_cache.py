"""`modeld cache` and its commands, with fakes in the daemon's place."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from modeld import cache
from modeld.cache import CachedModel, CacheStatistics, Swept
from modeld.cli.root import root

GPT = CachedModel("openai/gpt-4o", 12_000, 36_000_000, 20, 57_000, 1_000_000.0, 1_000_500.0)
GEMINI = CachedModel("google/gemini", 1, 900, 0, 0, 1_000_000.0, 1_000_000.0)
STATISTICS = CacheStatistics(
    path="/home/me/cache.db",
    entries=12_001,
    size=36_000_900,
    max_size=2_000_000_000,
    expired=20,
    hits=30,
    misses=10,
    stored=10,
    evicted=3,
    trouble=None,
)


def run(*arguments: str):
    return CliRunner().invoke(root, ["cache", *arguments])


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    asked = []

    def cache_models(names=()):
        return [m for m in (GEMINI, GPT) if not names or any(map(m.is_named, names))]

    def clear_cache(names=(), *, older=None):
        asked.append((tuple(names), older))
        return Swept(12_000, 36_000_000)

    def prune_cache(names=()):
        asked.append((tuple(names), "expired"))
        return Swept(1, 900)

    monkeypatch.setattr(cache, "cache_models", cache_models)
    monkeypatch.setattr(cache, "cache_statistics", lambda: STATISTICS)
    monkeypatch.setattr(cache, "clear_cache", clear_cache)
    monkeypatch.setattr(cache, "prune_cache", prune_cache)
    return asked


def test_path_asks_no_daemon(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELD_HOME", str(tmp_path))
    assert run("path").output == f"{tmp_path}/cache.db\n"
    assert json.loads(run("path", "--json").output) == {"path": f"{tmp_path}/cache.db"}


@pytest.mark.parametrize("words", [[], ["stats"]])
def test_stats_are_for_people_or_programs(words):
    shown = run(*words).output
    assert "12k (20 expired)" in shown
    assert "36 MB of 2.0 GB" in shown
    assert "30 of 40 (75 %)" in shown
    assert "trouble" not in shown
    assert json.loads(run(*words, "--json").output) == STATISTICS.to_dict()


def test_list_shows_models():
    lines = run("list").output.splitlines()
    assert lines[0].split() == ["MODEL", "ENTRIES", "SIZE", "EXPIRED", "OLDEST", "NEWEST"]
    assert lines[2].split()[:5] == ["openai/gpt-4o", "12k", "36", "MB", "20"]
    assert len(run("list", "--model", "google").output.splitlines()) == 2
    assert json.loads(run("list", "--json").output) == [GEMINI.to_dict(), GPT.to_dict()]


def test_list_pruneable_counts_what_has_expired():
    lines = run("list", "--pruneable").output.splitlines()
    assert [line.split() for line in lines] == [
        ["MODEL", "EXPIRED", "SIZE"],
        ["openai/gpt-4o", "20", "57", "kB"],
    ]
    assert run("list", "--pruneable", "--model", "google").output == "Nothing has expired.\n"
    assert run("list", "--model", "none").output == "Nothing is cached.\n"


@pytest.mark.parametrize(
    "words,expected",
    [
        (["--all"], ((), None)),
        (["--model", "a/b", "--model", "c"], (("a/b", "c"), None)),
        (["--older", "30D"], ((), 30 * 86_400)),
        (["--model", "a/b", "--older", "2h"], (("a/b",), 7200)),
    ],
)
def test_clear_says_what_was_deleted(asked, words, expected):
    done = run("clear", *words)
    assert (done.exit_code, done.output) == (0, "Deleted 12k entries, 36 MB.\n")
    assert asked == [expected]
    assert json.loads(run("clear", *words, "--json").output) == {
        "entries": 12_000,
        "size": 36_000_000,
    }


@pytest.mark.parametrize(
    "words,message",
    [
        ([], "Need to specify either --all or --model."),
        (["--all", "--model", "a"], "Specify either --all or --model, not both."),
        (["--older", "30d"], "'30d' is no age"),
    ],
)
def test_clear_needs_to_know_what(asked, words, message):
    done = run("clear", *words)
    assert done.exit_code == 2
    assert message in done.output
    assert asked == []


def test_prune_takes_models(asked):
    assert run("prune").output == "Deleted 1 entry, 900 B.\n"
    assert run("prune", "--model", "a/b").exit_code == 0
    assert asked == [((), "expired"), (("a/b",), "expired")]
