"""When a provider says that a retry may succeed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

__all__ = ["rate_limit_reset", "retry_after", "wait_of"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_RESET = re.compile(r"(x-ratelimit-reset(-.+)?|anthropic-ratelimit-.+-reset|ratelimit-reset)")
_EPOCH = 1_000_000_000
"""Numbers from here on are points in time, not durations."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After-Ms` or `Retry-After` (seconds or an HTTP date)."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def rate_limit_reset(headers: Mapping[str, str]) -> float | None:
    """The longest wait of the rate-limit headers: seconds, "1m30s", "500ms" or a time."""
    waits = [wait_of(value.strip()) for name, value in headers.items() if _RESET.fullmatch(name)]
    return max((wait for wait in waits if wait is not None), default=None)


def wait_of(value: str) -> float | None:
    """Seconds that a reset header means: a number, "1m30s", "500ms", a time or a date."""
    number = _number(value)
    if number is not None:
        if number >= _EPOCH * 1000:
            number /= 1000
        return max(0.0, number - time.time()) if number >= _EPOCH else max(0.0, number)
    if _DURATION.fullmatch(value):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(value))
    try:
        return max(0.0, datetime.fromisoformat(value).timestamp() - time.time())
    except ValueError:
        return None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if number < float("inf") else None
