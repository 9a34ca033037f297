"""Values survive the wire and JSON; messages of strangers give a value or a typed error."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeld import types, wire
from modeld.errors import ERROR_BY_REASON, InternalError, InvalidRequest
from modeld.types import (
    CallInfo,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentText,
    GenerateConfig,
    GenerateInput,
    ImageOutput,
    ModelOutput,
    StreamFinishedEvent,
    StreamTextEvent,
    ToolCall,
    ToolInfo,
)
from modeld.v1 import (
    config_pb2,
    content_pb2,
    error_pb2,
    inference_service_pb2,
    message_pb2,
    output_pb2,
    tool_pb2,
)

from .value_strategies import QUICK, messages, of_type, values

PAIRS = {
    "content": (types.Content, content_pb2.Content),
    "citation": (types.Citation, content_pb2.Citation),
    "message": (types.ChatMessage, message_pb2.ChatMessage),
    "tool_info": (types.ToolInfo, tool_pb2.ToolInfo),
    "tool_call": (types.ToolCall, tool_pb2.ToolCall),
    "tool_choice": (types.ToolChoice, tool_pb2.ToolChoice),
    "config": (types.GenerateConfig, config_pb2.GenerateConfig),
    "usage": (types.ModelUsage, output_pb2.ModelUsage),
    "output": (types.ModelOutput, output_pb2.ModelOutput),
    "generate_response": (types.ModelOutput, inference_service_pb2.GenerateResponse),
    "generate_input": (types.GenerateInput, inference_service_pb2.Call),
    "call_info": (types.CallInfo, inference_service_pb2.CallInfo),
    "stream_event": (types.StreamEvent, inference_service_pb2.StreamEvent),
}
JSON_TYPES = sorted(
    name
    for name in types.__all__
    if hasattr(getattr(types, name), "from_dict") and name not in ("Value", "ToolParam")
)


def pair(name):
    return getattr(wire, f"{name}_to_proto"), getattr(wire, f"{name}_from_proto")


@pytest.mark.parametrize("name", PAIRS)
def test_a_value_survives_the_wire(name):
    to_proto, from_proto = pair(name)

    @QUICK
    @given(of_type(PAIRS[name][0]))
    def check(value):
        data = to_proto(value).SerializeToString()
        assert from_proto(PAIRS[name][1].FromString(data)) == value

    check()


@pytest.mark.parametrize("name", PAIRS)
def test_a_message_of_a_stranger_gives_a_value_or_a_typed_error(name):
    to_proto, from_proto = pair(name)

    @QUICK
    @given(messages(PAIRS[name][1].DESCRIPTOR))
    def check(message):
        try:
            value = from_proto(message)
        except InvalidRequest:
            return
        again = to_proto(value)
        assert from_proto(again) == value
        assert to_proto(from_proto(again)) == again

    check()


@pytest.mark.parametrize("name", JSON_TYPES)
def test_a_value_survives_json(name):
    cls = getattr(types, name)

    @QUICK
    @given(values(cls))
    def check(value):
        assert cls.from_dict(value.to_dict()) == value

    check()


@QUICK
@given(st.binary(max_size=60))
def test_random_bytes_never_crash_the_converters(data):
    try:
        message = message_pb2.ChatMessage.FromString(data)
    except Exception:  # no protobuf message at all
        return
    with contextlib.suppress(InvalidRequest):
        wire.message_from_proto(message)


@pytest.mark.parametrize("reason", ERROR_BY_REASON)
def test_every_failure_reason_arrives_as_its_class(reason):
    details = {"provider": "openai", "model": "openai/gpt-4o", "status": 429, "request_id": "req_1"}
    error = ERROR_BY_REASON[reason](
        "Slow down.", **details, retry_after=1.5, attempts=3, reason=reason
    )
    back = wire.failure_from_proto(wire.failure_to_proto(error))
    assert type(back) is type(error)
    assert back.to_dict() == error.to_dict()


def test_every_reason_of_the_wire_has_a_class():
    numbers = error_pb2.FailureReason.items()
    words = {name.removeprefix("FAILURE_REASON_").lower() for name, number in numbers if number}
    assert words == set(ERROR_BY_REASON)


def test_a_reason_of_a_newer_version_is_internal():
    assert type(wire.failure_from_proto(error_pb2.Failure(reason=999))) is InternalError


def test_the_text_of_a_failure_always_arrives():
    failure = wire.failure_to_proto(InternalError("half \ud800 pair"))
    assert failure.message == "half ? pair"


def test_how_a_call_went_lies_in_the_metadata():
    info = CallInfo(call_id="c1", cache="hit", attempts=2, queue_time=0.5, provider_time=1.5)
    output = ModelOutput.from_content("gpt-4o", "hi")
    output.metadata = {"modeld": info.to_dict(), "other": 1}
    proto = wire.generate_response_to_proto(output)
    assert (proto.info.attempts, proto.output.metadata_json) == (2, '{"other":1}')
    assert wire.generate_response_from_proto(proto) == output
    event = StreamFinishedEvent(output, 7)
    assert wire.stream_event_from_proto(wire.stream_event_to_proto(event)) == event


def test_a_users_own_metadata_under_our_name_is_left_alone():
    output = ModelOutput.from_content("gpt-4o", "hi")
    output.metadata = {"modeld": "mine"}
    proto = wire.generate_response_to_proto(output)
    assert not proto.HasField("info")
    assert wire.generate_response_from_proto(proto) == output


def test_the_text_of_an_answer_is_sent_once():
    output = ModelOutput.from_content("gpt-4o", "said once")
    data = wire.output_to_proto(output).SerializeToString()
    assert data.count(b"said once") == 1
    output.completion = "another"
    assert wire.output_from_proto(wire.output_to_proto(output)).completion == "another"


def test_a_message_without_id_stays_without():
    proto = message_pb2.ChatMessage(role=message_pb2.ROLE_USER, text="hi")
    assert wire.message_from_proto(proto).id is None


def test_plain_input_becomes_the_last_user_message():
    call = inference_service_pb2.Call(input="hi")
    call.messages.add(role=message_pb2.ROLE_SYSTEM, text="Be kind.")
    assert [m.role for m in wire.generate_input_from_proto(call).input] == ["system", "user"]


def test_a_priority_is_a_word_here_and_a_number_there():
    for word in types.PRIORITIES:
        assert wire.priority_from_proto(wire.priority_to_proto(word)) == word
    assert wire.priority_from_proto(inference_service_pb2.Call().priority) == "normal"
    with pytest.raises(InvalidRequest, match="interactive, normal, batch, not 'urgent'"):
        wire.priority_to_proto("urgent")
    with pytest.raises(InvalidRequest, match="priority"):
        wire.priority_from_proto(99)


def test_absent_is_not_zero():
    assert wire.config_to_proto(GenerateConfig()).ByteSize() == 0
    zero = wire.config_to_proto(GenerateConfig(temperature=0, seed=0, logprobs=False))
    assert wire.config_from_proto(zero) == GenerateConfig(temperature=0, seed=0, logprobs=False)


def test_big_integers_are_kept():
    body = {"n": 2**80}
    proto = wire.config_to_proto(GenerateConfig(extra_body=body))
    assert proto.extra_body_json == f'{{"n":{2**80}}}'
    assert wire.config_from_proto(proto).extra_body == body


def test_json_text_is_compact_and_in_full_unicode():
    call = ToolCall("1", "f", {"größe": [1, 2]})
    assert wire.tool_call_to_proto(call).arguments_json == '{"größe":[1,2]}'


def test_image_output_without_options_is_not_the_plain_word():
    config = GenerateConfig(modalities=["image", ImageOutput()])
    assert wire.config_from_proto(wire.config_to_proto(config)) == config


def test_an_unknown_stop_reason_is_unknown():
    proto = wire.output_to_proto(ModelOutput.from_content("m", "hi"))
    proto.choices[0].stop_reason = 99
    assert wire.output_from_proto(proto).stop_reason == "unknown"


LOOP: dict[str, object] = {}
LOOP["self"] = LOOP
DEEP: list[object] = []
for _ in range(100_000):
    DEEP = [DEEP]

MISFITS = {
    "message.content: contains a lone surrogate": ChatMessageUser("\ud800"),
    "message.content[1].text: contains a lone surrogate": ChatMessageUser(
        [ContentText("fine"), ContentText("\udfff")]
    ),
    "message.content: expected str or list, got int": ChatMessageUser(5),
    "message.source: expected one of": ChatMessageUser("hi", source="nowhere"),
    "message.metadata['when']: set is not JSON": ChatMessageUser("hi", metadata={"when": {1}}),
    "message.metadata.x: nan is not JSON": ChatMessageUser("hi", metadata={"x": float("nan")}),
    "message.metadata: nested too deeply, or contains itself": ChatMessageUser("a", metadata=LOOP),
    "message.tool_calls[0].arguments['f']: function is not JSON": ChatMessageAssistant(
        "", tool_calls=[ToolCall("1", "f", {"f": test_absent_is_not_zero})]
    ),
    "message.tool_calls[0].arguments: expected object, got list": ChatMessageAssistant(
        "", tool_calls=[ToolCall("1", "f", [])]
    ),
    "message: expected a value of modeld.types, got dict": {"role": "user", "content": "hi"},
}


@pytest.mark.parametrize("problem", MISFITS)
def test_a_misfit_is_named(problem):
    with pytest.raises(InvalidRequest) as caught:
        wire.message_to_proto(MISFITS[problem])
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    "field, value, problem",
    [
        ("seed", 2**70, "is out of range"),
        ("max_tokens", 1.5, "expected int, got float"),
        ("temperature", "hot", "expected float, got str"),
        ("verbosity", "loud", "expected one of 'low', 'medium', 'high'"),
        ("stop_seqs", "stop", "expected list, got str"),
        ("extra_headers", {"a": 1}, "expected str, got int"),
        ("extra_body", [], "expected object, got list"),
        ("modalities", ["audio"], "expected one of 'image'"),
        ("logit_bias", {1: "much"}, "expected numbers by token id"),
    ],
)
def test_a_misfit_of_the_config_is_named(field, value, problem):
    with pytest.raises(InvalidRequest) as caught:
        wire.config_to_proto(GenerateConfig(**{field: value}))
    assert str(caught.value).startswith(f"config.{field}")
    assert problem in str(caught.value)


def test_a_misfit_of_a_call_names_message_and_tool():
    with pytest.raises(InvalidRequest, match=r"^messages\[1\]\.content: .*surrogate"):
        wire.generate_input_to_proto(
            GenerateInput([ChatMessageUser("a"), ChatMessageUser("\udc00")])
        )
    with pytest.raises(InvalidRequest, match=r"^tools\[0\]\.description: is required"):
        wire.generate_input_to_proto(GenerateInput([], [ToolInfo("f", None)]))
    with pytest.raises(InvalidRequest, match=r"^tool_choice: unknown value 'all'"):
        wire.generate_input_to_proto(GenerateInput([], [], "all"))


def test_json_nested_too_deeply_is_a_typed_error():
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        wire.config_to_proto(GenerateConfig(extra_body={"deep": DEEP}))
    text = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"
    with pytest.raises(InvalidRequest, match="extra_body_json is not JSON"):
        wire.config_from_proto(config_pb2.GenerateConfig(extra_body_json=text))


def test_conversion_does_not_change_the_value():
    event = StreamTextEvent("hi", 3)
    wire.stream_event_to_proto(event)
    assert event == StreamTextEvent("hi", 3)
