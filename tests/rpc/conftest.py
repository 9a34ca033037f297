"""A running daemon with a provider of the test's, and a client side that has seen no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modeld import api, rpc
from modeld.environment import Environment
from modeld.rpc.hub import Hub
from tests.fakes.acting import Acting, Actor
from tests.fakes.serving import House


@pytest.fixture
def home(modeld_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home in which nothing starts by itself, and a client that has connected nowhere."""
    monkeypatch.setenv("MODELD_AUTOSTART", "0")
    monkeypatch.setattr(api, "_memo", {})
    own = Hub(Environment())
    monkeypatch.setattr(rpc, "_hubs", [own])
    yield modeld_home
    own.close()


@pytest.fixture
def acting() -> Acting:
    return Acting()


@pytest.fixture
def actor(acting: Acting) -> Actor:
    return acting.actor


@pytest.fixture
def house(home: Path, acting: Acting) -> Iterator[House]:
    """A running daemon; its models are `free/…` and, with FAKE_API_KEY, `fake/…`."""
    with House(acting) as running:
        yield running
        rpc.hub().close()  # a daemon that stops gives its clients a moment to leave
