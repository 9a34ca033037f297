"""The provider `acme/`: answers with what it was asked, in capitals."""

from __future__ import annotations

import asyncio

from modeld_daemon.extension import Call, Connection, Route, Row, Sink, TokenCount, errors, types

__all__ = ["Acme"]


class Acme:
    """The client of one account at Acme."""

    api_version = 1
    row = Row(
        name="acme",
        dialect="extension",
        description="Acme's models, in capitals",
        key_variables=("ACME_API_KEY",),
        base_url="https://api.acme.example/v1",
        base_url_variables=("ACME_BASE_URL",),
    )

    def __init__(self, connection: Connection) -> None:
        self._url = connection.base_url
        self._key = connection.api_key
        self._pause = float(connection.args.get("pause", 0))

    async def generate(self, call: Call, route: Route) -> types.ModelOutput:
        """One answer."""
        if route.model == "old":
            raise errors.ModelNotFound("Acme's model 'old' is gone", status=404)
        await asyncio.sleep(self._pause)
        output = types.ModelOutput.from_content(route.model, self._shout(call))
        output.metadata = {"url": self._url, "key_ends": (self._key or "")[-3:]}
        return output

    async def stream(self, call: Call, route: Route, sink: Sink) -> types.ModelOutput:
        """The same answer, word by word."""
        output = await self.generate(call, route)
        for number, word in enumerate(output.completion.split(" ")):
            sink.text(word if number == 0 else f" {word}")
            await asyncio.sleep(0)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """A word is a token at Acme."""
        words = sum(len(message.text.split()) for message in call.messages)
        return TokenCount(words, estimated=False)

    async def models(self) -> list[str]:
        """What Acme has."""
        return ["loud", "louder"]

    async def aclose(self) -> None:
        """Nothing is open."""

    def _shout(self, call: Call) -> str:
        return call.messages[-1].text.upper()
