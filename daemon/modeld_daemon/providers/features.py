"""What can be asked of each dialect, for people who choose. What one model can do is less."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FEATURES"]

FEATURES: Mapping[str, tuple[str, ...]] = {
    "anthropic": (
        *("streaming", "tools", "images", "documents", "reasoning", "schema", "count", "list"),
    ),
    "bedrock": (
        *("streaming", "tools", "images", "video", "documents", "reasoning", "count", "list"),
    ),
    "google": (
        *("streaming", "tools", "images", "audio", "video", "documents", "reasoning", "schema"),
        *("logprobs", "count", "list"),
    ),
    "huggingface": ("streaming", "tools", "reasoning", "logprobs", "count", "list"),
    "llama_cpp": ("streaming", "schema", "list"),
    "mistral": (
        *("streaming", "tools", "images", "audio", "documents", "reasoning", "schema", "list"),
    ),
    "mock": ("streaming", "tools"),
    "openai": (
        *("streaming", "tools", "images", "audio", "documents", "reasoning", "schema", "logprobs"),
        *("count", "list"),
    ),
    "openai_chat": (
        *("streaming", "tools", "images", "audio", "documents", "reasoning", "schema", "logprobs"),
        "list",
    ),
    "openai_completions": ("streaming", "logprobs", "list"),
    "openai_responses": (
        *("streaming", "tools", "images", "documents", "reasoning", "schema", "logprobs"),
        *("count", "list"),
    ),
}
"""`schema`: answers in the shape of a JSON schema; `count`: tokens are counted and not estimated;
`list`: `modeld models PROVIDER` lists what there is.
"""
