"""One answer of a model on the terminal; `generate` and `chat` share it."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from .. import GenerateConfig, Model, get_model
from ..types import ChatMessage, ModelOutput, Priority, StreamFinishedEvent
from .options import ModelChoice
from .render import AnswerPrinter


def open_model(choice: ModelChoice, role: str | None = None) -> Model:
    """The model that the options name, or that a session binds to the role."""
    arguments = dict(choice.args)
    if role is not None:
        arguments["role"] = role
    if choice.base_url is not None:
        arguments["base_url"] = choice.base_url
    return get_model(choice.name, **arguments)


def stream_answer(
    model: Model,
    input: str | list[ChatMessage],
    config: GenerateConfig,
    printer: AnswerPrinter,
    request_id: str | None = None,
    priority: Priority = "interactive",
) -> ModelOutput | None:
    """Print the answer while it comes, and return it; None when the stream has no end.

    Leaving by any way, Ctrl-C included, cancels the call.
    """
    with ExitStack() as stack:
        stack.callback(printer.close)
        events = model.stream_sync(input, config=config, request_id=request_id, priority=priority)
        if hasattr(events, "close"):  # an Iterator need not have it; a generator has
            stack.callback(events.close)
        for event in events:
            printer.show(event)
            if isinstance(event, StreamFinishedEvent):
                return event.output
    return None


def new_printer() -> AnswerPrinter:
    """A printer on this process's terminal."""
    return AnswerPrinter(sys.stdout, sys.stderr)
