"""The daemon as a program: options, settings, claim, log, exit code."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from modeld.discovery import Home, locate
from modeld.errors import InvalidRequest, ModeldError

from ..generation import Generation, Held, Readiness, close_inherited, raise_limits
from ..logs import Redactor, open_log
from ..settings import Settings
from .life import Build, live

__all__ = ["run"]

_OK, _CRASHED, _REFUSED, _HELD = 0, 1, 2, 3
_log = logging.getLogger(__name__)


def run(argv: Sequence[str] | None, build: Build) -> int:
    """Runs the daemon that `build` makes; gives the exit code.

    0: it was asked to leave. 1: it crashed. 2: it cannot start like this. 3: another one runs.
    """
    options = _parse(argv)
    readiness = Readiness(options.ready_fd)
    if options.ready_fd is not None:
        close_inherited(options.ready_fd)
    raise_limits()
    try:
        home = Home(locate({"MODELD_HOME": options.home}).path) if options.home else locate()
        return _run(home, readiness, build, detached=options.ready_fd is not None)
    except Held as error:
        readiness.failed(error.message, held=True)
        return _complain(error.message, _HELD)
    except ModeldError as error:
        readiness.failed(error.message)
        return _complain(error.message, _REFUSED)
    except Exception as error:  # noqa: BLE001  # the root: whatever went wrong is told, once
        _log.exception("the daemon crashed")
        readiness.failed(f"{type(error).__name__}: {error}")
        return _CRASHED


def _run(home: Home, readiness: Readiness, build: Build, *, detached: bool) -> int:
    settings = Settings.load(home.config)
    if settings.listen is not None:
        raise InvalidRequest("This version listens on its unix socket only. Remove 'listen'.")
    generation = Generation.claim(home)
    try:
        redactor = Redactor()
        redactor.register(generation.token)
        open_log(home.log, settings.log_level, redactor, detached=detached)
        for warning in settings.warnings:
            _log.warning("%s", warning)
        live(settings, generation, redactor, readiness, build)
    finally:
        generation.release()
    _log.info("generation %s has left", generation.name)
    return _OK


def _complain(message: str, code: int) -> int:
    print(f"modeld: {message}", file=sys.stderr)  # noqa: T201  # there may be no log yet
    return code


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="modeld_daemon", description="The daemon of modeld.")
    parser.add_argument("--home", metavar="PATH", help="state folder (default: $MODELD_HOME)")
    parser.add_argument(
        "--foreground", action="store_true", help="log to standard error too, as without --ready-fd"
    )
    parser.add_argument(
        "--ready-fd",
        type=int,
        metavar="N",
        help="be detached: say READY or FAILED to that descriptor, and all else to the log",
    )
    return parser.parse_args(argv)
