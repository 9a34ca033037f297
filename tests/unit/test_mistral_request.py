"""Calls as requests of Mistral's chat completions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import (
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
from modeld_daemon.providers.mistral.options import check, read_options
from modeld_daemon.providers.mistral.profile import mistral_profile
from modeld_daemon.providers.mistral.request import WireRequest, build_request

WEATHER = ToolInfo(
    "weather", "Tells the weather", ToolParams(properties={"city": JSONSchema(type="string")})
)
FUNCTION = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": WEATHER.parameters.to_dict(),
    },
}


def request(
    *messages: Any,
    model: str = "mistral-small-latest",
    args: dict[str, Any] | None = None,
    stream: bool = False,
    tools: list[ToolInfo] | None = None,
    tool_choice: Any = "auto",
    **config: Any,
) -> WireRequest:
    call = Call(
        "1",
        list(messages) or [ChatMessageUser("hi")],
        GenerateConfig(**config),
        tools or [],
        tool_choice,
    )
    route = Route("mistral", model, Account("mistral", None, "f"))
    options = read_options(args or {})
    return build_request(call, route, mistral_profile(model), options=options, stream=stream)


# -- the config ------------------------------------------------------------------------------


def test_a_request_says_no_more_than_the_caller():
    body = request().body
    assert body == {
        "model": "mistral-small-latest",
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_each_field_that_the_api_has_is_sent_under_its_name():
    body = request(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=7,
        stop_seqs=["a"],
        num_choices=2,
        logprobs=True,
        top_logprobs=3,
        prompt_logprobs=5,
        reasoning_effort="low",
        extra_body={"safe_prompt": True, "metadata": {"a": 1}},
        stream=True,
    ).body
    del body["model"], body["messages"]
    assert body == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 4,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "random_seed": 7,
        "stop": ["a"],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "prompt_logprobs": True,
        "top_prompt_logprobs": 5,
        "reasoning_effort": "high",
        "safe_prompt": True,
        "metadata": {"a": 1},
        "stream": True,
    }


def test_what_the_api_has_no_word_for_is_left_out_with_a_warning():
    made = request(
        logit_bias={1: 2.0}, verbosity="low", effort="high", reasoning_tokens=5, best_of=2
    )
    assert set(made.body) == {"model", "messages"}
    assert [re.findall(r"know no (\w+)", warning)[0] for warning in made.warnings] == [
        "logit_bias",
        "best_of",
        "verbosity",
        "effort",
        "reasoning_tokens",
    ]


def test_nobody_but_the_call_says_whether_to_stream():
    with pytest.raises(InvalidRequest, match="stream"):
        request(extra_body={"stream": True})


@pytest.mark.parametrize(
    "model, effort, sent",
    [
        ("mistral-small-latest", "none", "none"),
        ("mistral-small-2603", "medium", "high"),
        ("mistral-medium-latest", "max", "high"),
        ("mistral-large-4-0", "minimal", "low"),
        ("mistral-large-4-0", "medium", "medium"),
        ("some-new-model", "minimal", "high"),
        ("magistral-medium-latest", "high", None),
        ("mistral-small-2506", "high", None),
        ("mistral-medium-2508", "high", None),
        ("mistral-medium-3-1", "high", None),
        ("mistral-medium-3-5", "high", "high"),
        ("mistral-large-2512", "high", None),
        ("ft:codestral-2508:org:1", "high", None),
        ("org/pixtral-12b", "none", None),
    ],
)
def test_a_reasoning_effort_is_what_the_model_knows(model, effort, sent):
    made = request(model=model, reasoning_effort=effort)
    assert made.body.get("reasoning_effort") == sent
    assert bool(made.warnings) == (sent is None)


def test_a_response_schema_says_what_is_given():
    schema = ResponseSchema("s", JSONSchema(type="object", properties={}), strict=True)
    assert request(response_schema=schema).body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "s",
            "schema": {"type": "object", "properties": {}},
            "strict": True,
        },
    }


# -- tools -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choice, sent",
    [
        ("auto", "auto"),
        ("any", "any"),
        ("none", "none"),
        (ToolFunction("weather"), {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tools_and_their_choice(choice, sent):
    body = request(tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False).body
    assert body["tools"] == [FUNCTION]
    assert body["tool_choice"] == sent
    assert body["parallel_tool_calls"] is False


def test_parallel_calls_are_no_matter_without_tools():
    assert "parallel_tool_calls" not in request(parallel_tool_calls=False).body


def test_a_tool_may_be_strict_or_the_servers_own():
    strict = ToolInfo("a", "b", options={"strict": True})
    library = {"type": "document_library", "library_ids": ["x"]}
    own = ToolInfo("library", "", options={"mistral": library})
    sent = request(tools=[strict, own]).body["tools"]
    assert sent[0]["function"]["strict"] is True
    assert sent[1] == library


# -- options ---------------------------------------------------------------------------------


def test_model_args_go_where_they_belong():
    options = read_options(
        {
            "server": "eu",
            "timeout_ms": 5000,
            "default_headers": {"x-a": "b"},
            "safe_prompt": True,
            "prompt_mode": "reasoning",
            "streaming": True,
            "conversation_api": False,
            "service_tier": None,
        }
    )
    assert (options.server, options.timeout, options.streaming) == ("eu", 5, "always")
    assert options.body == {"safe_prompt": True, "prompt_mode": "reasoning"}
    assert "x-a" not in repr(options)
    assert request(args={"safe_prompt": True}).body["safe_prompt"] is True


@pytest.mark.parametrize(
    "args, said",
    [
        ({"server": "mars"}, "global, eu, us"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": True}, "must be int or float"),
        ({"safe_prompt": 1}, "must be bool"),
        ({"default_headers": {"a": 1}}, "text"),
        ({"streaming": "often"}, "'auto', true or false"),
        ({"streaming": []}, "'auto', true or false"),
        ({"conversation_api": True}, "chat completions only"),
        ({"max_retries": 3}, "GenerateConfig.max_retries"),
        ({"colour": "red"}, "extra_body"),
    ],
)
def test_wrong_model_args_are_named(args, said):
    with pytest.raises(InvalidRequest, match=said):
        read_options(args)


def test_a_missing_key_is_said_when_the_model_is_opened():
    row = Row("mistral", "mistral", "", key_variables=("MISTRAL_API_KEY",))
    with pytest.raises(PrerequisiteError, match="MISTRAL_API_KEY"):
        check(row, "m", Connection(None))
    check(row, "m", Connection(None, "k"))
