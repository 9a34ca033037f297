"""Names of what users register: solvers, scorers, metrics, tasks. A log needs them to tell which
function with which arguments did something, and a retry needs them to find it again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..functions import ToolDef, is_tool
from ..types import JsonObject
from ..types.jsonable import jsonable

Kind: TypeAlias = Literal["metric", "reducer", "scorer", "solver", "task"]

_MARK = "__modeld_registered__"


@dataclass
class Registered:
    """What made an object: the name of a registered function and its arguments."""

    kind: Kind
    name: str
    params: JsonObject = field(default_factory=dict)
    """All arguments, defaults included, as JSON."""
    passed: JsonObject = field(default_factory=dict)
    """The arguments that were given."""
    extra: dict[str, Any] = field(default_factory=dict)


def tag(made: Any, registered: Registered) -> Any:
    """Marks an object with what made it."""
    try:
        setattr(made, _MARK, registered)
    except AttributeError:
        raise ValueError(
            f"the {registered.kind} '{registered.name}' returned {made!r:.80}, not a function"
        ) from None
    return made


def registered(made: object) -> Registered | None:
    """What made the object, if it was a registered function."""
    found = getattr(made, _MARK, None)
    return found if isinstance(found, Registered) else None


def name_of(made: object) -> str:
    """The registered name, or that of the function itself."""
    found = registered(made)
    return found.name if found else str(getattr(made, "__name__", type(made).__name__))


def arguments(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> tuple[JsonObject, JsonObject]:
    """All arguments of a call, and those that were given, as JSON by name."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    passed = _by_name(bound)
    bound.apply_defaults()
    return _by_name(bound), passed


def _by_name(bound: inspect.BoundArguments) -> JsonObject:
    out: JsonObject = {}
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            out.update({key: _json(item) for key, item in value.items()})
        else:
            out[name] = _json(value)
    return out


def _json(value: Any) -> object:
    """As a log keeps it: functions by their names, what is no JSON as null."""
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    found = registered(value)
    if found is not None:
        return {"type": found.kind, "name": found.name, "params": found.passed}
    if is_tool(value):
        return {"type": "tool", "name": ToolDef(value).name, "params": {}}
    if callable(value) and not isinstance(value, type):
        return name_of(value)
    return jsonable(value)
