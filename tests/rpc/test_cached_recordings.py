"""Every recorded answer through a daemon with its cache: a hit is the miss, to the last byte.

The tests of the recordings themselves play them, and `kept` asks each call again. A tenth of the
recordings by default, all in the full form.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modeld import api, rpc
from modeld.environment import Environment
from modeld.rpc.hub import Hub
from tests.conftest import FULL
from tests.fakes.keeping import KeepingHouse
from tests.fakes.recorded_openai import recordings_folder, replay_module
from tests.rpc import (
    test_anthropic_recordings,
    test_azure_recordings,
    test_bedrock_recordings,
    test_google_recordings,
    test_mistral_recordings,
    test_openai_completions_recordings,
    test_openai_recordings,
    test_openai_responses_recordings,
)

PLAYED = (
    test_anthropic_recordings,
    test_azure_recordings,
    test_bedrock_recordings,
    test_google_recordings,
    test_mistral_recordings,
    test_openai_completions_recordings,
    test_openai_recordings,
    test_openai_responses_recordings,
)
CASES = [(module, name) for module in PLAYED for name in sorted(module.CASES)]

pytestmark = [
    pytest.mark.skipif(
        not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
    ),
    pytest.mark.soak(timeout=60, short=60),
]


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    folders = sorted(folder for folder in recordings_folder().iterdir() if folder.is_dir())
    with replay_module().ThreadedReplayServer(folders) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeepingHouse]:
    folder: Path = tmp_path_factory.mktemp("h")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELD_HOME", str(folder))
        patch.setenv("MODELD_AUTOSTART", "0")
        patch.setattr(api, "_memo", {})
        own = Hub(Environment())
        patch.setattr(rpc, "_hubs", [own])
        with KeepingHouse(folder) as open_house:
            yield open_house
            own.close()


@pytest.mark.parametrize(
    "module, name", CASES if FULL else CASES[::10], ids=lambda value: getattr(value, "API", value)
)
def test_a_hit_is_the_miss_to_the_last_byte(module, name, replay, house):
    if module is test_bedrock_recordings:
        pytest.importorskip("botocore")
    compared = house.compared
    module.test_a_recorded_case_is_sent_and_read_as_recorded(name, replay)
    answers = [e for e in module.CASES[name]["exchanges"] if e["response"]["status"] < 400]
    assert house.compared > compared or not answers
