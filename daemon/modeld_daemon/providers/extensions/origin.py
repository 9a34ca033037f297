"""Where an extension comes from, and its faults as typed errors that name it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from modeld.errors import (
    ERROR_BY_REASON,
    Cancelled,
    DaemonUnavailable,
    EngineError,
    InternalError,
    ModeldError,
    PrerequisiteError,
)

from ..engine.words import Death

__all__ = ["CONFIGURED", "Origin"]

log = logging.getLogger("modeld.extensions")

_FOREIGN = frozenset(ERROR_BY_REASON.values()) - {Cancelled, DaemonUnavailable}
"""What an extension may raise. The other two say something of the daemon or of the caller."""
_LONGEST = 86_400.0

CONFIGURED = "config.toml"
"""The package of an extension that the settings name."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The extension as people know it."""

    name: str
    """Name of the provider."""
    place: str
    """`module:name`, as the entry point or the configuration says."""
    package: str = ""
    """The distribution that registered it, or where the configuration names it."""
    summary: str = ""

    @property
    def distribution(self) -> str:
        """What pip knows it by; empty where the configuration names it."""
        return "" if self.package == CONFIGURED else self.package

    def __str__(self) -> str:
        return f"The extension '{self.name}' ({self.place})"

    def fault(self, what: str) -> ModeldError:
        """It did what no provider may do."""
        return InternalError(f"{self}: {what}", provider=self.name)

    def missing(self, what: str) -> ModeldError:
        """It cannot be used as it is installed."""
        return PrerequisiteError(f"{self}: {what}", provider=self.name)

    def died(self, death: Death) -> ModeldError:
        """Its process ended. What it wrote last is not told: it may know the secrets of others."""
        if death.hung:
            return self.fault(
                f"it has blocked its event loop or the whole interpreter: process {death.pid} "
                f"{death.cause}. Code that blocks belongs into a plain function: 'def generate', "
                "not 'async def generate'"
            )
        return EngineError(
            f"{self}: its process {death.pid} {death.cause}. 'modeld logs' shows what it wrote; the "
            "next call starts it again",
            provider=self.name,
        )

    def typed(self, error: BaseException) -> ModeldError:
        """The error as the caller sees it. Whatever it holds is plain and of the right type."""
        if isinstance(error, ModeldError):
            return self._clean(error)
        log.error("%s failed", self, exc_info=error)
        return self.fault(f"{type(error).__name__}: {_text(error)}".rstrip(": "))

    def _clean(self, error: ModeldError) -> ModeldError:
        known = next((cls for cls in type(error).__mro__ if cls in _FOREIGN), None)
        message = _plain(getattr(error, "message", None), 10_000) or _text(error)
        if known is None:
            return self.fault(f"{type(error).__name__}: {message}")
        reason = getattr(error, "reason", None)
        status = getattr(error, "status", None)
        whole = isinstance(status, int) and not isinstance(status, bool) and 100 <= status < 1000
        clean: ModeldError = known(
            message,
            provider=self.name,
            status=status if whole else None,
            request_id=_plain(getattr(error, "request_id", None), 200),
            retry_after=_seconds(getattr(error, "retry_after", None)),
            phase=_plain(getattr(error, "phase", None), 40),
            model=_plain(getattr(error, "model", None), 200),
            reason=reason if ERROR_BY_REASON.get(str(reason)) is known else None,
        )
        return clean


def _text(error: BaseException) -> str:
    try:
        return _plain(str(error), 2_000) or ""
    except Exception:  # noqa: BLE001  # a __str__ of somebody else
        return ""


def _plain(value: Any, most: int) -> str | None:
    return value[:most].encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _seconds(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return min(float(value), _LONGEST) if math.isfinite(value) and value >= 0 else None
