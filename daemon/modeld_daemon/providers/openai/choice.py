"""Which of OpenAI's APIs a call takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from modeld.errors import InvalidRequest
from modeld.types import GenerateConfig, ToolInfo

from ...core.ports import Connection, Row
from ..openai_chat.options import require_key
from ..openai_responses.options import read_responses_options
from ..openai_responses.profile import responses_profile
from ..openai_responses.tools import has_native
from ..profiles import openai_profile

__all__ = ["Api", "check", "choose_api", "is_own", "usual_api"]

Api: TypeAlias = Literal["chat", "responses"]

_HOST = "api.openai.com"


def choose_api(
    model: str,
    config: GenerateConfig,
    tools: Sequence[ToolInfo],
    *,
    asked: bool | None,
    own: bool,
    usual: Api | None = None,
) -> Api:
    """The API that a call takes.

    Args:
        model: The model's name.
        config: How to generate. Only chat completions give several choices.
        tools: Native tools and pictures are had by Responses only.
        asked: What the model arg `responses_api` says; it wins.
        own: Whether the server is OpenAI's. At one that is only compatible a name that no row knows
            is a model of its own, and chat completions are what they all speak. A name that is
            known may be OpenAI's model behind a gateway, and takes the same API as there.
        usual: What the row says of a server whose API is known.
    """
    if asked is not None:
        return "responses" if asked else "chat"
    if usual is not None:
        return usual if config.num_choices is None else "chat"
    if config.num_choices is not None:
        return "chat"
    known = own or openai_profile(model).reasoning
    if known and (has_native(tools, config) or responses_profile(model).preferred):
        return "responses"
    return "chat"


def is_own(row: Row, connection: Connection) -> bool:
    """Whether the server is OpenAI's own, one for a region included."""
    if row.quirks.get("place"):
        return False
    url = connection.base_url or row.base_url
    host = urlsplit(url).hostname if url else _HOST
    return host is not None and (host == _HOST or host.endswith(f".{_HOST}"))


def usual_api(row: Row) -> Api | None:
    """The API that the row's quirk `usual_api` names; None leaves it to the model."""
    api: Api | None = row.quirks.get("usual_api")
    return api


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail. Imports no SDK."""
    require_key(row, connection)
    options = read_responses_options(connection.args, connection.environment, row.quirks)
    chat = options.responses_api is False or options.shared.emulate_tools
    if chat and options.background:
        raise InvalidRequest(
            "Model arg 'background': chat completions are not made in the background."
        )
