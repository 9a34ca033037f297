"""Packages `vllm` and `sglang` as far as starting a server goes, made into a folder of a test's."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["install"]

_SERVER = Path(__file__).with_name("server.py")


def install(folder: Path) -> Path:
    """Makes both packages there; gives an interpreter that finds them."""
    for path in ("vllm/entrypoints/cli/main.py", "sglang/launch_server.py"):
        module = folder / "site" / path
        module.parent.mkdir(parents=True)
        module.write_text(_SERVER.read_text())
        for package in module.relative_to(folder / "site").parents:
            (folder / "site" / package / "__init__.py").touch()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}/site" exec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    return python
