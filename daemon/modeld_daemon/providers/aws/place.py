"""Where the models of Bedrock are, and how requests to them are signed or keyed."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from modeld.errors import InvalidRequest, PrerequisiteError, ProviderUnavailable

from ..http.endpoint import Endpoint

if TYPE_CHECKING:
    from .credentials import Signer

__all__ = [
    "AWS_CREDENTIALS", "AWS_VARIABLES", "BEARER_VARIABLE", "Place", "check_aws", "named_region",
    "region_of",
]  # fmt: skip

BEARER_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK"
AWS_VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"),
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    *("AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL_STS"),
)
"""What the chain of credentials reads of a session."""
AWS_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
"""Those of them that show that there are credentials."""

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+")
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:([a-z0-9-]+):")


def named_region(model: str, region: str | None, environment: Mapping[str, str]) -> str | None:
    """The region that the caller, the model's ARN or a variable names; None leaves it to the profile."""
    arn = _ARN.match(model)
    found = (
        region
        or (arn and arn[1])
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
    )
    if found and not _REGION.fullmatch(found):
        raise InvalidRequest(
            f"{found!r} is no region of AWS, such as us-east-1: set AWS_REGION, or give the model "
            "arg aws_region=."
        )
    return found or None


def check_aws(provider: str, bearer: str | None) -> None:
    """Raises where botocore is needed and missing."""
    if bearer is None and importlib.util.find_spec("botocore") is None:
        raise PrerequisiteError(
            f"{provider} requires the optional package botocore for AWS credentials. "
            "Install with: pip install 'modeld[bedrock]'",
            provider=provider,
        )


class Place:
    """The runtime of Bedrock for one connection.

    Args:
        provider: Name of the provider, for errors.
        base_url: A URL of the caller's, or None for that of the region.
        bearer: A key of Bedrock's; without it requests are signed.
        environment: Variables of the caller's session.
        profile: The profile that the caller names.
        region: The region that the caller names.
    """

    def __init__(
        self,
        provider: str,
        base_url: str | None,
        bearer: str | None,
        environment: Mapping[str, str],
        *,
        profile: str | None = None,
        region: str | None = None,
    ) -> None:
        self._provider = provider
        self._base_url = base_url.rstrip("/") if base_url else None
        self._bearer = bearer
        self._environment = environment
        self._profile = profile
        self._region = region
        self._lock = asyncio.Lock()
        self._signer: Signer | None = None
        self._closed = False

    async def endpoint(
        self, model: str, operation: str, body: bytes, headers: Mapping[str, str]
    ) -> Endpoint:
        """The head of a request with this body.

        Args:
            model: Id or ARN of the model.
            operation: Such as `converse`.
            body: The body, which is signed too.
            headers: Further headers; they are not part of the signature, so that proxies may
                change them, but for the content type.
        """
        region = named_region(model, self._region, self._environment)
        kind = {"content-type": "application/json"}
        if self._bearer is not None:
            url = self._url(model, operation, region)
            signed = {**kind, "authorization": f"Bearer {self._bearer}"}
            return Endpoint.make("POST", url, {**headers, **signed}.items())
        signer = self._signer or await self._load_signer()
        region = region or signer.region
        url = self._url(model, operation, region)
        region = region or region_of(url) or self._no_region()
        if signer.ready:
            signed = signer.sign(url, body, kind, region)
        else:
            signed = await asyncio.to_thread(signer.sign, url, body, kind, region)
        return Endpoint.make("POST", url, [*headers.items(), *signed.items()])

    async def catalog(self, path: str) -> Endpoint:
        """The head of a question to the service that knows the models, where it is Amazon's own;
        at another address that one is asked.
        """
        region = named_region("", self._region, self._environment)
        if self._bearer is not None:
            proof = {"authorization": f"Bearer {self._bearer}"}
            return Endpoint.make("GET", self._catalog_url(region) + path, proof.items())
        signer = self._signer or await self._load_signer()
        url = self._catalog_url(region or signer.region) + path
        region = region or signer.region or region_of(url) or self._no_region()
        signed = await asyncio.to_thread(signer.sign, url, b"", {}, region, "GET")
        return Endpoint.make("GET", url, signed.items())

    def close(self) -> None:
        """Credentials are not loaded any more."""
        self._closed = True

    def _url(self, model: str, operation: str, region: str | None) -> str:
        return f"{self._base(region)}/model/{quote(model, safe='')}/{operation}"

    def _base(self, region: str | None) -> str:
        if self._base_url is not None:
            return self._base_url
        region = region or self._no_region()
        suffix = ".cn" if region.startswith("cn-") else ""
        return f"https://bedrock-runtime.{region}.amazonaws.com{suffix}"

    def _catalog_url(self, region: str | None) -> str:
        base = self._base(region)
        own = (urlsplit(base).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return base.replace("//bedrock-runtime", "//bedrock", 1) if own else base

    def _no_region(self) -> str:
        raise PrerequisiteError(
            f"No AWS region for {self._provider}: set AWS_REGION, or give the model "
            "arg aws_region=.",
            provider=self._provider,
        )

    async def _load_signer(self) -> Signer:
        async with self._lock:
            if self._signer is None:
                if self._closed:
                    raise ProviderUnavailable("The provider is closed", provider=self._provider)
                self._signer = await asyncio.to_thread(self._make_signer)
            return self._signer

    def _make_signer(self) -> Signer:
        """In a thread: botocore takes a while to import, and credentials may be far away."""
        module = importlib.import_module(".credentials", __package__)
        signer: Signer = module.Signer(
            self._provider,
            self._environment,
            self._profile,
            self._region,
            keys=(BEARER_VARIABLE,),
        )
        return signer


def region_of(url: str) -> str | None:
    """The region in the name of one of Amazon's hosts."""
    found = _REGION.search(urlsplit(url).hostname or "")
    return found[0] if found else None
