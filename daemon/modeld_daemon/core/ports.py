"""What the core needs of its neighbours, as protocols. Providers and stores implement them.

`LaneBoard` goes the other way: it is what a neighbour needs of the core's lanes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from modeld.errors import ModelNotFound
from modeld.types import JsonValue, ModelOutput

from .call import Call, Route
from .lane_statistics import LaneSettings, LaneStatistics

__all__ = [
    "Catalog", "Connection", "EngineListing", "LaneBoard", "ListsModels", "ModelListing", "NotLoaded", "Provider", "ProviderSource",
    "Row", "Sink", "TokenCount",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A provider as data: name, dialect, where keys and URLs are looked for."""

    name: str
    dialect: str
    description: str
    key_variables: tuple[str, ...] = ()
    """Variables of the key, first one wins; empty when the provider has no key."""
    key_required: bool = True
    credential_variables: tuple[str, ...] = ()
    """Those of `other_variables` that show that there are credentials which do instead of a key."""
    base_url: str | None = None
    """Base URL when nothing else is said. `{NAME}` in it is the value of that variable, which
    must be one of `other_variables`.
    """
    base_url_required: bool = False
    """Whether a URL must be given, because there is none to fall back on."""
    base_url_variables: tuple[str, ...] = ()
    port_args: bool = False
    """Whether model args `port` and `host` can say where the server is."""
    other_variables: tuple[str, ...] = ()
    """Further variables that the dialect reads from `Connection.environment`."""
    packages: tuple[str, ...] = ()
    """Importable packages without which the provider cannot work."""
    extra: str = ""
    """Extra of the distribution that installs them."""
    network: bool = True
    """Whether it is reached over the network, so that proxy variables matter."""
    shared: bool = True
    """Whether equal connections share one provider object (not so for scripted mocks)."""
    per_service: bool = False
    """Whether models are `<name>/<service>/<model>`. In the names of variables `{SERVICE}` is then
    the service in capitals.
    """
    quirks: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a provider. Its repr never shows a secret."""

    base_url: str | None
    api_key: str | None = field(default=None, repr=False)
    args: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    """The caller's model args."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The row's variables that have a value in the caller's session."""


class Sink(Protocol):
    """Where a provider puts what arrives before the end. Methods return at once."""

    def text(self, text: str) -> None:
        """More text of the first choice."""

    def reasoning(self, reasoning: str) -> None:
        """More reasoning of the first choice."""

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        """More of a tool call; `function` is empty after the first delta of a call."""

    def queued(
        self, reason: str, position: int | None = None, progress: float | None = None
    ) -> None:
        """The call waits; `progress` is 0 to 1 where known."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of an input, and whether the number is an estimate."""

    tokens: int
    estimated: bool


class Provider(Protocol):
    """The client of one provider for one account. Failures are `modeld.errors` exceptions.

    Cancelling a method's task stops the work at the provider at once.
    """

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer; streams to `sink` when there is one. The result is equal either way."""

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """Counts the tokens of the call's messages and tools."""

    async def aclose(self) -> None:
        """Closes connections and processes. Later calls are errors."""


class ListsModels(Protocol):
    """What a provider also is whose API lists its models."""

    async def models(self) -> list[ModelListing] | None:
        """The models of the account; None where the server has no list."""


class LaneBoard(Protocol):
    """Where all lanes are seen and set. Methods return at once."""

    def statistics(self) -> list[LaneStatistics]:
        """A snapshot of each lane."""

    def set(self, name: str, settings: LaneSettings) -> list[LaneStatistics]:
        """Replaces what is set for the lane of that id, or for all lanes of the model of that full
        name, and gives snapshots of them.

        Raises `ModelNotFound` when there is none, `InvalidRequest` for a limit that is less than
        1 or not finite.
        """


class NotLoaded(ModelNotFound):
    """There may be such a provider once `load` was awaited; then ask again.

    `load` raises what is wrong with the provider. Where nobody waits, there is no such provider.
    """

    def __init__(self, message: str, load: Callable[[], Awaitable[None]]) -> None:
        super().__init__(message)
        self.load = load


class ProviderSource(Protocol):
    """Where providers come from."""

    def rows(self) -> list[Row]:
        """All providers of this daemon, by name."""

    def row(self, name: str) -> Row:
        """The row of that name; `ModelNotFound` if there is none, `NotLoaded` if one must wait."""

    def check(self, row: Row, model: str, connection: Connection) -> None:
        """Raises at once what would make every call fail: a missing package, a bad argument."""

    async def build(self, row: Row, connection: Connection) -> Provider:
        """Builds the provider's client; its SDK is imported in a thread."""


@dataclass(frozen=True, slots=True)
class ModelListing:
    """A model that can be named."""

    name: str
    """Full name, such as `local/smollm2-135m-instruct`."""
    size_bytes: int | None = None
    available: bool = True
    """Whether it can be used without a download."""
    loaded: bool = False
    """Whether it is in memory now."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class EngineListing:
    """A child process that runs local models."""

    name: str
    pid: int
    """0 when it is not running."""
    models: tuple[str, ...]
    in_flight: int
    starts: int


class Catalog(ProviderSource, Protocol):
    """What there is to name."""

    def look(self) -> None:
        """Looks for what has been installed since. It may block."""

    def models(self, provider: str) -> list[ModelListing]:
        """Models of a provider ("" for all) that are known without asking a server. May block."""

    def installed(self, row: Row) -> bool:
        """Whether the row's packages are there."""

    def install_hint(self, row: Row) -> str:
        """The command that installs them."""

    def features(self, row: Row) -> tuple[str, ...]:
        """What can be asked of it, in words."""

    def engines(self) -> list[EngineListing]:
        """Engine processes."""
