"""Token counters of an answer. Pure.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from __future__ import annotations

from modeld.types import JsonObject, ModelUsage

__all__ = ["context_tokens", "usage_from"]


def usage_from(wire: JsonObject) -> ModelUsage:
    """The wire's input tokens leave out those of the cache, as ours do."""
    tokens = wire.get("inputTokens") or 0
    output = wire.get("outputTokens") or 0
    read, written = wire.get("cacheReadInputTokens"), wire.get("cacheWriteInputTokens")
    return ModelUsage(
        input_tokens=tokens,
        output_tokens=output,
        total_tokens=wire.get("totalTokens") or tokens + output + (read or 0) + (written or 0),
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
    )


def context_tokens(usage: ModelUsage) -> int:
    """Tokens that the input took, cached ones included."""
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return usage.input_tokens + cached
