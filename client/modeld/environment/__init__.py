"""The variables that a client reads for its providers, and which of them it may send."""

from .dotenv import DotEnv
from .patterns import is_sendable
from .session import Environment

__all__ = ["DotEnv", "Environment", "is_sendable"]
