"""`local/`: models that run on this machine, by llama.cpp in a process of its own.

Nothing here imports the engine: the daemon never loads native code of it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, TypeAlias

from modeld.errors import EngineError, ModeldError
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.ports import Sink, TokenCount
from ..engine.choices import ask_all, queue_reporter
from ..engine.engine import Engine, LoadFailed, OnWait
from ..engine.naming import naming
from ..engine.words import CallFailed
from .errors import PROVIDER, call_error, is_overflow, load_error
from .models import LocalModels
from .options import ModelArgs
from .request import build_count, build_requests, left_out
from .response import build_output, overflow_output

JsonObject: TypeAlias = dict[str, Any]


class LlamaProvider:
    """The `Provider` of local models.

    Args:
        models: The loaded models of the whole daemon.
        args: How this caller wants them loaded.
    """

    def __init__(self, models: LocalModels, args: ModelArgs) -> None:
        self._models = models
        self._args = args
        self._closed = False

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer; see `Provider`."""
        with naming(route):
            return await self._generate(call, route, sink)

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """Counts the tokens of the call's messages, exactly; see `Provider`."""
        with naming(route):
            return await self._count(call, route)

    async def aclose(self) -> None:
        """Ends this provider, and unloads the models that no other one has used."""
        self._closed = True
        await self._models.release(self)

    async def _generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        self._check_open()
        requests = build_requests(call)
        on_wait = queue_reporter(sink)
        async with self._models.use(route.model, self._args, on_wait, self) as engine:
            began = time.monotonic()
            try:
                if call.raw is not None:
                    call.raw.asked_engine(requests)
                results = await _ask_all(engine, requests, sink, on_wait)
                if call.raw is not None:
                    call.raw.engine_answered(results)
            except CallFailed as failure:
                if is_overflow(failure):
                    tokens = failure.detail.get("n_prompt_tokens", 0)
                    seconds = time.monotonic() - began
                    return overflow_output(route.model, failure.message, tokens, seconds)
                raise call_error(failure, route.name) from None
            except LoadFailed as failed:
                raise _load_error(failed, engine, route) from None
            context = engine.opened["n_ctx"]
        output = build_output(route.model, results, call.config, context)
        if warnings := left_out(call.config):
            output.metadata = {**(output.metadata or {}), "warnings": warnings}
        return output

    async def _count(self, call: Call, route: Route) -> TokenCount:
        self._check_open()
        body = build_count(call)
        async with self._models.use(route.model, self._args, queue_reporter(None), self) as engine:
            try:
                result = await engine.call("count", body, slot=False)
            except CallFailed as failure:
                raise call_error(failure, route.name) from None
            except LoadFailed as failed:
                raise _load_error(failed, engine, route) from None
        return TokenCount(result["tokens"], estimated=False)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The provider is closed.", provider=PROVIDER)


def _load_error(failed: LoadFailed, engine: Engine, route: Route) -> ModeldError:
    return load_error(failed, engine.opening["path"], route.name)


async def _ask_all(
    engine: Engine, requests: list[JsonObject], sink: Sink | None, on_wait: OnWait
) -> list[JsonObject]:
    """All choices; only the first is streamed."""
    return await ask_all(
        [
            partial(_ask, engine, request, sink if index == 0 else None, on_wait)
            for index, request in enumerate(requests)
        ]
    )


async def _ask(
    engine: Engine, request: JsonObject, sink: Sink | None, on_wait: OnWait
) -> JsonObject:
    def on_event(event: JsonObject) -> None:
        assert sink is not None
        if reasoning := event.get("reasoning"):
            sink.reasoning(reasoning)
        if text := event.get("text"):
            sink.text(text)

    body = {"request": request, "stream": sink is not None}
    return await engine.call(
        "generate", body, on_event=None if sink is None else on_event, on_wait=on_wait
    )
