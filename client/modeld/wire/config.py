"""GenerateConfig. Driven by two tables, for most fields of most configs are not said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from modeld.v1 import config_pb2 as pb

from ..errors import InvalidRequest
from ..types import CONFIG_FIELDS, GenerateConfig, JSONSchema, ResponseSchema
from . import enums
from .jsontext import dump, dump_object, load_object
from .naming import MISFITS, named, unknown
from .policy import (
    fill_adaptive,
    fill_batch,
    fill_cache,
    fill_modalities,
    read_adaptive,
    read_batch,
    read_cache,
    read_modalities,
)

Fill: TypeAlias = Callable[[pb.GenerateConfig, Any], None]
Read: TypeAlias = Callable[[Any], object]


def config_to_proto(config: GenerateConfig) -> pb.GenerateConfig:
    """How to generate."""
    out = pb.GenerateConfig()
    fill_config(out, config)
    return out


def fill_config(out: pb.GenerateConfig, config: GenerateConfig) -> None:
    """Write what the config says into an empty message."""
    name, value = "", None
    try:
        for name, fill in _FILL:
            value = getattr(config, name)
            if value is None:
                continue
            if fill is None:
                setattr(out, name, value)
            else:
                fill(out, value)
    except MISFITS as error:
        raise _misfit(error, config, name, value) from None


def _misfit(error: Exception, config: GenerateConfig, name: str, value: object) -> InvalidRequest:
    """Prefer the part inside the value; else the field that was being written."""
    if isinstance(error, RecursionError):
        return InvalidRequest(f"config.{name}: nested too deeply, or contains itself")
    whole = named(error, config, "config")
    if f"config.{name}" in str(whole):
        return whole
    return InvalidRequest(f"config.{name}: {error} ({type(value).__name__})")


def config_from_proto(proto: pb.GenerateConfig) -> GenerateConfig:
    """How to generate; fields that a newer version added are ignored."""
    said: dict[str, Any] = {}
    for descriptor, value in proto.ListFields():
        entry = _READ.get(descriptor.name)
        if entry is not None:
            name, read = entry
            said[name] = value if read is None else read(value)
    return GenerateConfig(**said)


def _enum(name: str, numbers: dict[Any, Any]) -> tuple[Fill, Read]:
    words = {number: word for word, number in numbers.items()}

    def fill(out: pb.GenerateConfig, value: object) -> None:
        setattr(out, name, numbers[value])

    def read(number: int) -> object:
        if number not in words:
            unknown(f"GenerateConfig.{name}", number)
        return words[number]

    return fill, read


def _extend(name: str) -> Fill:
    def fill(out: pb.GenerateConfig, value: list[str]) -> None:
        if isinstance(value, str):
            raise TypeError("expected a list of strings, got one string")
        getattr(out, name).extend(value)

    return fill


def _update(name: str) -> Fill:
    def fill(out: pb.GenerateConfig, value: dict[Any, Any]) -> None:
        getattr(out, name).update(value)

    return fill


def _fill_schema(out: pb.GenerateConfig, schema: ResponseSchema) -> None:
    target = out.response_schema
    target.name = schema.name
    target.json_schema_json = dump(schema.json_schema.to_dict())
    if schema.description is not None:
        target.description = schema.description
    if schema.strict is not None:
        target.strict = schema.strict


def _read_schema(proto: pb.ResponseSchema) -> ResponseSchema:
    text = load_object(proto.json_schema_json, "ResponseSchema.json_schema_json")
    return ResponseSchema(
        proto.name,
        JSONSchema.from_dict(text),
        proto.description if proto.HasField("description") else None,
        proto.strict if proto.HasField("strict") else None,
    )


def _fill_extra_body(out: pb.GenerateConfig, value: dict[str, Any]) -> None:
    out.extra_body_json = dump_object(value)


def _read_extra_body(text: str) -> object:
    return load_object(text, "GenerateConfig.extra_body_json")


# Fields that are not plain scalars under the same name: name -> how to write, how to read.
_SPECIAL: dict[str, tuple[Fill, Read]] = {
    "adaptive_connections": (fill_adaptive, read_adaptive),
    "stop_seqs": (_extend("stop_seqs"), list),
    "logit_bias": (_update("logit_bias"), dict),
    "cache_prompt": _enum("cache_prompt", enums.PROMPT_CACHE),
    "fallback_models": (_extend("fallback_models"), list),
    "verbosity": _enum("verbosity", enums.VERBOSITY),
    "effort": _enum("effort", enums.EFFORT),
    "reasoning_effort": _enum("reasoning_effort", enums.REASONING_EFFORT),
    "reasoning_mode": _enum("reasoning_mode", enums.REASONING_MODE),
    "reasoning_summary": _enum("reasoning_summary", enums.REASONING_SUMMARY),
    "reasoning_history": _enum("reasoning_history", enums.REASONING_HISTORY),
    "response_schema": (_fill_schema, _read_schema),
    "extra_headers": (_update("extra_headers"), dict),
    "extra_body": (_fill_extra_body, _read_extra_body),
    "modalities": (fill_modalities, read_modalities),
    "cache": (fill_cache, read_cache),
    "batch": (fill_batch, read_batch),
}
_PROTO_NAMES = {"extra_body": "extra_body_json"}
_NO_SPECIAL: tuple[None, None] = (None, None)

_FILL: tuple[tuple[str, Fill | None], ...] = tuple(
    (name, _SPECIAL.get(name, _NO_SPECIAL)[0]) for name in CONFIG_FIELDS
)
_READ: dict[str, tuple[str, Read | None]] = {
    _PROTO_NAMES.get(name, name): (name, _SPECIAL.get(name, _NO_SPECIAL)[1])
    for name in CONFIG_FIELDS
}
