"""What the models behind Converse are like, as rows by name pattern. The dialect asks a profile.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html,
…/prompt-caching.html, https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

__all__ = ["BedrockProfile", "bedrock_profile"]

Thinking: TypeAlias = Literal["none", "claude", "nova", "gpt", "config"]


@dataclass(frozen=True, slots=True)
class BedrockProfile:
    """A model behind Converse."""

    thinking: Thinking = "none"
    """In whose words it is told to think, in `additionalModelRequestFields`."""
    top_k: tuple[str, ...] = ()
    """Where `additionalModelRequestFields` says top_k; empty where the model has none."""
    cache_points: tuple[str, ...] = ()
    """Which of system, tools and messages may carry a cache point."""
    tool_status: bool = False
    """Whether a tool's answer may say that it is an error."""
    answer_media: bool = False
    """Whether a tool's answer may hold media."""
    system: bool = True
    """Whether it takes a system prompt."""


_PLAIN = BedrockProfile(answer_media=True)
_CLAUDE = BedrockProfile(
    thinking="claude",
    top_k=("top_k",),
    cache_points=("system", "tools", "messages"),
    tool_status=True,
    answer_media=True,
)
_NOVA = BedrockProfile(
    top_k=("inferenceConfig", "topK"),
    cache_points=("system", "messages"),
    tool_status=True,
    answer_media=True,
)
_NOVA_2 = BedrockProfile(
    thinking="nova",
    top_k=("inferenceConfig", "topK"),
    cache_points=("system", "messages"),
    tool_status=True,
    answer_media=True,
)
_NO_SYSTEM = BedrockProfile(system=False)

# The first match counts. A name may have a prefix of regions ("us.", "global.") or be an ARN.
_ROWS: tuple[tuple[str, BedrockProfile], ...] = (
    (r"anthropic\.claude", _CLAUDE),
    (r"amazon\.nova-2", _NOVA_2),
    (r"amazon\.nova", _NOVA),
    (r"amazon\.titan|mistral\.(mistral-7b|mixtral-8x7b)|ai21\.j2|cohere\.command-text", _NO_SYSTEM),
    (r"mistral\.", BedrockProfile(top_k=("top_k",), answer_media=True)),
    (r"cohere\.", BedrockProfile(top_k=("k",), answer_media=True)),
    (r"openai\.gpt-oss", BedrockProfile(thinking="gpt", answer_media=True)),
    (r"qwen\.|deepseek\.v3", BedrockProfile(thinking="config", answer_media=True)),
)
_PATTERNS = tuple((re.compile(row), profile) for row, profile in _ROWS)


@lru_cache(maxsize=1024)
def bedrock_profile(model: str) -> BedrockProfile:
    """The profile of a model's id; unknown ones are plain models."""
    for pattern, profile in _PATTERNS:
        if pattern.search(model):
            return profile
    return _PLAIN
