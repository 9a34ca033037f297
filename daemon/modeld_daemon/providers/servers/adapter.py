"""The provider of models whose server the daemon starts: OpenAI's dialects, once there is a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from modeld.errors import (
    EngineError,
    ModeldError,
    ModelNotFound,
    ProviderError,
    ProviderUnavailable,
)
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Provider, Row, Sink, TokenCount
from ..engine.choices import queue_reporter
from ..engine.engine import OnWait
from ..http.jsontext import dumps
from ..openai.adapter import OpenAI
from ..openai_chat.errors import read_error
from .dialect import of_client
from .programs import ServerArgs, split_args, split_model
from .servers import Running, Servers, program_of

__all__ = ["Served", "build"]

_THERE = "already been loaded"
_BROKEN = (ProviderError, ProviderUnavailable)


def build(row: Row, connection: Connection, shared: Servers) -> Provider:
    """The provider. Neither is anything sent nor a server started."""
    if connection.base_url is not None:
        return OpenAI(row, of_client(row, connection))
    return Served(row, connection, shared)


@dataclass(slots=True)
class _Spoken:
    """The client of one server, as long as that server lives."""

    key: str
    """The server's, which is another after each start."""
    openai: OpenAI
    adapters: set[str] = field(default_factory=set)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Served:
    """A `Provider`.

    Args:
        row: The provider's row.
        connection: The caller's model args; neither its key nor its environment counts here, since
            the server is the daemon's own.
        servers: All servers of the daemon.
    """

    def __init__(self, row: Row, connection: Connection, servers: Servers) -> None:
        self._row = row
        # Nobody is told to start what the daemon has started.
        quirks = {**row.quirks, "start_command": None}
        self._client_row = replace(row, quirks=quirks)
        self._program = program_of(row)
        self._args, self._rest = split_args(self._program, connection.args)
        self._servers = servers
        self._spoken: dict[tuple[str, ServerArgs], _Spoken] = {}
        self._closed = False

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer; the first call of all starts the server."""
        if self._closed:
            raise EngineError("The provider is closed.", provider=self._row.name)
        async with self._server(route.model, queue_reporter(sink)) as (running, spoken):
            try:
                return await spoken.openai.generate(call, route, sink)
            except ModeldError as error:
                broken = isinstance(error, _BROKEN) and error.status is None
                death = await running.death() if broken else None
                if death is not None:
                    raise death from None
                raise

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:  # noqa: ARG002
        """An estimate: no server is started to count."""
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def models(self) -> list[ModelListing] | None:
        """The models that are served now."""
        return self._servers.listing(self._row.name)

    async def aclose(self) -> None:
        """Closes all connections, and ends the servers that nobody else holds."""
        self._closed = True
        spoken, self._spoken = list(self._spoken.values()), {}
        for one in spoken:
            await one.openai.aclose()
        await self._servers.release(self._row, self)

    @asynccontextmanager
    async def _server(self, model: str, on_wait: OnWait) -> AsyncIterator[tuple[Running, _Spoken]]:
        base, adapter = split_model(self._program, model)
        args = self._args.with_adapters()
        if adapter is None and not self._servers.has(self._row, base, args):
            args = self._args
        async with self._servers.use(self._row, base, args, on_wait, self) as running:
            spoken = await self._client(base, args, running)
            if adapter is not None:
                async with spoken.loading:
                    if model not in spoken.adapters:
                        await self._load(spoken, model, adapter)
                        spoken.adapters.add(model)
            yield running, spoken

    async def _client(self, model: str, args: ServerArgs, running: Running) -> _Spoken:
        known = self._spoken.get((model, args))
        if known is not None and known.key == running.key:
            return known
        # No environment: the way to this machine leads through no proxy.
        connection = Connection(running.url, running.key, self._rest)
        spoken = _Spoken(running.key, OpenAI(self._client_row, connection))
        self._spoken[model, args] = spoken
        if known is not None:
            await known.openai.aclose()
        return spoken

    async def _load(self, spoken: _Spoken, model: str, adapter: str) -> None:
        """Has the server load an adapter, under the name by which it is asked for.

        https://docs.vllm.ai/en/latest/features/lora/#dynamically-serving-lora-adapters
        """
        prepared = await spoken.openai.sdk.prepared()
        body = dumps({"lora_name": model, "lora_path": adapter})
        endpoint = await prepared.resource("POST", "/load_lora_adapter", None, body)
        response = await prepared.http.fetch(endpoint, body)
        if response.status == 200:
            return
        said = read_error(response.body).message
        if _THERE in said:  # by another client of the same server
            return
        kind = ModelNotFound if response.status in (400, 404) else ProviderError
        raise kind(
            f"The server cannot load the adapter {adapter!r}: {said}",
            provider=self._row.name,
            model=f"{self._row.name}/{model}",
            status=response.status,
        )
