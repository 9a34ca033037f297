"""A whole answer to the deltas of a stream, for servers that do not stream and for kept answers."""

from __future__ import annotations

import json

from modeld.types import ContentReasoning, JsonObject, ModelOutput

from .ports import Sink

__all__ = ["replay_output"]


def replay_output(output: ModelOutput, sink: Sink) -> None:
    """Tells the sink the first choice as one delta of each kind."""
    if output.empty:
        return
    message = output.message
    for part in message.content_list:
        if isinstance(part, ContentReasoning) and (thoughts := _thoughts(part)):
            sink.reasoning(thoughts)
    if output.completion:  # `message.text` has parts, such as those with citations, on lines
        sink.text(output.completion)
    for call in message.tool_calls or ():
        sink.tool_call(call.id, call.function, _text(call.arguments))


def _thoughts(part: ContentReasoning) -> str:
    """What of them is told: ciphertext is no delta."""
    return (not part.redacted and part.reasoning) or part.summary or ""


def _text(arguments: JsonObject) -> str:
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
