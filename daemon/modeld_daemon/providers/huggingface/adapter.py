"""`hf/`: models that run on this machine, by transformers in a process of its own.

Nothing here imports the engine: the daemon never loads PyTorch.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, TypeAlias

from modeld.errors import EngineError
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.ports import Connection, Sink, TokenCount
from ..engine.choices import ask_all, queue_reporter
from ..engine.engine import Engine, LoadFailed, OnWait
from ..engine.naming import naming
from ..engine.words import CallFailed
from .errors import PROVIDER, call_error, is_overflow, load_error
from .models import HubModels
from .request import build_count, build_requests, left_out, offered_tools
from .response import build_output, overflow_output
from .stream import Answer

JsonObject: TypeAlias = dict[str, Any]


class HuggingFaceProvider:
    """The `Provider` of models of transformers.

    Args:
        models: The loaded models of the whole daemon.
        connection: The caller's: how models are loaded, and with which token.
    """

    def __init__(self, models: HubModels, connection: Connection) -> None:
        self._models = models
        self._connection = connection
        self._args = models.parse(connection)
        self._closed = False

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer; see `Provider`."""
        with naming(route):
            return await self._generate(call, route, sink)

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """Counts the tokens of the call's prompt, exactly; see `Provider`."""
        with naming(route):
            return await self._count(call, route)

    async def aclose(self) -> None:
        """Ends this provider, and unloads the models that no other one has used."""
        self._closed = True
        await self._models.pool.release(self)

    async def _generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        self._check_open()
        requests = build_requests(call, route.model, self._args)
        tools = offered_tools(call)
        answers = [Answer(tools, sink if i == 0 else None) for i in range(len(requests))]
        on_wait = queue_reporter(sink)
        streamed = sink is not None
        async with self._use(route, on_wait) as engine:
            began = time.monotonic()
            try:
                if call.raw is not None:
                    call.raw.asked_engine(requests)
                results = await ask_all(
                    [
                        partial(_ask, engine, request, answer, on_wait, stream=streamed and i == 0)
                        for i, (request, answer) in enumerate(zip(requests, answers, strict=True))
                    ]
                )
            except CallFailed as failure:
                if is_overflow(failure):
                    tokens = failure.detail["prompt_tokens"]
                    seconds = time.monotonic() - began
                    return overflow_output(route.model, failure.message, tokens, seconds)
                raise call_error(failure, route.name) from None
            except LoadFailed as failed:
                raise load_error(failed, route.name) from None
        if call.raw is not None:
            call.raw.engine_answered(results)
        output = build_output(route.model, list(zip(answers, results, strict=True)), call.config)
        if warnings := left_out(call):
            output.metadata = {**(output.metadata or {}), "warnings": warnings}
        return output

    async def _count(self, call: Call, route: Route) -> TokenCount:
        self._check_open()
        body = build_count(call, route.model, self._args)
        async with self._use(route, queue_reporter(None)) as engine:
            try:
                result = await engine.call("count", body, slot=False)
            except CallFailed as failure:
                raise call_error(failure, route.name) from None
            except LoadFailed as failed:
                raise load_error(failed, route.name) from None
        return TokenCount(result["tokens"], estimated=False)

    def _use(self, route: Route, on_wait: OnWait) -> Any:
        return self._models.use(route.model, self._args, self._connection, on_wait, self)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The provider is closed.", provider=PROVIDER)


async def _ask(
    engine: Engine, request: JsonObject, answer: Answer, on_wait: OnWait, *, stream: bool
) -> JsonObject:
    """Fills the answer; returns what the engine says of it."""

    def on_event(event: JsonObject) -> None:
        answer.feed(event.get("text", ""))

    result = await engine.call(
        "generate", {**request, "stream": stream}, on_event=on_event, on_wait=on_wait
    )
    if not stream:
        answer.feed(result["text"])
    answer.finish()
    return result
