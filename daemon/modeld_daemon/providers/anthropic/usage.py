"""Token counters of an answer. Pure.

https://platform.claude.com/docs/en/api/messages (usage): `input_tokens` leaves out what was read
from and written to the prompt cache, as ours does.
"""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue, ModelUsage

__all__ = ["add_usage", "context_tokens", "unmodelled_usage", "usage_from"]

_MEMBERS = frozenset(
    (
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens_details",
    )
)


def usage_from(wire: JsonObject) -> ModelUsage:
    """The counters; absent ones stay None."""
    read, written = wire.get("cache_read_input_tokens"), wire.get("cache_creation_input_tokens")
    output = wire.get("output_tokens") or 0
    return ModelUsage(
        input_tokens=wire.get("input_tokens") or 0,
        output_tokens=output,
        total_tokens=context_tokens(wire) + output,
        input_tokens_cache_write=written,
        input_tokens_cache_read=read,
        reasoning_tokens=(wire.get("output_tokens_details") or {}).get("thinking_tokens"),
    )


def context_tokens(wire: JsonObject) -> int:
    """Tokens of the input, cached ones included."""
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(wire.get(name) or 0 for name in names)


def unmodelled_usage(wire: JsonObject) -> JsonObject:
    """What has no place in `ModelUsage` and is not nothing, such as searches and tiers."""
    kept: JsonObject = {}
    for name, value in wire.items():
        rest = _without_zeros(value) if name not in _MEMBERS else None
        if name == "output_tokens_details" and isinstance(value, dict):
            rest = _without_zeros({k: v for k, v in value.items() if k != "thinking_tokens"})
        if rest:
            kept[name] = rest
    return kept


def add_usage(one: JsonObject, two: JsonObject) -> JsonObject:
    """The usage of an answer that took two requests: numbers are added, lists put together."""
    both = dict(one)
    for name, value in two.items():
        old = both.get(name)
        if isinstance(value, bool) or old is None:
            both[name] = value if value is not None else old
        elif isinstance(value, (int, float)) and isinstance(old, (int, float)):
            both[name] = old + value
        elif isinstance(value, dict) and isinstance(old, dict):
            both[name] = add_usage(old, value)
        elif isinstance(value, list) and isinstance(old, list):
            both[name] = [*old, *value]
        elif value is not None:
            both[name] = value
    return both


def _without_zeros(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {k: rest for k, v in value.items() if (rest := _without_zeros(v))}
    return value
