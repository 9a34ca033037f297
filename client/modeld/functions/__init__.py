"""Functions of the user's program that a model may call: described, called, answered."""

from .docstring import Docstring, read_docstring
from .execute import ExecuteToolsResult, execute_tools, run_loop, tool_infos
from .tool_def import (
    Tool,
    ToolDef,
    ToolError,
    ToolParsingError,
    ToolResult,
    is_tool,
    tool,
    tool_with,
)

__all__ = [
    "Docstring",
    "ExecuteToolsResult",
    "Tool",
    "ToolDef",
    "ToolError",
    "ToolParsingError",
    "ToolResult",
    "execute_tools",
    "is_tool",
    "read_docstring",
    "run_loop",
    "tool",
    "tool_infos",
    "tool_with",
]
