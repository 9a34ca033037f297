"""Token counters of an answer. Pure."""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue, ModelUsage

__all__ = ["prompt_tokens", "unmodelled_usage", "usage_from"]

_USAGE_MEMBERS = frozenset(
    [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cost",
        "prompt_cache_hit_tokens",
        "prompt_cache_miss_tokens",
        "cached_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
    ]
)


def usage_from(wire: JsonObject) -> ModelUsage:
    """The wire's prompt tokens include cached ones; ours do not."""
    details = _object(wire.get("prompt_tokens_details"))
    read = _count(details.get("cached_tokens", wire.get("prompt_cache_hit_tokens")))
    written = _count(details.get("cache_write_tokens"))
    prompt = _count(wire.get("prompt_tokens")) or 0
    output = _count(wire.get("completion_tokens")) or 0
    thoughts = _object(wire.get("completion_tokens_details")).get("reasoning_tokens")
    return ModelUsage(
        input_tokens=max(0, prompt - (read or 0) - (written or 0)),
        output_tokens=output,
        total_tokens=_count(wire.get("total_tokens")) or prompt + output,
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        reasoning_tokens=_count(thoughts),
        total_cost=_cost(wire.get("cost")),
    )


def prompt_tokens(wire: JsonObject) -> int | None:
    """Tokens of the whole prompt, cached ones included."""
    return _count(wire.get("prompt_tokens"))


def _object(wire: JsonValue) -> JsonObject:
    return wire if isinstance(wire, dict) else {}


def _count(wire: JsonValue) -> int | None:
    """Some servers count in floats or in texts."""
    if isinstance(wire, str) and wire.isdecimal():
        return int(wire)
    return int(wire) if isinstance(wire, (int, float)) else None


def _cost(wire: JsonValue) -> float | None:
    """OpenRouter tells a number, Perplexity its parts and their sum."""
    cost = wire.get("total_cost") if isinstance(wire, dict) else wire
    return cost if isinstance(cost, (int, float)) else None


def unmodelled_usage(wire: JsonObject) -> JsonObject:
    """Counters that have no place in `ModelUsage` and are not zero, such as audio tokens."""
    kept: JsonObject = {}
    for name, value in wire.items():
        if name in _USAGE_MEMBERS or not value:
            continue
        rest = value
        if isinstance(value, dict):
            rest = {k: v for k, v in value.items() if v and k not in _USAGE_MEMBERS}
        if rest:
            kept[name] = rest
    return kept
