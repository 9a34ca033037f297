"""`mockllm/<anything>`: scripted answers, offline.

Without arguments every answer is the same sentence. With the model arg `custom_outputs`, a list of
`ModelOutput` dumps, each call takes the next one. (Callables and iterators cannot cross the wire;
the client runs those itself.) Facts: the reference's mockllm provider.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

import anyio

from modeld.errors import InvalidRequest
from modeld.types import JsonValue, ModelOutput, ModelUsage

from ..core.call import Call, Route
from ..core.ports import Connection, Row, Sink, TokenCount

__all__ = ["Mock", "build", "check", "estimate_tokens"]

DEFAULT_OUTPUT = "Default output from mockllm/model"
KNOWN_ARGS = frozenset({"custom_outputs", "delay", "chunk_delay", "chunks", "skip"})


# ruff: noqa: ARG001, ARG002  # signatures of every dialect and provider


def check(row: Row, model: str, connection: Connection, shared: None) -> None:
    """Raises what is wrong with the model args."""
    build(row, connection, shared)


def build(row: Row, connection: Connection, shared: None) -> Mock:
    """A provider of its own for each holder: a script is used up."""
    return Mock(connection.args)


class Mock:
    """A provider whose answers are known beforehand.

    Model args: `custom_outputs` (list of ModelOutput dumps), `delay` (seconds before an answer),
    `chunks` (deltas that a streamed answer is cut into), `chunk_delay` (seconds between them),
    `skip` (outputs that were given before, by a daemon that is gone: the list goes on after them).
    """

    def __init__(self, args: Mapping[str, JsonValue]) -> None:
        unknown = sorted(args.keys() - KNOWN_ARGS)
        if unknown:
            raise InvalidRequest(f"mockllm has no model arg '{unknown[0]}'")
        self._outputs = _outputs(args.get("custom_outputs"), args.get("skip", 0))
        self._delay = _seconds(args, "delay")
        self._chunk_delay = _seconds(args, "chunk_delay")
        chunks = args.get("chunks", 4)
        if not isinstance(chunks, int) or isinstance(chunks, bool) or not 1 <= chunks <= 100_000:
            raise InvalidRequest("mockllm: chunks must be a whole number from 1 to 100000")
        self._chunks = chunks

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """The next answer."""
        output = self._next()
        if self._delay:
            await anyio.sleep(self._delay)
        if sink is not None:
            await self._stream(output, sink)
        if output.usage is None:
            words = estimate_tokens(call)
            said = len(output.completion)
            output.usage = ModelUsage(
                input_tokens=words, output_tokens=said, total_tokens=words + said
            )
        return output

    def _next(self) -> ModelOutput:
        if self._outputs is None:
            return ModelOutput.from_content("mockllm", DEFAULT_OUTPUT)
        output = next(self._outputs, None)
        if output is None:
            raise InvalidRequest("custom_outputs ran out of values")
        return output

    async def _stream(self, output: ModelOutput, sink: Sink) -> None:
        if not output.choices:
            return
        message = output.choices[0].message
        size = max(1, math.ceil(len(message.text) / self._chunks))
        for start in range(0, len(message.text), size):
            sink.text(message.text[start : start + size])
            if self._chunk_delay:
                await anyio.sleep(self._chunk_delay)
        for tool_call in message.tool_calls or []:
            arguments = json.dumps(tool_call.arguments, ensure_ascii=False)
            sink.tool_call(tool_call.id, tool_call.function, arguments)

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """An estimate that needs no table."""
        return TokenCount(estimate_tokens(call), estimated=True)

    async def aclose(self) -> None:
        """Nothing to close."""


def estimate_tokens(call: Call) -> int:
    """Tokens of a call's messages and tools: four characters or so make one."""
    letters = sum(len(message.text) for message in call.messages)
    letters += sum(len(json.dumps(tool.to_dict())) for tool in call.tools)
    return max(1, math.ceil(letters / 4)) + 3 * len(call.messages)


def _outputs(dumps: JsonValue, skip: JsonValue) -> Iterator[ModelOutput] | None:
    if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
        raise InvalidRequest("mockllm: skip must be a whole number, 0 or more")
    if dumps is None:
        return None
    if not isinstance(dumps, list):
        raise InvalidRequest("custom_outputs must be a list of ModelOutput values")
    return iter([ModelOutput.from_dict(_object(dump)) for dump in dumps[skip:]])


def _object(dump: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(dump, dict):
        raise InvalidRequest("custom_outputs must hold ModelOutput values only")
    return dump


def _seconds(args: Mapping[str, JsonValue], name: str) -> float:
    value = args.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:
        raise InvalidRequest(f"mockllm: {name} must be seconds from 0 to 3600")
    return float(value)
