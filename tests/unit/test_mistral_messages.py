"""Messages of calls as Mistral's chat completions take them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from modeld.errors import InvalidRequest, UnresolvedMediaError
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
    ToolCall,
    ToolCallError,
)
from tests.unit.test_mistral_request import request

PNG = "data:image/png;base64,aGk="
PDF = "data:application/pdf;base64,aGk="
FILE = "4b3c2d1e-0000-4000-8000-0123456789ab"


def wire(*messages: Any, **more: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = request(*messages, **more).body["messages"]
    return made


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
