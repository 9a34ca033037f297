"""Bytes of a file or of a web page, with bounds on how many and how long.

Only here are the standard library's modules of HTTP loaded, and this module only when it is needed.
Regular files only: a pipe has no end and a device no size. Only http and https, also where a server
redirects to; a redirect never leaves TLS.
"""

from __future__ import annotations

import os
import stat
import time
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

__all__ = ["FetchError", "fetch", "read_file"]

_PIECE = 1 << 16
_WEB = ("http", "https")
_HEADERS = {"User-Agent": "modeld", "Accept": "*/*"}


class FetchError(Exception):
    """Why there are no bytes, as the end of a sentence about the thing."""


def read_file(path: str, max_bytes: int) -> bytes:
    """The bytes of a regular file."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(Path(path).expanduser(), flags)  # a pipe must not make it wait
    except (OSError, ValueError, RuntimeError) as error:
        raise FetchError(_reason(error)) from None
    try:
        found = os.fstat(number)
        if stat.S_ISDIR(found.st_mode):
            raise FetchError("it is a directory")
        if not stat.S_ISREG(found.st_mode):
            raise FetchError("it is no regular file")
        if found.st_size > max_bytes:
            raise _too_big(max_bytes, found.st_size)
        with os.fdopen(number, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise FetchError(_reason(error)) from None
    finally:
        os.close(number)
    if len(data) > max_bytes:  # it grew
        raise _too_big(max_bytes)
    return data


def fetch(url: str, max_bytes: int, timeout: float) -> tuple[bytes, str]:
    """The bytes of a page and its media type ("" when the server says none).

    Args:
        url: An http or https URL.
        max_bytes: Most bytes to take.
        timeout: Seconds for all of it.
    """
    deadline = time.monotonic() + timeout
    try:
        request = Request(url, headers=_HEADERS)  # noqa: S310  # the opener knows http only
        with _opener().open(request, timeout=timeout) as answer:
            data = _body(answer, max_bytes, deadline, timeout)
            said: str = answer.headers.get("content-type", "")
            return data, said.partition(";")[0].strip().lower()
    except FetchError:
        raise
    except HTTPError as error:
        with error:
            raise FetchError(f"the server answered {error.code} {error.reason}") from None
    except URLError as error:
        raise FetchError(_reason(error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(_reason(error)) from None


def _body(answer: IO[bytes], max_bytes: int, deadline: float, timeout: float) -> bytes:
    headers: HTTPMessage = answer.headers  # type: ignore[attr-defined]
    length = headers.get("content-length", "")
    size = int(length) if length.isdecimal() else None
    if size is not None and size > max_bytes:
        raise _too_big(max_bytes, size)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError("the server sent it compressed, which was not asked for")
    data = bytearray()
    while piece := answer.read1(_PIECE):  # type: ignore[attr-defined]
        data += piece
        if len(data) > max_bytes:
            raise _too_big(max_bytes)
        if time.monotonic() > deadline:  # a server may send a byte now and then for ever
            raise FetchError(f"it did not arrive within {timeout:g} s")
    if size is not None and len(data) < size:
        raise FetchError("the connection ended before it was all there")
    return bytes(data)


class _Redirects(HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in _WEB:
            raise FetchError(f"the server redirects to a {scheme}: address")
        if urlsplit(req.full_url).scheme == "https" and scheme != "https":
            raise FetchError("the server redirects from https to http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> IO[bytes] | None:
        """Checks before the base class does, whose error names no reason."""
        place = headers.get("location") or headers.get("uri") or ""
        scheme = urlsplit(place).scheme
        if scheme and scheme not in _WEB:
            fp.close()
            raise FetchError(f"the server redirects to a {scheme}: address")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener() -> OpenerDirector:
    """Without the handlers of file:, ftp: and data:, which a default opener has."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        _Redirects(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _too_big(max_bytes: int, size: int | None = None) -> FetchError:
    found = f"it has {size} bytes" if size is not None else "it is longer"
    return FetchError(f"{found}; at most {max_bytes} are taken (max_bytes)")


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "it did not arrive in time"
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        return text[:1].lower() + text[1:]
    return str(error) or type(error).__name__
