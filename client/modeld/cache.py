"""The generation cache from outside: see what it holds, clear it, prune it.

The functions named `cache_…` are the reference's. Its cache is a folder of files; this one is a
database of the daemon, `cache_path()`. What they take and give as paths are therefore names:
`cache_path() / "openai/gpt-4o"` stands for all entries of that model. A name of a provider, such as
"openai", stands for all its models, as a folder would.

All but `cache_path` ask the daemon, and start it if need be. They raise `InternalError`, which names
the database, when it cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from .discovery import locate
from .settings import Settings

__all__ = [
    "CacheStatistics",
    "CachedModel",
    "Swept",
    "cache_clear",
    "cache_list_expired",
    "cache_models",
    "cache_path",
    "cache_prune",
    "cache_size",
    "cache_statistics",
    "clear_cache",
    "prune_cache",
]


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """The whole cache as it is now."""

    path: str
    """The database; empty when the cache is in memory."""
    entries: int
    """Entries, expired ones included."""
    size: int
    """Bytes that they take."""
    max_size: int
    """Bytes over which the least recently used entries leave; 0 is no limit."""
    expired: int
    """Entries that have expired and are still there."""
    hits: int
    """Lookups since the daemon's start that found an entry."""
    misses: int
    """Lookups since the daemon's start that found none."""
    stored: int
    """Entries stored since the daemon's start."""
    evicted: int
    """Entries that left for others since the daemon's start."""
    trouble: str | None
    """What is wrong with the database now and what is lost by that; None when all is well."""

    def to_dict(self) -> dict[str, Any]:
        """JSON shape; every field is there."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CachedModel:
    """What the cache holds of one model."""

    model: str
    """Full model name."""
    entries: int
    """Entries, expired ones included."""
    size: int
    """Bytes that they take."""
    expired: int
    """Entries that have expired and are still there."""
    expired_size: int
    """Bytes that those take."""
    oldest: float
    """When the oldest entry was stored, in seconds since 1970."""
    newest: float

    def is_named(self, name: str) -> bool:
        """Whether a name means this model: its full name, or what is before one of its slashes."""
        return self.model == name or self.model.startswith(f"{name.rstrip('/')}/")

    def to_dict(self) -> dict[str, Any]:
        """JSON shape; every field is there."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Swept:
    """What was deleted."""

    entries: int
    size: int
    """Bytes."""

    def to_dict(self) -> dict[str, Any]:
        """JSON shape."""
        return asdict(self)


def cache_statistics() -> CacheStatistics:
    """The whole cache as it is now."""
    found = _control().get_cache_statistics()
    return CacheStatistics(
        path=found.path,
        entries=found.entries,
        size=found.size_bytes,
        max_size=found.max_size_bytes,
        expired=found.expired,
        hits=found.hits,
        misses=found.misses,
        stored=found.stored,
        evicted=found.evicted,
        trouble=found.trouble if found.HasField("trouble") else None,
    )


def cache_models(names: Sequence[str] = ()) -> list[CachedModel]:
    """What the cache holds of these models, or of each, by name; providers may be named too."""
    found = [
        CachedModel(
            m.model, m.entries, m.size_bytes, m.expired, m.expired_bytes, m.oldest, m.newest
        )
        for m in _control().list_cache().models
    ]
    return [model for model in found if not names or any(map(model.is_named, names))]


def clear_cache(names: Sequence[str] = (), *, older: float | None = None) -> Swept:
    """Deletes entries while calls go on.

    Args:
        names: Models or providers; none means all.
        older: Delete only what was stored more than so many seconds ago.

    Raises:
        InvalidRequest: `older` is negative or not finite.
    """
    models = _full_names(names)
    if names and not models:
        return Swept(0, 0)
    swept = _control().clear_cache(models, older)
    return Swept(swept.entries, swept.size_bytes)


def prune_cache(names: Sequence[str] = ()) -> Swept:
    """Deletes what has expired, of these models or providers or of all, while calls go on."""
    models = _full_names(names)
    if names and not models:
        return Swept(0, 0)
    swept = _control().prune_cache(models)
    return Swept(swept.entries, swept.size_bytes)


# -- the reference's names -----------------------------------------------------------------------


def cache_path(model: str = "") -> Path:
    """The database; with a model, the name that stands for its entries: `<database>/<model>`.

    Asks nobody but a daemon at MODELD_ADDRESS, whose database may be anywhere.
    """
    if Settings.from_environment().address is None:
        return Path(locate().cache) / model
    return Path(cache_statistics().path) / model


def cache_clear(model: str = "") -> bool:
    """Deletes all entries of a model or provider, or of all; whether there were any."""
    return clear_cache([model] if model else []).entries > 0


def cache_size(subdirs: Sequence[str] = (), files: Sequence[Path] = ()) -> list[tuple[str, int]]:
    """Bytes by model name.

    Args:
        subdirs: Models or providers to look at; none means all.
        files: What `cache_list_expired` has given: only expired entries of these count then.
    """
    if not files:
        return [(model.model, model.size) for model in cache_models(subdirs)]
    names = [*subdirs, *_names(files)]
    return [(m.model, m.expired_size) for m in cache_models(names) if m.expired]


def cache_list_expired(filter_by: Sequence[str] = ()) -> list[Path]:
    """Names `<database>/<model>` of the models that have expired entries.

    Args:
        filter_by: Models or providers to look at; none means all.
    """
    root = cache_path()
    return [root / model.model for model in cache_models(filter_by) if model.expired]


def cache_prune(files: Sequence[Path] = ()) -> None:
    """Deletes expired entries: of the models that `cache_list_expired` named, or all."""
    prune_cache(_names(files))


def _names(files: Sequence[Path]) -> list[str]:
    root = cache_path() if files else Path()
    return [
        (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
        for path in map(Path, files)
    ]


def _full_names(names: Sequence[str]) -> list[str]:
    return [model.model for model in cache_models(names)] if names else []


def _control() -> Any:
    """The rpc room, loaded when it is needed: it imports grpc."""
    return import_module("modeld.rpc.cache")
