"""What Anthropic's own API has in the head of a request, told in its body. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from modeld.types import JsonObject

from .betas import joined
from .options import Options
from .request import WireRequest

__all__ = ["told_in_body"]


def told_in_body(
    request: WireRequest, options: Options, extra: Mapping[str, str] | None, version: str
) -> tuple[JsonObject, dict[str, str]]:
    """The body with what Anthropic's own API has in the head, and the headers that are left."""
    headers = {name.lower(): value for name, value in (extra or {}).items()}
    body: JsonObject = {"anthropic_version": version, **request.body}
    del body["model"]
    named = headers.pop("anthropic-beta", "").split(",")
    beta = joined(options.betas, request.betas, [name.strip() for name in named])
    if beta:
        body["anthropic_beta"] = beta.split(",")
    return body, {**(options.client.get("default_headers") or {}), **headers}
