"""Calls as Responses requests."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessage,
    ChatMessageUser,
    GenerateConfig,
    ImageOutput,
    JSONSchema,
    ResponseSchema,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.providers.openai_responses.options import (
    read_responses_options,
    read_responses_quirks,
)
from modeld_daemon.providers.openai_responses.request import WireRequest, build_request, count_body

ENCRYPTED = "reasoning.encrypted_content"
HI = ChatMessageUser("hi")


def request(
    *messages: ChatMessage,
    model: str = "gpt-5",
    tools: list[ToolInfo] | None = None,
    choice: ToolChoice = "auto",
    args: dict[str, Any] | None = None,
    quirks: dict[str, Any] | None = None,
    stream: bool = False,
    **config: Any,
) -> WireRequest:
    call = Call("1", list(messages) or [HI], GenerateConfig(**config), tools or [], choice)
    return build_request(
        call,
        Route("openai", model, Account("openai", None, "f")),
        options=read_responses_options(args or {}, {}),
        quirks=read_responses_quirks(quirks or {}),
        stream=stream,
    )


def body(*messages: ChatMessage, **options: Any) -> dict[str, Any]:
    return request(*messages, **options).body


def test_nothing_is_kept_and_thoughts_come_encrypted():
    assert body() == {
        "model": "gpt-5",
        "input": [{"role": "user", "content": "hi"}],
        "store": False,
        "include": [ENCRYPTED],
    }
    assert "include" not in body(model="gpt-4o")  # refuses to be asked
    assert "include" not in body(quirks={"encrypted_reasoning": False})
    kept = body(args={"responses_store": True})
    assert kept["store"] is True
    assert "include" not in kept


def test_the_config_is_sent_under_the_apis_names():
    schema = JSONSchema(type="object", properties={"a": JSONSchema(type="string")})
    made = request(
        model="gpt-4o",
        max_tokens=99,
        temperature=0.5,
        top_p=0.9,
        logprobs=True,
        top_logprobs=3,
        reasoning_effort="low",
        reasoning_summary="detailed",
        verbosity="low",
        response_schema=ResponseSchema("answer", schema, "an answer", strict=True),
        stream=True,
    )
    assert made.warnings == []
    assert made.body == {
        "model": "gpt-4o",
        "input": [{"role": "user", "content": "hi"}],
        "max_output_tokens": 99,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 3,
        "include": ["message.output_text.logprobs"],
        "reasoning": {"effort": "low", "summary": "detailed"},
        "text": {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "description": "an answer",
                "schema": schema.to_dict(),
                "strict": True,
            },
            "verbosity": "low",
        },
        "store": False,
        "stream": True,
    }


@pytest.mark.parametrize(
    "name, value",
    [
        *(("stop_seqs", ["x"]), ("seed", 1), ("frequency_penalty", 0.1), ("top_k", 1)),
        *(("presence_penalty", 0.1), ("logit_bias", {1: 2.0}), ("num_choices", 2)),
    ],
)
def test_what_the_api_does_not_know_is_left_out_and_warned_of(name, value):
    made = request(model="gpt-4o", **{name: value})
    assert made.body.keys() == {"model", "input", "store"}
    assert len(made.warnings) == 1
    assert name in made.warnings[0]


def test_reasoning_models_have_their_own_rules():
    made = request(model="gpt-5", temperature=0.5, logprobs=True)
    assert "temperature" not in made.body
    assert made.body["include"] == [ENCRYPTED]
    assert "temperature" in made.warnings[0]
    assert body(model="gpt-5.4", temperature=0.5)["temperature"] == 0.5  # does not think unasked
    assert body(model="gpt-5.5", reasoning_effort="none")["reasoning"] == {"effort": "none"}
    assert "reasoning" not in body(model="o3", reasoning_effort="none", reasoning_summary="none")
    assert body(model="gpt-5.6", reasoning_effort="max")["reasoning"] == {"effort": "max"}
    assert body(model="gpt-5.4", reasoning_effort="max")["reasoning"] == {"effort": "xhigh"}


def test_slow_answers_are_made_in_the_background_and_kept():
    for options in (
        {"model": "o3-deep-research"},
        {"model": "gpt-5.2-pro"},
        {"model": "gpt-5.6", "reasoning_mode": "pro"},
        {"args": {"background": True}},
        {"extra_body": {"background": True}},
    ):
        made = request(stream=True, **options)
        assert made.background
        assert made.body["store"] is True
        assert not {"stream", "include"} & made.body.keys()
    assert not request(model="gpt-5.2-pro", args={"background": False}).background


def test_functions_are_not_strict_unless_they_say_so():
    parameters = ToolParams(properties={"a": JSONSchema(type="string")}, required=["a"])
    tools = [
        ToolInfo("f", "does f", parameters),
        ToolInfo("g", "", options={"strict": True, "defer_loading": True}),
        ToolInfo("h", "makes text", options={"custom": {"format": {"type": "text"}}}),
    ]
    made = body(tools=tools, choice="any", parallel_tool_calls=False)
    assert made["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does f",
            "parameters": parameters.to_dict(),
            "strict": False,
        },
        {
            "type": "function",
            "name": "g",
            "description": "",
            "parameters": ToolParams().to_dict(),
            "strict": True,
            "defer_loading": True,
        },
        {
            "type": "custom",
            "name": "h",
            "description": "makes text",
            "format": {"type": "text"},
        },
    ]
    assert (made["tool_choice"], made["parallel_tool_calls"]) == ("required", False)
    assert body(tools=tools, choice=ToolFunction("f"))["tool_choice"] == {
        "type": "function",
        "name": "f",
    }
    assert body(tools=tools, choice=ToolFunction("h"))["tool_choice"]["type"] == "custom"


@pytest.mark.parametrize(
    "tool, wire",
    [
        (ToolInfo("web_search", "", options={"openai": True}), {"type": "web_search"}),
        (
            ToolInfo("web_search", "", options={"openai": {"search_context_size": "low"}}),
            {"type": "web_search", "search_context_size": "low"},
        ),
        (
            ToolInfo("code_execution", "", options={"openai": {}}),
            {"type": "code_interpreter", "container": {"type": "auto"}},
        ),
        (
            ToolInfo(
                "find", "", options={"openai": {"type": "file_search", "vector_store_ids": []}}
            ),
            {"type": "file_search", "vector_store_ids": []},
        ),
        (
            ToolInfo(
                "mcp_server_docs",
                "",
                options={"type": "http", "name": "docs", "url": "https://x/mcp", "tools": ["a"]},
            ),
            {
                "type": "mcp",
                "server_label": "docs",
                "server_url": "https://x/mcp",
                "require_approval": "never",
                "allowed_tools": ["a"],
            },
        ),
    ],
)
def test_native_tools_are_sent_as_the_api_writes_them(tool, wire):
    made = body(tools=[tool], choice=ToolFunction(tool.name))
    assert made["tools"] == [wire]
    assert made["tool_choice"]["type"] == wire["type"]
    assert made["tool_choice"].get("server_label") == wire.get("server_label")


def test_pictures_are_made_by_a_tool_and_a_computer_is_remembered():
    assert body(modalities=["image"])["tools"] == [{"type": "image_generation"}]
    big = ImageOutput(options={"openai": {"size": "1024x1024"}})
    assert body(modalities=[big])["tools"] == [{"type": "image_generation", "size": "1024x1024"}]
    computer = ToolInfo("computer", "", options={"openai": {"type": "computer_use_preview"}})
    made = body(model="computer-use-preview", tools=[computer])
    assert (made["store"], made["truncation"]) == (True, "auto")


def test_the_callers_own_members_join_those_of_the_call():
    made = body(
        args={"service_tier": "flex", "prompt_cache_key": "k"},
        reasoning_effort="low",
        extra_body={
            "include": ["web_search_call.action.sources"],
            "reasoning": {"context": "all_turns"},
            "metadata": {"a": "b"},
            "previous_response_id": "r0",
        },
    )
    assert made["include"] == [ENCRYPTED, "web_search_call.action.sources"]
    assert made["reasoning"] == {"effort": "low", "context": "all_turns"}
    assert (made["service_tier"], made["prompt_cache_key"]) == ("flex", "k")
    assert (made["metadata"], made["previous_response_id"]) == ({"a": "b"}, "r0")
    with pytest.raises(InvalidRequest, match="stream"):
        body(extra_body={"stream": True})


def test_counting_asks_for_what_is_read():
    tools = [ToolInfo("f", "")]
    counted = count_body(body(tools=tools, max_tokens=3, reasoning_effort="low"))
    assert counted.keys() == {"model", "input", "tools", "tool_choice", "reasoning"}


def test_a_tool_that_nothing_may_stand_in_for_is_a_function():
    search = ToolInfo("web_search", "Searches.", options={"openai": True})
    made = body(tools=[search], choice=ToolFunction("web_search"), internal_tools=False)
    assert [tool["type"] for tool in made["tools"]] == ["function"]
    assert made["tool_choice"] == {"type": "function", "name": "web_search"}
    assert search.options == {"openai": True}


def test_nothing_is_left_out_in_silence():
    made = request(model="o3", logprobs=True, effort="low", fallback_models=["m"])
    assert "include" not in {k for k, v in made.body.items() if v != [ENCRYPTED]}
    assert [warning.rpartition(":")[0].split()[-1] for warning in made.warnings] == [
        "effort",
        "fallback_models",
        "logprobs",
    ]
