"""What a row's quirks change in a body that is otherwise made. Pure."""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue

from ..http.jsontext import dumps

__all__ = ["CACHE_CONTROL", "json_hint", "mark_ends", "merge_system"]

CACHE_CONTROL: JsonObject = {"cache_control": {"type": "ephemeral"}}
"""Anthropic's mark, which OpenRouter passes on:
https://openrouter.ai/docs/features/prompt-caching
"""
_TURNS = 2


def merge_system(messages: list[JsonObject], role: str) -> list[JsonObject]:
    """The messages with neighbouring system messages put into one."""
    merged: list[JsonObject] = []
    for message in messages:
        if merged and message["role"] == role == merged[-1]["role"]:
            merged[-1] = {"role": role, "content": _joined(merged[-1], message)}
        else:
            merged.append(message)
    return merged


def _joined(one: JsonObject, other: JsonObject) -> JsonValue:
    first, second = one["content"], other["content"]
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: JsonValue) -> list[JsonObject]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def mark_ends(messages: list[JsonObject]) -> None:
    """Marks the ends of the system prompt and of the user's last turns, unless the caller marks."""
    parts = [part for m in messages if isinstance(m["content"], list) for part in m["content"]]
    if any("cache_control" in part for part in parts):
        return
    systems = [message for message in messages if message["role"] == "system"]
    turns = [message for message in messages if message["role"] == "user"]
    for message in (*systems[-1:], *turns[-_TURNS:]):
        *before, last = _parts(message["content"])
        message["content"] = [*before, {**last, **CACHE_CONTROL}]


def json_hint(schema: JsonValue) -> str:
    """Asks for JSON where a server takes no schema. Without the word it refuses JSON at all
    (https://api-docs.deepseek.com/guides/json_mode).
    """
    return f"Answer with one JSON object that fits this JSON Schema: {dumps(schema).decode()}"
