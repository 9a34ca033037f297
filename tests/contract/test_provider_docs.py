"""`docs/providers.md` says what providers can do, as their rows, profiles and dialects have it.

The tables are made here. After a change: python -m tests.contract.test_provider_docs
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modeld.types import CONFIG_FIELDS
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.registry import DIALECTS

from .provider_features import HOUSE, REGISTRY, fate, generated
from .source import ROOT
from .speakers import PROFILES, SPEAKERS

PAGE = ROOT / "docs" / "providers.md"
BEGIN = "<!-- made by: python -m tests.contract.test_provider_docs -->\n"
END = "<!-- end -->"


def renewed(page: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, "the page has no place for the tables"
    assert end, "the tables have no end"
    return before + BEGIN + generated() + END + after


def test_the_tables_are_what_the_dialects_do():
    assert PAGE.read_text() == renewed(PAGE.read_text())


def test_every_dialect_has_a_column():
    without_features = {"mock", "none", "openai", "openai_server"}  # the last two speak two others
    assert set(SPEAKERS) == set(DIALECTS) - without_features


def test_every_dialect_has_a_section_of_what_is_not_modelled():
    page = PAGE.read_text()
    assert [s.title for s in SPEAKERS.values() if f"\n### {s.title}\n" not in page] == []


def test_every_provider_has_a_row_of_what_it_needs_and_one_of_what_it_offers():
    page = PAGE.read_text()
    rows = {row.name: page.count(f"\n| `{row.name}/` |") for row in REGISTRY.rows()}
    assert set(rows) == {row.name for row in ROWS}
    assert [name for name, count in rows.items() if count != 2] == []


@pytest.mark.parametrize("name", sorted(HOUSE))
def test_what_the_house_does_is_in_no_body(name):
    assert name in CONFIG_FIELDS
    if name not in ("stream_idle_timeout", "cache", "batch"):
        assert {fate(speaker, name) for speaker in SPEAKERS.values()} == {"nothing"}


@pytest.mark.parametrize("profiles", PROFILES, ids=lambda profiles: profiles.title)
def test_each_kind_of_model_was_asked(profiles):
    """Kinds that differ in more than their sizes."""
    for name in profiles.speakers:
        asked = [plain(profiles.find(model)) for model in SPEAKERS[name].models]
        assert [row for row, profile in profiles.rows if plain(profile) not in asked] == []


def plain(profile: Any) -> Any:
    sizes = {name for name in ("context_tokens", "max_output") if hasattr(profile, name)}
    return replace(profile, **dict.fromkeys(sizes, 0))


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
