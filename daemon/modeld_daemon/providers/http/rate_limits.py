"""What an answer's headers say of rate limits. Pure.

OpenAI and most that are like it: x-ratelimit-{limit,remaining,reset}-{requests,tokens}, for a minute
(https://platform.openai.com/docs/guides/rate-limits). Mistral: …-{req,tokens}-minute. Azure adds
x-ratelimit-renewalperiod-… in seconds. Anthropic: anthropic-ratelimit-{requests,tokens,input-tokens,
output-tokens}-{limit,remaining,reset} (https://docs.anthropic.com/en/api/rate-limits). Limits by the
hour, day or month say nothing of what may be sent now and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from ...core.rates import MINUTE, RateLimit, RateLimits
from .retry_after import wait_of

__all__ = ["rate_limits"]

_OPENAI = re.compile(
    r"x-ratelimit-(limit|remaining|reset|renewalperiod)-(requests|req|tokens)(?:-minute)?"
)
_ANTHROPIC = re.compile(
    r"anthropic-ratelimit-(requests|tokens|input-tokens|output-tokens)-(limit|remaining|reset)"
)


def rate_limits(headers: Iterable[tuple[bytes, bytes]]) -> RateLimits | None:
    """The limits by name; None where an answer tells none. Names are in lower case."""
    found: dict[str, dict[str, bytes]] = {}
    for key, value in headers:
        if b"ratelimit" in key and (meaning := _meaning(key)) is not None:
            name, part = meaning
            found.setdefault(name, {})[part] = value
    limits = {name: limit for name, parts in found.items() if (limit := _limit(parts)) is not None}
    return RateLimits(limits) if limits else None


@lru_cache(maxsize=256)
def _meaning(key: bytes) -> tuple[str, str] | None:
    """The rate's name and which part of it the header says."""
    text = key.decode("latin-1")
    if match := _OPENAI.fullmatch(text):
        part, name = match.groups()
    elif match := _ANTHROPIC.fullmatch(text):
        name, part = match.groups()
    else:
        return None
    return {"req": "requests"}.get(name, name.replace("-", "_")), part


def _limit(parts: dict[str, bytes]) -> RateLimit | None:
    limit = _number(parts.get("limit"))
    if limit is None or limit <= 0:
        return None
    return RateLimit(
        limit,
        _number(parts.get("remaining")),
        wait_of(parts["reset"].decode("latin-1").strip()) if "reset" in parts else None,
        _number(parts.get("renewalperiod")) or MINUTE,
    )


def _number(text: bytes | None) -> float | None:
    try:
        number = float(text or b"")
    except ValueError:
        return None
    return number if 0 <= number < 1e18 else None
