"""An answer as the cache gives it back: equal to the last byte."""

from __future__ import annotations

from collections.abc import Awaitable

from modeld.types import ContentReasoning, ModelOutput
from modeld.wire import output_to_proto
from modeld_daemon.core.replay import replay_output
from modeld_daemon.stores.packing import pack, unpack

__all__ = ["kept"]

KEY = b"k" * 32


class _Told:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[tuple[str, str]] = []

    def text(self, text: str) -> None:
        self.texts.append(text)

    def reasoning(self, reasoning: str) -> None:
        self.thoughts.append(reasoning)

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        self.calls.append((id, function))

    def queued(
        self, reason: str, position: int | None = None, progress: float | None = None
    ) -> None:
        raise AssertionError("a hit does not wait")


async def kept(answer: Awaitable[ModelOutput]) -> ModelOutput:
    """The answer, after it was kept as the stores keep it and compared with what comes out: on the
    wire byte by byte, and as the deltas of a stream.
    """
    output = await answer
    hit = ModelOutput.from_dict(unpack(KEY, pack(KEY, output.to_dict())))
    assert hit == output
    assert _wire(hit) == _wire(output)
    told = _Told()
    replay_output(hit, told)
    if not output.empty:
        message = output.message
        assert "".join(told.texts) == message.text
        assert told.calls == [(call.id, call.function) for call in message.tool_calls or ()]
        thoughts = [p for p in message.content_list if isinstance(p, ContentReasoning)]
        assert told.thoughts == [
            p.reasoning or p.summary for p in thoughts if p.reasoning or p.summary
        ]
    return output


def _wire(output: ModelOutput) -> bytes:
    return output_to_proto(output).SerializeToString(deterministic=True)
