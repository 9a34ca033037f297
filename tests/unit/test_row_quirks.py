"""Quirks of a row that nobody would read are told, and those of the house are all read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modeld.errors import InternalError
from modeld_daemon.core.ports import Row
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.extensions.child import described
from modeld_daemon.providers.extensions.loading import read
from modeld_daemon.providers.extensions.origin import Origin
from modeld_daemon.providers.registry import DIALECTS
from modeld_daemon.providers.row_quirks import wrong_quirk

# The quirks of addresses that each dialect reads, and their values.
_OPENAI: dict[str, tuple[object, ...]] = {
    "own_address": (True,),
    "entra": (True,),
    "azure": ("openai", "models"),
    "place": ("mantle",),
    "url_path": ("/v1",),
}
READ: dict[str, dict[str, tuple[object, ...]]] = {
    "openai": _OPENAI,
    "openai_chat": _OPENAI,
    "openai_completions": _OPENAI,
    "openai_responses": _OPENAI,
    "anthropic": {
        "own_address": (True,),
        "entra": (True,),
        "place": ("azure", "bedrock", "vertex"),
    },
    "mistral": {"own_address": (True,), "entra": (True,), "place": ("azure",)},
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_quirks_of_the_house_are_all_known(row):
    assert wrong_quirk(row.dialect, row.quirks) is None


@pytest.mark.parametrize(
    "quirks, said",
    [
        ({"plain_shema": True}, "there is no quirk 'plain_shema'; there are azure, body_args"),
        ({"plain_schema": "yes"}, "the quirk 'plain_schema' is 'yes', not bool"),
        ({"default_max_tokens": True}, "'default_max_tokens' is True"),
        ({"busy_statuses": ("503",)}, "'busy_statuses' is"),
        ({"forced_tools": "sometimes"}, "'forced_tools' is 'sometimes'"),
        ({"usual_api": "chats"}, "'usual_api' is 'chats'"),
        ({"efforts": {"low": 1}}, "'efforts' is"),
        ({"models": [{"json_object": True}]}, "no pattern in 'match'"),
        ({"models": [{"match": "("}]}, r"bad pattern '\('"),
        ({"models": [{"match": "^m", "dropped": 1}]}, r"of the models '\^m': the quirk 'dropped'"),
        ({"body_args": {"x": ("text", "x")}}, "'body_args' says"),
    ],
)
def test_an_extension_with_a_quirk_that_means_nothing_is_refused(quirks, said):
    with pytest.raises(InternalError, match=said):
        cross(quirks)


@pytest.mark.parametrize("row", [row for row in ROWS if row.quirks], ids=lambda row: str(row.name))
def test_quirks_of_an_extension_mean_what_they_mean_here(row):
    """They come as JSON, which has no tuples."""
    crossed = cross(row.quirks, row.dialect).quirks
    assert wrong_quirk(row.dialect, crossed) is None
    assert json.dumps(crossed) == json.dumps(dict(row.quirks))


def cross(quirks: Any, dialect: str = "openai") -> Row:
    """A row with these quirks, as the daemon reads what an extension's process says of it."""
    origin = Origin("acme", "acme_of_a_test:row", "acme")
    row = Row("acme", dialect, "of a test", quirks=quirks)
    return read(origin, described(origin, row), DIALECTS).row


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_address_is_told_only_to_a_dialect_that_reads_it(dialect):
    read = READ.get(dialect, {})
    for name in ("own_address", "entra", "azure", "place", "url_path"):
        for value in read.get(name, ()):
            assert wrong_quirk(dialect, {name: value}) is None
        if name not in read:
            wrong = wrong_quirk(dialect, {name: True})
            assert wrong is not None
            assert wrong.startswith(f"there is no quirk {name!r}")
        elif isinstance(read[name][0], str):
            places = wrong_quirk(dialect, {name: 7})
            assert places is not None
            assert f"the quirk {name!r} is 7" in places


@pytest.mark.parametrize("dialect", ["openai", "openai_chat", "anthropic", "mistral"])
def test_a_place_that_the_dialect_does_not_know_is_none(dialect):
    wrong = wrong_quirk(dialect, {"place": "moon"})
    assert wrong is not None
    assert "the quirk 'place' is 'moon', not" in wrong


def test_a_dialect_without_quirks_says_so():
    assert wrong_quirk("bedrock", {}) is None
    wrong = wrong_quirk("bedrock", {"models": []})
    assert wrong == "there is no quirk 'models'; the dialect bedrock has none"
    assert wrong_quirk("mistral", {"models": []}) == (
        "there is no quirk 'models' in the dialect mistral"
    )
