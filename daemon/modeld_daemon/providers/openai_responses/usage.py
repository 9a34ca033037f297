"""Token counters of an answer. Pure."""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue, ModelUsage

__all__ = ["unmodelled_usage", "usage_from"]

_MODELLED = frozenset(
    [
        *("input_tokens", "output_tokens", "total_tokens", "cost"),
        *("cached_tokens", "cache_write_tokens", "reasoning_tokens"),
    ]
)
_DETAILS = ("input_tokens_details", "output_tokens_details")
_TICKS = 10_000_000_000
"""xAI's ticks in a dollar: https://docs.x.ai/docs/key-information/consumption-and-rate-limits."""


def usage_from(wire: JsonObject) -> ModelUsage:
    """The wire's input tokens include cached ones; ours do not."""
    details, made = (_object(wire.get(name)) for name in _DETAILS)
    read, written = details.get("cached_tokens"), details.get("cache_write_tokens")
    input_, output = wire.get("input_tokens") or 0, wire.get("output_tokens") or 0
    cost, ticks = wire.get("cost"), wire.get("cost_in_usd_ticks")
    if cost is None and ticks is not None:
        cost = ticks / _TICKS
    return ModelUsage(
        input_tokens=max(0, input_ - (read or 0) - (written or 0)),
        output_tokens=output,
        total_tokens=wire.get("total_tokens") or input_ + output,
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        reasoning_tokens=made.get("reasoning_tokens"),
        total_cost=cost,
    )


def _object(wire: JsonValue) -> JsonObject:
    return wire if isinstance(wire, dict) else {}


def unmodelled_usage(wire: JsonObject) -> JsonObject:
    """Counters that have no place in `ModelUsage` and are not zero."""
    kept: JsonObject = {}
    for name, value in wire.items():
        if name in _MODELLED or not value:
            continue
        rest = value
        if isinstance(value, dict):
            known = _MODELLED if name.endswith("_tokens_details") else frozenset[str]()
            rest = {k: v for k, v in value.items() if v and k not in known}
        if rest:
            kept[name] = rest
    return kept
