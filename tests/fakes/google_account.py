"""A service account of Google Cloud, whose tokens a server of the test's gives."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

import pytest

__all__ = ["asks_for_token", "service_account"]


def service_account(file: Path, token_uri: str, email: str = "a@b") -> Path:
    """Writes the file of an account of the project `own-project`."""
    account = {
        "type": "service_account",
        "project_id": "own-project",
        "client_email": email,
        "private_key": _private_key(),
        "token_uri": token_uri,
    }
    file.write_text(json.dumps(account))
    return file


def asks_for_token(body: bytes) -> str:
    """The email of the account that asks for a token with this form."""
    (assertion,) = parse_qs(body.decode())["assertion"]
    claims = assertion.split(".")[1]
    email: str = json.loads(base64.urlsafe_b64decode(claims + "=="))["iss"]
    return email


@cache
def _private_key() -> str:
    """Of some size that signs; making one takes a good part of a second."""
    pytest.importorskip("google.auth", reason="the extra google is not installed")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    text: str = key.private_bytes(*pem, serialization.NoEncryption()).decode()
    return text
