"""What callers say beside their requests."""

from __future__ import annotations

from typing import Any

import grpc

from ..core.sessions import Session, Sessions

__all__ = ["SESSION_KEY", "session_of"]

SESSION_KEY = "modeld-session"


def session_of(context: grpc.aio.ServicerContext[Any, Any], sessions: Sessions) -> Session | None:
    """The session that the metadata names; None when it names none."""
    for name, value in context.invocation_metadata() or ():
        if name == SESSION_KEY:
            return sessions.find(value if isinstance(value, str) else value.decode())
    return None
