"""Messages of a call as the messages of a chat completions request."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import UnresolvedMediaError
from modeld.types import (
    ChatMessageAssistant,
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
from modeld_daemon.providers.openai_chat.messages import messages_to_wire
from modeld_daemon.providers.profiles import openai_profile

PNG = "data:image/png;base64,aGk="


def wire(*messages: Any, model: str = "gpt-4o", reasoning_history: Any = None) -> list[Any]:
    profile = openai_profile(model)
    return messages_to_wire(
        messages,
        profile.system_role,
        reasoning_history,
        cache_mark={"prompt_cache_breakpoint": {"mode": "explicit"}}
        if profile.cache_marks
        else None,
    )


def test_a_users_parts_have_their_forms():
    parts = [
        ContentText("look"),
        ContentImage(PNG),
        ContentImage("https://example.com/a.png", detail="high"),
        ContentAudio("data:audio/wav;base64,UklGRg==", format="wav"),
        ContentVideo("data:video/mp4;base64,AAAA", format="mp4"),
        ContentDocument("data:application/pdf;base64,JVBERi0=", filename="a.pdf"),
        ContentDocument("file-abc123"),
        ContentData({"type": "made_up", "x": 1}),
    ]
    assert wire(ChatMessageUser(parts))[0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        },
        {"type": "file", "file": {"file_id": "file-abc123"}},
        {"type": "made_up", "x": 1},
    ]


@pytest.mark.parametrize(
    "part", [ContentImage("a.png"), ContentAudio("https://x/a.wav", format="wav")]
)
def test_media_that_are_not_inline_are_refused(part):
    with pytest.raises(UnresolvedMediaError):
        wire(ChatMessageUser([part]))


def test_prompt_cache_marks_go_where_they_are_known():
    message = ChatMessageUser([ContentText("long", cache_breakpoint=True), ContentText("short")])
    marked = {"type": "text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert wire(message, model="gpt-5.6")[0]["content"][0] == marked
    assert wire(message, model="gpt-4o")[0]["content"][0] == {"type": "text", "text": "long"}


def test_calls_and_their_answers_go_back():
    calls = [ToolCall("c1", "weather", {"city": "Zürich", "n": 2**70}), ToolCall("c2", "boom", {})]
    sent = wire(
        ChatMessageUser("hi"),
        ChatMessageAssistant("", tool_calls=calls),
        ChatMessageTool("sunny", tool_call_id="c1", function="weather"),
        ChatMessageTool("", tool_call_id="c2", error=ToolCallError("timeout", "took too long")),
        ChatMessageAssistant("It is sunny."),
    )
    assert sent[1]["content"] is None
    text = f'{{"city":"Zürich","n":{2**70}}}'
    assert sent[1]["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": text},
    }
    assert sent[2] == {"role": "tool", "tool_call_id": "c1", "content": "sunny"}
    assert sent[3]["content"] == "Error: took too long"
    assert sent[4] == {"role": "assistant", "content": "It is sunny."}


def test_media_of_tools_move_behind_the_whole_block():
    calls = [ToolCall("c1", "look", {}), ToolCall("c2", "look", {})]
    sent = wire(
        ChatMessageAssistant("", tool_calls=calls),
        ChatMessageTool([ContentText("see:"), ContentImage(PNG)], tool_call_id="c1"),
        ChatMessageTool([ContentText("done")], tool_call_id="c2"),
        ChatMessageAssistant("Nice."),
    )
    assert [message["role"] for message in sent] == [
        "assistant",
        "tool",
        "tool",
        "user",
        "assistant",
    ]
    assert sent[1]["content"] == "see:\nImage content is included below."
    assert sent[3]["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]


def test_media_of_the_last_tool_move_to_the_end():
    sent = wire(ChatMessageTool([ContentImage(PNG)], tool_call_id="c1"))
    assert [message["role"] for message in sent] == ["tool", "user"]


def test_a_custom_call_goes_back_as_one():
    call = ToolCall("c1", "sql", {"input": "select 1"}, type="custom")
    sent = wire(ChatMessageAssistant("", tool_calls=[call]))
    custom = {"name": "sql", "input": "select 1"}
    assert sent[0]["tool_calls"] == [{"id": "c1", "type": "custom", "custom": custom}]


def test_a_refusal_goes_back_as_one():
    sent = wire(ChatMessageAssistant([ContentText("No.", refusal=True)]))
    assert sent == [{"role": "assistant", "content": None, "refusal": "No."}]


def reasoned(internal: Any, reasoning: str = "hm", **fields: Any) -> ChatMessageAssistant:
    parts = [ContentReasoning(reasoning, internal=internal, **fields), ContentText("yes")]
    return ChatMessageAssistant(parts)


def test_thoughts_go_back_the_way_they_came():
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s"}]
    assert wire(reasoned({"source": "reasoning_content"}))[0] == {
        "role": "assistant",
        "content": "yes",
        "reasoning_content": "hm",
    }
    assert wire(reasoned({"source": "reasoning"}))[0]["reasoning"] == "hm"
    sent = wire(reasoned({"source": "reasoning_details", "details": details}))[0]
    assert sent["reasoning_details"] == details
    tags = {"source": "think", "open": " <think>\n", "close": "\n</think>\n\n"}
    assert wire(reasoned(tags))[0]["content"] == " <think>\nhm\n</think>\n\nyes"
    assert wire(reasoned(None))[0]["content"] == "<think>hm</think>\n\nyes"
    assert wire(reasoned(None, "", redacted=True, signature="x"))[0]["content"] == "yes"


def test_old_thoughts_are_sent_as_the_config_says():
    old, new = reasoned({"source": "reasoning_content"}), reasoned({"source": "reasoning_content"})
    history = [old, ChatMessageUser("and?"), new, ChatMessageUser("go on")]

    def sent(mode: Any) -> list[bool]:
        messages = wire(*history, reasoning_history=mode)
        return ["reasoning_content" in message for message in messages]

    assert sent("all") == sent("auto") == sent(None) == [True, False, True, False]
    assert sent("last") == [False, False, True, False]
    assert sent("none") == [False] * 4
