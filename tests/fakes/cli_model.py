"""A model behind the commands: it answers what the test says and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modeld.types import (
    GenerateConfig,
    ModelOutput,
    ModelUsage,
    StreamEvent,
    StreamFinishedEvent,
    StreamTextEvent,
)


class FakeModel:
    """Stands for `modeld.Model`. Each answer is a text, events, or an exception to raise."""

    def __init__(self, *answers: str | Sequence[StreamEvent | BaseException] | BaseException):
        self.answers = list(answers)
        self.name = "fake/model"
        self.asked: list[object] = []
        self.configs: list[GenerateConfig] = []
        self.extra: list[dict[str, object]] = []
        self.opened: list[tuple[str | None, dict[str, object]]] = []
        self.closed = 0

    def __str__(self) -> str:
        return self.name

    def get_model(self, name: str | None = None, **arguments: object) -> FakeModel:
        self.opened.append((name, arguments))
        self.name = name or self.name
        return self

    def generate_sync(self, input, *, config, **extra) -> ModelOutput:
        self._remember(input, config, extra)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return output_of(answer)

    def stream_sync(self, input, *, config, **extra) -> Iterator[StreamEvent]:
        self._remember(input, config, extra)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            answer = [*map(StreamTextEvent, answer.split("|")), finished(answer.replace("|", ""))]
        return self._stream([answer] if isinstance(answer, BaseException) else answer)

    def _stream(self, events) -> Iterator[StreamEvent]:
        try:
            for event in events:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            self.closed += 1

    def _remember(self, input, config, extra) -> None:
        self.asked.append(input)
        self.configs.append(config)
        self.extra.append(extra)


def output_of(text: str) -> ModelOutput:
    output = ModelOutput.from_content("fake/model", text)
    output.usage = ModelUsage(3, 4, 7)
    return output


def finished(text: str) -> StreamFinishedEvent:
    return StreamFinishedEvent(output_of(text))
