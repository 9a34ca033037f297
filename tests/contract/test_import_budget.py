"""`import modeld` is free: what a script pays for a model that it never calls is nothing.

Loaded modules are counted, not milliseconds, so that this never flakes; `make bench` has a clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from .source import ROOT

HEAVY = (
    "aiohttp",
    "anthropic",
    "anyio",
    "asyncio",
    "click",
    "google.protobuf",
    "grpc",
    "mistralai",
    "modeld.evals",
    "modeld.rpc",
    "modeld.v1",
    "modeld.wire",
    "modeld_daemon",
    "openai",
    "rich",
    "sqlite3",
    "torch",
    "transformers",
    "xllamacpp",
)


def loaded_by(statement: str) -> set[str]:
    """Modules of a fresh interpreter after the statement, less those of an empty one."""
    listing = "import json, sys; before = set(sys.modules); {}; print(json.dumps(sorted(\
set(sys.modules) - before)))"
    done = subprocess.run(
        [sys.executable, "-c", listing.format(statement)],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize(
    "statement",
    [
        "import modeld",
        "from modeld import get_model, GenerateConfig",
        "from modeld.model import get_model, GenerateConfig, ChatMessageUser, ModelOutput",
        "import modeld.errors, modeld.types",
    ],
)
def test_importing_modeld_loads_nothing_heavy(statement):
    loaded = loaded_by(statement)
    assert [m for m in sorted(loaded) if any(is_in(m, package) for package in HEAVY)] == []


def test_the_values_need_few_modules():
    ours = {
        m for m in loaded_by("from modeld import get_model, GenerateConfig") if is_in(m, "modeld")
    }
    assert 0 < len(ours) < 40


def test_the_daemon_starts_without_any_sdk():
    sdks = ("openai", "anthropic", "mistralai", "xllamacpp", "torch", "transformers")
    loaded = loaded_by("import modeld_daemon.app")
    assert [m for m in sorted(loaded) if any(is_in(m, sdk) for sdk in sdks)] == []


UNUSED = ("google.protobuf.text_format", "grpc.aio._channel", "typing_extensions")
"""A module of each that a first call has no use for; the packages import them all the same."""


def test_the_rpc_room_executes_nothing_that_a_call_has_no_use_for():
    loaded = loaded_by("import modeld.rpc")
    assert "grpc" in loaded
    assert [m for m in UNUSED if m in loaded] == []


def test_what_was_put_off_is_there_for_who_uses_it():
    loaded = loaded_by(
        "import modeld.rpc, grpc.aio; from google.protobuf import text_format;"
        " from modeld.v1.session_service_pb2 import Hello;"
        " assert grpc.aio.insecure_channel and str(Hello(pid=7)).strip() == 'pid: 7'"
    )
    assert {"google.protobuf.text_format", "grpc.aio._channel"} <= loaded


def test_the_daemon_does_not_load_what_protobuf_needs_for_text():
    loaded = loaded_by("import modeld_daemon.app.compose")
    assert "grpc.aio._server" in loaded
    assert "google.protobuf.text_format" not in loaded
