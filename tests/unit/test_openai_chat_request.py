"""Calls as chat completions requests."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import (
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.openai_chat.options import check, read_options, read_quirks
from modeld_daemon.providers.openai_chat.request import build_request
from modeld_daemon.providers.profiles import openai_profile

PNG = "data:image/png;base64,aGk="
WEATHER = ToolInfo(
    "weather",
    "Tells the weather",
    ToolParams(
        properties={"city": JSONSchema(type="string", pattern="[A-Z].*")}, required=["city"]
    ),
)


def request(
    *messages: Any,
    model: str = "gpt-4o",
    args: dict[str, Any] | None = None,
    quirks: dict[str, Any] | None = None,
    stream: bool = False,
    tools: list[ToolInfo] | None = None,
    tool_choice: Any = "auto",
    **config: Any,
) -> Any:
    call = Call(
        "1",
        list(messages) or [ChatMessageUser("hi")],
        GenerateConfig(**config),
        tools or [],
        tool_choice,
    )
    route = Route("openai", model, Account("openai", None, "f"))
    return build_request(
        call,
        route,
        openai_profile(model),
        options=read_options(args or {}, {}),
        quirks=read_quirks(quirks or {}),
        stream=stream,
    )


def wire(*messages: Any, **options: Any) -> list[dict[str, Any]]:
    return request(*messages, **options).body["messages"]


# -- parameters ------------------------------------------------------------------------------


def test_nothing_is_sent_that_was_not_asked():
    assert request().body == {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def test_every_parameter_has_its_name():
    body = request(
        max_tokens=9,
        temperature=0.0,
        top_p=0.9,
        stop_seqs=["a", "b"],
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logit_bias={42: 10, 7: -1.5},
        seed=0,
        num_choices=2,
        logprobs=True,
        top_logprobs=3,
        prompt_logprobs=2,
        verbosity="low",
        reasoning_effort="low",
        parallel_tool_calls=False,
        top_k=5,
        best_of=3,
    ).body
    del body["messages"], body["model"]
    assert body == {
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 0.9,
        "stop": ["a", "b"],
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "logit_bias": {"42": 10, "7": -1.5},
        "seed": 0,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "prompt_logprobs": 2,
        "verbosity": "low",
        "reasoning_effort": "low",
    }


def test_a_stream_asks_for_its_usage():
    body = request(stream=True).body
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    body = request(stream=True, quirks={"stream_usage": False}).body
    assert body["stream"]
    assert "stream_options" not in body


@pytest.mark.parametrize(
    "model, effort, kept, sent",
    [
        ("gpt-5.4-mini", None, True, None),  # it thinks only when it is asked to
        ("gpt-5.4-mini", "none", True, "none"),
        ("gpt-5.4-mini", "low", False, "low"),
        ("gpt-5.5", None, False, None),
        ("gpt-5.5", "none", True, "none"),
        ("gpt-5.1-codex", None, False, None),
        ("o3", "none", False, None),  # it knows no such effort, and thinks
    ],
)
def test_sampling_is_for_models_that_do_not_think(model, effort, kept, sent):
    made = request(ChatMessageUser("hi"), model=model, temperature=0.5, reasoning_effort=effort)
    assert ("temperature" in made.body) is kept
    assert bool(made.warnings) is not kept
    assert made.body.get("reasoning_effort") == sent


def test_what_the_api_does_not_know_is_warned_of():
    unknown = {"top_k": 3, "best_of": 2, "effort": "low", "reasoning_tokens": 9}
    made = request(ChatMessageUser("hi"), **unknown, fallback_models=["m"])
    assert not unknown.keys() & made.body.keys()
    assert [warning.split()[4] for warning in made.warnings] == [
        *("top_k:", "best_of:", "effort:", "fallback_models:", "reasoning_tokens:"),
    ]


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5.5"])
def test_reasoning_models_have_their_own_rules(model):
    messages = [ChatMessageSystem("be brief"), ChatMessageUser("hi")]
    made = request(*messages, model=model, max_tokens=9, temperature=0.5, top_p=0.5)
    assert made.body["messages"][0]["role"] == "developer"
    assert made.body["max_completion_tokens"] == 9
    assert not {"temperature", "top_p", "max_tokens"} & made.body.keys()
    assert [("temperature" in w, "top_p" in w) for w in made.warnings] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-nano", "gpt-5-chat-latest", "o100k", "llama"])
def test_other_models_have_the_plain_rules(model):
    made = request(ChatMessageSystem("x"), model=model, max_tokens=9, temperature=0.5)
    assert made.body["messages"][0]["role"] == "system"
    assert (made.body["max_tokens"], made.body["temperature"]) == (9, 0.5)
    assert made.warnings == []


def test_a_model_without_system_messages_gets_them_as_the_users():
    assert wire(ChatMessageSystem("x"), model="o1-mini")[0]["role"] == "user"


@pytest.mark.parametrize(
    "model, effort, sent",
    [
        ("gpt-5", "max", "xhigh"),
        ("gpt-5.6", "max", "max"),
        ("o3", "high", "high"),
        ("o3", "none", None),
    ],
)
def test_reasoning_effort_is_what_the_model_knows(model, effort, sent):
    assert request(model=model, reasoning_effort=effort).body.get("reasoning_effort") == sent


def test_quirks_of_a_row_win():
    quirks = {
        "max_tokens_name": "max_completion_tokens",
        "system_role": "system",
        "default_max_tokens": 2048,
        "plain_schema": True,
        "strict_tools": True,
        "something_else": 1,
    }
    body = request(ChatMessageSystem("x"), model="o3", quirks=quirks, tools=[WEATHER]).body
    assert body["max_completion_tokens"] == 2048
    assert body["messages"][0]["role"] == "system"
    function = body["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["properties"] == {"city": {"type": "string"}}


def test_a_property_may_be_called_like_a_keyword():
    tool = ToolInfo("t", "d", ToolParams(properties={"pattern": JSONSchema(type="string")}))
    body = request(tools=[tool], quirks={"plain_schema": True}).body
    assert "pattern" in body["tools"][0]["function"]["parameters"]["properties"]


def test_structured_output_is_a_response_format():
    schema = ResponseSchema(
        "answer",
        JSONSchema(type="object", properties={"n": JSONSchema(type="integer", minimum=1)}),
        "An answer",
        strict=True,
    )
    assert request(response_schema=schema).body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "description": "An answer",
            "strict": True,
            "schema": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}},
        },
    }


def test_extra_body_is_added_and_wins_but_for_its_metadata():
    body = request(extra_body={"metadata": {"a": "b"}, "seed": 2, "user": "u"}, seed=1).body
    assert (body["seed"], body["user"]) == (2, "u")
    assert "metadata" not in body
    with pytest.raises(InvalidRequest, match="stream"):
        request(extra_body={"stream": True})


# -- model args ------------------------------------------------------------------------------


def test_model_args_go_to_the_body_or_to_the_client():
    options = read_options(
        {
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "organization": "o",
            "default_headers": {"a": "b"},
            "streaming": False,
            "responses_api": False,
            "project": None,
        },
        {"OPENAI_SAFETY_IDENTIFIER": "s"},
    )
    assert options.body == {
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
    }
    assert options.client == {"organization": "o", "default_headers": {"a": "b"}, "timeout": 900}
    assert options.streaming == "never"
    assert request(args={"service_tier": "default"}).body["service_tier"] == "default"


@pytest.mark.parametrize(
    "args, words",
    [
        ({"speling": 1}, "speling"),
        ({"max_retries": 5}, "GenerateConfig.max_retries"),
        ({"organization": 7}, "organization"),
        ({"timeout": True}, "timeout"),
        ({"streaming": "perhaps"}, "streaming"),
        ({"responses_api": True}, "responses_api"),
        ({"http_client": "x"}, "http_client"),
    ],
)
def test_a_wrong_model_arg_is_named(args, words):
    with pytest.raises(InvalidRequest, match=words):
        read_options(args, {})


def test_a_missing_key_is_found_without_the_sdk():
    row = Row("openai", "openai_chat", "", key_variables=("OPENAI_API_KEY",))
    with pytest.raises(PrerequisiteError, match="OPENAI_API_KEY"):
        check(row, "gpt-4o", Connection(None))
    check(row, "gpt-4o", Connection(None, "k"))
    check(Row("ollama", "openai_chat", "", key_required=False), "m", Connection(None))


# -- tools -----------------------------------------------------------------------------------


def test_tools_are_functions_and_settings_of_tools_need_tools():
    body = request(tools=[WEATHER], parallel_tool_calls=False).body
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells the weather",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string", "pattern": "[A-Z].*"}},
                    "required": ["city"],
                    "additionalProperties": False,
                },
            },
        }
    ]
    assert body["parallel_tool_calls"] is False
    assert (
        not {"tools", "tool_choice", "parallel_tool_calls"}
        & request(parallel_tool_calls=False).body.keys()
    )


@pytest.mark.parametrize(
    "choice, sent",
    [
        ("auto", "auto"),
        ("any", "required"),
        ("none", "none"),
        (ToolFunction("weather"), {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tool_choice_has_its_words(choice, sent):
    assert request(tools=[WEATHER], tool_choice=choice).body["tool_choice"] == sent


def test_a_custom_tool_takes_text():
    options = {"custom": {"format": {"type": "text"}}}
    tool = ToolInfo("sql", "Runs SQL", options=options)
    body = request(tools=[tool], tool_choice=ToolFunction("sql")).body
    custom = {"name": "sql", "description": "Runs SQL", "format": {"type": "text"}}
    assert body["tools"] == [{"type": "custom", "custom": custom}]
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "sql"}}


def test_a_prediction_and_sound_are_members_of_the_callers_own():
    said = {
        "prediction": {"type": "content", "content": "old text"},
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
    }
    made = request(ChatMessageUser("hi"), model="gpt-4o-audio-preview", extra_body=said)
    assert {name: made.body[name] for name in said} == said
