"""Every field of the vocabulary is mapped: a message with it survives a way through the values.

The descriptors are walked, so a field that is added to a proto fails here until `modeld.wire`
knows it. Messages are full: all fields are set, once for each member of each oneof and for each
number of each enumeration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from modeld import types, wire
from modeld.errors import ERROR_BY_REASON, InvalidRequest
from modeld.v1 import (
    config_pb2,
    content_pb2,
    error_pb2,
    inference_service_pb2,
    message_pb2,
    output_pb2,
    tool_pb2,
)

from ..unit.value_strategies import is_repeated

RoundTrip = Callable[[Any], Message]

VOCABULARY = (config_pb2, content_pb2, error_pb2, message_pb2, output_pb2, tool_pb2)
CALL = inference_service_pb2
SHARED_WITH_SERVICES = (
    CALL.Call,
    CALL.CallInfo,
    CALL.GenerateResponse,
    CALL.StreamEvent,
    CALL.TextDelta,
    CALL.ReasoningDelta,
    CALL.ToolCallDelta,
    CALL.Queued,
    CALL.Retrying,
)


def through(name: str) -> RoundTrip:
    to_proto, from_proto = getattr(wire, f"{name}_to_proto"), getattr(wire, f"{name}_from_proto")
    return lambda message: to_proto(from_proto(message))


ROOTS: dict[type[Message], RoundTrip] = {
    content_pb2.Content: through("content"),
    message_pb2.ChatMessage: through("message"),
    tool_pb2.ToolInfo: through("tool_info"),
    config_pb2.GenerateConfig: through("config"),
    output_pb2.ModelOutput: through("output"),
    error_pb2.Failure: through("failure"),
    CALL.Call: through("generate_input"),
    CALL.StreamEvent: through("stream_event"),
}
# The values do not hold these: rooms of RPC set and read them. `input` becomes a message.
OF_OTHER_ROOMS = {
    f"modeld.v1.Call.{name}"
    for name in ("model", "handle", "input", "request_id", "role", "epoch", "priority", "raw")
}
CONTAINER = {"modeld.v1.ContentParts"}


def vocabulary() -> list[Descriptor]:
    own = [d for module in VOCABULARY for d in module.DESCRIPTOR.message_types_by_name.values()]
    return own + [cls.DESCRIPTOR for cls in SHARED_WITH_SERVICES]


def variants(descriptor: Descriptor) -> Iterator[Message]:
    """Full messages that differ in one choice, at any depth: a member of a oneof or a number."""
    yield full(descriptor, {})
    for field in descriptor.fields:
        for value in field.enum_type.values if field.enum_type else ():
            yield full(descriptor, {field.name: value.number})
        chosen = {field.containing_oneof.name: field.name} if field.containing_oneof else {}
        if is_message(field):
            for inner in variants(field.message_type):
                yield full(descriptor, {**chosen, field.name: inner})
        elif chosen:
            yield full(descriptor, chosen)


def full(descriptor: Descriptor, choices: dict[str, Any]) -> Message:
    """A message with every field set, some of them as `choices` says."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        oneof = field.containing_oneof
        if oneof is None or field.name == choices.get(oneof.name, oneof.fields[0].name):
            set_field(message, field, choices.get(field.name))
    return message


def is_message(field: FieldDescriptor) -> bool:
    return bool(field.message_type) and not field.message_type.GetOptions().map_entry


def set_field(message: Message, field: FieldDescriptor, choice: Any) -> None:
    target = getattr(message, field.name)
    if is_message(field):
        inner = full(field.message_type, {}) if choice is None else choice
        (target.add() if is_repeated(field) else target).CopyFrom(inner)
    elif field.message_type:
        key, value = field.message_type.fields
        target[sample(key)] = sample(value)
    elif is_repeated(field):
        target.append(sample(field))
    else:
        setattr(message, field.name, sample(field) if choice is None else choice)


SAMPLES = {
    "json_schema_json": '{"type":"string"}',
    "parameters_json": '{"type":"object","properties":{},"required":["x"],"additionalProperties":false}',
    "options_json": '{"openai":{"quality":"low"}}',
    "completion": "not the text of the first choice",
    "expiry": "3h",
    "min": 1,
    "start": 2,
    "max": 3,
    "decrease_factor": 0.5,
    "scale_up_percent": 0.5,
    "top_logprobs": 5,
}


def sample(field: FieldDescriptor) -> Any:
    if field.name in SAMPLES:
        return SAMPLES[field.name]
    if field.name.endswith("_json"):
        return '{"a":1}'
    if field.enum_type:
        return field.enum_type.values[-1].number
    by_type = {
        FieldDescriptor.TYPE_STRING: "text",
        FieldDescriptor.TYPE_BYTES: b"\x01\xff",
        FieldDescriptor.TYPE_BOOL: True,
        FieldDescriptor.TYPE_DOUBLE: 1.5,
    }
    return by_type.get(field.type, 7)


def survivors(before: Message, after: Message) -> Iterator[str]:
    """Names of the fields that are set in the one message and equal in the other."""
    kept = {field.name: value for field, value in after.ListFields()}
    for field, value in before.ListFields():
        if field.name not in kept:
            continue
        if is_message(field):
            pairs = [(value, kept[field.name])]
            if is_repeated(field):
                pairs = list(zip(value, kept[field.name], strict=False))  # `input` adds a message
            yield field.full_name
            for inner_before, inner_after in pairs:
                yield from survivors(inner_before, inner_after)
        elif value == kept[field.name]:
            yield field.full_name


def unmapped(roots: dict[type[Message], RoundTrip], descriptors: list[Descriptor]) -> set[str]:
    """Fields of the messages that no round trip of any root keeps."""
    kept: set[str] = set()
    for root, round_trip in roots.items():
        for message in variants(root.DESCRIPTOR):
            try:
                kept.update(survivors(message, round_trip(message)))
            except InvalidRequest:  # a number that is not valid, such as an unspecified role
                continue
    return {field.full_name for d in descriptors for field in d.fields} - kept - OF_OTHER_ROOMS


def test_every_field_of_the_vocabulary_is_mapped():
    assert unmapped(ROOTS, vocabulary()) == set()


def test_the_walk_sees_every_message():
    names = {descriptor.full_name for descriptor in vocabulary()}
    assert len(names) > 45
    assert names >= CONTAINER


@pytest.mark.parametrize(
    "root, dropped",
    [
        (message_pb2.ChatMessage, "modeld.v1.ChatMessage.source"),
        (output_pb2.ModelOutput, "modeld.v1.ModelOutput.response_id"),
        (config_pb2.GenerateConfig, "modeld.v1.GenerateConfig.stop_seqs"),
        (error_pb2.Failure, "modeld.v1.Failure.phase"),
    ],
)
def test_a_converter_that_forgets_a_field_is_caught(root, dropped):
    def forgetful(message: Message) -> Message:
        out = ROOTS[root](message)
        out.ClearField(dropped.rpartition(".")[2])
        return out

    assert dropped in unmapped({root: forgetful}, [root.DESCRIPTOR])


def test_a_message_that_no_converter_knows_is_caught():
    others = [CALL.CountTokensResponse.DESCRIPTOR]
    assert unmapped(ROOTS, others) == {
        "modeld.v1.CountTokensResponse.tokens",
        "modeld.v1.CountTokensResponse.estimated",
    }


WORDS: dict[Any, Any] = {
    content_pb2.ImageDetail: types.ImageDetail,
    content_pb2.AudioFormat: types.AudioFormat,
    content_pb2.VideoFormat: types.VideoFormat,
    content_pb2.DocumentRangeType: types.DocumentRangeType,
    content_pb2.ServerToolType: types.ServerToolType,
    message_pb2.Role: types.Role,
    message_pb2.MessageSource: types.MessageSource,
    tool_pb2.ToolCallType: types.ToolCallType,
    tool_pb2.ToolCallContentFormat: Literal["text", "markdown"],
    tool_pb2.ToolCallErrorType: types.ToolCallErrorType,
    tool_pb2.ToolChoiceMode: Literal["auto", "any", "none"],
    config_pb2.PromptCache: Literal["auto", "on", "off"],
    config_pb2.Verbosity: types.Verbosity,
    config_pb2.Effort: types.Effort,
    config_pb2.ReasoningEffort: types.ReasoningEffort,
    config_pb2.ReasoningMode: types.ReasoningMode,
    config_pb2.ReasoningSummary: types.ReasoningSummary,
    config_pb2.ReasoningHistory: types.ReasoningHistory,
    output_pb2.StopReason: types.StopReason,
    error_pb2.FailureReason: Literal[tuple(ERROR_BY_REASON)],
    CALL.CacheUse: Literal["hit", "miss"],
    CALL.Priority: types.Priority,
}


@pytest.mark.parametrize("enum", WORDS, ids=lambda enum: enum.DESCRIPTOR.name)
def test_an_enumeration_has_the_words_of_the_values(enum):
    names = enum.keys()
    prefix = names[0].removesuffix("UNSPECIFIED")
    words = {name.removeprefix(prefix).lower() for name in names[1:]}
    assert words == set(get_args(WORDS[enum]))


def test_every_enumeration_has_words():
    modules = (module.DESCRIPTOR for module in VOCABULARY)
    enums = {e.full_name for module in modules for e in module.enum_types_by_name.values()}
    assert enums <= {enum.DESCRIPTOR.full_name for enum in WORDS}
