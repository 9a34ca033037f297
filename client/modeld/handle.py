"""What `get_model` returns: a model as users hold it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias

from . import types  # its names load when they are first used, so that importing costs little
from .errors import InvalidRequest
from .spec import ModelSpec, NamedModel
from .watching import watched, watcher

if TYPE_CHECKING:
    from .functions import ToolDef
    from .mock import ScriptedModel
    from .rpc import Ask, RemoteModel
    from .types import (
        CachePolicy,
        ChatMessage,
        GenerateConfig,
        ModelOutput,
        Priority,
        StreamEvent,
        StreamHandler,
        ToolChoice,
        ToolInfo,
    )

    AnyTool: TypeAlias = ToolInfo | ToolDef | Callable[..., Any]
    Input: TypeAlias = str | Sequence[ChatMessage]

__all__ = ["Model"]


class Model(NamedModel):
    """A model of a provider, reached through the daemon.

    One `Model` serves every thread, event loop and task of the process, across several
    `asyncio.run()`, under trio and in plain code. It stays usable when the daemon restarts, after
    a fork (in the child), and after `close` (which gives its lease back; later use takes a new
    one). Made by `get_model`.
    """

    def __init__(
        self, spec: ModelSpec, role: str | None = None, scripted: ScriptedModel | None = None
    ) -> None:
        super().__init__(spec)
        self.role = role
        self._scripted = scripted
        self._remote: list[RemoteModel] = []  # the first one counts
        self._entered = 0

    def __repr__(self) -> str:
        role = f", role={self.role!r}" if self.role else ""
        return f"Model({self._spec.name!r}{role})"

    def __reduce__(self) -> NoReturn:
        raise InvalidRequest(
            "a Model cannot be pickled, since it may hold a key; call get_model() where it is used"
        )

    def with_role(
        self,
        role: str,
        config: GenerateConfig | None = None,
        override: GenerateConfig | None = None,
    ) -> Model:
        """A copy under a role. This model's own config wins over `config`, `override` over it."""
        merged = self.config if config is None else config.merge(self.config)
        merged = merged if override is None else merged.merge(override)
        return Model(replace(self._spec, config=merged), role, self._scripted)

    async def generate(
        self,
        input: Input,
        tools: Sequence[AnyTool] = (),
        tool_choice: ToolChoice | None = None,
        config: GenerateConfig | None = None,
        cache: bool | str | CachePolicy | None = None,
        request_id: str | None = None,
        on_stream: StreamHandler | None = None,
        *,
        priority: Priority | None = None,
    ) -> ModelOutput:
        """Makes one answer, in asyncio or trio.

        Args:
            input: A user message, or the conversation, oldest message first.
            tools: Tools that the model may call; the caller runs them.
            tool_choice: "auto", "any", "none" or `ToolFunction(name)`.
            config: Overrides the model's config.
            cache: modeld's cache of outputs; overrides `config.cache`.
            request_id: Makes the call idempotent and lasting: the same id gives the same answer,
                and the death of this process does not end it.
            on_stream: Called with each event while the answer is made.
            priority: Place in the queue when the account's limits make calls wait: "interactive"
                is served before "normal" and that before "batch". None is "normal".

        Raises:
            ModeldError: Any of its classes; the message says what to do.
        """
        ask = self._ask(input, tools, tool_choice, config, cache, request_id, priority)
        if on_stream is None and self._scripted is None:
            rpc = _rpc()
            with watched(self, ask.input) as answers:
                answers.append(await rpc.generate(rpc.hub(), self._opened(), ask))
            return answers[0]
        async with aclosing(self._events(ask)) as events:  # cancels the call if on_stream raises
            async for event in events:
                if on_stream is not None:
                    told = on_stream(event)
                    if told is not None:
                        await told
                if isinstance(event, types.StreamFinishedEvent):
                    return event.output
        raise InvalidRequest("the stream ended without an answer")

    def generate_sync(
        self,
        input: Input,
        tools: Sequence[AnyTool] = (),
        tool_choice: ToolChoice | None = None,
        config: GenerateConfig | None = None,
        cache: bool | str | CachePolicy | None = None,
        request_id: str | None = None,
        on_stream: Callable[[StreamEvent], None] | None = None,
        *,
        priority: Priority | None = None,
    ) -> ModelOutput:
        """`generate` for plain code and threads. Ctrl-C cancels the call."""
        ask = self._ask(input, tools, tool_choice, config, cache, request_id, priority)
        if on_stream is None and self._scripted is None:
            rpc = _rpc()
            with watched(self, ask.input) as answers:
                answers.append(rpc.generate_sync(rpc.hub(), self._opened(), ask))
            return answers[0]
        for event in self._events_sync(ask):
            if on_stream is not None:
                on_stream(event)
            if isinstance(event, types.StreamFinishedEvent):
                return event.output
        raise InvalidRequest("the stream ended without an answer")

    def stream(
        self,
        input: Input,
        tools: Sequence[AnyTool] = (),
        tool_choice: ToolChoice | None = None,
        config: GenerateConfig | None = None,
        cache: bool | str | CachePolicy | None = None,
        request_id: str | None = None,
        *,
        priority: Priority | None = None,
    ) -> AsyncIterator[StreamEvent]:
        """The events of one answer, in asyncio or trio; the last one holds the whole output.

        A `retrying` event voids every delta before it. Arguments and errors as for `generate`.
        """
        ask = self._ask(input, tools, tool_choice, config, cache, request_id, priority)
        return self._events(ask)

    def stream_sync(
        self,
        input: Input,
        tools: Sequence[AnyTool] = (),
        tool_choice: ToolChoice | None = None,
        config: GenerateConfig | None = None,
        cache: bool | str | CachePolicy | None = None,
        request_id: str | None = None,
        *,
        priority: Priority | None = None,
    ) -> Iterator[StreamEvent]:
        """`stream` for plain code and threads. Closing the iterator cancels the call."""
        ask = self._ask(input, tools, tool_choice, config, cache, request_id, priority)
        return self._events_sync(ask)

    async def count_tokens(self, input: Input, config: GenerateConfig | None = None) -> int:
        """Tokens of an input; exact where the provider can count, else an estimate."""
        ask = self._ask(input, (), None, config)
        if self._scripted is not None:
            return self._scripted.count_tokens(ask.input)
        rpc = _rpc()
        tokens: int = await rpc.count_tokens(rpc.hub(), self._opened(), ask)
        return tokens

    def count_tokens_sync(self, input: Input, config: GenerateConfig | None = None) -> int:
        """`count_tokens` for plain code and threads."""
        ask = self._ask(input, (), None, config)
        if self._scripted is not None:
            return self._scripted.count_tokens(ask.input)
        rpc = _rpc()
        tokens: int = rpc.count_tokens_sync(rpc.hub(), self._opened(), ask)
        return tokens

    async def count_tool_tokens(self, tools: Sequence[AnyTool]) -> int:
        """Tokens that tools take in each request, as they are told to the model. An estimate:
        providers put them into words of their own.
        """
        told = [{"type": "function", "function": tool.to_dict()} for tool in _told(tools)]
        return await self.count_tokens(json.dumps(told)) if told else 0

    async def generate_loop(
        self,
        input: Input,
        tools: Sequence[AnyTool] = (),
        config: GenerateConfig | None = None,
        cache: bool | str | CachePolicy | None = None,
        on_stream: StreamHandler | None = None,
    ) -> tuple[list[ChatMessage], ModelOutput]:
        """Generates and runs tools, here in the caller's process, until the model asks for none.

        Returns the new messages (not those of the input) and the last output. Arguments and
        errors as for `generate`; `config.max_tool_output` cuts long answers of tools.
        """
        most = (self.config if config is None else self.config.merge(config)).max_tool_output
        loop: Any = import_module("modeld.functions").run_loop

        async def ask(messages: list[ChatMessage]) -> ModelOutput:
            return await self.generate(messages, tools, None, config, cache, on_stream=on_stream)

        made: tuple[list[ChatMessage], ModelOutput] = await loop(_messages(input), tools, ask, most)
        return made

    async def _events(self, ask: Ask) -> AsyncGenerator[StreamEvent, None]:
        with watched(self, ask.input) as answers:
            async with aclosing(self._unwatched(ask)) as events:
                async for event in events:
                    if isinstance(event, types.StreamFinishedEvent):
                        answers.append(event.output)
                    yield event

    def _events_sync(self, ask: Ask) -> Iterator[StreamEvent]:
        with watched(self, ask.input) as answers:
            for event in self._unwatched_sync(ask):
                if isinstance(event, types.StreamFinishedEvent):
                    answers.append(event.output)
                yield event

    def _unwatched(self, ask: Ask) -> AsyncGenerator[StreamEvent, None]:
        if self._scripted is not None:
            return self._scripted.stream(ask.input, self.config)
        rpc = _rpc()
        events: AsyncGenerator[StreamEvent, None] = rpc.stream(rpc.hub(), self._opened(), ask)
        return events

    def _unwatched_sync(self, ask: Ask) -> Iterator[StreamEvent]:
        if self._scripted is not None:
            return self._scripted.stream_sync(ask.input, self.config)
        rpc = _rpc()
        events: Iterator[StreamEvent] = rpc.stream_sync(rpc.hub(), self._opened(), ask)
        return events

    def _ask(
        self,
        input: Input,
        tools: Sequence[AnyTool],
        tool_choice: ToolChoice | None,
        config: GenerateConfig | None,
        cache: bool | str | CachePolicy | None = None,
        request_id: str | None = None,
        priority: Priority | None = None,
    ) -> Ask:
        messages = _messages(input)
        tools = _told(tools)
        if config is not None and not isinstance(config, types.GenerateConfig):
            raise InvalidRequest(f"config must be a GenerateConfig, not {type(config).__name__}")
        config = types.GenerateConfig() if config is None else config
        if cache is not None:
            config = config.merge(types.GenerateConfig(cache=cache))
        watching = watcher.get()
        if watching is not None:
            config = watching.config_for(self, config)
        asked = types.GenerateInput(messages, list(tools), tool_choice, config)
        epoch = None if watching is None else watching.epoch
        raw = watching is not None and watching.raw
        ask: Ask = _rpc().Ask(asked, request_id, self.role, priority, epoch, raw)
        return ask

    def _opened(self) -> RemoteModel:
        if not self._remote:
            # Threads that come at once must share one lease. Appending is atomic, and a lock might
            # be held by nobody after a fork.
            self._remote.append(_rpc().RemoteModel(self._spec))
        return self._remote[0]

    def open(self) -> Self:
        """Checks with the daemon that the model can be used, and leases it.

        Raises:
            ModelNotFound: There is no such provider or model.
            PrerequisiteError: A key or a package is missing.
            DaemonUnavailable: The daemon cannot be reached or started.
        """
        if self._scripted is None:
            _rpc().hub().open_model(self._opened())
        return self

    def close(self) -> None:
        """Gives this model's lease back. The daemon closes the provider's client when nobody
        holds it any more. Later use takes a new lease.
        """
        if self._remote:
            _rpc().hub().close_model(self._remote[0])

    async def aclose(self) -> None:
        """As `close`, which does not block."""
        self.close()

    def __enter__(self) -> Self:
        self._entered += 1
        return self

    def __exit__(self, *_error: object) -> None:
        self._entered -= 1
        if self._entered == 0:
            self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_error: object) -> None:
        self.__exit__()


def _messages(input: Input) -> list[ChatMessage]:
    if isinstance(input, str):
        return [types.ChatMessageUser(content=input)]
    try:
        messages = list(input)
    except TypeError:
        raise InvalidRequest(
            f"input must be text or chat messages, not {type(input).__name__}"
        ) from None
    for message in messages:
        if not isinstance(message, types.ChatMessageBase):
            raise InvalidRequest(
                f"input must be text or chat messages, not {type(message).__name__}"
            )
    if not messages:
        raise InvalidRequest("input needs at least one message")
    return messages


def _told(tools: Sequence[AnyTool]) -> list[ToolInfo]:
    """What the model is told about tools. Functions load the room that reads them."""
    for tool in tools:
        if not isinstance(tool, types.ToolInfo) and isinstance(tool, (str, type)):
            raise InvalidRequest(f"tools must be functions or ToolInfo, not {tool!r:.80}")
    if all(isinstance(tool, types.ToolInfo) for tool in tools):
        return list(tools)  # type: ignore[arg-type]  # just looked at
    told: list[ToolInfo] = import_module("modeld.functions").tool_infos(tools)
    return told


def _rpc() -> Any:
    """The rpc room, loaded at the first call: it imports grpc."""
    # Not from sys.modules: while another thread imports the room, it is there but not ready.
    return import_module("modeld.rpc")
