"""Makes providers out of rows. Dialects and their SDKs are loaded here, on first use."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread

from modeld.errors import ModeldError, PrerequisiteError

from ..core.ports import Connection, EngineListing, ModelListing, Provider, Row
from .catalog import ROWS
from .extensions.extensions import Extensions
from .features import features_of
from .http.base_url import check_base_url
from .premises import Premises, Starting

__all__ = ["DIALECTS", "Dialect", "Registry"]

log = logging.getLogger("modeld.providers")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where the code of a dialect is, as `module:name` below this package.

    `check(row, model, connection, shared)` is called when a model is opened and must be cheap;
    `build(row, connection, shared)` makes the provider, and its module may import an SDK.
    `shared` is what `open(premises)` gave, once for the daemon; None where there is no `open`.
    """

    check: str
    build: str
    open: str | None = None


DIALECTS: Mapping[str, Dialect] = {
    "anthropic": Dialect(check="anthropic.options:check", build="anthropic.adapter:build"),
    "bedrock": Dialect(check="bedrock.options:check", build="bedrock.adapter:build"),
    "google": Dialect(check="google.place:check", build="google.adapter:build"),
    "mock": Dialect(check="mock:check", build="mock:build"),
    "none": Dialect(check="none:check", build="none:build"),
    "openai": Dialect(check="openai.choice:check", build="openai.adapter:build"),
    "openai_server": Dialect(
        check="servers.dialect:check",
        build="servers.adapter:build",
        open="servers.dialect:open_servers",
    ),
    "mistral": Dialect(check="mistral.options:check", build="mistral.adapter:build"),
    "openai_chat": Dialect(check="openai_chat.options:check", build="openai_chat.adapter:build"),
    "openai_completions": Dialect(
        check="openai_chat.options:check", build="openai_completions.adapter:build"
    ),
    "openai_responses": Dialect(
        check="openai_responses.options:check", build="openai_responses.adapter:build"
    ),
    "huggingface": Dialect(
        check="huggingface.dialect:check",
        build="huggingface.dialect:build",
        open="huggingface.dialect:open_hub",
    ),
    "llama_cpp": Dialect(
        check="llama_cpp.dialect:check",
        build="llama_cpp.dialect:build",
        open="llama_cpp.dialect:open_local",
    ),
}


class Registry:
    """The `Catalog` of the daemon.

    Args:
        data_folder: modeld's folder of data, where pulled weights are.
        rows: The providers.
        plugins: `module:name` of extensions that the settings name, by provider.
        starting: Which servers may be started, and how.
        trusting: Whether code that comes with a model's repository may run when a caller asks for it.
        home: The daemon's home, by which extensions find it when they are clients of it, too.
    """

    def __init__(
        self,
        data_folder: Path,
        rows: Iterable[Row] = ROWS,
        plugins: Mapping[str, str] | None = None,
        *,
        starting: Starting | None = None,
        trusting: bool = False,
        home: str | None = None,
    ) -> None:
        self._premises = Premises(
            data_folder=data_folder, starting=starting or Starting(), trusting=trusting
        )
        self._rows = {row.name: row for row in sorted(rows, key=lambda row: row.name)}
        self._extensions = Extensions(plugins or {}, self._rows.keys(), DIALECTS.keys(), home)
        self._shared: dict[str, Any] = {}

    def rows(self) -> list[Row]:
        """All providers, by name."""
        rows = [*self._rows.values(), *self._extensions.rows()]
        return sorted(rows, key=lambda row: row.name)

    def row(self, name: str) -> Row:
        """The row of that name; `ModelNotFound` if there is none."""
        return self._rows.get(name) or self._extensions.row(name)

    def installed(self, row: Row) -> bool:
        """Whether the row's packages can be found; they are not imported."""
        return all(importlib.util.find_spec(package) is not None for package in row.packages)

    def install_hint(self, row: Row) -> str:
        """The command that installs what the row needs; empty where nobody knows it."""
        extension = self._extensions.extension(row)
        distribution = "modeld" if extension is None else extension.origin.distribution
        return f"pip install '{distribution}[{row.extra}]'" if distribution and row.extra else ""

    def features(self, row: Row) -> tuple[str, ...]:
        """What can be asked of it; of an extension, what is known of it."""
        return features_of(row) or self._extensions.features(row)

    def look(self) -> None:
        """Looks for extensions, so that `rows` has all that are installed. It may block."""
        self._extensions.look()

    def check(self, row: Row, model: str, connection: Connection) -> None:
        """Raises at once what would make every call fail."""
        self._check_installed(row)
        if row.dialect not in DIALECTS:
            return  # an extension's own: nothing of it runs here
        if row.network and connection.base_url is not None:
            check_base_url(row, connection.base_url)
        check: Any = _load(DIALECTS[row.dialect].check)
        with self._naming(row):
            check(row, model, connection, self._opened(row.dialect))

    def _check_installed(self, row: Row) -> None:
        if not self.installed(row):
            hint = self.install_hint(row)
            raise PrerequisiteError(
                f"{row.name} requires the optional package {' and '.join(row.packages)}. "
                + (f"Install with: {hint}" if hint else "Install it where the daemon runs."),
                provider=row.name,
            )

    async def build(self, row: Row, connection: Connection) -> Provider:
        """Builds the provider. An SDK may take a second to import: a thread does it."""
        extension = self._extensions.extension(row)
        if extension is not None and extension.serves:
            return self._extensions.build(extension, connection)
        build: Any = await anyio.to_thread.run_sync(_load, DIALECTS[row.dialect].build)
        with self._naming(row):
            provider: Provider = build(row, connection, self._opened(row.dialect))
        return provider

    @contextmanager
    def _naming(self, row: Row) -> Iterator[None]:
        """Errors name the row; so do those of an extension's row with quirks that nobody knows."""
        extension = self._extensions.extension(row)
        try:
            yield
        except ModeldError as error:
            error.provider = error.provider or row.name
            raise
        except Exception as error:
            if extension is None:
                raise
            raise extension.origin.typed(error) from None

    def _opened(self, dialect: str) -> Any:
        place = DIALECTS[dialect].open
        if place is None:
            return None
        if dialect not in self._shared:
            open_dialect: Any = _load(place)
            self._shared[dialect] = open_dialect(self._premises)
        return self._shared[dialect]

    def models(self, provider: str) -> list[ModelListing]:
        """Models that are known without asking a server. Of a provider that is named, its packages
        must be there.
        """
        if provider:
            self._check_installed(self.row(provider))
        listed: list[ModelListing] = []
        for row in self.rows():
            if provider not in ("", row.name) or not self.installed(row):
                continue
            shared = self._opened(row.dialect) if row.dialect in DIALECTS else None
            if shared is not None:
                listed += shared.listing(row.name)
            elif not row.network and row.dialect in DIALECTS:
                listed.append(ModelListing(f"{row.name}/model", description=row.description))
        return listed

    def engines(self) -> list[EngineListing]:
        """Engine processes."""
        local = [engine for shared in self._shared.values() for engine in shared.engines()]
        return [*local, *self._extensions.engines()]

    async def aclose(self) -> None:
        """Ends what the dialects share, such as engine processes."""
        await self._extensions.aclose()
        shared, self._shared = self._shared, {}
        for one in shared.values():
            await one.aclose()


def _load(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f".{module}", __package__), name)
