"""Who pays: keys and, where there is none, what names the caller."""

from __future__ import annotations

import pytest

from modeld_daemon.core.accounts import Accounts
from modeld_daemon.core.ports import Row
from modeld_daemon.core.resolve import ModelSpec, Resolver
from tests.fakes.watching import FakeSource

CLOUD = Row(
    name="cloud",
    dialect="x",
    description="",
    key_variables=("CLOUD_API_KEY",),
    key_required=False,
    other_variables=("GOOGLE_APPLICATION_CREDENTIALS", "CLOUD_SESSION_TOKEN"),
)


class Unconfigured:
    def api_key(self, provider: str) -> str | None:
        return None

    def base_url(self, provider: str) -> str | None:
        return None


@pytest.fixture
def account(monkeypatch):
    source = FakeSource()
    monkeypatch.setattr(source, "row", lambda name: CLOUD)
    resolver = Resolver(source, Accounts(b"0" * 32), Unconfigured())

    def resolve(environment, **args):
        return resolver.resolve(ModelSpec("cloud/m", args=args), environment).route.account

    return resolve


def test_principals_without_a_key_are_accounts_of_their_own(account):
    one = account({"GOOGLE_APPLICATION_CREDENTIALS": "/keys/one.json"})
    two = account({"GOOGLE_APPLICATION_CREDENTIALS": "/keys/two.json"})
    assert one != two
    assert one == account({"GOOGLE_APPLICATION_CREDENTIALS": "/keys/one.json", "OTHER": "x"})
    assert "one.json" not in repr(one)
    renewed = {"GOOGLE_APPLICATION_CREDENTIALS": "/keys/one.json", "CLOUD_SESSION_TOKEN": "2"}
    assert one == account(renewed)
    assert account({}, project="a") != account({}, project="b")


def test_a_key_is_the_account_whatever_else_is_set(account):
    key = {"CLOUD_API_KEY": "secret"}
    assert account(key) == account({**key, "GOOGLE_APPLICATION_CREDENTIALS": "/keys/one.json"})
