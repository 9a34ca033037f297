"""What the fake upstream does and has seen: its knobs, its counters, its rate limits."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Account", "Knobs", "Stats", "fingerprint"]


@dataclass
class Stats:
    """What the server has seen since the start or the last reset."""

    requests: int = 0
    answered: int = 0
    rejected: int = 0
    connections: int = 0
    open_connections: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    chunks: int = 0
    disconnects: int = 0
    """Clients that closed their connection before the end of the answer."""
    keys: dict[str, int] = field(default_factory=dict)
    """Requests by fingerprint of the Authorization header."""


@dataclass
class Knobs:
    """What the answer is like; see the top of the file."""

    hold: float = 0.0
    chunks: int = 8
    pace: float = 0.0
    stamp: int = 0
    text: str = "Hello!"
    status: int = 200
    retry_after: str = ""
    rate: float = 0.0
    burst: int = 1
    at_once: int = 0
    headers: int = 0

    def set(self, words: list[str]) -> Knobs:
        """These knobs changed by `name=value` words."""
        values: dict[str, Any] = dict(vars(self))
        for word in words:
            name, separator, value = word.partition("=")
            if separator and name in values:
                values[name] = type(values[name])(value)
        return Knobs(**values)


def fingerprint(key: str) -> str:
    """How an API key shows in `Stats.keys`."""
    return hashlib.sha256(f"Bearer {key}".encode()).hexdigest()[:12]


class Account:
    """Token bucket and simultaneous requests of one key."""

    def __init__(self, burst: int) -> None:
        self.level = float(burst)
        self.at = time.monotonic()
        self.running = 0

    def admits(self, knobs: Knobs) -> bool:
        if knobs.rate:
            now = time.monotonic()
            self.level = min(knobs.burst, self.level + (now - self.at) * knobs.rate / 60)
            self.at = now
            if self.level < 1:
                return False
        if knobs.at_once and self.running >= knobs.at_once:
            return False
        self.level -= 1
        return True

    def headers(self, knobs: Knobs) -> bytes:
        """What OpenAI says of its rate limits, with each answer."""
        if not (knobs.headers and knobs.rate):
            return b""
        full = (knobs.burst - self.level) * 60 / knobs.rate
        return (
            b"x-ratelimit-limit-requests: %d\r\nx-ratelimit-remaining-requests: %d\r\n"
            b"x-ratelimit-reset-requests: %dms\r\n"
        ) % (knobs.rate, max(self.level, 0), full * 1000)
