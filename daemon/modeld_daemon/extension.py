"""What a provider package of somebody else may use: docs/extensions.md says how.

These names stay what they are within one `API_VERSION`; everything else of the daemon may change
with any release. A package says what it was written for by `api_version = 1` on its provider.
Messages, outputs and errors are those of `modeld` itself: `modeld.types` and `modeld.errors`.
"""

from __future__ import annotations

from modeld import errors, types

from .core.call import Call, Route
from .core.estimate import estimate_tokens
from .core.ports import Connection, ModelListing, Row, Sink, TokenCount
from .core.rates import RateLimit, RateLimits

__all__ = [
    "API_VERSION",
    "GROUP",
    "Call",
    "Connection",
    "ModelListing",
    "RateLimit",
    "RateLimits",
    "Route",
    "Row",
    "Sink",
    "TokenCount",
    "errors",
    "estimate_tokens",
    "types",
]

API_VERSION = 1
"""Rises when a name above is taken away or means something else."""

GROUP = "modeld.providers"
"""The entry-point group under which a package registers its providers."""
