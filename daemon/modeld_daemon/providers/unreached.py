"""What to do about a server of one's own that is not reached."""

from __future__ import annotations

from modeld.errors import ProviderUnavailable

from ..core.ports import Row

__all__ = ["told_how_to_start"]


def told_how_to_start(error: ProviderUnavailable, row: Row) -> ProviderUnavailable:
    """The error; if it is one of connecting, which names the address, with how such a server is
    started. The row's quirk `start_command` says it; rows without it are servers of others.
    """
    command = row.quirks.get("start_command")
    if error.phase != "connect" or command is None:
        return error
    return ProviderUnavailable(
        f"{error.message.rstrip('.')}. If no server runs there, start one ({command}); if it is "
        f"elsewhere, set {row.base_url_variables[0]}.",
        provider=error.provider,
        model=error.model,
        phase=error.phase,
    )
