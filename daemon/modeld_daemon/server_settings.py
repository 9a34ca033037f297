"""What the settings say of the server that the daemon may start for a provider.

[providers.vllm]
start = true                            # without it none is started
python = "~/vllm/bin/python"            # the interpreter that has vllm; the daemon's own if unsaid
arguments = ["--trust-remote-code"]     # of each start, beside the model args of the caller
environment = { HF_HOME = "/models" }
idle_timeout = 900                      # seconds without a call until it is ended; 0: no limit
start_timeout = 1800                    # seconds in which it must answer

All of it is said in the file of the daemon's owner and nowhere else: what is run, and with which
variables, is never a caller's to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from modeld.errors import InvalidRequest

__all__ = ["SERVER_KEYS", "ServerSettings", "read_server"]

SERVER_KEYS = ("start", "python", "arguments", "environment", "idle_timeout", "start_timeout")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a server is started; that there are such settings allows it."""

    python: str | None = None
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    idle_timeout: float = 900.0
    """In seconds; 0 is no limit. Without holders it ends with the client that has used it."""
    start_timeout: float = 1800.0
    """In seconds."""


def read_server(where: str, table: Mapping[str, object]) -> ServerSettings | None:
    """The settings of a provider's table; None where none may be started. `InvalidRequest` names
    what is wrong.
    """
    said: dict[str, object] = {}
    for name in SERVER_KEYS:
        if name in table:
            wrong, value = _READ[name](table[name])
            if wrong:
                raise InvalidRequest(f"{name} of {where} must be {wrong}.")
            said[name] = value
    return ServerSettings(**said) if said.pop("start", False) else None  # type: ignore[arg-type]


def _switch(value: object) -> tuple[str, object]:
    return "" if isinstance(value, bool) else "true or false", value


def _path(value: object) -> tuple[str, object]:
    return "" if isinstance(value, str) and value else "the path of an interpreter in quotes", value


def _texts(value: object) -> tuple[str, object]:
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        return "", tuple(value)
    return 'a list of texts such as ["--trust-remote-code"]', value


def _variables(value: object) -> tuple[str, object]:
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return "", value
    return 'a table of texts such as { HF_HOME = "/models" }', value


def _seconds(value: object) -> tuple[str, object]:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if good and 0 <= float(value) < math.inf:  # type: ignore[arg-type]
        return "", float(value)  # type: ignore[arg-type]
    return "a number of seconds, 0 or more", value


def _some_seconds(value: object) -> tuple[str, object]:
    return ("a number of seconds above 0", value) if value == 0 else _seconds(value)


_READ = {
    "start": _switch,
    "python": _path,
    "arguments": _texts,
    "environment": _variables,
    "idle_timeout": _seconds,
    "start_timeout": _some_seconds,
}
