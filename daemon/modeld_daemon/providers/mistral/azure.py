"""Mistral's models on Azure: which of two APIs an address is of. Pure.

A deployment of its own has Mistral's API: https://docs.mistral.ai/deployment/cloud/azure
A resource has one API for the models of many, where the SDK for Azure sends its requests:
https://learn.microsoft.com/rest/api/aifoundry/modelinference/
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ...core.ports import Row

__all__ = ["AZURE_VERSION", "azure_root"]

AZURE_VERSION = "2024-05-01-preview"
_RESOURCES = ".services.ai.azure.com"
_MODELS = "/models"


def azure_root(row: Row, base_url: str | None) -> str | None:
    """The address of the resource; None where the API is Mistral's own."""
    if row.quirks.get("place") != "azure" or base_url is None:
        return None
    url = base_url.rstrip("/").removesuffix("/chat/completions")
    parts = urlsplit(url)
    if parts.path == _MODELS:
        return url.removesuffix(_MODELS)
    bare = (parts.hostname or "").endswith(_RESOURCES) and not parts.path
    return url if bare else None
