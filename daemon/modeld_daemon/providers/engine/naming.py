"""Errors of engines say whose they are, wherever in a call they come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modeld.errors import ModeldError

from ...core.call import Route


@contextmanager
def naming(route: Route) -> Iterator[None]:
    """Around a call: its error names the provider and the model."""
    try:
        yield
    except ModeldError as error:
        error.provider = error.provider or route.provider
        error.model = error.model or route.name
        raise
