"""How a model is opened on a link: with the variables that it depends on, and by the right way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..errors import DaemonUnavailable
from ..v1.model_service_pb2 import OpenModelResponse
from .link import Link
from .pending import RemoteModel
from .upload import check_size

__all__ = ["Opening"]

MOST_ROUNDS = 3
"""Answers that name variables the daemon must know first, before something is wrong with it."""


class Opening:
    """Opens models; for the worker alone.

    Args:
        lock: The hub's.
        tell: With the lock held, tells the daemon which of these variables have changed.
        ask: One request on one link, and its answer.
        close: With the lock held, gives the model's lease back, if it has one.
    """

    def __init__(
        self,
        lock: threading.RLock,
        tell: Callable[[Link, tuple[str, ...]], None],
        ask: Callable[[Link, str, bytes], Any],
        close: Callable[[RemoteModel], object],
    ) -> None:
        self._lock: Any = lock
        self._tell = tell
        self._ask = ask
        self._close = close

    def open(self, link: Link, model: RemoteModel) -> None:
        """Opens a model on a link; raises what the daemon says of it."""
        request = model.request()
        check_size(request.ByteSize())
        needed: tuple[str, ...] = ()
        for _ in range(MOST_ROUNDS):
            # Providers share variables, and one may have changed since the daemon was told of it
            # for the sake of another: all that were told count.
            with self._lock:
                self._tell(link, (*link.environment_sent, *needed))
            answer: OpenModelResponse = self._ask(link, "open_model", request.SerializeToString())
            if not answer.need_environment:
                with self._lock:
                    self._close(model)  # when it was opened once more, for the variables
                    model.handle = answer.handle
                    model.environment = tuple(answer.environment)
                    model.link = link
                    model.stateful = answer.stateful
                return
            needed = tuple(answer.need_environment)
        raise DaemonUnavailable("the daemon asks for the same variables again and again")
