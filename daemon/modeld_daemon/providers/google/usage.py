"""Token counters of an answer. Pure.

https://ai.google.dev/api/generate-content#UsageMetadata
"""

from __future__ import annotations

from modeld.types import JsonObject, ModelUsage

__all__ = ["unmodelled_usage", "usage_from"]

_MODELLED = frozenset(
    (
        *("promptTokenCount", "candidatesTokenCount", "totalTokenCount"),
        *("thoughtsTokenCount", "cachedContentTokenCount"),
    )
)


def usage_from(wire: JsonObject) -> ModelUsage:
    """The wire's prompt tokens include cached ones and its candidates' tokens leave out thoughts;
    ours are the other way round. What Google's tools put before the model is input too.
    """
    prompt = wire.get("promptTokenCount") or 0
    tools = wire.get("toolUsePromptTokenCount") or 0
    cached = wire.get("cachedContentTokenCount")
    thoughts = wire.get("thoughtsTokenCount")
    output = (wire.get("candidatesTokenCount") or 0) + (thoughts or 0)
    return ModelUsage(
        input_tokens=max(0, prompt + tools - (cached or 0)),
        output_tokens=output,
        total_tokens=wire.get("totalTokenCount") or prompt + tools + output,
        input_tokens_cache_read=cached,
        reasoning_tokens=thoughts,
    )


def unmodelled_usage(wire: JsonObject) -> JsonObject:
    """What has no place in `ModelUsage`: tokens of tools, by modality, the traffic's type."""
    return {
        name: value
        for name, value in wire.items()
        if name not in _MODELLED and value not in (None, 0, "", [])
    }
