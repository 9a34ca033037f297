"""Providers whose models others serve too: each service is a row of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from modeld.errors import PrerequisiteError
from modeld_daemon.core.accounts import Accounts
from modeld_daemon.core.resolve import ModelSpec, Resolution, Resolver
from modeld_daemon.providers.registry import Registry


class Nothing:
    def api_key(self, provider: str) -> None:
        return None

    def base_url(self, provider: str) -> None:
        return None


def resolve(name: str, **environment: str) -> Resolution:
    resolver = Resolver(Registry(Path("/nowhere")), Accounts(b"0" * 16), Nothing())
    return resolver.resolve(ModelSpec(name), environment)


def test_a_service_is_a_row_of_its_own():
    found = resolve(
        "anthropic/azure/my-claude",
        ANTHROPIC_API_KEY="anthropics",
        AZUREAI_ANTHROPIC_API_KEY="azures",
        AZUREAI_ANTHROPIC_BASE_URL="https://r.services.ai.azure.com/anthropic",
    )
    assert found.row.name == "anthropic/azure"
    assert found.route.model == "my-claude"
    assert found.connection.api_key == "azures"
    assert "ANTHROPIC_API_KEY" not in found.connection.environment


def test_a_key_of_anthropics_is_not_for_amazon():
    pytest.importorskip("botocore", reason="the extra bedrock is not installed")
    found = resolve(
        "anthropic/bedrock/us.anthropic.claude-sonnet-4-6",
        ANTHROPIC_API_KEY="anthropics",
        AWS_ACCESS_KEY_ID="AKIA",
        AWS_SECRET_ACCESS_KEY="s",
        AWS_REGION="us-east-1",
    )
    assert found.connection.api_key is None
    assert found.connection.base_url is None
    assert found.route.account.fingerprint != "none"


def test_a_place_without_an_address_names_the_variable():
    with pytest.raises(PrerequisiteError, match="AZUREAI_ANTHROPIC_BASE_URL"):
        resolve("anthropic/azure/my-claude", AZUREAI_ANTHROPIC_API_KEY="azures")


def test_a_slash_in_a_model_of_no_service_stays_its_name():
    found = resolve("openai/ft:gpt-4o/x", OPENAI_API_KEY="k")
    assert (found.row.name, found.route.model) == ("openai", "ft:gpt-4o/x")
