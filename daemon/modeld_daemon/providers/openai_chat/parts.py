"""What stands in members whose shape servers do not agree about: parts of a content, thoughts. Pure.

OpenAI's own content is a text. Lists of parts, thoughts among them, come from Databricks
(https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models), from Mistral
(https://docs.mistral.ai/capabilities/reasoning) and from gateways before such models;
`reasoning_details` are OpenRouter's
(https://openrouter.ai/docs/use-cases/reasoning-tokens#reasoning_details-array-structure).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from modeld.types import JsonValue

__all__ = ["details_text", "read_part"]

Kind: TypeAlias = Literal["text", "reasoning", "data"]

_TEXTS = ("text", "output_text")
_THOUGHTS = ("thinking", "reasoning")
_WRITTEN = (*_THOUGHTS, "summary", "content", "text")
"""Members of a part in which thoughts are, the first that is there."""


def read_part(part: JsonValue) -> tuple[Kind, str]:
    """What a part of a content is, and its text if it has one."""
    if isinstance(part, str):
        return "text", part
    if isinstance(part, dict):
        kind, text = part.get("type"), part.get("text")
        if kind in _TEXTS and isinstance(text, str):
            return "text", text
        if kind in _THOUGHTS:
            inner = next((part[name] for name in _WRITTEN if part.get(name)), None)
            return "reasoning", _texts(inner)
    return "data", ""


def details_text(details: JsonValue) -> str:
    """The thoughts in `reasoning_details` that can be read; others are encrypted."""
    if not isinstance(details, list):
        return ""
    found = [d.get("text") or d.get("summary") for d in details if isinstance(d, dict)]
    return "".join(text for text in found if isinstance(text, str))


def _texts(value: JsonValue) -> str:
    if isinstance(value, list):
        return "".join(_texts(one) for one in value)
    text = value.get("text") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""
