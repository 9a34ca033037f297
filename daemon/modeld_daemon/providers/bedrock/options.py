"""A caller's model args, checked. Imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modeld.errors import InvalidRequest
from modeld.types import JsonObject, JsonValue

from ...core.ports import Connection, Row
from ..aws.place import check_aws, named_region

__all__ = ["Options", "check", "read_options"]

Streaming: TypeAlias = Literal["auto", "always", "never"]

_STREAMING: Mapping[JsonValue, Streaming] = {"auto": "auto", True: "always", False: "never"}
_TEXTS = {
    "region": "region",
    "aws_region": "region",
    "region_name": "region",
    "profile": "profile",
    "aws_profile": "profile",
    "profile_name": "profile",
}
_BODY: Mapping[str, str] = {
    "guardrail_config": "guardrailConfig",
    "performance_config": "performanceConfig",
    "request_metadata": "requestMetadata",
    "service_tier": "serviceTier",
    "prompt_variables": "promptVariables",
}
_SECONDS = {"read_timeout": "read_timeout", "client_timeout": "read_timeout"}


@dataclass(frozen=True, slots=True)
class Options:
    """Model args of a connection."""

    region: str | None = None
    profile: str | None = None
    streaming: Streaming = "auto"
    body: JsonObject = field(default_factory=dict)
    """Members of every request's body; those of the call win."""
    connect_timeout: float = 60.0
    read_timeout: float = 3600.0
    """Seconds without a byte of an answer; a plain answer is silent while the model thinks."""


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail."""
    options = read_options(connection.args)
    named_region(model, options.region, connection.environment)
    check_aws(row.name, connection.api_key)


def read_options(args: Mapping[str, JsonValue]) -> Options:
    """The options that model args ask for; `InvalidRequest` names what is wrong."""
    said: dict[str, object] = {}
    body: JsonObject = {}
    for name, value in args.items():
        if value is None:
            continue
        if name in _TEXTS:
            said[_TEXTS[name]] = _checked(name, value, (str,))
        elif name in _BODY:
            kinds: tuple[type, ...] = (str, dict) if name == "service_tier" else (dict,)
            value = _checked(name, value, kinds)  # noqa: PLW2901
            body[_BODY[name]] = {"type": value} if isinstance(value, str) else value
        elif name in _SECONDS or name == "connect_timeout":
            said[_SECONDS.get(name, name)] = float(_checked(name, value, (int, float)))
        elif name in ("streaming", "stream"):
            if not isinstance(value, (str, bool)) or value not in _STREAMING:
                raise InvalidRequest(f"Model arg {name!r} is 'auto', true or false, not {value!r}")
            said["streaming"] = _STREAMING[value]
        else:
            raise InvalidRequest(_unknown(name))
    return Options(**said, body=body)  # type: ignore[arg-type]  # each was checked above


def _checked(name: str, value: JsonValue, types: tuple[type, ...]) -> JsonValue:
    if isinstance(value, types) and not isinstance(value, bool):
        return value
    wanted = " or ".join(kind.__name__ for kind in types)
    raise InvalidRequest(f"Model arg {name!r} must be {wanted}, got {value!r}")


def _unknown(name: str) -> str:
    if name == "max_retries":
        return "Model arg 'max_retries': use GenerateConfig.max_retries."
    known = ", ".join(sorted((*_TEXTS, *_BODY, *_SECONDS, "connect_timeout", "streaming")))
    return f"Unknown model arg {name!r}. Known are {known}; others go in GenerateConfig.extra_body."
