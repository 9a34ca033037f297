"""Which extension a name stands for, decided without importing any."""

from __future__ import annotations

import importlib.metadata
from importlib.metadata import EntryPoint

import pytest

from modeld.errors import ModelNotFound, PrerequisiteError
from modeld_daemon.core.ports import NotLoaded
from modeld_daemon.providers.extensions.extensions import Extensions
from modeld_daemon.providers.extensions.loading import find

pytestmark = pytest.mark.anyio


@pytest.fixture
def installed(monkeypatch):
    """Entry points of no distribution; add to the list."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: points)
    return points


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "modeld.providers")


async def load(extensions: Extensions, name: str) -> None:
    with pytest.raises(NotLoaded) as found:
        extensions.row(name)
    await found.value.load()


async def test_a_name_of_two_packages_is_refused_until_the_settings_choose(installed):
    installed += [point("acme", "one:P"), point("acme", "two:P")]
    with pytest.raises(PrerequisiteError, match=r"one:P.* and two:P"):
        await load(Extensions({}, (), ()), "acme")
    chosen = find({"acme": "two:P"}, ())
    assert [origin.place for origin in chosen["acme"]] == ["two:P"]


async def test_one_package_that_is_found_twice_is_one(installed):
    installed += [point("acme", "one:P"), point("acme", "one : P")]
    assert len(find({}, ())["acme"]) == 1


async def test_names_that_are_taken_or_bad_are_left_out(installed):
    installed += [point("openai", "evil:P"), point("a/b", "c:P"), point("fine", "d:P")]
    assert list(find({}, ("openai",))) == ["fine"]


async def test_a_package_that_is_installed_later_is_found(installed):
    extensions = Extensions({}, (), ())
    await load(extensions, "acme")
    with pytest.raises(ModelNotFound) as nothing:
        extensions.row("acme")
    assert not isinstance(nothing.value, NotLoaded)
    installed.append(point("acme", "one:P"))
    extensions.look()
    with pytest.raises(NotLoaded):
        extensions.row("acme")
