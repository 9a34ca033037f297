"""Signatures of AWS, made again by Amazon's description alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import quote

from tests.fakes.exact_server import Seen

__all__ = ["check_signed", "headers_of", "signature"]


def headers_of(seen: Seen) -> dict[str, str]:
    lines = seen.head.decode().split("\r\n")[1:-2]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def signature(seen: Seen, secret: str, region: str, service: str) -> str:
    """The signature of the request."""
    headers = headers_of(seen)
    names = re.findall(r"SignedHeaders=([^,]+)", headers["authorization"])[0]
    method, path, _ = seen.head.decode().split(" ", 2)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names.split(";"))
    digest = hashlib.sha256(seen.body).hexdigest()
    canonical = f"{method}\n{quote(path, safe='/')}\n\n{lines}\n{names}\n{digest}"
    date = headers["x-amz-date"]
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4" + secret.encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def check_signed(seen: Seen, id: str, secret: str, region: str, service: str = "bedrock") -> None:
    """The request is signed, by this key, for this region and service."""
    authorization = headers_of(seen)["authorization"]
    assert f"Credential={id}/" in authorization
    assert f"/{region}/{service}/aws4_request" in authorization
    assert authorization.endswith(f"Signature={signature(seen, secret, region, service)}")
