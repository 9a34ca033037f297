"""Anthropic's messages on Vertex AI, with Google Cloud credentials of the caller's session.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...core.ports import Connection, ModelListing, Row
from ..http.client import HttpClient
from ..http.dial import tls_context
from ..http.endpoint import Endpoint
from ..http.jsontext import dumps
from ..listing import fetch_google
from ..signing import Proof
from .location import named_location, named_project
from .options import Options
from .request import WireRequest, counting_body
from .told_in_body import told_in_body

if TYPE_CHECKING:
    from ..google.credentials import Tokens

__all__ = ["VertexPlace"]

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_VERSION = "vertex-2023-10-16"


class VertexPlace:
    """`rawPredict` and `streamRawPredict` of Vertex AI."""

    def __init__(
        self, row: Row, connection: Connection, options: Options, http: HttpClient
    ) -> None:
        self._row = row
        self._options = options
        self._environment = connection.environment
        self._base_url = connection.base_url
        self._lock = asyncio.Lock()
        self._tokens: Tokens | None = None
        self.http = http

    async def outgoing(
        self, request: WireRequest, extra: Mapping[str, str] | None, *, streams: bool
    ) -> tuple[Endpoint, bytes]:
        """The head and the body of a request for a message."""
        body, headers = told_in_body(request, self._options, extra, _VERSION)
        if streams:
            body["stream"] = True
        method = "streamRawPredict" if streams else "rawPredict"
        return await self._endpoint(str(request.body["model"]), method, headers), dumps(body)

    async def counting(
        self, request: WireRequest, extra: Mapping[str, str] | None
    ) -> tuple[Endpoint, bytes]:
        """The head and the body of a request that counts tokens: a model of its own does.

        https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens
        """
        told, headers = told_in_body(request, self._options, extra, _VERSION)
        said = {"anthropic_version", "anthropic_beta"} & told.keys()
        body = {**counting_body(request), **{name: told[name] for name in said}}
        return await self._endpoint("count-tokens", "rawPredict", headers), dumps(body)

    async def models(self) -> list[ModelListing] | None:
        """Anthropic's models in the garden of models, whether or not the project may ask them.

        https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list
        """
        base = self._base(self._region()).removesuffix("/v1")
        url = f"{base}/v1beta1/publishers/anthropic/models"
        return await fetch_google(self.http, self._row.name, url, (), await self._proof())

    async def _endpoint(self, model: str, method: str, headers: Mapping[str, str]) -> Endpoint:
        proof = await self._proof()
        assert self._tokens is not None
        url = self._url(model, self._tokens.project, method)
        own = {"content-type": "application/json", **proof.headers}
        return Endpoint.make("POST", url, {**headers, **own}.items(), proof.renew)

    async def _proof(self) -> Proof:
        tokens = self._tokens or await self._load()
        token = tokens.fresh
        if token is None:
            token = await asyncio.to_thread(tokens.fetch)
        return Proof({"authorization": f"Bearer {token}"}, partial(self._renewed, tokens, token))

    async def _renewed(self, tokens: Tokens, spent: str) -> Mapping[str, str] | None:
        token = await asyncio.to_thread(tokens.fetch, spent)
        return None if token == spent else {"authorization": f"Bearer {token}"}

    def _url(self, model: str, project: str | None, method: str) -> str:
        region = self._region()
        project = named_project(self._row.name, self._environment, project)
        place = f"projects/{quote(project, safe='')}/locations/{region}/publishers/anthropic"
        return f"{self._base(region)}/{place}/models/{quote(model, safe='@')}:{method}"

    def _region(self) -> str:
        return named_location(self._row.name, self._environment)

    def _base(self, region: str) -> str:
        prefix = "" if region == "global" else f"{region}-"
        base = self._base_url or f"https://{prefix}aiplatform.googleapis.com/v1"
        return base.rstrip("/")

    async def _load(self) -> Tokens:
        async with self._lock:
            if self._tokens is None:
                self._tokens = await asyncio.to_thread(self._make)
            return self._tokens

    def _make(self) -> Tokens:
        """In a thread: google-auth takes half a second to import."""
        module = importlib.import_module("..google.credentials", __package__)
        environment = self._environment
        tokens: Tokens = module.Tokens(
            self._row.name, environment, None, _SCOPES, tls_context(environment)
        )
        return tokens
