"""Token counters of an answer. Pure."""

from __future__ import annotations

from modeld.types import JsonObject, ModelUsage

__all__ = ["context_tokens", "unmodelled_usage", "usage_from"]

_MODELLED = frozenset(
    ("prompt_tokens", "completion_tokens", "total_tokens", "num_cached_tokens", "cached_tokens")
)
_MODELLED_DETAILS = frozenset(("cached_tokens", "reasoning_tokens"))


def usage_from(wire: JsonObject) -> ModelUsage:
    """The wire's prompt tokens include cached ones; ours do not."""
    details = wire.get("prompt_tokens_details") or {}
    read = details.get("cached_tokens", wire.get("num_cached_tokens"))
    prompt = wire.get("prompt_tokens") or 0
    output = wire.get("completion_tokens") or 0
    return ModelUsage(
        input_tokens=max(0, prompt - (read or 0)),
        output_tokens=output,
        total_tokens=wire.get("total_tokens") or prompt + output,
        input_tokens_cache_read=read,
        reasoning_tokens=(wire.get("completion_tokens_details") or {}).get("reasoning_tokens"),
    )


def context_tokens(wire: JsonObject) -> int:
    """All tokens of the input. Sound is no part of `prompt_tokens`, but is of the total."""
    prompt: int = wire.get("prompt_tokens") or 0
    output: int = wire.get("completion_tokens") or 0
    return max(prompt, (wire.get("total_tokens") or 0) - output)


def unmodelled_usage(wire: JsonObject) -> JsonObject:
    """What has no place in `ModelUsage` and says something: sound, and the service tier."""
    kept: JsonObject = {}
    for name, value in wire.items():
        if name in _MODELLED or not value:
            continue
        rest = value
        if isinstance(value, dict):
            rest = {k: v for k, v in value.items() if v and k not in _MODELLED_DETAILS}
        if rest:
            kept[name] = rest
    return kept
