"""Conversations as Anthropic takes them."""

from __future__ import annotations

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
    ContentToolUse,
    ToolCall,
    ToolCallError,
    UrlCitation,
)
from modeld_daemon.providers.anthropic.messages import Conversation, messages_to_wire

MARK = {"type": "ephemeral"}
PNG = "data:image/png;base64,aGk="


def wire(*messages: Any, system_turns: bool = False) -> Conversation:
    return messages_to_wire(messages, MARK, system_turns=system_turns)


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def test_system_messages_are_the_system():
    assert wire(ChatMessageSystem("a"), ChatMessageUser("hi")).system == "a"
    both = wire(
        ChatMessageSystem("a"),
        ChatMessageUser("hi"),
        ChatMessageSystem([ContentText("b", cache_breakpoint=True)]),
    )
    assert both.system == [text("a"), text("b", cache_control=MARK)]
    assert both.messages == [{"role": "user", "content": "hi"}]


def test_a_system_message_stays_in_the_middle_where_that_is_allowed():
    made = wire(
        ChatMessageSystem("a"),
        ChatMessageUser("hi"),
        ChatMessageSystem("b"),
        ChatMessageAssistant("ok"),
        ChatMessageSystem("c"),
        system_turns=True,
    )
    assert [m["role"] for m in made.messages] == ["user", "system", "assistant"]
    assert made.system == [text("a"), text("c")]


def test_neighbours_of_one_role_are_one_and_answers_come_first():
    made = wire(
        ChatMessageAssistant(
            "", tool_calls=[ToolCall("a.1", "f", {"x": 1}), ToolCall("b", "f", {})]
        ),
        ChatMessageUser("wait"),
        ChatMessageTool("one", tool_call_id="a.1"),
        ChatMessageTool([ContentText("two"), ContentImage(PNG)], tool_call_id="b"),
        ChatMessageUser("go on"),
    )
    image = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    assert made.messages == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "a_1", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a_1", "content": "one"},
                {
                    "type": "tool_result",
                    "tool_use_id": "b",
                    "content": [text("two"), {"type": "image", "source": image}],
                },
                text("wait"),
                text("go on"),
            ],
        },
    ]


def test_an_error_and_a_mark_belong_to_the_answer():
    failed = ChatMessageTool("", tool_call_id="a", error=ToolCallError("timeout", "too slow"))
    marked = ChatMessageTool([ContentText("x", cache_breakpoint=True)], tool_call_id="b")
    assert wire(failed, marked).messages[0]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "is_error": True, "content": "too slow"},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "cache_control": MARK,
            "content": [text("x")],
        },
    ]


def test_nothing_is_said_in_words():
    made = wire(
        ChatMessageUser(" "),
        ChatMessageAssistant([ContentText("")]),
        ChatMessageUser([ContentText(""), ContentText("x")]),
        ChatMessageAssistant("so far: \n"),
    )
    assert [m["content"] for m in made.messages] == [
        "(no content)",
        "(no content)",
        [text("x")],
        "so far:",
    ]


def test_documents_are_files_texts_or_elsewhere():
    made = wire(
        ChatMessageUser(
            [
                ContentDocument(
                    "data:application/pdf;base64,aGk=", filename="a.pdf", citations=True
                ),
                ContentDocument("data:text/csv;base64,aGk="),
                ContentDocument("data:text/plain,a%20b"),
                ContentDocument("https://host/a.pdf", filename="a.pdf"),
                ContentImage("file_123"),
                ContentImage("data:image/JPG;base64,aGk="),
            ]
        )
    )
    sources = [block["source"] for block in made.messages[0]["content"]]
    assert sources == [
        {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
        {"type": "text", "media_type": "text/plain", "data": "hi"},
        {"type": "text", "media_type": "text/plain", "data": "a b"},
        {"type": "url", "url": "https://host/a.pdf"},
        {"type": "file", "file_id": "file_123"},
        {"type": "base64", "media_type": "image/jpeg", "data": "aGk="},
    ]
    first, second = made.messages[0]["content"][:2]
    assert (first["title"], first["citations"]) == ("a.pdf", {"enabled": True})
    assert second.keys() == {"type", "source"}


@pytest.mark.parametrize(
    "part, error",
    [
        (ContentAudio("data:audio/wav;base64,aGk=", format="wav"), InvalidRequest),
        (ContentDocument("data:application/msword;base64,aGk="), InvalidRequest),
        (ContentImage("/tmp/a.png"), UnresolvedMediaError),
    ],
)
def test_what_cannot_be_sent_is_told(part, error):
    with pytest.raises(error):
        wire(ChatMessageUser([part]))


def test_reasoning_that_another_provider_made_is_no_proof_here():
    made = wire(
        ChatMessageAssistant(
            [
                ContentReasoning("mine", signature="s"),
                ContentReasoning("cipher", redacted=True),
                ContentReasoning("theirs", signature="x", internal={"source": "google"}),
                ContentReasoning("", redacted=True, internal={"source": "other"}),
                ContentReasoning("bare"),
            ]
        ),
        ChatMessageUser("hi"),
    )
    assert made.messages[0]["content"] == [
        {"type": "thinking", "thinking": "mine", "signature": "s"},
        {"type": "redacted_thinking", "data": "cipher"},
        text("<think>theirs</think>"),
        text("<think>bare</think>"),
    ]
    assert len(made.warnings) == 1


def test_blocks_of_other_providers_are_left_out_and_told():
    search = ContentToolUse(
        tool_type="web_search", id="1", name="s", arguments="{}", result="", internal={"id": "1"}
    )
    cited = ContentText("x", citations=[UrlCitation("https://a")])
    own = ContentData({"type": "container_upload", "file_id": "f"})
    made = wire(
        ChatMessageAssistant([search, ContentData({"a": 1}, internal={"source": "x"}), own, cited]),
        ChatMessageUser("hi"),
    )
    assert made.messages[0]["content"] == [own.data, text("x")]
    assert len(made.warnings) == 2
