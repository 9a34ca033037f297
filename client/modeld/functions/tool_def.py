"""A function as a tool: its name, what it is for, and the schema of its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeAlias, cast, get_type_hints, overload

from ..types import Content, ToolInfo, ToolParam, ToolParams, json_schema
from .docstring import read_docstring

P = ParamSpec("P")

_MARK = "__modeld_tool__"


class Tool(Protocol):
    """A function that a model may call: async, with annotated and described arguments."""

    def __call__(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Runs the tool. What it returns is text, a number, content, or a list of content."""


ToolResult: TypeAlias = "str | int | float | bool | Content | list[Content]"
"""What a tool returns."""


class ToolError(Exception):
    """Raised by a tool to tell the model what went wrong, instead of ending the sample."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ToolParsingError(ToolError):
    """The model's arguments do not fit the tool."""


class ToolDef:
    """What a model is told about a function, and the function.

    Args:
        tool: The function, or what `@tool` made.
        name: Name; the function's own when not given.
        description: What it is for; from the docstring when not given.
        parameters: The schema of its arguments, or descriptions by name.
        options: Settings for native tools of providers.
        max_output: Bytes of its answer that are kept; 0 is all, None is what the config says.
        parallel: Whether it may run at the same time as its neighbours among the calls of one
            message that may too.
    """

    def __init__(
        self,
        tool: Callable[..., Any],
        name: str | None = None,
        description: str | None = None,
        parameters: Mapping[str, str] | ToolParams | None = None,
        options: dict[str, object] | None = None,
        max_output: int | None = None,
        parallel: bool | None = None,
    ) -> None:
        if isinstance(tool, type) or not callable(tool):
            raise ValueError(f"A tool is a function, not {tool!r:.80}")
        known: ToolDef | None = getattr(tool, _MARK, None)
        self.tool = tool
        self.name: str = name or (known.name if known else _name_of(tool))
        self.description: str = description or (
            known.description if known else read_docstring(tool).description
        )
        if isinstance(parameters, ToolParams):
            self.parameters = parameters
        else:
            self.parameters = deepcopy(known.parameters) if known else read_parameters(tool)
            _describe(self.parameters, parameters or {})
        self.options: dict[str, object] | None = options or (known.options if known else None)
        self.max_output: int | None = (
            max_output if max_output is not None or not known else known.max_output
        )
        self.parallel: bool = parallel or (parallel is None and bool(known and known.parallel))

    def info(self) -> ToolInfo:
        """What the model is told."""
        return ToolInfo(self.name, self.description, self.parameters, self.options)

    def as_tool(self) -> Tool:
        """The function, under this definition."""

        @wraps(self.tool)
        def run(*args: Any, **kwargs: Any) -> Any:
            return self.tool(*args, **kwargs)

        setattr(run, _MARK, self)
        return cast("Tool", run)


@overload
def tool(func: Callable[P, Tool]) -> Callable[P, Tool]: ...


@overload
def tool(
    *,
    name: str | None = None,
    viewer: object = None,
    parallel: bool | None = None,
    max_output: int | None = None,
) -> Callable[[Callable[P, Tool]], Callable[P, Tool]]: ...


def tool(
    func: Callable[P, Tool] | None = None,
    *,
    name: str | None = None,
    viewer: object = None,  # noqa: ARG001 - there is nothing here that shows calls
    parallel: bool | None = None,
    max_output: int | None = None,
) -> Callable[P, Tool] | Callable[[Callable[P, Tool]], Callable[P, Tool]]:
    """Marks a function that returns a tool; the tool has that function's name.

    The tool needs a docstring that describes it and each argument, and annotations: otherwise
    calling the function is a `ValueError` that says what is missing.

    Args:
        func: The function.
        name: Name of the tool; the function's when not given.
        viewer: How the reference's viewer shows calls; without effect.
        parallel: As `ToolDef` has it.
        max_output: As `ToolDef` has it.
    """

    def mark(made: Callable[P, Tool]) -> Callable[P, Tool]:
        @wraps(made)
        def make(*args: P.args, **kwargs: P.kwargs) -> Tool:
            defined = ToolDef(
                made(*args, **kwargs),
                name or _name_of(made),
                max_output=max_output,
                parallel=parallel,
            )
            _check_described(defined)
            return defined.as_tool()

        return make

    return mark if func is None else mark(func)


def tool_with(
    tool: Tool,
    name: str | None = None,
    description: str | None = None,
    parameters: Mapping[str, str] | ToolParams | None = None,
    parallel: bool | None = None,
) -> Tool:
    """The tool under another name, description or descriptions of its parameters. The tool that was
    given stays as it is.
    """
    return ToolDef(tool, name, description, parameters, parallel=parallel).as_tool()


def is_tool(function: object) -> bool:
    """Whether `@tool` or a `ToolDef` made it."""
    return isinstance(getattr(function, _MARK, None), ToolDef)


def read_parameters(function: Callable[..., object]) -> ToolParams:
    """The schema of a function's arguments, from its annotations and docstring."""
    described = read_docstring(function).arguments
    target = function if inspect.isroutine(function) else type(function).__call__
    hints = get_type_hints(target, include_extras=True)
    parameters = ToolParams()
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        schema = json_schema(hints[name]) if name in hints else ToolParam()
        if parameter.default is parameter.empty:
            parameters.required.append(name)
        else:
            schema.default = parameter.default
        schema.description = described.get(name) or schema.description
        parameters.properties[name] = schema
    return parameters


def _name_of(function: Callable[..., object]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _describe(parameters: ToolParams, descriptions: Mapping[str, str]) -> None:
    for name, description in descriptions.items():
        if name not in parameters.properties:
            raise ValueError(f"'{name}' is not a valid parameter for the target function.")
        parameters.properties[name].description = description


def _check_described(defined: ToolDef) -> None:
    if not defined.description:
        raise ValueError(f"Description not provided for tool function '{defined.name}'")
    for name, schema in defined.parameters.properties.items():
        missing = "Description" if not schema.description else ""
        if not (schema.type or schema.anyOf or schema.enum):
            missing = "Type annotation"
        if missing:
            raise ValueError(
                f"{missing} not provided for parameter '{name}' of function '{defined.name}'."
            )
