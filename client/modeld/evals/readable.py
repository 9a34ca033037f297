"""What a task's own code has put into a sample must not make its log one that cannot be read."""

from __future__ import annotations

from ..errors import InvalidRequest
from ..types import ChatMessage, ModelOutput
from ..types.message import ChatMessageBase
from ..types.value import fitted
from .log import EvalSample


def make_readable(record: EvalSample) -> InvalidRequest | None:
    """Takes out of a record what could be written but not be read again, or not even be written:
    messages, outputs, scores and metadata of other types than they should be. The first of these
    is given back.
    """
    problems: list[InvalidRequest] = []

    def fits(value: object, *names: str) -> bool:
        try:
            fitted(value, *names)
        except InvalidRequest as problem:
            problems.append(problem)
            return False
        return True

    def sound(messages: object) -> list[ChatMessage]:
        kept = []
        for message in messages if isinstance(messages, list) else []:
            if not isinstance(message, ChatMessageBase):
                said = f"a message is a {type(message).__name__}, not a chat message"
                problems.append(InvalidRequest(said))
            elif fits(message, "content", "metadata"):
                kept.append(message)
        return kept  # type: ignore[return-value]  # the base has these classes only

    def sound_output(output: object) -> ModelOutput:
        if isinstance(output, ModelOutput):
            if fits(output, "completion", "metadata") and all(
                fits(choice.message, "content", "metadata") for choice in output.choices
            ):
                return output
        elif output is not None:
            said = f"the output is a {type(output).__name__}, not a ModelOutput"
            problems.append(InvalidRequest(said))
        return ModelOutput()

    record.messages = sound(record.messages)
    record.output = sound_output(record.output)
    for event in record.events:
        if not isinstance(event, dict):
            event.input, event.output = sound(event.input), sound_output(event.output)
    if not fits(record, "scores"):
        record.scores = None
    if not fits(record, "metadata"):
        record.metadata = {}
    return problems[0] if problems else None
