"""Model args of the Responses API, and what a row may say of its server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modeld.errors import InvalidRequest
from modeld.types import JsonValue

from ...core.ports import Connection, Row
from ..openai_chat.options import Options, read_options, require_key
from ..openai_chat.quirks import Efforts, quirks_of_model

__all__ = [
    "RESPONSES_ARGS",
    "ResponsesOptions",
    "ResponsesQuirks",
    "check",
    "read_responses_options",
    "read_responses_quirks",
]

RESPONSES_ARGS = ("responses_api", "responses_store", "responses_phase", "background")


@dataclass(frozen=True, slots=True)
class ResponsesOptions:
    """Model args of a connection."""

    shared: Options
    """Those that both APIs know."""
    responses_api: bool | None = None
    """Which API is spoken; None leaves it to the model."""
    store: bool | None = None
    """Whether OpenAI keeps the response; None keeps none that need not be kept."""
    phase: bool = True
    """Whether the phase of an earlier message is sent back."""
    background: bool | None = None
    """Whether responses are made in the background; None leaves it to the model."""


@dataclass(frozen=True, slots=True)
class ResponsesQuirks:
    """Where a server that speaks this dialect differs from OpenAI. All are data of its row."""

    encrypted_reasoning: bool | None = None
    """Whether encrypted thoughts are asked for; None leaves it to the model."""
    strict_tools: bool = False
    """What a function that does not say says for `strict`. The API's own default, true, refuses
    schemas with optional parameters.
    """
    system_role: str | None = None
    """The role of system messages, whatever the model's profile says."""
    efforts: Efforts | None = None
    """None leaves efforts to the model's profile."""
    native: str = "openai"
    """The member of a tool's options that makes it the server's own."""
    custom_calls: bool = True
    """Whether calls of custom tools are the client's to run, and not the server's own searches."""


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail. Imports no SDK."""
    require_key(row, connection)
    args = {"responses_api": True, **connection.args}
    read_responses_options(args, connection.environment, row.quirks)


def read_responses_options(
    args: Mapping[str, JsonValue],
    environment: Mapping[str, str],
    quirks: Mapping[str, JsonValue] | None = None,
) -> ResponsesOptions:
    """The options that model args ask for; `InvalidRequest` names what is wrong."""
    said: dict[str, bool] = {}
    rest: dict[str, JsonValue] = {}
    for name, value in args.items():
        if name not in RESPONSES_ARGS:
            rest[name] = value
        elif isinstance(value, bool):
            said[name] = value
        elif value is not None and not (name == "responses_phase" and value == "auto"):
            raise InvalidRequest(f"Model arg {name!r} must be true or false, got {value!r}")
    shared = read_options(rest, environment, quirks)
    if shared.emulate_tools and said.get("responses_api"):
        raise InvalidRequest("Model arg 'emulate_tools': the Responses API has tools of its own.")
    store = said.get("responses_store")
    if store is None:
        store = shared.body.get("store")
    return ResponsesOptions(
        shared,
        responses_api=said.get("responses_api"),
        store=store,
        phase=said.get("responses_phase", True),
        background=said.get("background"),
    )


def read_responses_quirks(quirks: Mapping[str, JsonValue], model: str = "") -> ResponsesQuirks:
    """The quirks of a row and model; those of other dialects' concern are not read."""
    known = ResponsesQuirks.__dataclass_fields__
    mine = quirks_of_model(quirks, model)
    said = {name: value for name, value in mine.items() if name in known and value is not None}
    return ResponsesQuirks(**said)
