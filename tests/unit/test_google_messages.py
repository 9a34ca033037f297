"""Conversations as Google's contents."""

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
    ContentVideo,
    ToolCall,
)
from modeld.types.tool import ToolCallError
from modeld_daemon.providers.google.messages import UNSIGNED, contents_to_wire
from modeld_daemon.providers.google.profile import google_profile

NEW = google_profile("gemini-3-flash-preview")
OLD = google_profile("gemini-2.5-flash")
PNG = "data:image/png;base64,iVBO"
PDF = "data:application/pdf;base64,JVBE"
WAV = "data:audio/wav;base64,UklG"


def wire(*messages: Any, profile: Any = OLD, history: Any = None) -> list[dict[str, Any]]:
    return contents_to_wire(messages, profile, history).contents


def called(*calls: ToolCall, content: Any = "") -> ChatMessageAssistant:
    return ChatMessageAssistant(content, tool_calls=list(calls))


def test_roles_have_their_words():
    made = contents_to_wire(
        [
            ChatMessageSystem("be kind"),
            ChatMessageSystem("be brief"),
            ChatMessageUser("hi"),
            ChatMessageAssistant("hello"),
            ChatMessageUser([ContentText("what"), ContentText("now")]),
        ],
        OLD,
        None,
    )
    assert made.system == [{"text": "be kind"}, {"text": "be brief"}]
    assert made.contents == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"text": "hello"}]},
        {"role": "user", "parts": [{"text": "what"}, {"text": "now"}]},
    ]


@pytest.mark.parametrize("first", [ChatMessageUser("hi"), ChatMessageAssistant("hi")])
def test_a_model_without_system_instruction_is_told_by_the_user(first):
    made = contents_to_wire([ChatMessageSystem("be kind"), first], google_profile("gemma-3"), None)
    assert made.system == []
    assert made.contents[0]["role"] == "user"
    assert made.contents[0]["parts"][0] == {"text": "be kind"}


def test_media_are_inline_or_where_the_api_takes_them_from():
    (content,) = wire(
        ChatMessageUser(
            [
                ContentImage(PNG),
                ContentAudio(WAV, format="wav"),
                ContentDocument(PDF),
                ContentDocument("data:text/csv,a%2Cb"),
                ContentVideo("https://youtu.be/x", format="mp4"),
                ContentImage("https://a/b.JPG?c=1"),
                ContentImage("https://generativelanguage.googleapis.com/v1beta/files/x"),
                ContentDocument("gs://b/a.pdf"),
                ContentAudio("gs://b/a", format="mp3"),
                ContentData({"text": "raw", "videoMetadata": {"fps": 1}}),
            ]
        )
    )
    assert content["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}},
        {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}},
        {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": "https://a/b.JPG?c=1", "mimeType": "image/jpeg"}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        {"fileData": {"fileUri": "gs://b/a.pdf", "mimeType": "application/pdf"}},
        {"fileData": {"fileUri": "gs://b/a", "mimeType": "audio/mpeg"}},
        {"text": "raw", "videoMetadata": {"fps": 1}},
    ]


def test_paths_are_refused():
    with pytest.raises(UnresolvedMediaError, match=r"cat\.png"):
        wire(ChatMessageUser([ContentImage("cat.png")]))


def test_a_tool_use_is_nothing_that_a_user_says():
    use = ContentToolUse(tool_type="web_search", id="1", name="s", arguments="", result="")
    with pytest.raises(InvalidRequest):
        wire(ChatMessageUser([use]))


def test_answers_of_one_turn_stand_together():
    contents = wire(
        ChatMessageUser("go"),
        called(ToolCall("a", "f", {"x": 1}), ToolCall("b", "g", {})),
        ChatMessageTool("42", tool_call_id="a", function="f"),
        ChatMessageTool("7", tool_call_id="b"),
        ChatMessageUser("and?"),
    )
    assert contents[1]["parts"] == [
        {"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}},
        {"functionCall": {"id": "b", "name": "g", "args": {}}},
    ]
    assert contents[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "a", "name": "f", "response": {"output": "42"}}},
            {"functionResponse": {"id": "b", "name": "g", "response": {"output": "7"}}},
        ],
    }
    assert contents[3] == {"role": "user", "parts": [{"text": "and?"}]}


@pytest.mark.parametrize(
    "text, response",
    [
        ("plain", {"output": "plain"}),
        ("", {"output": ""}),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("[1]", {"output": "[1]"}),
        ("{broken", {"output": "{broken"}),
        ('{"id": 9007199254740993}', {"output": '{"id": 9007199254740993}'}),
    ],
)
def test_an_answer_is_an_object(text, response):
    (content,) = wire(ChatMessageTool(text, tool_call_id="a", function="f"))
    assert content["parts"][0]["functionResponse"]["response"] == response


def test_an_error_is_an_answer():
    error = ToolCallError("timeout", "too slow")
    (content,) = wire(ChatMessageTool("", tool_call_id="a", function="f", error=error))
    answer = content["parts"][0]["functionResponse"]
    assert answer["response"] == {"error": "too slow"}


def test_media_of_an_answer_stand_in_it_or_behind_all_answers():
    messages = [
        ChatMessageTool([ContentText("see"), ContentImage(PNG)], tool_call_id="a", function="f"),
        ChatMessageTool([ContentAudio(WAV, format="wav")], tool_call_id="b", function="g"),
    ]
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
    sound = {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}
    (old,) = wire(*messages)
    below = {"output": "Audio content is included below."}
    assert old["parts"] == [
        {"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}}},
        {"functionResponse": {"id": "b", "name": "g", "response": below}},
        image,
        sound,
    ]
    (new,) = wire(*messages, profile=NEW)
    assert new["parts"][0]["functionResponse"]["parts"] == [image]
    assert new["parts"][2:] == [sound]


def test_calls_of_other_models_are_excused_their_signature():
    (content,) = wire(called(ToolCall("a", "f", {}), ToolCall("b", "f", {})), profile=NEW)
    assert [part.get("thoughtSignature") for part in content["parts"]] == [UNSIGNED, None]
    (content,) = wire(called(ToolCall("a", "f", {})), profile=OLD)
    assert "thoughtSignature" not in content["parts"][0]


def test_thoughts_of_other_models_lose_their_signature():
    theirs = ContentReasoning("hm", signature="sig")
    hidden = ContentReasoning("cipher", redacted=True)
    said = ChatMessageAssistant([theirs, hidden, ContentText("yes")], model="claude-x")
    (content,) = wire(said)
    assert content["parts"] == [{"text": "hm", "thought": True}, {"text": "yes"}]
    (content,) = wire(said, history="none")
    assert content["parts"] == [{"text": "yes"}]


def test_thoughts_that_somebody_wrote_keep_their_signature():
    (content,) = wire(ChatMessageAssistant([ContentReasoning("hm", signature="sig")]))
    assert content["parts"] == [{"text": "hm", "thought": True, "thoughtSignature": "sig"}]


def test_an_empty_answer_is_no_content():
    assert len(wire(ChatMessageUser("a"), ChatMessageAssistant(""), ChatMessageUser("b"))) == 2
