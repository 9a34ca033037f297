"""The program in an extension's process: its module, its objects and all that they do.

An extension that blocks, crashes, fills the memory or never ends does so in here. Its `async` code
runs in one event loop, plain functions in threads. Run with `-m`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import faulthandler
import importlib
import inspect
import json
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias

from modeld.types import ModelOutput

from ...core.ports import Row
from ...extension import API_VERSION
from ..engine.loop import AsyncHandler, Loop
from ..engine.serve import Job, serve_by
from ..engine.words import CallFailed
from .crossing import (
    call_from_json,
    connection_from_json,
    failure_to_json,
    output_to_json,
    route_from_json,
)
from .origin import Origin
from .values import Relay, checked_count, checked_listing

JsonObject: TypeAlias = dict[str, Any]

OFFERS = {"stream": "streaming", "count_tokens": "count", "models": "list"}


class Program:
    """One extension: imported by `load`, then asked."""

    def __init__(self) -> None:
        self.close_seconds = 0.0
        """Longest time for closing what is open when the process is to end."""
        self._origin: Origin
        self._made: Any = None
        self._objects: dict[str, Any] = {}
        """By holder: of a class each connection has one."""

    async def load(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """Imports what the extension names and says what it is."""
        self._origin = origin = Origin(**body["origin"])
        self.close_seconds = body["close_seconds"]
        self._made = await self._in_thread(partial(_import, origin))
        return described(origin, self._made)

    async def generate(self, body: JsonObject, job: Job) -> JsonObject:
        """Makes one answer; `body["stream"]` says whether its parts are wanted."""
        relay = Relay(self._origin, job.emit)
        provider, call, route = self._asked(body, relay)
        streams = body["stream"] and getattr(provider, "stream", None) is not None
        if streams:
            given = await self._run(provider.stream, call, route, relay)
        else:
            given = await self._run(provider.generate, call, route)
        if relay.fault is not None:
            raise relay.fault
        return {"output": self._packed(given), "streamed": streams}

    async def count(self, body: JsonObject, job: Job) -> JsonObject:
        """Counts, if the extension does."""
        provider, call, route = self._asked(body, Relay(self._origin, job.emit))
        if getattr(provider, "count_tokens", None) is None:
            return {"counted": None}
        given = await self._run(provider.count_tokens, call, route)
        return {"counted": dataclasses.asdict(checked_count(self._origin, given))}

    async def models(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """Lists models, if the extension does."""
        provider = self._object(body)
        if getattr(provider, "models", None) is None:
            return {"models": None}
        listed = checked_listing(self._origin, await self._run(provider.models))
        return {"models": [[model.name, model.description] for model in listed]}

    async def close(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """Closes the object of one connection."""
        if (made := self._objects.pop(body["holder"], None)) is not None:
            await self._close(made)
        return {}

    async def aclose(self) -> None:
        """Closes all objects."""
        open_ones = [*self._objects.values()]
        if not isinstance(self._made, type):
            open_ones.append(self._made)
        closed = await asyncio.gather(*map(self._close, open_ones), return_exceptions=True)
        for error in filter(None, closed):
            self._origin.typed(error)  # which writes it to the log

    def typed(self, handler: AsyncHandler) -> AsyncHandler:
        """The handler, whose failures name the extension; SystemExit would end the loop."""

        async def guarded(body: JsonObject, job: Job) -> JsonObject:
            try:
                return await handler(body, job)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise self._failed(error) from None
            except BaseException as error:  # noqa: BLE001
                raise self._failed(error) from None

        return guarded

    def _failed(self, error: BaseException) -> CallFailed:
        typed = self._origin.typed(error)
        # "invalid": that it cannot be imported is told each time, and no reason to leave it alone.
        return CallFailed("invalid", typed.message, {"failure": failure_to_json(typed)})

    def _packed(self, given: Any) -> str:
        if not isinstance(given, ModelOutput):
            raise self._origin.fault(f"it gave a {type(given).__name__}, not a ModelOutput")
        try:
            return output_to_json(given)
        except Exception as error:  # noqa: BLE001  # whatever the values of somebody else raise
            raise self._origin.fault(f"its ModelOutput cannot be used: {error}") from None

    def _asked(self, body: JsonObject, relay: Relay) -> tuple[Any, Any, Any]:
        call = call_from_json(body["call"], asyncio.get_running_loop().time())
        call.told = relay.told
        return self._object(body), call, route_from_json(body["route"])

    def _object(self, body: JsonObject) -> Any:
        """The extension's object, or that of its class for one connection."""
        if not isinstance(self._made, type):
            return self._made
        holder = body["holder"]
        if holder not in self._objects:
            self._objects[holder] = self._made(connection_from_json(body["connection"]))
        return self._objects[holder]

    async def _close(self, made: Any) -> None:
        if getattr(made, "aclose", None) is not None:
            await self._run(made.aclose)

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives that is async, or plain and may block."""
        if inspect.iscoroutinefunction(function):
            return await function(*arguments)
        result = await self._in_thread(partial(function, *arguments))
        return await result if inspect.isawaitable(result) else result

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        """Each has a thread of its own: nobody knows how long it blocks."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001  # a future takes no StopIteration
                outcome = partial(future.set_exception, self._origin.typed(error))
            else:
                outcome = partial(future.set_result, result)
            if future.set_running_or_notify_cancel():
                outcome()

        threading.Thread(target=run, name=f"extension {self._origin.name}", daemon=True).start()
        return await asyncio.wrap_future(future)


def _import(origin: Origin) -> Any:
    """What the extension names. It may block and raise anything."""
    module, colon, name = origin.place.partition(":")
    if not colon or not module or not name:
        raise origin.missing("it must be named as module:name")
    try:
        made: Any = importlib.import_module(module)
        for part in name.split("."):
            made = getattr(made, part)
    except (ImportError, AttributeError) as error:
        logging.getLogger("modeld.extensions").exception("%s cannot be loaded", origin)
        raise origin.missing(f"it cannot be loaded: {type(error).__name__}: {error}") from None
    return made


def described(origin: Origin, made: Any) -> JsonObject:
    """What the daemon must know of it; whether that will do is for the daemon to say."""
    version = getattr(made, "api_version", API_VERSION)
    if version != API_VERSION:
        raise origin.missing(
            f"it is written for version {version!r:.20} of the extension API; this daemon has "
            f"version {API_VERSION}"
        )
    if isinstance(made, Row):
        return {"row": _plain_row(origin, made), "serves": False}
    if not callable(getattr(made, "generate", None)):
        raise origin.fault(
            f"it is {_kind(made)}; it must be a Row, or a class or object with generate()"
        )
    row = getattr(made, "row", None)
    if row is not None and not isinstance(row, Row):
        raise origin.fault(f"its row is {_kind(row)}, not a Row")
    return {
        "row": None if row is None else _plain_row(origin, row),
        "about": (inspect.getdoc(made) or "").strip().partition("\n")[0][:200],
        "serves": True,
        "features": [word for name, word in OFFERS.items() if hasattr(made, name)],
    }


def _plain_row(origin: Origin, row: Row) -> JsonObject:
    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(Row)}
    try:
        plain: JsonObject = json.loads(json.dumps({**fields, "quirks": _plain(row.quirks)}))
    except (TypeError, ValueError, RecursionError) as error:
        raise origin.fault(f"its row is no plain data: {error}") from None
    return plain


def _plain(quirks: Any) -> Any:
    return dict(quirks) if hasattr(quirks, "keys") else quirks


def _kind(value: object) -> str:
    return (
        f"the class {value.__name__}"
        if isinstance(value, type)
        else f"of type {type(value).__name__}"
    )


def main() -> None:
    """Serves until the daemon is gone."""
    os.dup2(2, 1)  # what is printed is for the log, too
    faulthandler.enable()  # where native code died is then in the log
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    program = Program()
    handlers = (program.load, program.generate, program.count, program.models, program.close)
    loop = Loop({handler.__name__: program.typed(handler) for handler in handlers})
    serve_by(loop, lambda: loop.finish(program.aclose, program.close_seconds), dies=True)


if __name__ == "__main__":
    main()
