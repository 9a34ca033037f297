"""Messages as the input of a Responses request."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest, UnresolvedMediaError
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentAudio,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentText,
    ContentVideo,
    ToolCall,
    ToolCallError,
)
from modeld_daemon.providers.openai_responses.messages import messages_to_input
from modeld_daemon.providers.openai_responses.response import output_from

PNG = "data:image/png;base64,aGk="
PDF = "data:application/pdf;base64,aGk="
WAV = "data:audio/wav;base64,aGk="


def written(*messages: ChatMessage, **options: Any) -> list[dict[str, Any]]:
    return messages_to_input(messages, "developer", None, **options)


def parts(*content: Any, **options: Any) -> Any:
    return written(ChatMessageUser(list(content)), **options)[0]["content"]


def test_a_conversation():
    call = ToolCall("c1", "add", {"a": 1})
    assert written(
        ChatMessageSystem("be brief"),
        ChatMessageUser("hi"),
        ChatMessageAssistant("let me see", tool_calls=[call]),
        ChatMessageTool("2", tool_call_id="c1"),
    ) == [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "let me see"},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "2"},
    ]


def test_media_are_inline_or_named():
    assert parts(
        ContentText("see"),
        ContentImage(PNG, detail="low"),
        ContentImage("https://x/y.png"),
        ContentImage("file-1"),
        ContentDocument(PDF, filename="a.pdf"),
        ContentDocument("https://x/a.pdf"),
        ContentDocument("file-2"),
        ContentAudio(WAV, format="wav"),
        ContentData({"type": "input_new", "x": 1}),
    ) == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": PNG, "detail": "low"},
        {"type": "input_image", "image_url": "https://x/y.png"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
        {"type": "input_file", "file_url": "https://x/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        {"type": "input_new", "x": 1},
    ]


def test_media_that_cannot_be_sent_are_refused():
    with pytest.raises(UnresolvedMediaError):
        parts(ContentImage("picture.png"))
    with pytest.raises(UnresolvedMediaError):
        parts(ContentAudio("https://x/y.wav", format="wav"))
    with pytest.raises(InvalidRequest, match="video"):
        parts(ContentVideo("data:video/mp4;base64,aGk=", format="mp4"))


def test_cache_marks_are_for_models_that_know_them():
    marked = ContentText("long", cache_breakpoint=True)
    plain = {"type": "input_text", "text": "long"}
    assert parts(marked) == [plain]
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    assert parts(marked, cache_marks=True) == [{**plain, **mark}]


def test_items_of_the_callers_own_stand_for_themselves():
    approval = {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}
    assert written(ChatMessageUser([ContentData(approval)])) == [approval]
    assert written(ChatMessageUser([ContentData(approval), ContentText("go on")])) == [
        approval,
        {"role": "user", "content": [{"type": "input_text", "text": "go on"}]},
    ]


def test_tools_answer_with_text_pictures_and_documents():
    picture = ChatMessageTool([ContentText("a"), ContentImage(PNG)], tool_call_id="c1")
    assert written(picture)[0]["output"] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": PNG},
    ]
    texts = ChatMessageTool([ContentText("a"), ContentData({"b": 1})], tool_call_id="c1")
    assert written(texts)[0]["output"] == 'a\n{"b":1}'
    failed = ChatMessageTool("", tool_call_id="c1", error=ToolCallError("timeout", "too slow"))
    assert written(failed)[0]["output"] == "Error: too slow"


def test_other_media_follow_the_tools_answers():
    heard = ChatMessageTool([ContentAudio(WAV, format="wav")], tool_call_id="c1")
    items = written(heard, ChatMessageTool("b", tool_call_id="c2"), ChatMessageUser("hi"))
    assert [item.get("role") or item["output"] for item in items] == [
        "Audio content is included below.",
        "b",
        "user",
        "user",
    ]
    assert items[2]["content"][0]["type"] == "input_audio"


def test_answers_are_of_the_kind_of_their_calls():
    checks = [{"id": "s", "code": "x", "message": "sure?"}]
    said = output_from(
        {
            "output": [
                {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "x"},
                {
                    "type": "computer_call",
                    "call_id": "c2",
                    "action": {"type": "screenshot"},
                    "pending_safety_checks": checks,
                },
            ]
        }
    ).message
    items = written(
        said,
        ChatMessageTool("y", tool_call_id="c1"),
        ChatMessageTool([ContentImage(PNG)], tool_call_id="c2"),
    )
    assert items[2:] == [
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "y"},
        {
            "type": "computer_call_output",
            "call_id": "c2",
            "output": {"type": "computer_screenshot", "image_url": PNG},
            "acknowledged_safety_checks": checks,
        },
    ]
    with pytest.raises(InvalidRequest, match="screen"):
        written(said, ChatMessageTool("no picture", tool_call_id="c2"))


def test_an_answer_goes_to_the_program_that_called():
    """https://platform.openai.com/docs/guides/tools-programmatic-tool-calling"""
    caller = {"type": "program", "caller_id": "p1"}
    call = {"call_id": "c1", "name": "f", "arguments": "{}", "caller": caller}
    said = output_from({"output": [{"type": "function_call", "id": "fc1", **call}]}).message
    answer = written(said, ChatMessageTool("y", tool_call_id="c1"))[-1]
    assert answer == {
        "type": "function_call_output",
        "call_id": "c1",
        "output": "y",
        "caller": caller,
    }


def test_a_custom_call_of_the_callers_own_is_written_as_one():
    call = ToolCall("c1", "f", {"input": "x"}, type="custom")
    said = ChatMessageAssistant("", tool_calls=[call])
    assert written(said, ChatMessageTool("y", tool_call_id="c1")) == [
        {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "y"},
    ]


def test_the_messages_are_not_changed():
    output = output_from(
        {
            "output": [
                {"id": "x", "type": "some_item"},
                {"id": "m", "type": "message", "content": []},
            ]
        }
    )
    before = output.message.to_dict()
    written(output.message, phase=False)
    assert output.message.to_dict() == before
