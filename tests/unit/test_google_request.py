"""Calls as bodies of generateContent."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest
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
from modeld_daemon.core.call import Call
from modeld_daemon.providers.google.options import Options, read_options
from modeld_daemon.providers.google.profile import google_profile
from modeld_daemon.providers.google.request import WireRequest, build_count, build_request
from modeld_daemon.providers.google.schema import openapi_schema

ADD = ToolInfo(
    "add", "Adds.", ToolParams(properties={"x": JSONSchema(type="integer")}, required=["x"])
)
SEARCH = ToolInfo("web_search", "Searches.", options={"gemini": {}, "openai": {}})


def request(
    model: str = "gemini-2.5-flash",
    *,
    tools: Any = (),
    choice: Any = "auto",
    options: Options | None = None,
    vertex: bool = False,
    **config: Any,
) -> WireRequest:
    messages = [ChatMessageSystem("s"), ChatMessageUser("u")]
    call = Call("1", messages, GenerateConfig(**config), list(tools), tool_choice=choice)
    profile = google_profile(model)
    return build_request(call, model, profile, options or Options(), vertex=vertex)


def generation(model: str = "gemini-2.5-flash", **config: Any) -> Any:
    return request(model, **config).body.get("generationConfig")


def test_a_bare_call_says_nothing_more():
    assert request().body == {
        "contents": [{"role": "user", "parts": [{"text": "u"}]}],
        "systemInstruction": {"parts": [{"text": "s"}]},
    }


def test_config_has_its_words():
    made = request(
        temperature=0,
        top_p=0.5,
        top_k=3,
        max_tokens=7,
        stop_seqs=["x"],
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=4,
        num_choices=2,
        top_logprobs=5,
        modalities=["image"],
    )
    assert made.body["generationConfig"] == {
        "temperature": 0,
        "topP": 0.5,
        "topK": 3,
        "maxOutputTokens": 7,
        "stopSequences": ["x"],
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "seed": 4,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 5,
        "responseModalities": ["TEXT", "IMAGE"],
    }
    assert made.warnings == []


def test_what_the_api_does_not_know_is_left_out_with_a_warning():
    made = request(logit_bias={1: 2}, verbosity="low", parallel_tool_calls=False, best_of=2)
    assert "generationConfig" not in made.body
    assert [w.split()[3].strip(":") for w in made.warnings[:3]] == [
        "logit_bias:".strip(":"),
        "best_of",
        "verbosity",
    ]
    assert "parallel" in made.warnings[3]


@pytest.mark.parametrize(
    "model, config, wire, warned",
    [
        ("gemini-2.5-flash", {"reasoning_effort": "none"}, {"thinkingBudget": 0}, False),
        ("gemini-2.5-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 128}, True),
        ("gemini-2.5-flash", {"reasoning_effort": "low"}, {"thinkingBudget": 4096}, False),
        ("gemini-2.5-flash", {"reasoning_effort": "max"}, {"thinkingBudget": 24576}, False),
        ("gemini-2.5-pro", {"reasoning_effort": "max"}, {"thinkingBudget": 32000}, False),
        ("gemini-2.5-flash", {"reasoning_tokens": 77}, {"thinkingBudget": 77}, False),
        ("gemini-2.5-flash", {"reasoning_tokens": 0}, {"thinkingBudget": 0}, False),
        ("gemini-3-flash-preview", {"reasoning_effort": "minimal"}, {"thinkingLevel": "MINIMAL"}, False),
        ("gemini-3.1-pro-preview", {"reasoning_effort": "minimal"}, {"thinkingLevel": "LOW"}, False),
        ("gemini-3-flash", {"reasoning_effort": "max"}, {"thinkingLevel": "HIGH"}, False),
        ("gemini-3-pro-preview", {"reasoning_effort": "none"}, {"thinkingLevel": "LOW"}, True),
        ("gemini-3.5-flash", {"reasoning_tokens": 512}, {"thinkingBudget": 512}, False),
        ("gemini-3-flash", {"reasoning_tokens": 5, "reasoning_effort": "low"}, {"thinkingBudget": 5}, True),
        ("gemini-2.5-flash", {"reasoning_summary": "auto"}, {}, False),
        ("gemini-2.0-flash", {"reasoning_effort": "high"}, None, True),
        ("gemini-2.0-flash", {"reasoning_effort": "none"}, None, False),
    ],
)  # fmt: skip
def test_thinking_is_said_as_the_model_takes_it(model, config, wire, warned):
    made = request(model, **config)
    thinking = made.body.get("generationConfig", {}).get("thinkingConfig")
    if wire is not None and thinking is not None:
        silent = config.get("reasoning_effort") == "none" or config.get("reasoning_tokens") == 0
        assert thinking.pop("includeThoughts", None) == (None if silent else True)
    assert thinking == wire
    assert bool(made.warnings) == warned


def test_thoughts_are_not_shown_where_no_summary_is_wanted():
    made = generation(reasoning_effort="low", reasoning_summary="none")
    assert made["thinkingConfig"] == {"thinkingBudget": 4096, "includeThoughts": False}


def test_tools_and_their_choice():
    body = request(tools=[ADD]).body
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "add",
                    "description": "Adds.",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"x": {"type": "integer"}},
                        "required": ["x"],
                        "additionalProperties": False,
                    },
                }
            ]
        }
    ]
    assert "toolConfig" not in body

    def calling(choice: Any) -> Any:
        return request(tools=[ADD], choice=choice).body["toolConfig"]["functionCallingConfig"]

    assert calling("any") == {"mode": "ANY"}
    assert calling("none") == {"mode": "NONE"}
    assert calling(ToolFunction("add")) == {"mode": "ANY", "allowedFunctionNames": ["add"]}


def test_googles_own_tools_stand_in_where_they_may():
    assert request(tools=[SEARCH]).body["tools"] == [{"googleSearch": {}}]
    code = ToolInfo("code_execution", "", options={"providers": {"google": True}})
    assert request(tools=[code]).body["tools"] == [{"codeExecution": {}}]
    mixed = request("gemini-3-flash", tools=[SEARCH, ADD]).body
    assert [next(iter(tool)) for tool in mixed["tools"]] == ["googleSearch", "functionDeclarations"]
    assert mixed["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert "toolConfig" not in request("gemini-3-flash", tools=[SEARCH, ADD], vertex=True).body
    (entry,) = request("gemini-2.5-flash", tools=[SEARCH, ADD]).body["tools"]
    assert [f["name"] for f in entry["functionDeclarations"]] == ["web_search", "add"]
    plain = ToolInfo("web_search", "", options={"openai": {}})
    assert "functionDeclarations" in request(tools=[plain]).body["tools"][0]


def test_a_schema_is_json_schema_where_the_model_knows_it():
    schema = JSONSchema(type="object", properties={"a": JSONSchema(type="string")}, required=["a"])
    new = generation(response_schema=ResponseSchema("n", schema))
    assert new == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema.to_dict(),
    }
    old = generation("gemini-1.5-flash", response_schema=ResponseSchema("n", schema))
    assert old["responseSchema"] == {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING"}},
        "propertyOrdering": ["a"],
        "required": ["a"],
    }


@pytest.mark.parametrize(
    "schema, wire",
    [
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        (
            {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "d"},
            {"type": "INTEGER", "nullable": True, "description": "d"},
        ),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]},
        ),
        ({"type": ["integer", "string"]}, {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]}),
        ({"type": "array", "items": {"enum": ["a"]}}, {"type": "ARRAY", "items": {"enum": ["a"]}}),
        ({"type": "string", "maxLength": 3}, {"type": "STRING", "maxLength": "3"}),
        (
            {"type": "object", "properties": {}, "additionalProperties": False},
            {"type": "OBJECT"},
        ),
    ],
)
def test_openapi_says_it_in_other_words(schema, wire):
    assert openapi_schema(schema) == wire


def test_filters_are_off_unless_the_caller_says_otherwise():
    assert "safetySettings" not in request().body
    old = request("gemini-2.0-flash").body["safetySettings"]
    assert len(old) == 5
    assert {setting["threshold"] for setting in old} == {"BLOCK_NONE"}
    options = read_options({"safety_settings": {"hate_speech": "low", "harassment": "OFF"}}, {})
    assert request(options=options).body["safetySettings"] == [
        {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_LOW_AND_ABOVE"},
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},
    ]
    assert len(request("gemini-2.0-flash").body["safetySettings"]) == 5  # no default was changed


def test_extra_members_are_merged():
    extra = {
        "cachedContent": "cachedContents/1",
        "generationConfig": {"speechConfig": {}},
        "tools": [{"urlContext": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
    }
    body = request(tools=[ADD], temperature=1, extra_body=extra).body
    assert body["cachedContent"] == "cachedContents/1"
    assert body["generationConfig"] == {"temperature": 1, "speechConfig": {}}
    assert [next(iter(tool)) for tool in body["tools"]] == ["functionDeclarations", "urlContext"]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def test_a_count_asks_about_the_same_request():
    body = request(tools=[ADD], choice="any").body
    counted = build_count(body, "models/m", vertex=False)["generateContentRequest"]
    assert counted.keys() == {"model", "contents", "systemInstruction", "tools"}
    assert "model" not in build_count(body, "models/m", vertex=True)


@pytest.mark.parametrize(
    "args, text",
    [
        ({"max_retries": 2}, "GenerateConfig.max_retries"),
        ({"foo": 1}, "Unknown model arg 'foo'"),
        ({"location": 3}, "location"),
        ({"streaming": "often"}, "streaming"),
        ({"use_adc": "yes"}, "use_adc"),
    ],
)
def test_wrong_model_args_are_named(args, text):
    with pytest.raises(InvalidRequest, match=text):
        read_options(args, {})


def test_a_tool_that_nothing_may_stand_in_for_is_a_function():
    (tools,) = request(tools=[SEARCH], internal_tools=False).body["tools"]
    assert [tool["name"] for tool in tools["functionDeclarations"]] == ["web_search"]
