"""The provider `openai`: two dialects over the connections of one account."""

from __future__ import annotations

from modeld.errors import ModeldError, ProviderUnavailable
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.ports import Connection, ModelListing, Row, Sink, TokenCount
from ..openai_chat.adapter import OpenAIChat
from ..openai_chat.options import require_key
from ..openai_responses.adapter import OpenAIResponses
from ..openai_responses.options import read_responses_options
from ..openai_sdk import OpenAISdk
from ..unreached import told_how_to_start
from .choice import choose_api, is_own, usual_api

__all__ = ["OpenAI", "build"]

_NO_SUCH_PATH = 404


def build(row: Row, connection: Connection, shared: object = None) -> OpenAI:  # noqa: ARG001
    """Makes the provider; nothing is sent and no SDK client is built yet."""
    return OpenAI(row, connection)


class OpenAI:
    """A `Provider` that chooses the API of each call.

    Args:
        row: The provider's row.
        connection: Key, URL, model args and environment of the caller's session.
    """

    def __init__(self, row: Row, connection: Connection) -> None:
        require_key(row, connection)
        options = read_responses_options(connection.args, connection.environment, row.quirks)
        self._row = row
        self.sdk = OpenAISdk(row, connection, options.shared.client)
        # Tools are emulated in chat completions only.
        self._asked = False if options.shared.emulate_tools else options.responses_api
        self._usual = usual_api(row)
        self._own = self._usual is None and is_own(row, connection)
        self._chat = OpenAIChat(row, options.shared, self.sdk)
        self._responses = OpenAIResponses(row, options, self.sdk)

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        api = choose_api(
            route.model,
            call.config,
            call.tools,
            asked=self._asked,
            own=self._own,
            usual=self._usual,
        )
        try:
            if api == "chat":
                return await self._chat.generate(call, route, sink)
            return await self._respond(call, route, sink)
        except ProviderUnavailable as error:
            raise told_how_to_start(error, self._row) from None

    async def _respond(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        try:
            return await self._responses.generate(call, route, sink)
        except ModeldError as error:
            if error.status != _NO_SUCH_PATH or self._own or self._asked or self._usual:
                raise
        # A compatible server without that API; or it has no such model, and will say so again.
        output = await self._chat.generate(call, route, sink)
        self._asked = False
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """By the endpoint of the Responses API, which counts for models of both; a server that is
        only compatible is not asked unless it is said to speak Responses.
        """
        if self._asked or (self._own and self._asked is None):
            return await self._responses.count_tokens(call, route)
        return await self._chat.count_tokens(call, route)

    async def models(self) -> list[ModelListing] | None:
        """What `GET /models` lists."""
        try:
            return await self.sdk.models()
        except ProviderUnavailable as error:
            raise told_how_to_start(error, self._row) from None

    async def aclose(self) -> None:
        """Closes all connections."""
        await self.sdk.aclose()
