"""A caller's model args, sorted by where they go. Imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import JsonObject, JsonValue

from ...core.ports import Connection, Row
from ..aws.place import check_aws, named_region
from ..azure.entra import check_entra
from .location import named_location

__all__ = ["Options", "check", "missing_key", "read_options"]

Streaming: TypeAlias = Literal["auto", "always", "never"]

# Arguments of AsyncAnthropic(...) that can be said in JSON. Not `max_retries`: there is one retry
# loop in the house, and it is not the SDK's.
_CLIENT_ARGS: Mapping[str, tuple[type, ...]] = {
    "default_headers": (dict,),
    "default_query": (dict,),
    "timeout": (int, float),
}
_BODY_ARGS: Mapping[str, tuple[type, ...]] = {
    "service_tier": (str,),
    "inference_geo": (str,),
    "container": (str, dict),
    "speed": (str,),
}
_AWS_ARGS = ("aws_region", "aws_profile")
_STREAMING: Mapping[JsonValue, Streaming] = {"auto": "auto", True: "always", False: "never"}
_TTLS = ("5m", "1h")


@dataclass(frozen=True, slots=True)
class Options:
    """Model args of a connection."""

    client: JsonObject = field(default_factory=dict)
    """Arguments of the SDK's constructor."""
    body: JsonObject = field(default_factory=dict)
    """Members of every request's body; those of the call win."""
    betas: tuple[str, ...] = ()
    """Names for the header `anthropic-beta`."""
    cache_ttl: str | None = None
    """How long the prompt cache keeps what is marked: 5m (the API's default) or 1h."""
    streaming: Streaming = "auto"
    aws_region: str | None = None
    aws_profile: str | None = None


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail."""
    if connection.api_key is None and row.key_required:
        raise missing_key(row)
    if connection.base_url is None and row.quirks.get("own_address"):
        names = " or ".join(row.base_url_variables)
        message = f"No address for {row.name}: set {names}, or give base_url=."
        raise PrerequisiteError(message, provider=row.name)
    check_entra(row, connection)
    options = read_options(connection.args)
    if row.quirks.get("place") == "bedrock":
        named_region(model, options.aws_region, connection.environment)
        check_aws(row.name, connection.api_key)
    elif row.quirks.get("place") == "vertex":
        named_location(row.name, connection.environment)


def missing_key(row: Row) -> PrerequisiteError:
    """The error for a provider that needs a key and has none."""
    names = " or ".join(row.key_variables)
    return PrerequisiteError(f"No API key for {row.name}: set {names}.", provider=row.name)


def read_options(args: Mapping[str, JsonValue]) -> Options:
    """The options that model args ask for; `InvalidRequest` names what is wrong."""
    client: JsonObject = {}
    body: JsonObject = {}
    aws: dict[str, str] = {}
    betas: tuple[str, ...] = ()
    cache_ttl: str | None = None
    streaming: Streaming = "auto"
    for name, value in args.items():
        if value is None:
            continue
        if name in _CLIENT_ARGS:
            client[name] = _checked(name, value, _CLIENT_ARGS[name])
        elif name == "client_timeout":
            client["timeout"] = _checked(name, value, (int, float))
        elif name in _BODY_ARGS:
            body[name] = _checked(name, value, _BODY_ARGS[name])
        elif name == "extra_body":
            body.update(_checked(name, value, (dict,)))
        elif name in _AWS_ARGS:
            aws[name] = _checked(name, value, (str,))
        elif name == "betas":
            betas = _betas(value)
        elif name == "cache_ttl":
            if value not in _TTLS:
                raise InvalidRequest(f"Model arg 'cache_ttl' is '5m' or '1h', not {value!r}")
            cache_ttl = value
        elif name in ("streaming", "stream"):
            if not isinstance(value, (str, bool)) or value not in _STREAMING:
                raise InvalidRequest(f"Model arg {name!r} is 'auto', true or false, not {value!r}")
            streaming = _STREAMING[value]
        else:
            raise InvalidRequest(_unknown(name))
    if "stream" in body:
        raise InvalidRequest("extra_body['stream']: stream() and generate() decide that.")
    return Options(client, body, betas, cache_ttl, streaming, **aws)


def _betas(value: JsonValue) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidRequest(f"Model arg 'betas' is a list of names, not {value!r}")
    return tuple(name.strip() for name in names if name.strip())


def _checked(name: str, value: JsonValue, types: tuple[type, ...]) -> JsonValue:
    if isinstance(value, types) and not isinstance(value, bool):
        return value
    wanted = " or ".join(kind.__name__ for kind in types)
    raise InvalidRequest(f"Model arg {name!r} must be {wanted}, got {value!r}")


def _unknown(name: str) -> str:
    if name == "max_retries":
        return (
            "Model arg 'max_retries': use GenerateConfig.max_retries; the SDK never retries here."
        )
    own = ("betas", "cache_ttl", "client_timeout", "extra_body", "streaming")
    known = ", ".join(sorted((*_CLIENT_ARGS, *_BODY_ARGS, *_AWS_ARGS, *own)))
    return f"Unknown model arg {name!r}. Known are {known}."
