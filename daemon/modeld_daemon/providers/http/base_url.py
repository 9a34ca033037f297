"""What a base URL may be: dialects put paths behind it, so nothing but a path may come last."""

from __future__ import annotations

import re

from modeld.errors import InvalidRequest, redact

from ...core.ports import Row
from .endpoint import parse_url

__all__ = ["check_base_url"]

_PATH_ENDS = re.compile("[?#]")
_BARE_LOGIN = re.compile("^[^/@]*@")


def check_base_url(row: Row, url: str) -> None:
    """`InvalidRequest` unless requests can go below it; it names where the URL is said."""
    wrong = _wrong(url)
    if wrong:
        # A query may hold a key; and a login is known as one by the scheme before it, if there is.
        shown = _BARE_LOGIN.sub("…@", redact(_PATH_ENDS.split(url)[0]))
        places = " or ".join(("base_url=", *row.base_url_variables))
        raise InvalidRequest(
            f"{shown!r} cannot be the base URL of {row.name}: {wrong}. It is said by {places}.",
            provider=row.name,
        )


def _wrong(url: str) -> str:
    try:
        parse_url(url)
    except (UnicodeError, ValueError) as error:
        return str(error)
    return "it must end before the first ? or #" if _PATH_ENDS.search(url) else ""
