"""Text of the command line, of variables and of files as values: YAML scalars, mappings, lists with
commas, several values in one variable.

Needs pyyaml, which comes with the extra `cli`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import yaml

from .environment import Environment
from .types import JsonObject, JsonValue

_environment = Environment()
_CLOSING = {"{": "}", "[": "]", '"': '"', "'": "'"}


def yaml_value(text: str) -> JsonValue:
    """The value of a YAML text: 5, 0.5, true, off, nothing (None), [a, b], {a: 1}, words."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        # Not `from error`, and not its text: what was given may hold a secret.
        raise ValueError("The value is not valid YAML; put it in quotes.") from None


def model_argument(text: str) -> tuple[str, JsonValue]:
    """Key and value of one `-M key=value`.

    Hyphens of the key become underscores. A text with a comma is a list of its parts, quoted or
    not. A date stays text: only JSON travels to the daemon.
    """
    key, equals, raw = text.partition("=")
    key = key.strip().replace("-", "_")
    if not equals or not key:
        raise ValueError(f"Write key=value (got {key!r} without a value).")
    try:
        value = yaml_value(raw)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    if isinstance(value, str) and "," in value:
        return key, value.split(",")
    return key, value.isoformat() if isinstance(value, date) else value


def evaluation_variables(name: str) -> list[str]:
    """Variables of an option of evaluations; modeld's own name comes first."""
    return [f"{prefix}_EVAL_{name.upper().replace('-', '_')}" for prefix in ("MODELD", "INSPECT")]


def variable(names: Sequence[str]) -> str | None:
    """The value of the first variable that has one, of the process or of the nearest `.env`."""
    return next((value for name in names if (value := _environment.get(name))), None)


def split_words(text: str) -> list[str]:
    """The words of a variable that holds several: apart by blanks, but not inside of quotes or
    brackets, so that "a=1 b={x: 1, y: 2}" is two. Brackets that do not close keep the rest together.
    """
    words, word, closing = [""], 0, ""
    for letter in text:
        if closing and letter == closing[-1]:
            closing = closing[:-1]
        elif letter in _CLOSING and closing[-1:] not in {'"', "'"}:
            closing += _CLOSING[letter]
        elif letter.isspace() and not closing:
            words.append("")
            word += 1
            continue
        words[word] += letter
    return [word for word in words if word]


def variable_arguments(name: str) -> JsonObject:
    """The arguments that the variables of an option such as "model-args" hold."""
    said = variable(evaluation_variables(name))
    return dict(model_argument(text) for text in split_words(said or ""))


def comma_list(text: str) -> list[str]:
    """The parts of "a,b"; a comma inside a part is written as backslash and comma."""
    parts = re.split(r"(?<!\\),", text)
    return [part.replace("\\,", ",") for part in parts if part]


def mapping(text: str) -> JsonObject:
    """The mapping that a JSON or YAML text gives, or the file of that name."""
    if "{" not in text and "\n" not in text and Path(text).is_file():
        return mapping_file(text)
    value = _json_or_yaml(text)
    if not isinstance(value, dict):
        raise ValueError('Expected a mapping such as {"key": "value"}, or the name of a file.')
    return value


def mapping_file(name: str) -> JsonObject:
    """The mapping in a JSON or YAML file."""
    value = read_file(name)
    if not isinstance(value, dict):
        raise ValueError(f"The file {name} does not hold a mapping.")
    return value


def read_file(name: str) -> JsonValue:
    """What a JSON or YAML file holds."""
    path = Path(name).expanduser()
    if not path.is_file():
        raise ValueError(f"The config file {name} does not exist.")
    try:
        return _json_or_yaml(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"The file {name} is not text in UTF-8.") from None
    except ValueError as error:
        cause = error.__context__
        mark = cause.problem_mark if isinstance(cause, yaml.MarkedYAMLError) else None
        place = "" if mark is None else f" (line {mark.line + 1})"
        raise ValueError(f"The file {name} is neither JSON nor YAML{place}.") from None


def _json_or_yaml(text: str) -> JsonValue:
    try:
        return json.loads(text)
    except ValueError:
        return yaml_value(text)
