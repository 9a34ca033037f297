"""The loop that makes answers: one thread, one step of the model after the other.

Prompts are read one at a time, a piece between two steps, so that a long one does not hold up the
answers that are being made; then each joins the batch. Whoever is cancelled leaves before the next
step. Runs in the engine's process.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from ..engine.words import CallFailed
from .batch import Batch, Forward, give
from .row import Row
from .trouble import failure_of

JsonObject: TypeAlias = dict[str, Any]

PIECE = 512
"""Tokens of a prompt that are read between two steps."""


class _Reading:
    """A prompt that is being read."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.cache: Any = None
        self.done = 0


class Decoder:
    """Makes answers together.

    Args:
        forward: The model.
    """

    def __init__(self, forward: Forward) -> None:
        self.steps = 0
        """Steps that gave tokens to answers."""
        self.tokens = 0
        """Tokens given in them: how many answers shared steps is the quotient."""
        self.largest = 0
        """Most answers of one step."""
        self._forward = forward
        self._work = threading.Condition()
        self._waiting: deque[Row] = deque()
        self._reading: _Reading | None = None
        self._batches: list[Batch] = []
        threading.Thread(target=self._run, name="decoder", daemon=True).start()

    def decode(self, row: Row) -> None:
        """Makes the row's answer. Returns when it has ended; `CallFailed` when it could not."""
        with self._work:
            self._waiting.append(row)
            self._work.notify()
        row.ended.wait()
        if row.failure is not None:
            raise row.failure

    def _run(self) -> None:
        with torch.inference_mode():
            while True:
                with self._work:
                    while not (self._waiting or self._reading or self._batches):
                        self._work.wait()
                    waiting = [row for row in self._waiting if row.job.cancelled]
                    for row in waiting:
                        self._waiting.remove(row)
                    if self._reading is None and self._waiting:
                        self._reading = _Reading(self._waiting.popleft())
                    for row in self._waiting:
                        row.job.progress += 1  # the loop is well, if busy
                self._leave(waiting)
                self._read()
                for batch in list(self._batches):
                    self._step(batch)

    def _read(self) -> None:
        """A piece of the prompt; after the last one, the answer has its first token."""
        reading = self._reading
        if reading is None:
            return
        row = reading.row
        if row.job.cancelled:
            self._reading = None
            self._leave([row])
            return
        prompt = row.prompt
        piece = prompt[reading.done : reading.done + PIECE]

        def work() -> None:
            if reading.cache is None:
                reading.cache = self._forward.new_cache()
            logits = self._forward([piece], reading.done, [0], reading.cache)
            reading.done += len(piece)
            row.job.progress += 1
            if reading.done == len(prompt):
                give([row], logits)

        if not self._guarded([row], work):
            self._reading = None
        elif reading.done == len(prompt):
            self._reading = None
            self._enter(Batch(row, reading.cache))

    def _enter(self, batch: Batch) -> None:
        self._finish(batch)
        if not batch.rows:
            return
        host = next((other for other in self._batches if other.joinable), None)
        if host is None or not batch.joinable or not self._forward.joinable:
            self._batches.append(batch)
        elif not self._guarded([*host.rows, *batch.rows], lambda: host.join(batch)):
            self._batches.remove(host)  # some of its layers have joined, and others not

    def _step(self, batch: Batch) -> None:
        self._leave(batch.keep(lambda row: not row.job.cancelled))
        if batch.rows:
            self.steps += 1
            self.tokens += len(batch.rows)
            self.largest = max(self.largest, len(batch.rows))
            if self._guarded(batch.rows, lambda: batch.step(self._forward)):
                self._finish(batch)
            else:
                batch.rows = []
        if not batch.rows:
            self._batches.remove(batch)

    @staticmethod
    def _finish(batch: Batch) -> None:
        for row in batch.keep(lambda row: not row.over):
            row.end()

    @staticmethod
    def _leave(rows: list[Row]) -> None:
        for row in rows:
            row.end(CallFailed("cancelled", "the call was cancelled"))

    @staticmethod
    def _guarded(rows: list[Row], work: Callable[[], None]) -> bool:
        """Does the work. If it fails, so do these rows; the loop goes on."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  # one batch's trouble must not end the loop
            failure = failure_of(error)
            for row in rows:
                row.end(failure)
            return False
        return True
