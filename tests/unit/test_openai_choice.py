"""Which of OpenAI's APIs a call takes, and how models are served."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import GenerateConfig, ToolInfo
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.openai.choice import check, choose_api, is_own
from modeld_daemon.providers.openai_responses.options import read_responses_options
from modeld_daemon.providers.openai_responses.profile import responses_profile

ROW = Row("openai", "openai", "", key_variables=("KEY",), base_url="https://api.openai.com/v1")
UNKNOWN = ("some-code-name", "gpt-5-chat-latest")  # as models that think
SEARCH = ToolInfo("web_search", "", options={"openai": {"search_context_size": "low"}})


def chosen(model: str, *tools: ToolInfo, own: bool = True, asked: Any = None, **config: Any) -> str:
    return choose_api(model, GenerateConfig(**config), tools, asked=asked, own=own)


@pytest.mark.parametrize(
    "model",
    [
        *("o1", "o3-mini", "o4-mini-2025-04-16", "o3-deep-research", "o1-pro"),
        *("gpt-5", "gpt-5-nano", "gpt-5.4", "gpt-5-chat-latest", "gpt-6", "gpt-5.1-codex"),
        *("codex-mini-latest", "computer-use-preview", "ft:gpt-5-mini:org::id", "some-code-name"),
    ],
)
def test_newer_models_are_made_for_responses(model):
    assert chosen(model) == "responses"
    assert chosen(model, num_choices=2) == "chat"  # only chat completions have it
    assert chosen(model, asked=False) == "chat"
    behind_a_gateway = "chat" if model in UNKNOWN else "responses"
    assert chosen(model, own=False) == behind_a_gateway
    assert chosen(model, own=False, asked=True) == "responses"


@pytest.mark.parametrize(
    "model",
    [
        *("gpt-4o", "gpt-4o-mini", "gpt-4.1-nano", "gpt-4", "gpt-3.5-turbo", "chatgpt-4o-latest"),
        *("o1-mini", "o1-preview", "gpt-5-search-api", "gpt-4o-audio-preview", "gpt-oss-20b"),
        *("ft:gpt-4o-mini-2024-07-18:org::id", "gpt-audio-mini"),
    ],
)
def test_older_models_take_chat_completions(model):
    assert chosen(model) == "chat"
    assert chosen(model, asked=True) == "responses"
    assert chosen(model, SEARCH) == "responses"  # native tools
    assert chosen(model, modalities=["image"]) == "responses"
    assert chosen(model, ToolInfo("web_search", "")) == "chat"  # a function of the caller's


@pytest.mark.parametrize(
    "url, own",
    [
        (None, True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("http://localhost:8000/v1", False),
        ("https://api.openai.com.example.org/v1", False),
        ("https://openrouter.ai/api/v1", False),
    ],
)
def test_a_server_is_openais_by_its_name(url, own):
    assert is_own(ROW, Connection(url, "k")) is own


@pytest.mark.parametrize("model", ["o3-deep-research", "gpt-5-pro", "gpt-5.2-pro-2026-01-01"])
def test_slow_models_answer_in_the_background(model):
    assert responses_profile(model).background
    assert not responses_profile(model.partition("-pro")[0].partition("-deep")[0]).background


def test_model_args_are_checked_when_a_model_is_opened():
    args = {"responses_api": True, "responses_store": True, "service_tier": "flex", "user": "u"}
    check(ROW, "gpt-5", Connection(None, "k", args))
    options = read_responses_options(args, {})
    assert (options.store, options.shared.client) == (True, {"timeout": 900.0})
    assert options.shared.body == {"service_tier": "flex", "user": "u"}
    assert read_responses_options({"store": True, "responses_phase": "auto"}, {}).store
    for wrong in ({"responses_api": "yes"}, {"background": 1}, {"no_such": 1}):
        with pytest.raises(InvalidRequest, match=next(iter(wrong))):
            check(ROW, "gpt-5", Connection(None, "k", wrong))
    with pytest.raises(InvalidRequest, match="background"):
        check(ROW, "gpt-5", Connection(None, "k", {"responses_api": False, "background": True}))
    with pytest.raises(PrerequisiteError, match="KEY"):
        check(ROW, "gpt-5", Connection(None))
