"""Amazon Bedrock's service that speaks OpenAI's APIs: where it is, and who signs.

https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html; the name by which requests
are signed is that of OpenAI's SDK (`openai.lib._bedrock_auth`).
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .place import named_region, region_of

if TYPE_CHECKING:
    from .credentials import Signer

__all__ = ["Mantle", "full_name"]

_SERVICE = "bedrock-mantle"
_REGION = "us-east-2"
_OWNER = re.compile(r"[a-z]{2,}[a-z0-9]*\.")
_FRONTIER = re.compile(r"(openai\.)?(?!gpt-oss)(gpt-\d|codex|o\d)")


def full_name(model: str) -> str:
    """The model's name with its owner's before it; without one it is OpenAI's."""
    return model if _OWNER.match(model) else f"openai.{model}"


class Mantle:
    """The service for one connection; a `Signing` where there is no key.

    Everything that makes one may block. It is made in a thread.

    Args:
        provider: Name of the provider, for errors.
        base_url: A URL of the caller's, or None for that of the region.
        bearer: A key of Bedrock's; without it requests are signed by AWS credentials.
        environment: Variables of the caller's session.
        profile: The profile that the caller names.
        region: The region that the caller names.
        keys: Variables of the provider's keys, for errors.
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
        keys: tuple[str, ...] = (),
    ) -> None:
        self._own_url = base_url.rstrip("/") if base_url else None
        region = named_region("", region, environment)
        self._signer: Signer | None = None
        if bearer is None:
            module = importlib.import_module(".credentials", __package__)
            signer: Signer = module.Signer(provider, environment, profile, region, _SERVICE, keys)
            self._signer = signer
            region = region or signer.region
        self._region = region or region_of(base_url or "") or _REGION

    @property
    def signs(self) -> bool:
        """Whether requests are signed, since there is no key."""
        return self._signer is not None

    def base_url(self, model: str) -> str:
        """Where a model's APIs are: OpenAI's newest models have a path of their own."""
        if self._own_url is not None:
            return self._own_url
        path = "openai/v1" if _FRONTIER.match(model) else "v1"
        return f"https://bedrock-mantle.{self._region}.api.aws/{path}"

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers of a signature."""
        signer = self._signer
        assert signer is not None  # whoever has a key does not ask
        digest = hashlib.sha256(body).hexdigest()
        told = {"content-type": "application/json", "x-amz-content-sha256": digest}
        said = url, body, told, self._region, method
        return signer.sign(*said) if signer.ready else await asyncio.to_thread(signer.sign, *said)

    async def renewed(self, refused: Mapping[str, str]) -> None:  # noqa: ARG002
        """Nothing: each request is signed anew, and the same credentials sign the same."""
        return
