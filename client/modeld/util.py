"""The reference's names of small tools around values."""

from .errors import UnresolvedMediaError
from .evals.state import Store, store
from .media import materialize_media
from .types import AdaptiveConcurrency, JSONSchema, JSONType, json_schema

__all__ = [
    "AdaptiveConcurrency",
    "JSONSchema",
    "JSONType",
    "Store",
    "UnresolvedMediaError",
    "json_schema",
    "materialize_media",
    "store",
]
