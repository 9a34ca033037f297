"""A certificate of localhost, made on the spot."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

__all__ = ["Certificate", "make_certificate", "server_tls"]

Certificate = tuple[str, str]
"""Paths of a certificate and its key."""


def make_certificate(folder: Path) -> Certificate:
    """Makes one; the test is skipped where there is no program for it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program to make a certificate with")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", names]
    subprocess.run(command, check=True, capture_output=True)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def server_tls(certificate: Certificate) -> ssl.SSLContext:
    """What a server needs to speak TLS with it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context
