"""What a docstring in Google's style says about a function and its arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field

_ARGUMENT = re.compile(r"(\*{0,2}\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_SECTION = re.compile(
    r"(Args|Arguments|Parameters|Params|Returns?|Raises|Yields?|Examples?|Attributes|Notes?|See Also)"
    r":\s*$"
)


@dataclass
class Docstring:
    """The description, and the arguments by name."""

    description: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def read_docstring(function: Callable[..., object]) -> Docstring:
    """The docstring of a function; empty where it has none."""
    found = Docstring()
    sections: dict[str, list[str]] = {"": []}
    lines = sections[""]
    for line in (inspect.getdoc(function) or "").splitlines():
        heading = _SECTION.match(line)
        if heading:
            lines = sections.setdefault(heading[1].lower(), [])
            continue
        lines.append(line)
    found.description = "\n".join(sections[""]).strip()
    for name in ("args", "arguments", "parameters", "params"):
        found.arguments.update(_arguments(sections.get(name, [])))
    return found


def _arguments(lines: list[str]) -> dict[str, str]:
    arguments: dict[str, str] = {}
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    name = ""
    for line in lines:
        indent = len(line) - len(line.lstrip())
        said = _ARGUMENT.match(line.strip()) if indents and indent == min(indents) else None
        if said:
            name = said[1].lstrip("*")
            arguments[name] = said[2].strip()
        elif name and line.strip():
            arguments[name] = f"{arguments[name]} {line.strip()}".strip()
    return arguments
