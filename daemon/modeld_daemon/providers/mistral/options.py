"""A caller's model args, sorted by where they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import JsonObject, JsonValue

from ...core.ports import Connection, Row
from ..azure.entra import check_entra

__all__ = ["Options", "check", "missing_key", "read_options"]

Streaming: TypeAlias = Literal["auto", "always", "never"]

_SERVERS = ("global", "eu", "us")
_CLIENT_ARGS: Mapping[str, tuple[type, ...]] = {
    "server": (str,),
    "timeout_ms": (int,),
    "timeout": (int, float),
    "client_timeout": (int, float),
    "default_headers": (dict,),
    "api_version": (str,),
}
# https://docs.mistral.ai/api/endpoint/chat
_BODY_ARGS: Mapping[str, tuple[type, ...]] = {
    "guardrails": (list,),
    "metadata": (dict,),
    "min_tokens": (int,),
    "prediction": (dict,),
    "prompt_cache_key": (str,),
    "prompt_mode": (str,),
    "repetition_penalty": (int, float),
    "safe_prompt": (bool,),
    "service_tier": (str,),
}
_STREAMING: Mapping[JsonValue, Streaming] = {"auto": "auto", True: "always", False: "never"}


@dataclass(frozen=True, slots=True)
class Options:
    """Model args of a connection."""

    server: str | None = None
    """Region of the API: global, eu or us."""
    timeout: float | None = None
    """Seconds to wait for an answer; the SDK's own when not given."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers of every request."""
    body: JsonObject = field(default_factory=dict)
    """Members of every request's body."""
    streaming: Streaming = "auto"
    api_version: str | None = None
    """Version of the API of a resource on Azure."""


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail. Imports no SDK."""
    if connection.api_key is None and row.key_required:
        raise missing_key(row)
    if connection.base_url is None and row.quirks.get("own_address"):
        names = " or ".join(row.base_url_variables)
        message = f"No address for {row.name}: set {names}, or give base_url=."
        raise PrerequisiteError(message, provider=row.name)
    check_entra(row, connection)
    read_options(connection.args)


def missing_key(row: Row) -> PrerequisiteError:
    """The error for a provider that needs a key and has none."""
    names = " or ".join(row.key_variables)
    return PrerequisiteError(f"No API key for {row.name}: set {names}.", provider=row.name)


def read_options(args: Mapping[str, JsonValue]) -> Options:
    """The options that model args ask for; `InvalidRequest` names what is wrong."""
    client: JsonObject = {}
    body: JsonObject = {}
    streaming: Streaming = "auto"
    for name, value in args.items():
        if value is None:
            continue
        if name in _CLIENT_ARGS:
            client[name] = _checked(name, value, _CLIENT_ARGS[name])
        elif name in _BODY_ARGS:
            body[name] = _checked(name, value, _BODY_ARGS[name])
        elif name in ("streaming", "stream"):
            if not isinstance(value, str | bool) or value not in _STREAMING:
                raise InvalidRequest(f"Model arg {name!r} is 'auto', true or false, not {value!r}")
            streaming = _STREAMING[value]
        elif name == "conversation_api" and value is False:
            continue  # chat completions are none
        else:
            raise InvalidRequest(_unknown(name))
    server = client.get("server")
    if server is not None and server not in _SERVERS:
        raise InvalidRequest(f"Model arg 'server' is one of {', '.join(_SERVERS)}, not {server!r}")
    headers = client.get("default_headers") or {}
    if not all(isinstance(value, str) for value in headers.values()):
        raise InvalidRequest("Model arg 'default_headers': the values must be text")
    version = client.get("api_version")
    return Options(server, _timeout(client), headers, body, streaming, version)


def _timeout(client: JsonObject) -> float | None:
    seconds: float | None = client.get("client_timeout", client.get("timeout"))
    if seconds is None and "timeout_ms" in client:
        seconds = client["timeout_ms"] / 1000
    if seconds is not None and not 0 < seconds < 1e9:
        raise InvalidRequest(f"A timeout must be more than 0 seconds, got {seconds!r}")
    return seconds


def _checked(name: str, value: JsonValue, types: tuple[type, ...]) -> JsonValue:
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return value
    wanted = " or ".join(kind.__name__ for kind in types)
    raise InvalidRequest(f"Model arg {name!r} must be {wanted}, got {value!r}")


def _unknown(name: str) -> str:
    if name in ("max_retries", "retry_config"):
        return f"Model arg {name!r}: use GenerateConfig.max_retries; the SDK never retries here."
    if name == "conversation_api":
        return f"Model arg {name!r}: this provider speaks chat completions only."
    known = ", ".join(sorted((*_CLIENT_ARGS, *_BODY_ARGS, "streaming")))
    return f"Unknown model arg {name!r}. Known are {known}; others go in GenerateConfig.extra_body."
