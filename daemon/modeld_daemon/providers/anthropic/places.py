"""Anthropic's messages where others serve them: the same body, sent elsewhere and in other ways.

https://platform.claude.com/docs/en/build-with-claude/claude-in-amazon-bedrock
The names of models stand in the URL, versions and betas in the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...core.ports import Connection, ModelListing, Row
from ..aws.place import Place as Aws
from ..http.client import HttpClient
from ..http.endpoint import Endpoint
from ..http.jsontext import dumps
from ..listing import fetch_bedrock
from .options import Options
from .request import WireRequest
from .told_in_body import told_in_body
from .vertex import VertexPlace

__all__ = ["BedrockPlace", "Place", "find_place"]

_CONNECT_SECONDS, _READ_SECONDS = 60.0, 600.0


class Place(Protocol):
    """Where messages are sent."""

    @property
    def http(self) -> HttpClient:
        """The connections."""

    async def outgoing(
        self, request: WireRequest, extra: Mapping[str, str] | None, *, streams: bool
    ) -> tuple[Endpoint, bytes]:
        """The head and the body of a request for a message."""

    async def counting(
        self, request: WireRequest, extra: Mapping[str, str] | None
    ) -> tuple[Endpoint, bytes] | None:
        """The head and the body of a request that counts tokens; None where nothing counts."""

    async def models(self) -> list[ModelListing] | None:
        """What the place lists."""


def find_place(row: Row, connection: Connection, options: Options) -> Place | None:
    """The place that the row names; None for Anthropic's own API and for servers like it."""
    place = row.quirks.get("place")
    if place == "vertex":
        return VertexPlace(row, connection, options, _http(row, connection, options))
    return BedrockPlace(row, connection, options) if place == "bedrock" else None


class BedrockPlace:
    """`InvokeModel` of Amazon Bedrock.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
    """

    def __init__(self, row: Row, connection: Connection, options: Options) -> None:
        self._options = options
        self._provider = row.name
        self._aws = Aws(
            row.name,
            connection.base_url,
            connection.api_key,
            connection.environment,
            profile=options.aws_profile,
            region=options.aws_region,
        )
        self.http = _http(row, connection, options)

    async def outgoing(
        self, request: WireRequest, extra: Mapping[str, str] | None, *, streams: bool
    ) -> tuple[Endpoint, bytes]:
        """The head and the body of a request for a message."""
        operation = "invoke-with-response-stream" if streams else "invoke"
        body, headers = told_in_body(request, self._options, extra, "bedrock-2023-05-31")
        data = dumps(body)
        return await self._aws.endpoint(request.body["model"], operation, data, headers), data

    async def counting(
        self,
        request: WireRequest,  # noqa: ARG002
        extra: Mapping[str, str] | None,  # noqa: ARG002
    ) -> None:
        """Nothing: few models can be asked beforehand."""
        return

    async def models(self) -> list[ModelListing] | None:
        """Anthropic's models and profiles of the region."""
        return await fetch_bedrock(self.http, self._provider, self._aws.catalog, "anthropic")


def _http(row: Row, connection: Connection, options: Options) -> HttpClient:
    return HttpClient(
        row.name,
        connection.environment,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=float(options.client.get("timeout") or _READ_SECONDS),
    )
