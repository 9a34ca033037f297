"""A plain answer to the deltas of a stream, for servers and callers that do not stream."""

from __future__ import annotations

from modeld.types import ContentReasoning, ModelOutput

from ..core.ports import Sink
from .http.jsontext import dumps

__all__ = ["replay_output"]


def replay_output(output: ModelOutput, sink: Sink) -> None:
    """Tells the sink the first choice as one delta of each kind."""
    if output.empty:
        return
    message = output.message
    for part in message.content_list:
        if isinstance(part, ContentReasoning) and (part.reasoning or part.summary):
            sink.reasoning(part.reasoning or part.summary or "")
    if message.text:
        sink.text(message.text)
    for call in message.tool_calls or ():
        sink.tool_call(call.id, call.function, dumps(call.arguments).decode())
