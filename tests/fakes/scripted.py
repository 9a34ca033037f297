"""Models that answer by a function of the test, in the test's process: no daemon is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from modeld import Model, ModelOutput, ModelUsage, get_model

Answer = Callable[..., Any]


def scripted(answer: Answer | str = "4", name: str = "mockllm/model", **how: Any) -> Model:
    """A model; the answer gets the text of the last message and what else the script gets."""

    def script(input, tools, tool_choice, config):
        said = answer(input, tools, tool_choice, config) if callable(answer) else answer
        output = said if isinstance(said, ModelOutput) else ModelOutput.from_content(name, said)
        if output.usage is None:
            output.usage = ModelUsage(len(input), 1, len(input) + 1)
        return output

    return get_model(name, custom_outputs=script, **how)


def last(function: Callable[[str], str]) -> Answer:
    """An answer that depends on the last message alone."""
    return lambda messages, *_: function(messages[-1].text)


class Counting:
    """Counts its calls, and fails where it is told to."""

    def __init__(self, answer: Callable[[str], str], fails: Callable[[str, int], bool]) -> None:
        self.calls: list[str] = []
        self._answer = answer
        self._fails = fails
        self._lock = threading.Lock()

    def __call__(self, input, tools, tool_choice, config) -> str:
        text = input[-1].text
        with self._lock:
            self.calls.append(text)
            number = self.calls.count(text)
        if self._fails(text, number):
            raise RuntimeError(f"made to fail at {text}, sk-abcdefghijklmnop")
        return self._answer(text)
