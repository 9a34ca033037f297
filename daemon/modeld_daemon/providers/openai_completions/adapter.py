"""The text completions of one provider and account."""

from __future__ import annotations

from ...core.call import Call, Route
from ...core.ports import Connection, Row
from ..openai_chat.adapter import OpenAIChat
from ..openai_chat.options import read_options, require_key
from ..openai_chat.quirks import Quirks
from ..openai_chat.request import WireRequest
from ..openai_sdk import OpenAISdk
from .request import build_request
from .stream import TextFold

__all__ = ["TextCompletions", "build"]


def build(row: Row, connection: Connection, shared: object = None) -> TextCompletions:  # noqa: ARG001
    """Makes the provider; nothing is sent and no SDK client is built yet."""
    require_key(row, connection)
    options = read_options(connection.args, connection.environment, row.quirks)
    return TextCompletions(row, options, OpenAISdk(row, connection, options.client))


class TextCompletions(OpenAIChat):
    """A `Provider`: all as with chat, but for what is sent and where."""

    path = "/completions"
    fold = TextFold

    def _request(self, call: Call, route: Route, quirks: Quirks, *, stream: bool) -> WireRequest:
        return build_request(call, route, options=self._options, quirks=quirks, stream=stream)
