"""Random values and random messages, made from the annotations and the descriptors themselves.

A field that is added to a dataclass or a proto is therefore tested without a line here.
"""

from __future__ import annotations

from datetime import UTC
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from modeld.errors import ERROR_BY_REASON
from modeld.types import (
    AdaptiveConcurrency,
    CachePolicy,
    CallInfo,
    ChatCompletionChoice,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentText,
    GenerateConfig,
    JSONSchema,
    Logprob,
    ModelCall,
    StopReason,
    StreamQueuedEvent,
    StreamRetryEvent,
    TopLogprob,
)

QUICK = settings(
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,  # `make test` must not fail on some days only
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)

TEXT = st.text(max_size=8)
WORD = st.text(min_size=1, max_size=8)
NUMBER = st.integers(0, 2**31 - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | REAL | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
TOKEN_BYTES = st.none() | st.lists(st.integers(0, 255), max_size=3)

SCALARS: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: NUMBER,
    float: REAL,
    bool: st.booleans(),
    NoneType: st.none(),
    Any: JSON,
}

SECONDS = st.floats(0, 1e9, allow_nan=False)
ADAPTIVE = st.builds(AdaptiveConcurrency, max=st.integers(1, 500), cooldown_seconds=st.floats(0, 9))

# Schemas in schemas, to any depth, would be more than hypothesis draws.
LEAF = st.builds(JSONSchema, type=st.sampled_from(["string", None]), default=JSON, pattern=TEXT)

# What a type cannot say. Where the wire holds "none and empty are the same", empty is left out.
SPECIAL: dict[tuple[type, str], st.SearchStrategy[Any]] = {
    (GenerateConfig, "timeout"): st.none() | SECONDS,
    (GenerateConfig, "attempt_timeout"): st.none() | SECONDS,
    (GenerateConfig, "stream_idle_timeout"): st.none() | SECONDS,
    (GenerateConfig, "max_connections"): st.none() | st.integers(1, 1_000_000),
    (GenerateConfig, "max_retries"): st.none() | st.integers(0, 1_000_000),
    (GenerateConfig, "top_logprobs"): st.none() | st.integers(0, 20),
    (GenerateConfig, "prompt_logprobs"): st.none() | st.integers(1, 20),
    (GenerateConfig, "stop_seqs"): st.none() | st.lists(TEXT, min_size=1, max_size=2),
    (GenerateConfig, "fallback_models"): st.none() | st.lists(TEXT, min_size=1, max_size=2),
    (GenerateConfig, "logit_bias"): st.none()
    | st.dictionaries(st.integers(0, 2**40), REAL, min_size=1, max_size=2),
    (GenerateConfig, "extra_headers"): st.none()
    | st.dictionaries(TEXT, TEXT, min_size=1, max_size=2),
    (GenerateConfig, "adaptive_connections"): st.none() | st.booleans() | NUMBER | ADAPTIVE,
    (CachePolicy, "expiry"): st.none() | st.sampled_from(["1W", "3h", "10s", "2M"]),
    (ChatMessageUser, "tool_call_id"): st.none() | st.lists(TEXT, min_size=1, max_size=2),
    (Logprob, "bytes"): TOKEN_BYTES,
    (TopLogprob, "bytes"): TOKEN_BYTES,
    (ChatCompletionChoice, "stop_reason"): st.sampled_from(get_args(StopReason)),
    (JSONSchema, "items"): st.none() | LEAF,
    (JSONSchema, "properties"): st.none() | st.dictionaries(TEXT, LEAF, max_size=2),
    (JSONSchema, "additionalProperties"): st.none() | st.booleans() | LEAF,
    (JSONSchema, "anyOf"): st.none() | st.lists(LEAF, max_size=2),
    (ModelCall, "_filter"): st.none(),
    (CallInfo, "raw"): st.none()
    | st.fixed_dictionaries(
        {"request": st.dictionaries(TEXT, TEXT, max_size=2)},
        optional={
            "response": st.dictionaries(TEXT, NUMBER, max_size=2),
            "error": st.just(True),
            "time": REAL,
        },
    ),
    (StreamQueuedEvent, "reason"): st.none() | WORD,
    (StreamRetryEvent, "reason"): st.none() | st.sampled_from(sorted(ERROR_BY_REASON)),
    (StreamRetryEvent, "message"): st.none() | WORD,
    (StreamRetryEvent, "wait"): st.none() | st.floats(0.5, 9),
}
NEVER_EMPTY = {
    (ContentText, "citations"),
    (ChatMessageAssistant, "tool_calls"),
    (GenerateConfig, "modalities"),
}


@cache
def values(cls: type) -> st.SearchStrategy[Any]:
    """Random instances of one of our dataclasses, with every field drawn."""
    if cls is AdaptiveConcurrency:  # its numbers depend on each other
        return ADAPTIVE
    return st.deferred(lambda: st.builds(cls, **_fields(cls)))


def _fields(cls: type) -> dict[str, st.SearchStrategy[Any]]:
    drawn = {}
    for name, hint in get_type_hints(cls).items():
        if (cls, name) in SPECIAL:
            drawn[name] = SPECIAL[cls, name]
        elif name in cls.__dataclass_fields__:
            drawn[name] = of_type(hint, int((cls, name) in NEVER_EMPTY))
    return drawn


def of_type(hint: Any, min_size: int = 0) -> st.SearchStrategy[Any]:
    """Random values of an annotated type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Union or origin is UnionType:
        members = [arg for arg in args if not (arg is str and CachePolicy in args)]
        return st.one_of(*(of_type(arg, min_size) for arg in members))
    if origin is Literal:
        return st.sampled_from(args)
    if origin is list:
        return st.lists(of_type(args[0]), min_size=min_size, max_size=2)
    if origin is dict:
        return st.dictionaries(TEXT, of_type(args[1]), max_size=2)
    if origin is tuple:
        return st.tuples(*(of_type(arg) for arg in args))
    if hasattr(hint, "__dataclass_fields__"):
        return values(hint)
    if getattr(hint, "__module__", "") == "datetime":
        return st.datetimes(timezones=st.just(UTC))
    return SCALARS[hint]


def is_repeated(field: FieldDescriptor) -> bool:
    """Old protobufs have `label` only, new ones warn about it."""
    if hasattr(field, "is_repeated"):
        return field.is_repeated
    return field.label == FieldDescriptor.LABEL_REPEATED


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 4) -> Message:
    """Random messages, not all of them sensible: wrong numbers, wrong JSON, missing parts."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if depth and draw(st.booleans()):
            _draw_field(draw, message, field, depth)
    return message


def _draw_field(draw: st.DrawFn, message: Message, field: FieldDescriptor, depth: int) -> None:
    target = getattr(message, field.name)
    if is_repeated(field) and field.message_type and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        target[draw(_scalar(key))] = draw(_scalar(value))
    elif is_repeated(field) and field.message_type:
        target.add().CopyFrom(draw(messages(field.message_type, depth - 1)))
    elif is_repeated(field):
        target.append(draw(_scalar(field)))
    elif field.message_type:
        target.CopyFrom(draw(messages(field.message_type, depth - 1)))
    else:
        setattr(message, field.name, draw(_scalar(field)))


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.enum_type:
        return st.integers(0, len(field.enum_type.values))
    if field.name.endswith("_json"):
        return st.sampled_from(
            ["", "{}", '{"a":[1,2.5,null]}', "[1]", "{", '{"a":NaN}', '"\\ud800"']
        )
    by_type = {
        FieldDescriptor.CPPTYPE_STRING: st.binary(max_size=4)
        if field.type == FieldDescriptor.TYPE_BYTES
        else TEXT,
        FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
        FieldDescriptor.CPPTYPE_DOUBLE: REAL,
    }
    return by_type.get(field.cpp_type, NUMBER)
