"""An answer as the cache gives it back: equal to the last byte."""

from __future__ import annotations

import json
from collections.abc import Awaitable

from modeld.types import ContentReasoning, ModelOutput
from modeld.wire import output_to_proto
from modeld_daemon.core.replay import replay_output
from modeld_daemon.stores.packing import pack, unpack
from tests.fakes.deltas import Deltas

__all__ = ["kept"]

KEY = b"k" * 32


async def kept(answer: Awaitable[ModelOutput]) -> ModelOutput:
    """The answer, after it was kept as the stores keep it and compared with what comes out: on the
    wire byte by byte, and as the deltas of a stream.
    """
    output = await answer
    hit = ModelOutput.from_dict(unpack(KEY, pack(KEY, output.to_dict())))
    assert hit == output
    assert _wire(hit) == _wire(output)
    told = Deltas()
    replay_output(hit, told)
    if not output.empty:
        message = output.message
        assert "".join(told.texts) == message.text
        calls = message.tool_calls or []
        assert told.names == {call.id: call.function for call in calls}
        said = {id: json.loads("".join(parts)) for id, parts in told.calls.items()}
        assert said == {call.id: call.arguments for call in calls}
        thoughts = [p for p in message.content_list if isinstance(p, ContentReasoning)]
        assert told.thoughts == [
            p.reasoning or p.summary for p in thoughts if p.reasoning or p.summary
        ]
    return output


def _wire(output: ModelOutput) -> bytes:
    return output_to_proto(output).SerializeToString(deterministic=True)
