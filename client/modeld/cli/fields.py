"""One reader per field of GenerateConfig: from the text of an option to the field's value.

The reader follows from the field's annotation; the forms that an annotation does not tell are
in `_SPECIAL`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from ..texts import comma_list, mapping, read_file
from ..types import (
    BatchConfig,
    CachePolicy,
    GenerateConfig,
    JsonObject,
    JsonValue,
    ResponseSchema,
)
from ..types.policy import adaptive_from_string, expiry_seconds

Reader: TypeAlias = Callable[[str], JsonValue]

_YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CACHE_DAYS = 7
_BATCH_SIZE = 100


def read_field(name: str, text: str) -> JsonValue:
    """The value of the field that the text gives; ValueError says what is wrong."""
    return READERS[name](text)


def choices(name: str) -> tuple[str, ...]:
    """The words that the field allows; none when it is not a choice of words."""
    kind = KINDS[name]
    return get_args(kind) if get_origin(kind) is Literal and name not in _SPECIAL else ()


def is_switch(name: str) -> bool:
    """Whether the field is only on or off."""
    return KINDS[name] is bool


def _switch(text: str) -> bool:
    value = {**_YES, "on": True, "off": False}.get(text.strip().lower())
    if value is None:
        raise ValueError(f"Expected true or false, got {text!r}.")
    return value


def _number(kind: type[int | float], word: str) -> Reader:
    def read(text: str) -> JsonValue:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"Expected {word}, got {text!r}.") from None

    return read


def _word(allowed: tuple[str, ...]) -> Reader:
    def read(text: str) -> JsonValue:
        if text not in allowed:
            raise ValueError(f"Expected one of {', '.join(allowed)}; got {text!r}.")
        return text

    return read


def _cache(text: str) -> bool | CachePolicy:
    """Flag or value: `--cache=1` is on, so seven days and not one."""
    word = text.strip()
    on = _YES.get(word.lower())
    if on is not None:
        return CachePolicy(expiry=f"{_CACHE_DAYS}D") if on else False
    if word.isascii() and word.isdigit():
        return CachePolicy(expiry=f"{int(word)}D")
    try:
        expiry_seconds(word)
    except ValueError as error:
        if word[:-1].isdigit():
            raise ValueError(str(error)) from None
        return CachePolicy.from_dict(read_file(word))
    return CachePolicy(expiry=word)


def _batch(text: str) -> bool | int | BatchConfig:
    word = text.strip()
    on = _YES.get(word.lower())
    if on is not None:
        return _BATCH_SIZE if on else False
    if word.isascii() and word.isdigit():
        return int(word)
    return BatchConfig.from_dict(read_file(word))


def _cache_prompt(text: str) -> JsonValue:
    return text if text == "auto" else _switch(text)


def _logit_bias(text: str) -> dict[int, float]:
    try:
        pairs = (part.split("=") for part in text.split(",") if part.strip())
        return {int(token): float(bias) for token, bias in pairs}
    except ValueError:
        raise ValueError(f'Expected "42=10,43=-10" (token id = bias), got {text!r}.') from None


def _extra_headers(text: str) -> dict[str, str]:
    headers = mapping(text)
    for name, value in headers.items():
        if not isinstance(value, (str, int, float)):
            raise TypeError(f"The header {name!r} needs a text as its value.")
    return {str(name): str(value) for name, value in headers.items()}


def _response_schema(text: str) -> ResponseSchema:
    given: JsonObject = mapping(text)
    if "json_schema" not in given:  # a bare JSON Schema
        given = {"name": "answer", "json_schema": given}
    return ResponseSchema.from_dict(given)


def _modalities(text: str) -> JsonValue:
    words: JsonValue = comma_list(text)
    if words != ["image"]:
        words = read_file(text)
    return GenerateConfig.from_dict({"modalities": words}).modalities


_SPECIAL: dict[str, Reader] = {
    "adaptive_connections": adaptive_from_string,
    "batch": _batch,
    "cache": _cache,
    "cache_prompt": _cache_prompt,
    "extra_body": mapping,
    "extra_headers": _extra_headers,
    "logit_bias": _logit_bias,
    "modalities": _modalities,
    "response_schema": _response_schema,
}


def _kind(hint: object) -> object:
    """The annotation without its None."""
    if get_origin(hint) not in {Union, UnionType}:
        return hint
    members = [member for member in get_args(hint) if member is not type(None)]
    return members[0] if len(members) == 1 else tuple(members)


def _reader(name: str, kind: object) -> Reader:
    if name in _SPECIAL:
        return _SPECIAL[name]
    if get_origin(kind) is Literal:
        return _word(get_args(kind))
    simple: dict[object, Reader] = {
        bool: _switch,
        int: _number(int, "a whole number"),
        float: _number(float, "a number"),
        str: str,
        list[str]: comma_list,
    }
    return simple[kind]


_HINTS = get_type_hints(GenerateConfig)
KINDS: dict[str, object] = {
    name: _kind(_HINTS[name]) for name in GenerateConfig.__dataclass_fields__
}
READERS: dict[str, Reader] = {name: _reader(name, kind) for name, kind in KINDS.items()}
