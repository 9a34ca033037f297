"""Why a daemon leaves of its own accord: nobody needs it, or it has lost its home."""

from __future__ import annotations

from collections.abc import Callable

import anyio

__all__ = ["until_displaced", "until_idle"]

_LONGEST_LOOK = 30.0
_LOOK_AT_HOME = 5.0


async def until_idle(
    seconds: float, in_flight: Callable[[], int], total: Callable[[], int]
) -> None:
    """Returns when no call has run or waited for `seconds` seconds; 0 means never.

    Connections, sessions and kept results do not count: clients come back unnoticed. `total` counts
    all calls ever begun, so that a call between two looks is not missed.
    """
    if seconds <= 0:
        await anyio.sleep_forever()
    look = min(seconds / 10, _LONGEST_LOOK)
    last_busy = anyio.current_time()
    seen = total()
    while (left := last_busy + seconds - anyio.current_time()) > 0:
        await anyio.sleep(min(look, left))
        now = total()
        if in_flight() or now != seen:
            seen = now
            last_busy = anyio.current_time()


async def until_displaced(stands: Callable[[], bool]) -> None:
    """Returns when the daemon's lock or socket is gone, so that no client can find it any more.

    Somebody removed the home, or cleaned the system's temp folder. The next client starts another
    daemon; this one must not stay behind, and must not keep the lock from it.
    """
    while stands():  # noqa: ASYNC110  # no event comes from a file that vanishes
        await anyio.sleep(_LOOK_AT_HOME)
