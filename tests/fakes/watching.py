"""A watcher that writes down what it is told, and providers that do what a test says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from modeld.errors import ModeldError, ModelNotFound
from modeld.types import ModelOutput
from modeld_daemon.core.call import Call, Result, Route
from modeld_daemon.core.events import Notice
from modeld_daemon.core.ports import (
    Connection,
    EngineListing,
    ModelListing,
    Provider,
    Row,
    Sink,
    TokenCount,
)


@dataclass
class Witness:
    """Writes down events as tuples."""

    events: list[tuple[object, ...]] = field(default_factory=list)
    result: Result | None = None
    error: ModeldError | None = None

    def text(self, seq: int, text: str) -> None:
        self.events.append((seq, "text", text))

    def reasoning(self, seq: int, reasoning: str) -> None:
        self.events.append((seq, "reasoning", reasoning))

    def tool_call(self, seq: int, id: str, function: str, arguments: str) -> None:
        self.events.append((seq, "tool_call", id, function, arguments))

    def notice(self, event: Notice) -> None:
        self.events.append((event.seq, event.type))

    def finished(self, seq: int, result: Result) -> None:
        assert not self.ended
        self.result = result
        self.events.append((seq, "finished"))

    def failed(self, error: ModeldError) -> None:
        assert not self.ended
        self.error = error

    @property
    def ended(self) -> bool:
        return self.result is not None or self.error is not None


Generate = Callable[[Call, Route, Sink | None], Awaitable[ModelOutput]]


class FakeProvider:
    """Answers with a function of the test; counts what is done with it."""

    def __init__(self, connection: Connection, generate: Generate) -> None:
        self.connection = connection
        self._generate = generate
        self.closed = 0

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        return await self._generate(call, route, sink)

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        return TokenCount(len(call.messages), estimated=True)

    async def aclose(self) -> None:
        self.closed += 1


async def hello(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
    return ModelOutput.from_content(route.model, "hello")


class FakeSource:
    """A catalog of one provider, `fake`, that needs FAKE_API_KEY, and `free`, which needs none."""

    def __init__(self, generate: Generate = hello) -> None:
        self._rows = {
            "fake": Row(
                name="fake",
                dialect="fake",
                description="",
                key_variables=("FAKE_API_KEY", "FAKE_AUTH_TOKEN"),
                base_url="https://fake.example/v1",
                base_url_variables=("FAKE_BASE_URL",),
            ),
            "free": Row(
                name="free", dialect="fake", description="", key_required=False, network=False
            ),
        }
        self.generate = generate
        self.built: list[FakeProvider] = []

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def row(self, name: str) -> Row:
        if name not in self._rows:
            raise ModelNotFound(name)
        return self._rows[name]

    def check(self, row: Row, model: str, connection: Connection) -> None:
        pass

    async def build(self, row: Row, connection: Connection) -> Provider:
        self.built.append(FakeProvider(connection, self.generate))
        return self.built[-1]

    def models(self, provider: str) -> list[ModelListing]:
        return [ModelListing("free/model")]

    def installed(self, row: Row) -> bool:
        return True

    def install_hint(self, row: Row) -> str:
        return ""

    def features(self, row: Row) -> tuple[str, ...]:
        return ("streaming",)

    def look(self) -> None:
        pass

    def engines(self) -> list[EngineListing]:
        return []
