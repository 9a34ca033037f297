"""What a docstring says about a function and its arguments, in the three styles that there are.

Google's (`Args:`), Sphinx's (`:param x: …`, docs.python.org/devguide and the reST field lists of
www.sphinx-doc.org/en/master/usage/domains/python.html#info-field-lists) and NumPy's (`Parameters`
underlined, numpydoc.readthedocs.io/en/latest/format.html).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

_ARGUMENTS = ("args", "arguments", "parameters", "params", "other parameters", "keyword args")
_HEADING = (
    r"(Args|Arguments|Keyword Args|Parameters|Params|Other Parameters|Returns?|Raises|Yields?|Receives"
    r"|Warns|Warnings?|Examples?|Attributes|Methods|Notes?|References|See Also)"
)
_GOOGLE = re.compile(rf"{_HEADING}:\s*$")
_NUMPY = re.compile(rf"{_HEADING}\s*$")
_UNDERLINE = re.compile(r"-{3,}\s*$")
_GOOGLE_ARGUMENT = re.compile(r"(\*{0,2}\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_NUMPY_ARGUMENTS = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_FIELD = re.compile(r":(\w+)((?:\s+[^:]+)?):(?:\s+|$)(.*)")
_FIELDS_OF_ARGUMENTS = ("param", "parameter", "arg", "argument", "key", "keyword")


@dataclass
class Docstring:
    """The description, and the arguments by name."""

    description: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def read_docstring(function: Callable[..., object]) -> Docstring:
    """The docstring of a function; empty where it has none."""
    lines, fields = _without_fields((inspect.getdoc(function) or "").splitlines())
    found = Docstring(arguments=fields)
    for heading, style, section in _sections(lines):
        if not heading:
            found.description = "\n".join(section).strip()
        elif heading in _ARGUMENTS:
            found.arguments.update(style(section))
    return found


def _without_fields(lines: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The lines without Sphinx's fields, and the arguments that these describe."""
    rest: list[str] = []
    arguments: dict[str, str] = {}
    name: str | None = None  # of the field that a further line belongs to; empty for another field
    for line in lines:
        said = _FIELD.match(line)
        if said:
            words = said[2].split()
            name = words[-1].lstrip("*\\") if said[1] in _FIELDS_OF_ARGUMENTS and words else ""
            text = said[3]
        elif name is not None and line[:1].isspace():
            text = line
        else:
            name = None if line.strip() else name
            rest.append(line)
            continue
        if name:
            arguments[name] = f"{arguments.get(name, '')} {text.strip()}".strip()
    return rest, arguments


Style = Callable[[Sequence[str]], dict[str, str]]


def _sections(lines: Sequence[str]) -> Iterator[tuple[str, Style, list[str]]]:
    """Heading in lower case, how its arguments are written, and lines; first what has no heading."""
    heading, style, section = "", _google_arguments, list[str]()
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        google = _GOOGLE.match(line)
        numpy = _NUMPY.match(line) if _UNDERLINE.match(following) else None
        if google or numpy:
            yield heading, style, section
            heading = (google or numpy)[1].lower()  # type: ignore[index]
            style, section = _google_arguments if google else _numpy_arguments, []
        else:
            section.append(line)
    yield heading, style, section


def _google_arguments(lines: Sequence[str]) -> dict[str, str]:
    return _arguments(lines, _GOOGLE_ARGUMENT)


def _numpy_arguments(lines: Sequence[str]) -> dict[str, str]:
    return _arguments([line for line in lines if not _UNDERLINE.match(line)], _NUMPY_ARGUMENTS)


def _arguments(lines: Sequence[str], pattern: re.Pattern[str]) -> dict[str, str]:
    """Arguments stand at the margin of their section; what is further in belongs to the last."""
    arguments: dict[str, str] = {}
    margin = min((_indent(line) for line in lines if line.strip()), default=0)
    names: list[str] = []
    for line in lines:
        said = pattern.match(line.strip()) if _indent(line) == margin else None
        if said:
            names = [name.strip().lstrip("*") for name in said[1].split(",")]
            text = said[2] if pattern.groups > 1 else ""
            arguments.update(dict.fromkeys(names, text.strip()))
        elif names and line.strip():
            for name in names:
                arguments[name] = f"{arguments[name]} {line.strip()}".strip()
    return arguments


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
