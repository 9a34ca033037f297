"""Marks of the prompt cache. Pure.

https://platform.claude.com/docs/en/build-with-claude/prompt-caching
A request may have four marks. What the caller marks is marked; where he marks nothing and does
not forbid it, the ends of the tools, of the system prompt and of the last two turns of the user
are. Prompts shorter than the smallest that any model caches stay without: marks would only change
their form.
"""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue

__all__ = ["cache_mark", "has_marks", "is_long", "mark_prompt"]

_LEAST_TOKENS = 1_024
"""Tokens of the shortest prompt that a model caches."""
_PER_TOKEN = 4
"""Letters of a text."""
_PER_MEDIA_TOKEN = {"image": 200, "document": 40}
"""Letters of base64: a guess that is rather too low, since pictures are counted by their area."""
_TEXTS = frozenset(("text", "thinking", "description", "content", "system"))

_TURNS = 2


def cache_mark(ttl: str | None) -> JsonObject:
    """A mark; None is the API's own time to live (five minutes)."""
    mark: JsonObject = {"type": "ephemeral"}
    if ttl is not None:
        mark["ttl"] = ttl
    return mark


def is_long(body: JsonObject) -> bool:
    """Whether the prompt is long enough to be cached, as far as its text and media tell."""
    size = sum(_tokens(body.get(name), "text") for name in ("system", "messages", "tools"))
    return size >= _LEAST_TOKENS


def _tokens(value: JsonValue, name: str) -> float:
    if isinstance(value, str):
        return len(value) / _PER_TOKEN if name in _TEXTS else 0
    if isinstance(value, list):
        return sum(_tokens(item, name) for item in value)
    if not isinstance(value, dict):
        return 0
    source = value.get("source")
    if isinstance(source, dict):
        letters = _PER_TOKEN if source.get("type") == "text" else 0
        letters = letters or _PER_MEDIA_TOKEN.get(value.get("type") or "", _PER_TOKEN)
        return len(source.get("data") or "") / letters
    return sum(_tokens(item, key) for key, item in value.items())


def has_marks(value: JsonValue) -> bool:
    """Whether there is a mark anywhere."""
    if isinstance(value, list):
        return any(has_marks(item) for item in value)
    if isinstance(value, dict):
        if value.get("cache_control") is not None:
            return True
        return any(has_marks(item) for item in value.values() if isinstance(item, (list, dict)))
    return False


def mark_prompt(body: JsonObject, mark: JsonObject) -> None:
    """Marks the ends of tools, system prompt and the user's last turns."""
    for index in reversed(range(len(body.get("tools") or ()))):
        tools = body["tools"]
        if not tools[index].get("defer_loading"):  # those take no mark
            marked = {**tools[index], "cache_control": mark}
            body["tools"] = [*tools[:index], marked, *tools[index + 1 :]]
            break
    if body.get("system"):
        body["system"] = _marked(body["system"], mark)
    turns = [message for message in body["messages"] if message["role"] == "user"]
    for message in turns[-_TURNS:]:
        message["content"] = _marked(message["content"], mark)


def _marked(content: JsonValue, mark: JsonObject) -> list[JsonObject]:
    """The content with a mark at its end; parts may be the caller's own and are not changed."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*blocks[:-1], {**blocks[-1], "cache_control": mark}]
