"""What callers say beside their requests."""

from __future__ import annotations

from typing import Any

import grpc

from ..core.named import Named
from ..core.sessions import Session, Sessions

__all__ = ["NAMED_KEY", "SESSION_KEY", "named_of", "session_of"]

SESSION_KEY = "modeld-session"
NAMED_KEY = "modeld-session-name"


Context = grpc.aio.ServicerContext[Any, Any]


def session_of(context: Context, sessions: Sessions) -> Session | None:
    """The session that the metadata names; None when it names none."""
    id = _said(context, SESSION_KEY)
    return None if id is None else sessions.find(id)


async def named_of(context: Context, sessions: Sessions) -> Named | None:
    """The lasting session that the metadata names; None when it names none."""
    name = _said(context, NAMED_KEY)
    return None if name is None else await sessions.named.get(name)


def _said(context: Context, key: str) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == key:
            return value if isinstance(value, str) else value.decode()
    return None
