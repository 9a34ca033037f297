"""Downloads a wheel from a package index without pip (an environment made by uv has none).

The index is the one that pip or uv would use: PIP_INDEX_URL, UV_DEFAULT_INDEX, UV_INDEX_URL, else
PyPI. It may be written in HTML or JSON (PEP 503, PEP 691) and may want the password in its URL.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from html.parser import HTMLParser
from http.client import HTTPException
from pathlib import Path
from urllib.response import addinfourl

DEFAULT_INDEX = "https://pypi.org/simple"
TIMEOUT_SECONDS = 60
_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
_CHUNK = 1 << 18


class NoDownload(Exception):
    """The index does not give the wheel; the message says why."""


def index_url() -> str:
    """The package index that is configured."""
    urls = (os.environ.get(name) for name in _VARIABLES)
    return next((url for url in urls if url), DEFAULT_INDEX).rstrip("/")


def download_wheel(
    distribution: str,
    wheel: str,
    target: Path,
    expected_bytes: int,
    on_progress: Callable[[int, int], None],
) -> None:
    """Downloads a wheel into a file. What it holds is for the caller to check.

    Args:
        distribution: Name of the distribution, in normal form.
        wheel: File name of the wheel.
        target: File that is written.
        expected_bytes: Size of the wheel; a longer answer is cut off and refused.
        on_progress: Called with bytes done and `expected_bytes`.
    """
    page = f"{index_url()}/{distribution}/"
    try:
        link = _find(page, wheel)
        with _open(link, "*/*") as answer, target.open("wb") as file:
            done = 0
            while data := answer.read(_CHUNK):
                file.write(data)
                done += len(data)
                if done > expected_bytes:
                    raise NoDownload(f"{wheel} from {_shown(link)} is longer than it should be")
                on_progress(done, expected_bytes)
    except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
        raise NoDownload(f"cannot download {wheel} from {_shown(page)}: {error}") from None


def _find(page: str, wheel: str) -> str:
    with _open(page, _ACCEPT) as answer:
        kind = answer.headers.get_content_type()
        base = answer.geturl()
        body = answer.read().decode("utf-8", "replace")
    if kind.endswith("json"):
        try:
            links = [str(file["url"]) for file in json.loads(body)["files"]]
        except (ValueError, KeyError, TypeError):
            raise NoDownload(f"{_shown(page)} is no page of a package index") from None
    else:
        links = _Links.of(body)
    for link in links:
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(base, link))
        if urllib.parse.unquote(parts.path.rpartition("/")[2]) == wheel:
            return _with_password(parts._replace(fragment=""), page)
    raise NoDownload(f"{_shown(page)} lists no {wheel}")


def _with_password(link: urllib.parse.SplitResult, page: str) -> str:
    """The link, with the index's own password if it is on the index's own host."""
    index = urllib.parse.urlsplit(page)
    same = (index.scheme, index.hostname, index.port) == (link.scheme, link.hostname, link.port)
    return urllib.parse.urlunsplit(link._replace(netloc=index.netloc) if same else link)


def _open(url: str, accept: str) -> addinfourl:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise NoDownload(f"the package index '{_shown(url)}' is no http or https URL")
    headers = {"Accept": accept, "User-Agent": "modeld"}
    if parts.username is not None:
        secret = f"{parts.username}:{parts.password or ''}"
        secret = urllib.parse.unquote(secret)
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    request = urllib.request.Request(urllib.parse.urlunsplit(bare), headers=headers)  # noqa: S310
    answer: addinfourl = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    return answer


def _shown(url: str) -> str:
    """The URL without its password."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    @staticmethod
    def of(page: str) -> list[str]:
        parser = _Links()
        parser.feed(page)
        return parser.links

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
