"""Which proxy a request takes, by the usual variables of the caller's session.

Never by this process's own environment: the daemon serves sessions with different ones.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from modeld.errors import PrerequisiteError

__all__ = ["PROXY_VARIABLES", "Proxy", "choose_proxy", "proxy_url"]

PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
"""Each is known in lower case too, and lower case wins, as in curl."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)
    """Value of the Proxy-Authorization header, or empty."""


def choose_proxy(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for this origin, or None for the direct way."""
    url = proxy_url(scheme, environment)
    if not url or _bypasses(host, port, _variable("no_proxy", environment)):
        return None
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise PrerequisiteError(
            f"The proxy of {scheme.upper()}_PROXY or ALL_PROXY must be an http:// URL; "
            f"{parts.scheme}:// proxies are not supported."
        )
    authorization = b""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + base64.b64encode(pair.encode())
    return Proxy(parts.hostname, parts.port or 80, authorization)


def proxy_url(scheme: str, environment: Mapping[str, str]) -> str:
    """The URL of the proxy for a scheme, whatever the host; empty where there is none."""
    url = _variable(f"{scheme}_proxy", environment) or _variable("all_proxy", environment)
    return url if not url or "://" in url else f"http://{url}"


def _variable(name: str, environment: Mapping[str, str]) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _bypasses(host: str, port: int, rules: str) -> bool:
    return any(_matches(host.lower(), port, rule.strip().lower()) for rule in rules.split(","))


def _matches(host: str, port: int, rule: str) -> bool:
    """A rule is `*`, a name (its subdomains too), an address or network, each with a port or not."""
    if rule in ("", "*"):
        return rule == "*"
    if "/" in rule:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    name, separator, rule_port = rule.rpartition(":")
    if separator and rule_port.isdigit() and ":" not in name.strip("[]"):
        if int(rule_port) != port:
            return False
        rule = name
    rule = rule.strip("[]").removeprefix("*").removeprefix(".")
    return host == rule or host.endswith(f".{rule}")
