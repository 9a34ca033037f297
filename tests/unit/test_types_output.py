from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modeld.errors import InvalidRequest
from modeld.types import (
    CallInfo,
    ChatCompletionChoice,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentText,
    ModelCall,
    ModelEvent,
    ModelOutput,
    ModelUsage,
    StopDetails,
    StreamFinishedEvent,
    StreamRetryEvent,
    StreamTextEvent,
    as_stop_reason,
    stream_event_from_dict,
)


def test_the_completion_is_the_first_choices_text():
    output = ModelOutput.from_content("m", [ContentText("hello"), ContentText("you")])
    assert output.completion == "hello\nyou"
    output.completion = "other"
    assert output.completion == "other"
    assert ModelOutput.from_dict(output.to_dict()).completion == "other"


def test_an_output_dumps_as_the_reference_does():
    output = ModelOutput.from_content("m", "hi")
    output.message.id = "1"
    output.usage = ModelUsage(1, 2, 3)
    assert output.to_dict() == {
        "model": "m",
        "choices": [
            {
                "message": {
                    "id": "1",
                    "role": "assistant",
                    "content": "hi",
                    "source": "generate",
                    "model": "m",
                },
                "stop_reason": "stop",
            }
        ],
        "completion": "hi",
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    }


def test_an_empty_output_has_no_message():
    output = ModelOutput()
    assert output.empty
    assert output.completion == ""
    with pytest.raises(IndexError, match="no choices"):
        output.message  # noqa: B018


def test_an_output_can_be_made_of_a_message():
    output = ModelOutput.from_message(ChatMessageAssistant("hi", model="m"))
    assert (output.model, output.stop_reason, output.completion) == ("m", "stop", "hi")
    other = ModelOutput.from_message(ChatMessageUser("hi"), "max_tokens")
    assert (other.message.role, other.stop_reason) == ("assistant", "max_tokens")


def test_an_output_can_be_a_tool_call():
    output = ModelOutput.for_tool_call("m", "add", {"x": 1})
    assert output.stop_reason == "tool_calls"
    assert output.completion == "tool call for tool add"
    assert output.message.tool_calls[0].arguments == {"x": 1}
    assert output.message.tool_calls[0].id.startswith("for_tool_call_")
    named = ModelOutput.for_tool_call("m", "add", {}, tool_call_id="7", content="")
    assert (named.message.tool_calls[0].id, named.completion) == ("7", "")


def test_refusals_carry_their_details():
    output = ModelOutput.from_content(
        "m", "no", "content_filter", error="policy", stop_details=StopDetails(category="cyber")
    )
    assert ModelOutput.from_dict(output.to_dict()) == output


def test_the_old_word_length_is_max_tokens():
    choice = {"message": {"role": "assistant", "content": ""}, "stop_reason": "length"}
    assert ChatCompletionChoice.from_dict(choice).stop_reason == "max_tokens"
    assert ChatCompletionChoice(ChatMessageAssistant(""), "length").stop_reason == "max_tokens"


def test_a_stop_reason_of_a_newer_version_is_unknown():
    choice = {"message": {"role": "assistant", "content": ""}, "stop_reason": "bored"}
    assert ChatCompletionChoice.from_dict(choice).stop_reason == "unknown"


@pytest.mark.parametrize(
    "word, reason",
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "max_tokens"),
        ("function_call", "tool_calls"),
        ("model_length", "model_length"),
        ("bored", "unknown"),
        (None, "unknown"),
    ],
)
def test_common_words_for_stop_reasons(word, reason):
    assert as_stop_reason(word) == reason


def test_usage_adds_up_and_unknown_stays_unknown():
    total = ModelUsage(1, 2, 3, reasoning_tokens=4) + ModelUsage(1, 1, 2, total_cost=0.5)
    assert total == ModelUsage(2, 3, 5, reasoning_tokens=4, total_cost=0.5)
    assert total.input_tokens_cache_read is None


def test_how_a_call_went_names_all_its_members():
    assert CallInfo(call_id="1").to_dict() == {
        "call_id": "1",
        "cache": None,
        "coalesced": False,
        "attempts": 0,
        "queue_time": 0.0,
        "provider_time": 0.0,
        "interrupted": False,
    }


def test_events_are_told_apart_by_their_type():
    for event in (
        StreamTextEvent("hi", 1),
        StreamRetryEvent(1, "rate_limited", 2.5, seq=2),
        StreamFinishedEvent(ModelOutput.from_content("m", "hi"), 3),
    ):
        assert stream_event_from_dict(event.to_dict()) == event
    assert StreamTextEvent("hi", 1).to_dict() == {"type": "text", "text": "hi", "seq": 1}
    with pytest.raises(InvalidRequest, match=r"StreamEvent\.type"):
        stream_event_from_dict({"type": "song"})


def test_a_model_call_can_cut_out_what_must_not_be_kept():
    def hide(key, value):
        return "…" if key == "image" else value

    call = ModelCall.create({"a": [{"image": "AAAA"}], "x": object()}, None, filter=hide)
    assert call.request == {"a": [{"image": "…"}], "x": None}
    call.set_error({"image": "BBBB"}, time=1.5)
    assert (call.response, call.error, call.time) == ({"image": "…"}, True, 1.5)
    assert "_filter" not in call.to_dict()


def test_a_model_event_survives_json():
    event = ModelEvent(
        model="m",
        input=[ChatMessageUser("hi")],
        output=ModelOutput.from_content("m", "hi"),
        input_refs=[(0, 1)],
        completed=datetime(2025, 1, 1, tzinfo=UTC),
        cache="read",
    )
    dump = event.to_dict()
    assert (dump["event"], dump["completed"]) == ("model", "2025-01-01T00:00:00+00:00")
    assert ModelEvent.from_dict(dump) == event
