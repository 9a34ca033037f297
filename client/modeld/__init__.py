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
    from .evals.eval_set import eval_retry, eval_set
    from .evals.reducers import Epochs
    from .evals.run import eval, eval_async  # noqa: A004
    from .evals.task import Task, task, task_with
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
    "Epochs": "evals.reducers",
    "Task": "evals.task",
    "errors": "errors",
    "eval": "evals.run",
    "eval_async": "evals.run",
    "eval_retry": "evals.eval_set",
    "eval_set": "evals.eval_set",
    "task": "evals.task",
    "task_with": "evals.task",
    "get_model": "api",
    "Model": "handle",
    "materialize_media": "media",
    "materialize_media_sync": "media",
    "model_roles": "roles",
}
"""Room of each public name that does not live in `types`."""

_FACES = (
    "cache", "daemon", "dataset", "log", "model", "scorer", "sessions", "solver", "tool", "util",
)  # fmt: skip
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
    "Epochs",
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
    "Task",
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
    "eval",
    "eval_async",
    "eval_retry",
    "eval_set",
    "get_model",
    "json_schema",
    "materialize_media",
    "materialize_media_sync",
    "model_roles",
    "task",
    "task_with",
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
