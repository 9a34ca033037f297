"""Every field of a call is declared: part of the name of what is asked, or not.

Full calls are taken, and one field at a time is cleared, at any depth: the name changes exactly if
`cache_key_fields.txt` says "in". A field that is added to a proto fails here until it has a line.
Print the lines with `python -m tests.contract.test_cache_key`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from modeld.errors import InvalidRequest, ModeldError
from modeld.v1.inference_service_pb2 import Call
from modeld_daemon.core.asked import claim
from modeld_daemon.core.call import Account, Route
from modeld_daemon.service.calls import call_from_proto

from ..unit.value_strategies import is_repeated
from .test_wire_descriptors import is_message, variants

TABLE = Path(__file__).with_name("cache_key_fields.txt")
ROUTE = Route("p", "m", Account("p", "https://p.example", "f"))
# The model is resolved before: name, URL and key are in the route and its account. A request id
# is a name of its own.
ELSEWHERE = {"model", "handle", "request_id"}


def name_of(proto: Call) -> bytes | None:
    """The name of what is asked; None when the call is not valid."""
    try:
        claimed = claim(call_from_proto(proto, None), ROUTE, {})
    except (ModeldError, InvalidRequest):
        return None
    return None if claimed is None else claimed.body


def cleared(message: Message) -> Iterator[tuple[FieldDescriptor, Message]]:
    """Copies of the message, each without one of its fields, at any depth."""
    for field, value in message.ListFields():
        if message.DESCRIPTOR.name == "Call" and field.name in ELSEWHERE:
            continue
        copy = type(message)()
        copy.CopyFrom(message)
        copy.ClearField(field.name)
        yield field, copy
        if not is_message(field):
            continue
        for number, inner in enumerate(value if is_repeated(field) else [value]):
            for inside, without in cleared(inner):
                copy = type(message)()
                copy.CopyFrom(message)
                target = getattr(copy, field.name)
                (target[number] if is_repeated(field) else target).CopyFrom(without)
                yield inside, copy


def found() -> tuple[set[str], set[str]]:
    """Fields whose absence changes the name, and fields that were tried."""
    inside, tried = set(), set()
    for proto in variants(Call.DESCRIPTOR):
        for name in ELSEWHERE:
            proto.ClearField(name)
        whole = name_of(proto)
        if whole is None:
            continue
        for field, without in cleared(proto):
            name = name_of(without)
            if name is None:
                continue
            tried.add(field.full_name)
            if name != whole:
                inside.add(field.full_name)
    return inside, tried


def lines() -> list[str]:
    inside, tried = found()
    return [f"{'in ' if name in inside else 'out'} {name}" for name in sorted(tried)]


def test_each_field_is_declared_in_or_out_of_the_name():
    assert lines() == TABLE.read_text("ascii").splitlines()


def test_what_is_out_only_changes_how_the_answer_is_waited_for():
    declared = [line.split() for line in TABLE.read_text("ascii").splitlines()]
    out = {name.removeprefix("modeld.v1.") for word, name in declared if word == "out"}
    assert {name.partition(".")[0] for name in out} <= {
        "AdaptiveConcurrency", "BatchConfig", "Call", "ChatMessage", "ContentDocument", "ContentText",
        "GenerateConfig",
    }  # fmt: skip
    assert len(declared) > 100


if __name__ == "__main__":
    TABLE.write_text("\n".join(lines()) + "\n", "ascii")
