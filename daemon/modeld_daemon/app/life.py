"""A daemon from its claim of the home to its last call: one root task group.

A first request to stop (a signal, the Shutdown RPC, idleness) lets running calls end. A second one,
or one with force, cancels them. The server is stopped in any case, also when a task of the root
group failed.
"""

from __future__ import annotations

import importlib.util
import logging
import signal
from collections.abc import Callable
from typing import Protocol

import anyio
import anyio.abc

from modeld.errors import ModeldError

from ..generation import Generation, Readiness
from ..idle import until_displaced, until_idle
from ..logs import Redactor
from ..settings import Settings

__all__ = ["Build", "Life", "Serving", "live"]

_STOP_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Serving(Protocol):
    """The server, as far as its life goes."""

    async def start(self, socket_path: str) -> None:
        """Listens."""

    async def drain(self, grace: float | None) -> None:
        """Takes no new calls and waits for the running ones."""

    async def stop(self) -> None:
        """Cancels what runs and closes every connection."""

    def in_flight(self) -> int:
        """Calls that run or wait."""

    def total(self) -> int:
        """Calls ever begun."""


class Life:
    """What the rooms of one daemon share, and how they end it."""

    def __init__(self, settings: Settings, generation: Generation, redactor: Redactor) -> None:
        self.settings = settings
        self.generation = generation
        self.redactor = redactor
        self.leaving = anyio.Event()
        self.patience = anyio.CancelScope()
        """Cancelled when running calls are not waited for any longer."""
        self.new_token = False

    def stop(self, *, force: bool, new_token: bool = False) -> None:
        """Asks the daemon to leave; returns at once. Asking twice forces."""
        self.new_token |= new_token
        if force or self.leaving.is_set():
            self.patience.cancel()
        self.leaving.set()


Build = Callable[[Life, anyio.abc.TaskGroup], Serving]


def live(
    settings: Settings,
    generation: Generation,
    redactor: Redactor,
    readiness: Readiness,
    build: Build,
) -> None:
    """Serves until somebody or something asks it to leave."""

    async def run() -> None:
        await _live(Life(settings, generation, redactor), readiness, build)

    fast = importlib.util.find_spec("uvloop") is not None
    try:
        anyio.run(run, backend="asyncio", backend_options={"use_uvloop": fast})
    except ExceptionGroup as group:
        match group.exceptions:
            case [ModeldError() as error]:  # it says what to do
                raise error from None
        raise


async def _live(life: Life, readiness: Readiness, build: Build) -> None:
    async with anyio.create_task_group() as root:
        server = build(life, root)
        try:
            await server.start(life.generation.socket)
            # Before READY: whoever hears it may send a signal at once.
            await root.start(_obey_signals, life)
            life.generation.publish()
            readiness.ready()
            _log.info("generation %s serves on %s", life.generation.name, life.generation.endpoint)
            root.start_soon(_leave_when_idle, life, server)
            root.start_soon(_leave_when_displaced, life)
            await life.leaving.wait()
            life.generation.retire(new_token=life.new_token)
            _log.info("leaving with %d calls in flight", server.in_flight())
            with life.patience:
                await server.drain(life.settings.drain_timeout or None)
        finally:
            with anyio.move_on_after(_STOP_SECONDS, shield=True):
                await server.stop()
        root.cancel_scope.cancel()


async def _obey_signals(
    life: Life, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    # SIGHUP comes when the terminal of whoever started the daemon closes.
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number != signal.SIGHUP:
                _log.info("%s", number.name)
                life.stop(force=False)


async def _leave_when_idle(life: Life, server: Serving) -> None:
    await until_idle(life.settings.idle_timeout, server.in_flight, server.total)
    _log.info("no call for %g s", life.settings.idle_timeout)
    _leave(life)


async def _leave_when_displaced(life: Life) -> None:
    await until_displaced(life.generation.stands)
    if not life.leaving.is_set():
        _log.warning("the lock or the socket in %s is gone", life.generation.home.path)
        _leave(life)


def _leave(life: Life) -> None:
    if not life.leaving.is_set():  # A second request would force.
        life.stop(force=False)
