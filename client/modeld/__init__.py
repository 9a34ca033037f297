"""modeld: the language server of models.

from modeld import get_model

print(get_model("local/smollm2-135m-instruct").generate_sync("Say hello").completion)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import errors
    from .api import get_model
    from .handle import Model
    from .media import materialize_media, materialize_media_sync
    from .roles import model_roles
    from .types import (
        AdaptiveConcurrency,
        BatchConfig,
        CachePolicy,
        ChatCompletionChoice,
        ChatMessage,
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageTool,
        ChatMessageUser,
        Content,
        ContentAudio,
        ContentCitation,
        ContentData,
        ContentDocument,
        ContentImage,
        ContentReasoning,
        ContentText,
        ContentToolUse,
        ContentVideo,
        GenerateConfig,
        JSONSchema,
        Logprob,
        Logprobs,
        ModelFallback,
        ModelOutput,
        ModelUsage,
        ResponseSchema,
        ServedModelUsage,
        StopCategory,
        StopDetails,
        StopReason,
        StreamEvent,
        ToolCall,
        ToolCallContent,
        ToolCallError,
        ToolChoice,
        ToolFunction,
        ToolInfo,
        ToolParam,
        ToolParams,
        TopLogprob,
        json_schema,
    )

__version__ = "0.1.0"

_ROOMS = {
    "errors": "errors",
    "get_model": "api",
    "Model": "handle",
    "materialize_media": "media",
    "materialize_media_sync": "media",
    "model_roles": "roles",
}
"""Room of each public name that does not live in `types`."""

_FACES = ("cache", "daemon", "model", "tool", "util")
"""Modules that are attributes of the package even before somebody imports them."""

__all__ = [
    "AdaptiveConcurrency",
    "BatchConfig",
    "CachePolicy",
    "ChatCompletionChoice",
    "ChatMessage",
    "ChatMessageAssistant",
    "ChatMessageSystem",
    "ChatMessageTool",
    "ChatMessageUser",
    "Content",
    "ContentAudio",
    "ContentCitation",
    "ContentData",
    "ContentDocument",
    "ContentImage",
    "ContentReasoning",
    "ContentText",
    "ContentToolUse",
    "ContentVideo",
    "GenerateConfig",
    "JSONSchema",
    "Logprob",
    "Logprobs",
    "Model",
    "ModelFallback",
    "ModelOutput",
    "ModelUsage",
    "ResponseSchema",
    "ServedModelUsage",
    "StopCategory",
    "StopDetails",
    "StopReason",
    "StreamEvent",
    "ToolCall",
    "ToolCallContent",
    "ToolCallError",
    "ToolChoice",
    "ToolFunction",
    "ToolInfo",
    "ToolParam",
    "ToolParams",
    "TopLogprob",
    "errors",
    "get_model",
    "json_schema",
    "materialize_media",
    "materialize_media_sync",
    "model_roles",
]


def __getattr__(name: str) -> object:
    """Loads a public name on first use, so that `import modeld` costs nothing."""
    if name in _FACES:
        return import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module 'modeld' has no attribute {name!r}")
    room = _ROOMS.get(name, "types")
    module = import_module(f".{room}", __name__)
    value = module if name == room else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
