"""Who a key belongs to, without saying the key."""

from __future__ import annotations

import hashlib
import hmac
import json

from modeld.types import JsonValue

__all__ = ["Accounts"]


class Accounts:
    """Makes fingerprints with a salt that never leaves the daemon's folder.

    Args:
        salt: At least 16 random bytes, made once for each state folder.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def fingerprint(self, secret: str | None) -> str:
        """16 hex digits that name a key; `none` where there is no key."""
        return "none" if not secret else self._mac(secret)[:16]

    def digest(self, value: JsonValue) -> str:
        """A name for any JSON value, secrets inside it included; the order of members is moot."""
        return self._mac(json.dumps(value, sort_keys=True, ensure_ascii=False))

    def _mac(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return hmac.new(self._salt, data, hashlib.sha256).hexdigest()
