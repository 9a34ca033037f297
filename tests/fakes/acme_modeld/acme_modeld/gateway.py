"""The provider `acme-gateway/`: a server that speaks Chat Completions is a row and no code."""

from __future__ import annotations

from modeld_daemon.extension import Row

__all__ = ["gateway"]

gateway = Row(
    name="acme-gateway",
    dialect="openai_chat",
    description="Acme's gateway, by Chat Completions",
    key_variables=("ACME_API_KEY",),
    base_url="https://gateway.acme.example/v1",
    base_url_variables=("ACME_GATEWAY_BASE_URL",),
    packages=("openai",),
    extra="daemon",
)
