"""Text of the command line as values: YAML scalars, mappings, files, and lists with commas."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import yaml

from ..types import JsonObject, JsonValue


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
    return _json_or_yaml(path.read_text(encoding="utf-8"))


def _json_or_yaml(text: str) -> JsonValue:
    try:
        return json.loads(text)
    except ValueError:
        return yaml_value(text)
