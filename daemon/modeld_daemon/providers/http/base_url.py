"""What a base URL may be: dialects put paths behind it, so nothing but a path may come last."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from modeld.errors import InvalidRequest, redact

from ...core.ports import Row
from .endpoint import parse_url

__all__ = ["check_base_url"]


def check_base_url(row: Row, url: str) -> None:
    """`InvalidRequest` unless requests can go below it; it names where the URL is said."""
    try:
        parse_url(url)
        parts = urlsplit(url)
        if parts.query or parts.fragment:
            raise ValueError("it must end before the first ? or #")
    except (UnicodeError, ValueError) as error:
        shown = redact(re.split("[?#]", url)[0])  # a query may hold a key
        places = " or ".join(("base_url=", *row.base_url_variables))
        raise InvalidRequest(
            f"{shown!r} cannot be the base URL of {row.name}: {error}. It is said by {places}.",
            provider=row.name,
        ) from None
