"""Short random ids."""

from __future__ import annotations

import os

_BYTES = 11
_AT_ONCE = 256

_made: list[str] = []
"""Ids not yet given out. `os.urandom` gives up the interpreter's lock, which in a process with
busy threads costs far more than the random bytes: so they are fetched for many ids at once."""


def new_id() -> str:
    """22 hexadecimal digits (88 random bits): unique also across forked processes."""
    try:
        return _made.pop()
    except IndexError:
        digits = os.urandom(_BYTES * _AT_ONCE).hex()
        step = 2 * _BYTES
        _made.extend(digits[at : at + step] for at in range(step, len(digits), step))
        return digits[:step]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_made.clear)
