"""The daemon's settings: `$MODELD_HOME/config.toml`, and MODELD_* variables, which win.

idle_timeout = 1800            # seconds without a call; 0: never leave
drain_timeout = 0              # longest wait for running calls at a stop; 0: as long as it takes
log_level = "info"

[providers.openai]
api_key = "file:~/.secrets/openai"      # or env:NAME, keyring:NAME; never the key itself
base_url = "https://gateway.example/v1"

[providers.hf]
trust_remote_code = true                # code of a repository may run when a caller asks for it

[providers.acme]                        # a provider of another package: docs/extensions.md
plugin = "acme_modeld:provider"

[providers.vllm]                        # or sglang; the rest of it: server_settings.py
start = true                            # a server is started where no base URL is known

[limits."openai/gpt-4o"]                # a model, or a provider: [limits.openai]
max_connections = 20
requests_per_minute = 500
tokens_per_minute = 200000

[cache]                                 # outputs of calls that ask for it
max_size = "2GB"                        # or bytes; the least recently used leave; 0: no limit

[journal]                               # calls with a request id, and their answers
keep = "7D"                             # an integer and one of s m h D W M Y
max_size = "256MB"
"""

from __future__ import annotations

import importlib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, cast

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types.policy import expiry_seconds

from .server_settings import SERVER_KEYS, ServerSettings, read_server

__all__ = [
    "CacheSettings",
    "JournalSettings",
    "LimitSettings",
    "ProviderSettings",
    "SecretReference",
    "Settings",
]

_LEVELS = ("debug", "info", "warning", "error")
_PLACE = re.compile(r"[\w.]+:[\w.]+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kmgt])(i?))?b?", re.IGNORECASE | re.ASCII)
_SCHEMES = ("env", "file", "keyring")
_VARIABLES = {
    "idle_timeout": "MODELD_IDLE_TIMEOUT",
    "drain_timeout": "MODELD_DRAIN_TIMEOUT",
    "log_level": "MODELD_LOG_LEVEL",
    "listen": "MODELD_LISTEN",
}


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is kept. The secret itself is never part of the settings."""

    scheme: Literal["env", "file", "keyring"]
    name: str

    @classmethod
    def parse(cls, where: str, text: str) -> SecretReference:
        """Reads `scheme:name`; an error, which does not show the text, if it is anything else."""
        scheme, colon, name = text.partition(":")
        if not colon or scheme not in _SCHEMES or not name:
            raise InvalidRequest(
                f"{where} must say where the key is: env:NAME, file:PATH or keyring:NAME. A key "
                "itself does not belong into a settings file."
            )
        return cls(cast("Literal['env', 'file', 'keyring']", scheme), name)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    def read(self, environ: Mapping[str, str] = os.environ) -> str:
        """The secret. It may read a disk or ask a key ring, which blocks."""
        if self.scheme == "env":
            secret = environ.get(self.name, "")
        elif self.scheme == "file":
            try:
                secret = Path(self.name).expanduser().read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not text"
                raise PrerequisiteError(f"The key at {self} cannot be read: {reason}.") from None
        else:
            secret = self._ask_keyring()
        if not secret:
            raise PrerequisiteError(f"There is no key at {self}, which the settings name.")
        return secret

    def _ask_keyring(self) -> str:
        try:
            keyring = importlib.import_module("keyring")
        except ImportError:
            raise PrerequisiteError(
                f"The key at {self} needs a package: pip install 'modeld[keyring]'"
            ) from None
        return keyring.get_password("modeld", self.name) or ""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What the settings say of one provider."""

    api_key: SecretReference | None = None
    base_url: str | None = None
    plugin: str | None = None
    """`module:name` of an extension."""
    server: ServerSettings | None = None
    """How its server is started; None where that is not allowed."""
    trust_remote_code: bool = False
    """Whether code that comes with a model's repository may run when a caller asks for it."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What the settings say of the lanes of a model or provider; None is "not set"."""

    max_connections: int | None = None
    """Attempts at once."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What the settings say of the generation cache."""

    max_size: int = 2_000_000_000
    """Bytes over which the least recently used entries leave; 0 is no limit."""


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What the settings say of the journal of calls with a request id."""

    keep: float = 7 * 86_400.0
    """Seconds after its last change for which a call is kept; 0 is for ever."""
    max_size: int = 256_000_000
    """Bytes over which the oldest answers leave; 0 is no limit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    idle_timeout: float = 1800.0
    drain_timeout: float = 0.0
    log_level: str = "info"
    listen: str | None = None
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    limits: Mapping[str, LimitSettings] = field(default_factory=dict)
    """By full model name, such as openai/gpt-4o, or by provider."""
    cache: CacheSettings = field(default_factory=CacheSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    warnings: tuple[str, ...] = ()
    """What was found and means nothing, in words for the log."""

    @classmethod
    def load(cls, path: str, environ: Mapping[str, str] = os.environ) -> Settings:
        """Reads the file, if there is one, and the variables."""
        found = _read_toml(path)
        warnings: list[str] = []
        values: dict[str, tuple[str, object]] = {}
        for name, value in found.items():
            if name in _VARIABLES:
                values[name] = (f"{name} in {path}", value)
            elif name not in ("providers", "limits", "cache", "journal"):
                warnings.append(f"{path}: there is no setting {name!r}")
        for name, variable in _VARIABLES.items():
            if text := environ.get(variable, "").strip():
                values[name] = (variable, text)
        defaults = cls()
        return cls(
            idle_timeout=_seconds(values.get("idle_timeout"), defaults.idle_timeout),
            drain_timeout=_seconds(values.get("drain_timeout"), defaults.drain_timeout),
            log_level=_level(values.get("log_level"), defaults.log_level),
            listen=_text(values.get("listen")),
            providers=_providers(path, found.get("providers", {}), warnings),
            limits=_limits(path, found.get("limits", {}), warnings),
            cache=_cache(path, found.get("cache", {}), warnings),
            journal=_journal(path, found.get("journal", {}), warnings),
            warnings=tuple(warnings),
        )


def _read_toml(path: str) -> dict[str, object]:
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidRequest(f"{path} cannot be read: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"{path} is not valid TOML: {error}.") from None


def _seconds(value: tuple[str, object] | None, default: float) -> float:
    if value is None:
        return default
    where, given = value
    try:
        seconds = float(given) if isinstance(given, int | float | str) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if isinstance(given, bool) or not math.isfinite(seconds) or seconds < 0:
        raise InvalidRequest(f"{where} must be a number of seconds, 0 or more.")
    return seconds


def _level(value: tuple[str, object] | None, default: str) -> str:
    if value is None:
        return default
    where, given = value
    level = given.lower() if isinstance(given, str) else ""
    if level not in _LEVELS:
        raise InvalidRequest(f"{where} must be one of {', '.join(_LEVELS)}.")
    return level


def _text(value: tuple[str, object] | None) -> str | None:
    if value is None:
        return None
    where, given = value
    if not isinstance(given, str):
        raise InvalidRequest(f"{where} must be text in quotes.")
    return given


def _providers(path: str, found: object, warnings: list[str]) -> dict[str, ProviderSettings]:
    if not isinstance(found, dict):
        raise InvalidRequest(f"providers in {path} must be tables such as [providers.openai].")
    providers = {}
    for provider, table in found.items():
        where = f"providers.{provider} in {path}"
        if not isinstance(table, dict):
            raise InvalidRequest(f"{where} must be a table.")
        warnings.extend(
            f"{where}: there is no setting {name!r}"
            for name in table
            if name not in ("api_key", "base_url", "plugin", "trust_remote_code", *SERVER_KEYS)
        )
        key = _text((f"api_key of {where}", table["api_key"])) if "api_key" in table else None
        url = _text((f"base_url of {where}", table["base_url"])) if "base_url" in table else None
        plugin = _text((f"plugin of {where}", table["plugin"])) if "plugin" in table else None
        if plugin is not None and not _PLACE.fullmatch(plugin):
            raise InvalidRequest(f"plugin of {where} must be 'module:name'.")
        trust = table.get("trust_remote_code", False)
        if not isinstance(trust, bool):
            raise InvalidRequest(f"trust_remote_code of {where} must be true or false.")
        providers[provider] = ProviderSettings(
            api_key=None if key is None else SecretReference.parse(f"api_key of {where}", key),
            base_url=url,
            plugin=plugin,
            server=read_server(where, table),
            trust_remote_code=trust,
        )
    return providers


_LIMITS = tuple(limit.name for limit in fields(LimitSettings))


def _limits(path: str, found: object, warnings: list[str]) -> dict[str, LimitSettings]:
    if not isinstance(found, dict):
        raise InvalidRequest(f'limits in {path} must be tables such as [limits."openai/gpt-4o"].')
    limits = {}
    for name, table in found.items():
        where = f'limits."{name}" in {path}'
        provider, slash, model = name.partition("/")
        if not provider or (slash and not model):
            raise InvalidRequest(f"{where} must be named after a provider or as provider/model.")
        if not isinstance(table, dict):
            raise InvalidRequest(f"{where} must be a table.")
        for key, value in table.items():
            if isinstance(value, dict):
                raise InvalidRequest(
                    f"{where} holds the table {key!r}. The name of a model stands in quotes: "
                    '[limits."provider/model"].'
                )
            if key not in _LIMITS:
                warnings.append(f"{where}: there is no setting {key!r}")
        limits[name] = LimitSettings(
            max_connections=_whole(where, "max_connections", table),
            requests_per_minute=_rate(where, "requests_per_minute", table),
            tokens_per_minute=_rate(where, "tokens_per_minute", table),
        )
    return limits


def _whole(where: str, name: str, table: Mapping[str, object]) -> int | None:
    number = table.get(name)
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise InvalidRequest(f"{name} of {where} must be a whole number, 1 or more.")
    return number


def _rate(where: str, name: str, table: Mapping[str, object]) -> float | None:
    number = table.get(name)
    if number is None:
        return None
    try:
        rate = math.nan if isinstance(number, bool | str) else float(cast("float", number))
    except (TypeError, OverflowError):
        rate = math.nan
    if not 1 <= rate < math.inf:
        raise InvalidRequest(f"{name} of {where} must be a number, 1 or more.")
    return rate


def _cache(path: str, found: object, warnings: list[str]) -> CacheSettings:
    where, table = _table(path, "cache", found, ("max_size",), warnings)
    return CacheSettings(_bytes(where, table, CacheSettings().max_size))


def _journal(path: str, found: object, warnings: list[str]) -> JournalSettings:
    where, table = _table(path, "journal", found, ("keep", "max_size"), warnings)
    default = JournalSettings()
    return JournalSettings(
        _duration(where, "keep", table, default.keep),
        _bytes(where, table, default.max_size),
    )


def _table(
    path: str, name: str, found: object, known: tuple[str, ...], warnings: list[str]
) -> tuple[str, Mapping[str, object]]:
    where = f"{name} in {path}"
    if not isinstance(found, dict):
        raise InvalidRequest(f"{where} must be a table: [{name}].")
    warnings.extend(f"{where}: there is no setting {key!r}" for key in found if key not in known)
    return where, found


def _bytes(where: str, table: Mapping[str, object], default: int) -> int:
    given = table.get("max_size", default)
    size: float = -1
    if isinstance(given, str) and (match := _SIZE.fullmatch(given.strip())):
        number, unit, binary = match.groups()
        base = 1024 if binary else 1000
        size = float(number) * base ** ("kmgt".index(unit.lower()) + 1 if unit else 0)
    elif isinstance(given, int) and not isinstance(given, bool):
        size = given
    if not 0 <= size < 2**63:
        raise InvalidRequest(
            f'max_size of {where} must be bytes, or text such as "500MB" or "2GiB"; 0 is no limit.'
        )
    return int(size)


def _duration(where: str, name: str, table: Mapping[str, object], default: float) -> float:
    given = table.get(name, default)
    try:
        if isinstance(given, str) and given != "0":
            return float(expiry_seconds(given) or 0)
        return _seconds((name, given), default)
    except (InvalidRequest, OverflowError):
        raise InvalidRequest(
            f'{name} of {where} must be text such as "12h" or "7D" (an integer and one of '
            "s m h D W M Y), or seconds; 0 is for ever."
        ) from None
