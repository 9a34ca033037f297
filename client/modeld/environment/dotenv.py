"""Reads `.env` files exactly as python-dotenv does, which is what people test theirs with.

Of two kinds of value, most are plain. Those with `${NAME}` or `${NAME:-default}` depend on the
process environment and on lines above them, and are worked out when asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["DotEnv", "parse"]

_BLANK = re.compile(r"\s*")
_EXPORT = re.compile(r"(?:export[^\S\r\n]+)?")
_QUOTED_KEY = re.compile(r"'([^']+)'[^\S\r\n]*")
_PLAIN_KEY = re.compile(r"([^=#\s]+)[^\S\r\n]*")
_EQUALS = re.compile(r"=([^\S\r\n]*)")
_SINGLE = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_PLAIN = re.compile(r"[^\r\n]*")
_TRAILING_COMMENT = re.compile(r"\s+#.*")
_END = re.compile(r"(?:[^\S\r\n]*#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|$)")
_REST_OF_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?")
_DOUBLE_ESCAPE = re.compile(r"\\([\\'\"abfnrtv])")
_SINGLE_ESCAPE = re.compile(r"\\([\\'])")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REFERENCE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")


class DotEnv:
    """The values of one `.env` text. Its repr shows none of them."""

    __slots__ = ("_bindings", "_plain", "_references", "_resolved")

    def __init__(self, text: str = "") -> None:
        self._bindings = tuple(parse(text))
        self._references = tuple(
            {m[1] for _, value in self._bindings for m in _REFERENCE.finditer(value or "")}
        )
        self._plain = dict(self._bindings)
        self._resolved: tuple[tuple[str | None, ...], dict[str, str | None]] | None = None

    def __repr__(self) -> str:
        return f"DotEnv({sorted(self._plain)})"

    def values(self, environ: Mapping[str, str]) -> Mapping[str, str | None]:
        """All values; those with `${…}` as the process environment is now, which wins."""
        if not self._references:
            return self._plain
        seen = tuple(environ.get(name) for name in self._references)
        if self._resolved is None or self._resolved[0] != seen:
            self._resolved = (seen, self._resolve(environ))
        return self._resolved[1]

    def _resolve(self, environ: Mapping[str, str]) -> dict[str, str | None]:
        resolved: dict[str, str | None] = {}

        def replace(match: re.Match[str]) -> str:
            name, default = match[1], match[2] or ""
            found = environ.get(name)
            return (found if found is not None else resolved.get(name, default)) or ""

        for name, value in self._bindings:
            resolved[name] = None if value is None else _REFERENCE.sub(replace, value)
        return resolved


def parse(text: str) -> Iterator[tuple[str, str | None]]:
    """The bindings of a text in order; a name without "=" has None. Bad lines are left out."""
    text = text.removeprefix("\ufeff")
    at = 0
    while at < len(text):
        at, binding = _parse_binding(text, at)
        if binding is not None:
            yield binding


def _parse_binding(text: str, at: int) -> tuple[int, tuple[str, str | None] | None]:
    """Reads one binding; gives the place after it, and None for a comment or a bad line."""
    at = _after(_BLANK, text, at)
    at = _after(_EXPORT, text, at)
    key: str | None = None
    value: str | None = None
    if not text.startswith("#", at):
        found = (_QUOTED_KEY if text.startswith("'", at) else _PLAIN_KEY).match(text, at)
        if found is None:
            return _after(_REST_OF_LINE, text, at), None
        key, at = found[1], found.end()
    equals = _EQUALS.match(text, at)
    if equals is not None:
        at = equals.end()
        # "KEY= # note" is empty with a comment, "KEY=#note" is a value.
        if equals[1] and text.startswith("#", at):
            value = ""
        else:
            end, value = _parse_value(text, at)
            if value is None:
                return _after(_REST_OF_LINE, text, at), None
            at = end
    end_of_line = _END.match(text, at)
    if end_of_line is None:
        return _after(_REST_OF_LINE, text, at), None
    return end_of_line.end(), None if key is None else (key, value)


def _parse_value(text: str, at: int) -> tuple[int, str | None]:
    first = text[at : at + 1]
    if first in ("'", '"'):
        found = (_SINGLE if first == "'" else _DOUBLE).match(text, at)
        if found is None:
            return at, None
        escape = _SINGLE_ESCAPE if first == "'" else _DOUBLE_ESCAPE
        return found.end(), escape.sub(lambda m: _ESCAPED.get(m[1], m[1]), found[1])
    end = _after(_PLAIN, text, at)
    return end, _TRAILING_COMMENT.sub("", text[at:end]).rstrip()


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
