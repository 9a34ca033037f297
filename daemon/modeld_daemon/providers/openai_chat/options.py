"""A caller's model args, sorted by where they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import GenerateConfig, JsonObject, JsonValue

from ...core.ports import Connection, Row
from ..aws.place import check_aws, named_region
from ..azure.entra import check_entra

__all__ = ["BODY_KINDS", "Options", "check", "read_options", "require_key"]

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
_AWS_ARGS = ("aws_region", "aws_profile")
_BODY_ARGS: Mapping[str, tuple[type, ...]] = {
    "service_tier": (str,),
    "safety_identifier": (str,),
    "prompt_cache_key": (str,),
    "prompt_cache_retention": (str,),
    "user": (str,),
    "store": (bool,),
}
_FLAGS = ("strict_tools", "emulate_tools")
BODY_KINDS: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "str": (str,),
    "list": (list,),
    "dict": (dict,),
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
    strict_tools: bool | None = None
    """What functions that do not say say for `strict`; None leaves it to the row."""
    emulate_tools: bool | None = None
    """Whether tools are described in a prompt and called by text; None leaves it to the row."""

    def streams(self, config: GenerateConfig, heard: bool, above: int | None = None) -> bool:
        """Whether a call is streamed.

        Args:
            config: How to generate.
            heard: Whether somebody listens to its deltas.
            above: The limit of tokens above which the server only streams.
        """
        if self.streaming != "auto":
            return self.streaming == "always"
        if above is not None and (above == 0 or (config.max_tokens or 0) > above):
            return True
        return heard or config.stream_idle_timeout is not None


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail. Imports no SDK."""
    require_key(row, connection)
    read_options(connection.args, connection.environment, row.quirks)


def require_key(row: Row, connection: Connection) -> None:
    """Raises where the provider needs a key or an address and has none."""
    if connection.api_key is None and row.key_required:
        names = " or ".join(row.key_variables)
        raise PrerequisiteError(f"No API key for {row.name}: set {names}.", provider=row.name)
    if connection.base_url is None and row.quirks.get("own_address"):
        names = " or ".join(row.base_url_variables)
        message = f"No address for {row.name}: set {names}, or give base_url=."
        raise PrerequisiteError(message, provider=row.name)
    check_entra(row, connection)
    if row.quirks.get("place") == "mantle":
        region = connection.args.get("aws_region")
        named_region("", region if isinstance(region, str) else None, connection.environment)
        check_aws(row.name, connection.api_key)


def read_options(
    args: Mapping[str, JsonValue],
    environment: Mapping[str, str],
    quirks: Mapping[str, JsonValue] | None = None,
) -> Options:
    """The options that model args ask for; `InvalidRequest` names what is wrong.

    A row's quirk `body_args` names further members of a body: a type and a place, whose dots lead
    into objects.
    """
    client: JsonObject = {}
    body: JsonObject = {}
    streaming: Streaming = "auto"
    flags: dict[str, bool] = {}
    own: Mapping[str, JsonValue] = (quirks or {}).get("body_args") or {}
    for name, value in args.items():
        if value is None:
            continue
        if name in own:
            kind, place = own[name]
            _put(body, place, _checked(name, value, BODY_KINDS[kind]))
        elif name in _CLIENT_ARGS:
            client[name] = _checked(name, value, _CLIENT_ARGS[name])
        elif name in _AWS_ARGS and (quirks or {}).get("place") == "mantle":
            client[name] = _checked(name, value, (str,))
        elif name in _BODY_ARGS:
            body[name] = _checked(name, value, _BODY_ARGS[name])
        elif name == "client_timeout":
            client["timeout"] = _checked(name, value, (int, float))
        elif name in _FLAGS:
            flags[name] = bool(_checked(name, value, (bool,)))
        elif name in ("streaming", "stream"):
            if not isinstance(value, (str, bool)) or value not in _STREAMING:
                raise InvalidRequest(f"Model arg {name!r} is 'auto', true or false, not {value!r}")
            streaming = _STREAMING[value]
        elif name in ("responses_api", "background") and value is False:
            continue  # chat completions are neither
        else:
            raise InvalidRequest(_unknown(name, own))
    if "safety_identifier" not in body and environment.get("OPENAI_SAFETY_IDENTIFIER"):
        body["safety_identifier"] = environment["OPENAI_SAFETY_IDENTIFIER"]
    if body.get("service_tier") == "flex":
        client.setdefault("timeout", _FLEX_TIMEOUT)  # flex answers are slow by design
    return Options(client, body, streaming, **flags)


def _put(body: JsonObject, place: str, value: JsonValue) -> None:
    *path, last = place.split(".")
    for name in path:
        body = body.setdefault(name, {})
    body[last] = value


def _checked(name: str, value: JsonValue, types: tuple[type, ...]) -> JsonValue:
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return value
    wanted = " or ".join(kind.__name__ for kind in types)
    raise InvalidRequest(f"Model arg {name!r} must be {wanted}, got {value!r}")


def _unknown(name: str, own: Mapping[str, JsonValue]) -> str:
    if name == "max_retries":
        return (
            "Model arg 'max_retries': use GenerateConfig.max_retries; the SDK never retries here."
        )
    if name in ("responses_api", "background"):
        return f"Model arg {name!r}: this provider speaks chat completions only."
    rest = ("client_timeout", "streaming", *_FLAGS)
    known = ", ".join(sorted({*_CLIENT_ARGS, *_BODY_ARGS, *rest, *own}))
    return f"Unknown model arg {name!r}. Known are {known}; others go in GenerateConfig.extra_body."
