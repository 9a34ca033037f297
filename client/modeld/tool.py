"""The reference's names of tools."""

from .functions import Tool, ToolDef, ToolError, ToolParsingError, tool
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
    "Tool",
    "ToolCall",
    "ToolCallContent",
    "ToolCallError",
    "ToolCallErrorType",
    "ToolChoice",
    "ToolDef",
    "ToolError",
    "ToolFunction",
    "ToolInfo",
    "ToolParam",
    "ToolParams",
    "ToolParsingError",
    "tool",
]
