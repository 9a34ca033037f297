"""What can be asked of each provider, for people who choose. What one model can do is less."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.ports import Row

__all__ = ["FEATURES", "KNOWN", "features_of"]

KNOWN = (
    *("streaming", "tools", "images", "audio", "video", "documents", "reasoning", "schema"),
    *("logprobs", "count", "list"),
)

FEATURES: Mapping[str, tuple[str, ...]] = {
    "anthropic": (
        *("streaming", "tools", "images", "documents", "reasoning", "schema", "count", "list"),
    ),
    "bedrock": (
        *("streaming", "tools", "images", "audio", "video", "documents", "reasoning", "schema"),
        *("count", "list"),
    ),
    "google": (
        *("streaming", "tools", "images", "audio", "video", "documents", "reasoning", "schema"),
        *("logprobs", "count", "list"),
    ),
    "huggingface": ("streaming", "tools", "reasoning", "logprobs", "count", "list"),
    "llama_cpp": ("streaming", "reasoning", "schema", "logprobs", "count", "list"),
    "mistral": (
        *("streaming", "tools", "images", "audio", "documents", "reasoning", "schema", "logprobs"),
        "list",
    ),
    "mock": ("streaming", "tools"),
    "openai": (
        *("streaming", "tools", "images", "audio", "documents", "reasoning", "schema", "logprobs"),
        *("count", "list"),
    ),
    "openai_chat": (
        *("streaming", "tools", "images", "audio", "video", "documents", "reasoning", "schema"),
        *("logprobs", "list"),
    ),
    "openai_completions": ("streaming", "logprobs", "list"),
    "openai_server": (
        *("streaming", "tools", "images", "audio", "documents", "reasoning", "schema", "logprobs"),
        "list",
    ),
    "openai_responses": (
        *("streaming", "tools", "images", "documents", "reasoning", "schema", "logprobs"),
        *("count", "list"),
    ),
}
"""`schema`: answers in the shape of a JSON schema; `count`: tokens are counted and not estimated;
`list`: `modeld models PROVIDER` lists what there is.
"""

_LACKING: Mapping[str, tuple[str, ...]] = {
    "anthropic/bedrock": ("count",),
    "grok": ("count",),
}
"""What a row has not of its dialect's."""


def features_of(row: Row) -> tuple[str, ...]:
    """What can be asked of a row of the daemon's own dialects; empty for others."""
    usual = row.quirks.get("usual_api")
    offered = FEATURES.get(f"openai_{usual}" if usual else row.dialect, ())
    lacking = {*_LACKING.get(row.name, ()), *row.quirks.get("dropped", ())}
    return tuple(name for name in offered if name not in lacking)
