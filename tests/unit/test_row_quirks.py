"""Quirks of a row that nobody would read are told, and those of the house are all read."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from modeld.errors import InternalError
from modeld_daemon.core.ports import Row
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.extensions.loading import load
from modeld_daemon.providers.extensions.origin import Origin
from modeld_daemon.providers.row_quirks import wrong_quirk


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
def test_an_extension_with_a_quirk_that_means_nothing_is_refused(monkeypatch, quirks, said):
    row = Row("acme", "openai", "of a test", quirks=quirks)
    monkeypatch.setitem(sys.modules, "acme_of_a_test", SimpleNamespace(row=row))
    with pytest.raises(InternalError, match=said):
        load(Origin("acme", "acme_of_a_test:row", "acme"), ("openai",))
