"""One answer while it is made. Runs in the engine's process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..engine.serve import Job
from ..engine.words import CallFailed
from .sampling import NO_TOKEN, Sampler, log_probability
from .text import Text
from .trouble import failure_of

JsonObject: TypeAlias = dict[str, Any]

_UNCHOOSABLE = (
    "The model gave numbers of which no token can be chosen (NaN or infinite). Its weights may be "
    "broken, or the dtype too narrow for them: dtype=float32 may help."
)


@dataclass(frozen=True, slots=True)
class Ends:
    """Where an answer ends."""

    tokens: frozenset[int]
    """Any of these tokens."""
    most: int
    """Tokens that are made at most."""
    context: int | None
    """Tokens of prompt and answer that the model can hold."""


class Row:
    """One answer.

    Args:
        job: Its call.
        prompt: Tokens of the prompt.
        sampler: Chooses tokens.
        text: Writes them.
        ends: Where it ends.
        logprobs: Likeliest tokens to be told of each place; None tells nothing.
        stream: Whether text is to be sent as it comes.
    """

    def __init__(
        self,
        job: Job,
        prompt: list[int],
        sampler: Sampler,
        text: Text,
        ends: Ends,
        *,
        logprobs: int | None,
        stream: bool,
    ) -> None:
        self.job = job
        self.ids = list(prompt)
        """The prompt and what was made."""
        self.ended = threading.Event()
        self.failure: CallFailed | None = None
        self.finish: str | None = None
        """stop, max_tokens or model_length, once it has ended."""
        self._prompt_tokens = len(prompt)
        self._sampler = sampler
        self._text = text
        self._ends = ends
        self._top = logprobs
        self._stream = stream
        self._parts: list[str] = []
        self._logprobs: list[tuple[int, float, list[tuple[int, float]]]] = []

    @property
    def prompt(self) -> list[int]:
        """Tokens of the prompt."""
        return self.ids[: self._prompt_tokens]

    @property
    def made(self) -> int:
        """Tokens made so far."""
        return len(self.ids) - self._prompt_tokens

    @property
    def over(self) -> bool:
        """Whether nothing more is made of it."""
        return self.finish is not None or self.failure is not None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """What is raised inside is this row's failure, and nobody else's."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # other rows of the batch go on
            self.failure = failure_of(error)

    def choose(self, logits: Any) -> Any:
        """The next token, as a tensor of no dimension."""
        return self._sampler.choose(self.ids, logits)

    def take(self, token: int, logits: Any) -> None:
        """Takes the token that was chosen. `finish` says afterwards whether it was the last."""
        if token == NO_TOKEN:
            raise CallFailed("defect", _UNCHOOSABLE)
        self.ids.append(token)
        self.job.progress += 1
        # The token that ends an answer is no part of its text.
        if self._top is not None and token not in self._ends.tokens:
            self._logprobs.append((token, *log_probability(logits, token, self._top)))
        if token in self._ends.tokens:
            self.finish = "stop"
        else:
            self._write(self._text.push(token))
            self.finish = self._limit()
        if self.finish is not None:
            self._write(self._text.finish())

    def end(self, failure: CallFailed | None = None) -> None:
        """Wakes whoever waits for the answer."""
        self.failure = failure or self.failure
        self.ended.set()

    def result(self, words: Any) -> JsonObject:
        """The answer. `words` gives the texts of a list of tokens."""
        return {
            "text": "".join(self._parts),
            "finish": self.finish,
            "prompt_tokens": self._prompt_tokens,
            "tokens": self.made,
            "logprobs": [
                {
                    "token": words([token])[0],
                    "logprob": logprob,
                    "top": [
                        {"token": word, "logprob": likely}
                        for word, (_, likely) in zip(words([t for t, _ in tops]), tops, strict=True)
                    ],
                }
                for token, logprob, tops in self._logprobs
            ],
        }

    def _limit(self) -> str | None:
        if self._text.stopped:
            return "stop"
        if self.made >= self._ends.most:
            return "max_tokens"
        if self._ends.context is not None and len(self.ids) >= self._ends.context:
            return "model_length"
        return None

    def _write(self, text: str) -> None:
        if text:
            self._parts.append(text)
            if self._stream:
                self.job.emit({"text": text})
