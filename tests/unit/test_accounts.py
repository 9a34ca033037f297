"""Who pays: keys and, where there is none, what names the caller."""

from __future__ import annotations

from pathlib import Path

import pytest

from modeld_daemon.core.accounts import Accounts
from modeld_daemon.core.ports import Row
from modeld_daemon.core.resolve import ModelSpec, Resolver
from modeld_daemon.providers.registry import Registry
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


AWS = {"AWS_ACCESS_KEY_ID": "AKIAONE", "AWS_SECRET_ACCESS_KEY": "a-secret-of-aws"}
ENTRA = {
    "AZUREAI_OPENAI_BASE_URL": "https://x.example",
    "AZURE_TENANT_ID": "t",
    "AZURE_CLIENT_ID": "one",
    "AZURE_CLIENT_SECRET": "a-secret-of-entra",
}


@pytest.mark.parametrize(
    "model, environment, other, secret",
    [
        ("openai/bedrock/gpt-5.5", AWS, {"AWS_ACCESS_KEY_ID": "AKIATWO"}, "a-secret-of-aws"),
        ("bedrock/m", AWS, {"AWS_ACCESS_KEY_ID": "AKIATWO"}, "a-secret-of-aws"),
        ("openai/azure/m", ENTRA, {"AZURE_CLIENT_ID": "two"}, "a-secret-of-entra"),
        ("openai/azure/m", ENTRA, {"AZURE_TENANT_ID": "u"}, "a-secret-of-entra"),
        ("openai/azure/m", ENTRA, {"AZURE_CLIENT_SECRET": "of-another"}, "a-secret-of-entra"),
    ],
)
def test_principals_of_a_cloud_are_accounts_and_their_secrets_kept_out_of_the_log(
    model, environment, other, secret
):
    pytest.importorskip("azure.identity", reason="the extra azure is not installed")
    pytest.importorskip("botocore", reason="the extra bedrock is not installed")
    secrets: list[str] = []
    resolver = Resolver(
        Registry(Path("/nowhere")), Accounts(b"0" * 32), Unconfigured(), secrets.append
    )
    found = [
        resolver.resolve(ModelSpec(model), env)
        for env in (
            environment,
            {**environment, **other},
            {**environment, "AWS_SESSION_TOKEN": "2"},
        )
    ]
    accounts = [one.route.account for one in found]
    assert accounts[0] != accounts[1]
    assert accounts[0] == accounts[2]
    assert len({one.key for one in found[:2]}) == 2
    assert secret in secrets
    assert secret not in repr(found)
