"""A caller's model args and a row's quirks, sorted by where they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import GenerateConfig, JsonObject, JsonValue

from ...core.ports import Connection, Row

__all__ = ["Options", "Quirks", "check", "read_options", "read_quirks", "require_key"]

Streaming: TypeAlias = Literal["auto", "always", "never"]

# Arguments of AsyncOpenAI(...) that can be said in JSON. Not `max_retries`: there is one retry
# loop in the house, and it is not the SDK's.
_CLIENT_ARGS: Mapping[str, tuple[type, ...]] = {
    "organization": (str,),
    "project": (str,),
    "default_headers": (dict,),
    "default_query": (dict,),
    "timeout": (int, float),
    "data_residency": (str,),
    "api_version": (str,),
}
_BODY_ARGS: Mapping[str, tuple[type, ...]] = {
    "service_tier": (str,),
    "safety_identifier": (str,),
    "prompt_cache_key": (str,),
    "prompt_cache_retention": (str,),
    "user": (str,),
    "store": (bool,),
}
_FLEX_TIMEOUT = 900.0
_STREAMING: Mapping[JsonValue, Streaming] = {"auto": "auto", True: "always", False: "never"}


@dataclass(frozen=True, slots=True)
class Options:
    """Model args of a connection."""

    client: JsonObject = field(default_factory=dict)
    """Arguments of the SDK's constructor."""
    body: JsonObject = field(default_factory=dict)
    """Members of every request's body."""
    streaming: Streaming = "auto"

    def streams(self, config: GenerateConfig, heard: bool) -> bool:
        """Whether a call is streamed; `heard` says that somebody listens to its deltas."""
        if self.streaming != "auto":
            return self.streaming == "always"
        return heard or config.stream_idle_timeout is not None


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where a server that speaks this dialect differs from OpenAI. All are data of its row."""

    strict_tools: bool | None = None
    """What every function tool says for `strict`; None says nothing."""
    plain_schema: bool = False
    """Leave out the JSON Schema keywords that not every server knows."""
    default_max_tokens: int | None = None
    stream_usage: bool = True
    """Whether the server knows `stream_options.include_usage`."""
    system_role: str | None = None
    """The role of system messages, whatever the model's profile says."""
    max_tokens_name: str | None = None
    """Name of the token limit, whatever the model's profile says."""


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail. Imports no SDK."""
    require_key(row, connection)
    read_options(connection.args, connection.environment)


def require_key(row: Row, connection: Connection) -> None:
    """Raises where the provider needs a key or an address and has none."""
    if connection.api_key is None and row.key_required:
        names = " or ".join(row.key_variables)
        raise PrerequisiteError(f"No API key for {row.name}: set {names}.", provider=row.name)
    if connection.base_url is None and row.quirks.get("own_address"):
        names = " or ".join(row.base_url_variables)
        message = f"No address for {row.name}: set {names}, or give base_url=."
        raise PrerequisiteError(message, provider=row.name)


def read_options(args: Mapping[str, JsonValue], environment: Mapping[str, str]) -> Options:
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
        elif name == "client_timeout":
            client["timeout"] = _checked(name, value, (int, float))
        elif name in ("streaming", "stream"):
            if value not in _STREAMING:
                raise InvalidRequest(f"Model arg {name!r} is 'auto', true or false, not {value!r}")
            streaming = _STREAMING[value]
        elif name in ("responses_api", "background") and value is False:
            continue  # chat completions are neither
        else:
            raise InvalidRequest(_unknown(name))
    if "safety_identifier" not in body and environment.get("OPENAI_SAFETY_IDENTIFIER"):
        body["safety_identifier"] = environment["OPENAI_SAFETY_IDENTIFIER"]
    if body.get("service_tier") == "flex":
        client.setdefault("timeout", _FLEX_TIMEOUT)  # flex answers are slow by design
    return Options(client, body, streaming)


def read_quirks(quirks: Mapping[str, JsonValue]) -> Quirks:
    """The quirks of a row; those of other dialects' concern are not read."""
    known = Quirks.__dataclass_fields__
    return Quirks(**{name: value for name, value in quirks.items() if name in known})


def _checked(name: str, value: JsonValue, types: tuple[type, ...]) -> JsonValue:
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return value
    wanted = " or ".join(kind.__name__ for kind in types)
    raise InvalidRequest(f"Model arg {name!r} must be {wanted}, got {value!r}")


def _unknown(name: str) -> str:
    if name == "max_retries":
        return (
            "Model arg 'max_retries': use GenerateConfig.max_retries; the SDK never retries here."
        )
    if name in ("responses_api", "background"):
        return f"Model arg {name!r}: this provider speaks chat completions only."
    known = ", ".join(sorted((*_CLIENT_ARGS, *_BODY_ARGS, "client_timeout", "streaming")))
    return f"Unknown model arg {name!r}. Known are {known}; others go in GenerateConfig.extra_body."
