"""The reference's names of tools."""

from .types import (
    ToolCall,
    ToolCallContent,
    ToolCallError,
    ToolCallErrorType,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParam,
    ToolParams,
)

__all__ = [
    "ToolCall",
    "ToolCallContent",
    "ToolCallError",
    "ToolCallErrorType",
    "ToolChoice",
    "ToolFunction",
    "ToolInfo",
    "ToolParam",
    "ToolParams",
]
