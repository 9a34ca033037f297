"""The room that talks to the daemon. The only one that imports grpc."""

from __future__ import annotations

import atexit
import os

from ..environment import Environment
from . import before_grpc as before_grpc  # first: what it does holds for the rooms below
from . import mailbox
from .calls import (
    Ask,
    count_tokens,
    count_tokens_sync,
    generate,
    generate_sync,
    stream,
    stream_sync,
)
from .forks import keep_all_for_ever
from .hub import Hub
from .pending import RemoteModel

__all__ = [
    "Ask",
    "Hub",
    "RemoteModel",
    "count_tokens",
    "count_tokens_sync",
    "generate",
    "generate_sync",
    "hub",
    "stream",
    "stream_sync",
]

_hubs = [Hub(Environment())]
"""The hub of this process, after those of the processes that it was forked from."""


def hub() -> Hub:
    """The hub of this process."""
    return _hubs[-1]


def _before_fork() -> None:
    hub().before_fork()


def _after_fork_in_parent() -> None:
    hub().after_fork_in_parent()


def _after_fork_in_child() -> None:
    hub().after_fork_in_child()
    _hubs.append(Hub(Environment()))
    mailbox.forget_loops()


@atexit.register
def _at_exit() -> None:
    hub().close()
    keep_all_for_ever()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
