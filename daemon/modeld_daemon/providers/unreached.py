"""What to do about a server of one's own that is not reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modeld.errors import ProviderUnavailable

from ..core.ports import Row

__all__ = ["telling_how_to_start"]


@contextmanager
def telling_how_to_start(row: Row) -> Iterator[None]:
    """Adds to an error of connecting, which names the address, how such a server is started. The row's
    quirk `start_command` says it; rows without it are servers of others.
    """
    try:
        yield
    except ProviderUnavailable as error:
        command = row.quirks.get("start_command")
        if error.phase != "connect" or command is None:
            raise
        raise ProviderUnavailable(
            f"{error.message.rstrip('.')}. If no server runs there, start one ({command}); if it is "
            f"elsewhere, set {row.base_url_variables[0]}.",
            provider=error.provider,
            model=error.model,
            phase=error.phase,
        ) from None
