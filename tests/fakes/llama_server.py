"""llama.cpp's own HTTP server with the embedded model, as a process."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["ALIAS", "LlamaServer", "llama_server"]

ALIAS = "smollm2"


@dataclass(frozen=True)
class LlamaServer:
    """A running server."""

    url: str
    key: str


@contextlib.contextmanager
def llama_server() -> Iterator[LlamaServer]:
    """The server on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = os.urandom(16).hex()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.llama_program", ALIAS, str(port), key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "READY\n"
            yield LlamaServer(f"http://127.0.0.1:{port}/v1", key)
        finally:
            process.kill()
