"""Templates of prompts: text or a file, with names in braces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any


def resource(text: str) -> str:
    """The content of the file of that name, or the text itself when there is none."""
    if "\n" in text or len(text) > 1024:
        return text
    try:
        path = Path(text).expanduser()
        return path.read_text(encoding="utf-8") if path.is_file() else text
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, no such user
        return text


class _Lenient(Formatter):
    """Leaves names that nothing stands for as they are."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        first = field_name.split(".", 1)[0].split("[", maxsplit=1)[0]
        if self._params.get(first) is None:
            return "{" + field_name + "}", field_name
        try:
            return super().get_field(field_name, args, kwargs)
        except (AttributeError, KeyError, IndexError):
            return "{" + field_name + "}", field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        try:
            return str(super().format_field(value, format_spec))
        except (ValueError, TypeError):
            return f"{{{value}:{format_spec}}}"


def filled(template: str, params: Mapping[str, Any]) -> str:
    """The template with values for the names that have one."""
    return _Lenient(params).vformat(template, (), params)
