"""No folder of recorded traffic is passed over unsaid: tests play it, or it is said here why none does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.recorded_openai import ROOT, recorded_cases, recordings_folder
from tests.fakes.recorded_rows import CHAT_ROWS, RESPONSES_ROWS

PLAYERS = {
    "test_anthropic_bedrock": ("bedrock.invoke",),
    "test_anthropic_recordings": ("anthropic.messages", "anthropic.count_tokens"),
    "test_azure_recordings": ("azure.chat",),
    "test_azure_wires": ("azure.responses",),
    "test_bedrock_recordings": ("bedrock.converse",),
    "test_google_recordings": (
        *("google.generate_content", "google.count_tokens", "vertex.generate_content"),
    ),
    "test_mistral_recordings": ("mistral.chat",),
    "test_openai_completions_recordings": ("openai.completions",),
    "test_openai_responses_recordings": ("openai.count_tokens",),
}
"""Which module of `tests/rpc` plays what, beside those that go by rows."""
UNPLAYED = {
    "anthropic.batches": "there is no batch mode",
    "cohere.chat": "no provider of modeld speaks it",
    "google.batches": "there is no batch mode",
    "ollama.native_chat": "ollama/ speaks Chat Completions",
    "openai.batches": "there is no batch mode",
}

FOLDERS = sorted(path.name for path in recordings_folder().glob("*.*") if path.is_dir())

pytestmark = pytest.mark.skipif(
    not FOLDERS, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)


def test_every_folder_is_played_or_it_is_said_why_not():
    played = {*CHAT_ROWS, *RESPONSES_ROWS}.union(*PLAYERS.values())
    assert sorted(played | UNPLAYED.keys()) == FOLDERS
    assert not played & UNPLAYED.keys()


@pytest.mark.parametrize("module", PLAYERS)
def test_who_plays_a_folder_names_it(module):
    text = (ROOT / "tests" / "rpc" / f"{module}.py").read_text()
    assert [api for api in PLAYERS[module] if f'"{api}"' not in text] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_of_a_folder_is_a_case(folder):
    """What a player reads by the ending of a file's name is all that there is."""
    names = [path for path in Path(recordings_folder() / folder).iterdir() if path.is_file()]
    cases = recorded_cases(folder)
    assert len(cases) == len(names)
    assert len({case["id"] for case in cases}) == len(cases)
    assert all(re.fullmatch(r"[\w.-]+", case["id"]) and case["exchanges"] for case in cases)
