"""The tool loop: what the model asks for is run here, in the caller's own process."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from ..errors import InvalidRequest
from ..types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    Content,
    ContentBase,
    ModelOutput,
    ToolCall,
    ToolCallError,
    ToolInfo,
)
from .arguments import python_arguments
from .tool_def import ToolDef, ToolError, ToolParsingError

_MOST_OUTPUT = 16 * 1024

AnyTool: TypeAlias = ToolInfo | ToolDef | Callable[..., Any]
Ask: TypeAlias = Callable[[list[ChatMessage]], Awaitable[ModelOutput]]


class ExecuteToolsResult(NamedTuple):
    """What has come of the tool calls of a message."""

    messages: list[ChatMessage]
    """The answers of the tools."""
    output: ModelOutput | None = None
    """Always None; the reference has handed-over conversations here."""


def tool_infos(tools: Sequence[AnyTool]) -> list[ToolInfo]:
    """What the model is told about tools; the code stays here."""
    return [tool if isinstance(tool, ToolInfo) else _definition(tool).info() for tool in tools]


async def run_loop(
    messages: list[ChatMessage], tools: Sequence[AnyTool], ask: Ask, max_output: int | None
) -> tuple[list[ChatMessage], ModelOutput]:
    """Asks and runs tools until the model asks for none; the new messages and the last output."""
    conversation = list(messages)
    while True:
        output = await ask(conversation)
        conversation.append(output.message)
        answers = (await execute_tools(conversation, tools, max_output)).messages
        if not answers:
            return conversation[len(messages) :], output
        conversation.extend(answers)


async def execute_tools(
    messages: Sequence[ChatMessage], tools: Sequence[AnyTool], max_output: int | None = None
) -> ExecuteToolsResult:
    """Runs the tool calls of the last message, one after the other; their answers in this order.
    Neighbours that are all `parallel` run at once, in asyncio.

    What a tool raises as `ToolError`, and errors that a model can do something about (a missing
    file, a time-out, wrong arguments), become the answer's `error`. Anything else is raised.

    Args:
        messages: The conversation; its last message may hold tool calls.
        tools: Tools to call.
        max_output: Bytes of an answer that are kept; None is 16384, 0 is all.
    """
    last = messages[-1] if messages else None
    if not isinstance(last, ChatMessageAssistant) or not last.tool_calls:
        return ExecuteToolsResult([])
    known = {t.name: t for t in map(_definition, tools) if t is not None}
    pairs = [(call, known.get(call.function)) for call in last.tool_calls]
    answers: list[ChatMessage] = []
    for at_once, part in groupby(pairs, lambda pair: bool(pair[1] and pair[1].parallel)):
        if at_once and not _is_trio():
            answers += await _answers_at_once(list(part), max_output)
        else:
            answers += [await _answer(call, tool, max_output) for call, tool in part]
    return ExecuteToolsResult(answers)


def _is_trio() -> bool:
    trio: Any = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()


async def _answers_at_once(
    pairs: Sequence[tuple[ToolCall, ToolDef | None]], max_output: int | None
) -> list[ChatMessageTool]:
    asyncio: Any = sys.modules["asyncio"]  # a task that runs has imported its library
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(_answer(*pair, max_output)) for pair in pairs]
    except ExceptionGroup as failed:  # as if it had been called alone
        raise failed.exceptions[0] from None
    return [task.result() for task in running]


def _definition(tool: AnyTool) -> Any:
    if isinstance(tool, ToolInfo):
        raise InvalidRequest(
            f"the tool '{tool.name}' is a ToolInfo, which cannot be run; give the function"
        )
    return tool if isinstance(tool, ToolDef) else ToolDef(tool)


async def _answer(call: ToolCall, tool: ToolDef | None, max_output: int | None) -> ChatMessageTool:
    content: str | list[Content] = ""
    problem: ToolCallError | None = None
    try:
        if call.parse_error:
            raise ToolParsingError(call.parse_error)
        if tool is None:
            raise ToolParsingError(f"Tool {call.function} not found")
        given = python_arguments(call.arguments, tool.parameters, tool.tool)
        result = tool.tool(**given)
        if isawaitable(result):
            result = await result
        most = max_output if tool.max_output is None else tool.max_output
        content = _content(result, call.function, _MOST_OUTPUT if most is None else most)
    except (ToolError, OSError, UnicodeDecodeError, ValueError) as error:
        problem = _call_error(error, call.function)
        if problem is None:
            raise
    return ChatMessageTool(
        content=content, tool_call_id=call.id, function=call.function, error=problem
    )


def _call_error(error: Exception, function: str) -> ToolCallError | None:
    file = getattr(error, "filename", None)
    if isinstance(error, ToolParsingError):
        return ToolCallError("parsing", error.message)
    if isinstance(error, ToolError):
        return ToolCallError("unknown", error.message)
    if isinstance(error, TimeoutError):
        return ToolCallError("timeout", "Command timed out before completing.")
    if isinstance(error, PermissionError):
        return ToolCallError("permission", f"{error.strerror or error}. Filename '{file}'.")
    if isinstance(error, FileNotFoundError):
        return ToolCallError("file_not_found", f"File '{file}' was not found.")
    if isinstance(error, IsADirectoryError):
        return ToolCallError("is_a_directory", f"{error.strerror or error}. Filename '{file}'.")
    if isinstance(error, UnicodeDecodeError):
        return ToolCallError(
            "unicode_decode", f"Error decoding bytes to {error.encoding}: {error.reason}"
        )
    if isinstance(error, ValueError) and "embedded null byte" in str(error):
        return ToolCallError("parsing", f"An argument to tool '{function}' has a null byte.")
    return None


def _content(result: Any, function: str, most: int) -> str | list[Content]:
    if isinstance(result, ContentBase):
        return [result]  # type: ignore[list-item]
    if isinstance(result, list) and result and all(isinstance(r, ContentBase) for r in result):
        return result
    text = str(result)
    data = text.encode(errors="replace")
    if not most or len(data) <= most:
        return text
    half = most // 2
    kept = data[:half].decode(errors="ignore") + data[half - most :].decode(errors="ignore")
    return (
        f"\nThe output of your call to {function} was too long to be displayed.\n"
        f"Here is a truncated version:\n<START_TOOL_OUTPUT>\n{kept}\n<END_TOOL_OUTPUT>\n"
    )
