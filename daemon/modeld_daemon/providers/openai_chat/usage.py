"""Token counters of an answer. Pure."""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue, ModelUsage

__all__ = ["unmodelled_usage", "usage_from"]

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
    details = wire.get("prompt_tokens_details") or {}
    read = details.get("cached_tokens", wire.get("prompt_cache_hit_tokens"))
    written = details.get("cache_write_tokens")
    prompt = wire.get("prompt_tokens") or 0
    output = wire.get("completion_tokens") or 0
    return ModelUsage(
        input_tokens=max(0, prompt - (read or 0) - (written or 0)),
        output_tokens=output,
        total_tokens=wire.get("total_tokens") or prompt + output,
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        reasoning_tokens=(wire.get("completion_tokens_details") or {}).get("reasoning_tokens"),
        total_cost=_cost(wire.get("cost")),
    )


def _cost(wire: JsonValue) -> float | None:
    """OpenRouter tells a number, Perplexity its parts and their sum."""
    return wire.get("total_cost") if isinstance(wire, dict) else wire


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
