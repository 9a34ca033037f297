"""Calls as requests of Mistral's chat completions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError, UnresolvedMediaError
from modeld.types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentAudio,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentVideo,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolCall,
    ToolCallError,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.mistral.options import check, read_options
from modeld_daemon.providers.mistral.profile import mistral_profile
from modeld_daemon.providers.mistral.request import WireRequest, build_request

PNG = "data:image/png;base64,aGk="
PDF = "data:application/pdf;base64,aGk="
FILE = "4b3c2d1e-0000-4000-8000-0123456789ab"
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


def wire(*messages: Any, **more: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = request(*messages, **more).body["messages"]
    return made


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


# -- what users and systems say --------------------------------------------------------------


def test_each_part_has_its_chunk():
    message = ChatMessageUser(
        [
            ContentText("look"),
            ContentImage(PNG),
            ContentImage("https://x.example/a.png", detail="original"),
            ContentAudio("data:audio/mp3;base64,aGk=", format="mp3"),
            ContentAudio("https://x.example/a.mp3", format="mp3"),
            ContentDocument(PDF),
            ContentDocument("https://x.example/a.pdf", filename="b.pdf"),
            ContentDocument(FILE),
            ContentDocument("data:text/plain;base64,aGk="),
            ContentDocument("data:text/plain,h%C3%A9", filename="a.txt"),
            ContentData({"type": "reference", "reference_ids": [1]}),
        ]
    )
    assert wire(message)[0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "high"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        {"type": "input_audio", "input_audio": "https://x.example/a.mp3"},
        {"type": "document_url", "document_url": PDF},
        {
            "type": "document_url",
            "document_url": "https://x.example/a.pdf",
            "document_name": "b.pdf",
        },
        {"type": "file", "file_id": FILE},
        {"type": "text", "text": "hi"},
        {"type": "text", "text": "a.txt:\n\nhé"},
        {"type": "reference", "reference_ids": [1]},
    ]


def test_what_the_api_cannot_take_is_said():
    with pytest.raises(InvalidRequest, match="video"):
        wire(ChatMessageUser([ContentVideo("data:video/mp4;base64,aGk=", format="mp4")]))
    with pytest.raises(UnresolvedMediaError, match="materialize_media"):
        wire(ChatMessageUser([ContentImage("a.png")]))
    with pytest.raises(InvalidRequest, match="base64"):
        wire(ChatMessageUser([ContentDocument("data:text/plain;base64,a")]))


def test_system_messages_stay_where_they_are():
    roles = [m["role"] for m in wire(ChatMessageSystem("a"), ChatMessageUser("b"))]
    assert roles == ["system", "user"]


# -- what tools and models say ---------------------------------------------------------------


def called(id: str = "abcdefghi", content: Any = "") -> ChatMessageAssistant:
    return ChatMessageAssistant(content, tool_calls=[ToolCall(id, "weather", {"city": "Paris"})])


def test_a_call_and_its_answer():
    answer = ChatMessageTool("sunny", tool_call_id="abcdefghi", function="weather")
    assert wire(ChatMessageUser("hi"), called(), answer)[1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "abcdefghi",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "abcdefghi", "content": "sunny", "name": "weather"},
    ]


@pytest.mark.parametrize("id", ["call_0123456789", "toolu_01AAAA", "a", "abcdefgh-", "ä" * 9])
def test_ids_of_other_providers_become_nine_letters_on_both_sides(id):
    _, call, answer = wire(
        ChatMessageUser("hi"), called(id), ChatMessageTool("sunny", tool_call_id=id)
    )
    made = call["tool_calls"][0]["id"]
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", made)
    assert answer["tool_call_id"] == made
    other = wire(ChatMessageUser("hi"), called(f"{id}x"))[1]["tool_calls"][0]["id"]
    assert other != made


def test_a_tools_error_is_its_answer():
    error = ToolCallError("timeout", "too slow")
    answer = ChatMessageTool("", tool_call_id="abcdefghi", error=error)
    assert wire(ChatMessageUser("hi"), called(), answer)[2]["content"] == "Error: too slow"


def test_media_of_tools_go_into_a_user_message_after_all_answers():
    two = ChatMessageAssistant(
        "", tool_calls=[ToolCall("aaaaaaaaa", "weather", {}), ToolCall("bbbbbbbbb", "weather", {})]
    )
    sent = wire(
        ChatMessageUser("hi"),
        two,
        ChatMessageTool([ContentText("see"), ContentImage(PNG)], tool_call_id="aaaaaaaaa"),
        ChatMessageTool([ContentData({"a": 1})], tool_call_id="bbbbbbbbb"),
    )
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool", "user"]
    assert sent[2]["content"] == "see\nImage content is included below."
    assert sent[3]["content"] == '{"a":1}'
    assert sent[4]["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]


def test_an_assistants_message_at_the_end_is_to_be_continued():
    sent = wire(ChatMessageUser("hi"), ChatMessageAssistant("Once upon"))
    assert sent[1] == {"role": "assistant", "content": "Once upon", "prefix": True}
    assert "prefix" not in wire(ChatMessageUser("hi"), ChatMessageAssistant("a"), called())[1]


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}


def test_thoughts_of_others_are_a_chunk_where_the_model_knows_chunks():
    said = ChatMessageAssistant([ContentReasoning("hm", signature="s"), ContentText("42")])
    history = (ChatMessageUser("hi"), said, ChatMessageUser("why?"))
    assert wire(*history)[1]["content"] == [THOUGHT, {"type": "text", "text": "42"}]
    plain = wire(*history, model="mistral-small-2506")[1]["content"]
    assert plain == "<think>hm</think>\n\n42"


def test_ciphertext_of_others_is_not_sent_but_its_summary_is():
    cipher = ContentReasoning("gAAAA", redacted=True)
    summed = ContentReasoning("gAAAA", redacted=True, summary="hm")
    said = ChatMessageAssistant([cipher, summed, ContentText("42")])
    sent = wire(ChatMessageUser("hi"), said, ChatMessageUser("why?"))
    assert sent[1]["content"] == [THOUGHT, {"type": "text", "text": "42"}]


@pytest.mark.parametrize("mode, kept", [("none", [0, 0]), ("last", [0, 1]), ("all", [1, 1])])
def test_the_history_of_thoughts_is_the_callers_choice(mode, kept):
    said = ChatMessageAssistant([ContentReasoning("hm"), ContentText("42")])
    history = (ChatMessageUser("a"), said, ChatMessageUser("b"), said, ChatMessageUser("c"))
    sent = wire(*history, reasoning_history=mode)
    assert [int(isinstance(sent[at]["content"], list)) for at in (1, 3)] == kept


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
