"""The session stream, frame by frame."""

from __future__ import annotations

import grpc
import pytest

from modeld.types import ChatMessageUser, GenerateInput
from modeld.v1 import error_pb2 as reasons
from modeld.v1 import session_service_pb2 as pb
from modeld.v1.config_pb2 import GenerateConfig
from modeld.v1.inference_service_pb2 import Call
from tests.fakes.acting import until
from tests.fakes.raw_session import (
    RawSession,
    call,
    cancel,
    count,
    environment,
    generate,
    hello,
    open_model,
    stream,
)

INVALID = reasons.FAILURE_REASON_INVALID_REQUEST


def test_the_first_frame_down_is_the_welcome(house):
    with RawSession(house) as session:
        assert session.welcome.protocol == 1
        assert session.welcome.session
        assert session.welcome.daemon_version


@pytest.mark.parametrize(
    "greeting",
    [generate(1, "echo hi"), environment(), pb.ClientFrame()],
    ids=lambda f: f.WhichOneof("body") or "empty",
)
def test_a_first_frame_that_is_no_hello_ends_the_stream(house, greeting):
    assert RawSession(house, greeting=greeting).status() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("low, high", [(2, 3), (0, 0), (-5, -1), (2, 1)])
def test_no_common_protocol_is_a_failed_precondition(house, low, high):
    session = RawSession(house, greeting=hello(protocol_min=low, protocol_max=high))
    assert session.status() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_client_that_also_speaks_newer_protocols_is_welcome(house):
    newer = RawSession(house, greeting=hello(protocol_min=0, protocol_max=9, capabilities=["x"]))
    assert newer.greet().welcome.protocol == 1
    newer.vanish()


def test_frames_after_hello_may_come_in_its_message(house):
    session = RawSession(house, greeting=hello())
    session.send(generate(1, "echo one"), generate(2, "echo two"))
    assert session.greet().answer(1) == "one"
    assert session.answer(2) == "two"
    session.vanish()


@pytest.mark.parametrize(
    "bad",
    [
        pb.ClientFrame(call_id=7, generate=b"\xff\xff\xff"),
        pb.ClientFrame(call_id=7, generate=b"\x1a\x02\xc3\x28"),
        pb.ClientFrame(call_id=7, generate_stream=b"\x1a\x7f"),
        pb.ClientFrame(call_id=7, generate=b""),
        pb.ClientFrame(call_id=7, open_model=b"\xff"),
        pb.ClientFrame(call_id=7, count_tokens=b"\xff"),
        pb.ClientFrame(call_id=7, close_model=b"\xff"),
        pb.ClientFrame(call_id=7),
        pb.ClientFrame(call_id=7, hello=pb.Hello()),
        pb.ClientFrame.FromString(b"\x08\x07\x9a\x06\x01x"),
        generate(0, "echo zero"),
    ],
    ids=[
        "undecodable", "invalid utf-8", "cut off", "no target", "bad open", "bad count", "bad close",
        "no body", "second hello", "unknown body", "number zero",
    ],
)  # fmt: skip
def test_a_bad_frame_fails_its_own_call_only(house, bad):
    with RawSession(house) as session:
        session.send(generate(1, "sleep 0.05"), bad, generate(2, "echo after"))
        assert session.reason(bad.call_id) == INVALID
        assert session.answer(1) == "slept"
        assert session.answer(2) == "after"


def test_unknown_enum_values_fail_their_own_call_only(house):
    strange = call("hi")
    strange.messages.add(role=99, text="hi")
    unspecified = call("hi")
    unspecified.messages.add(role=0, text="hi")
    with RawSession(house) as session:
        for id, proto in enumerate((strange, unspecified), 1):
            session.send(pb.ClientFrame(call_id=id, generate=proto.SerializeToString()))
            assert session.reason(id) == INVALID
        session.send(generate(3, "echo well"))
        assert session.answer(3) == "well"


@pytest.mark.parametrize("count", [1, 2])
def test_two_calls_of_one_number_are_refused(house, actor, count):
    with RawSession(house) as session:
        session.send(generate(1, "hold"), *[generate(1, "echo again")] * count)
        for _ in range(count):
            assert session.frame(1).failed.reason == INVALID
        actor.release.set()
        assert session.answer(1) == "held "


def test_variables_of_the_session_count_from_the_next_frame_on(house, acting):
    with RawSession(house) as session:
        session.send(
            environment(FAKE_API_KEY="one", LD_PRELOAD="evil.so"),
            generate(1, "echo 1", model="fake/model"),
            environment(FAKE_API_KEY="two"),
            generate(2, "echo 2", model="fake/model"),
            environment("FAKE_API_KEY"),
            generate(3, "echo 3", model="fake/model"),
        )
        assert (session.answer(1), session.answer(2)) == ("1", "2")
        assert session.reason(3) == reasons.FAILURE_REASON_PREREQUISITE
        assert {b.connection.api_key for b in acting.built} == {"one", "two"}
        assert all("LD_PRELOAD" not in b.connection.environment for b in acting.built)


def test_a_model_is_opened_once_its_variables_are_known(house):
    with RawSession(house) as session:
        session.send(open_model(1, "fake/model"))
        needed = list(session.end(1).opened.need_environment)
        assert "FAKE_API_KEY" in needed
        session.send(environment(*needed), open_model(2, "fake/model"))
        assert session.reason(2) == reasons.FAILURE_REASON_PREREQUISITE
        session.send(environment(FAKE_API_KEY="key"), open_model(3, "fake/model"))
        opened = session.end(3).opened
        assert opened.handle
        assert opened.provider == "fake"
        assert opened.base_url == "https://fake.example/v1"
        assert "key" not in str(opened)
        session.send(generate(4, "echo hi", handle=opened.handle))
        assert session.answer(4) == "hi"


def test_a_handle_of_another_session_is_unknown(house):
    with RawSession(house) as one, RawSession(house) as other:
        handle = one.opened(1, "free/model")
        other.send(generate(1, "echo hi", handle=handle), generate(2, "echo hi", handle="x" * 9999))
        assert other.reason(1) == other.reason(2) == reasons.FAILURE_REASON_NOT_FOUND
        one.send(generate(2, "echo mine", handle=handle))
        assert one.answer(2) == "mine"


def test_a_closed_handle_is_unknown(house):
    with RawSession(house) as session:
        handle = session.opened(1, "free/model")
        close = b"\x0a" + bytes((len(handle),)) + handle.encode()
        session.send(
            pb.ClientFrame(call_id=2, close_model=close), generate(3, "echo hi", handle=handle)
        )
        assert session.reason(3) == reasons.FAILURE_REASON_NOT_FOUND


def test_many_frames_may_come_in_one_message(house):
    with RawSession(house) as session:
        session.send(*[generate(id, f"echo {id}") for id in range(1, 501)])
        assert [session.answer(id) for id in range(1, 501)] == [str(id) for id in range(1, 501)]


def test_timeout_of_a_frame_ends_its_call_at_the_provider(house, actor):
    with RawSession(house) as session:
        slow = count(2, "sleep 9", timeout_ms=100)
        session.send(generate(1, "sleep 8", timeout_ms=100), slow)
        assert session.reason(1) == session.reason(2) == reasons.FAILURE_REASON_TIMEOUT
        until(lambda: {"sleep 8", "sleep 9"} == {said for said, _ in actor.cancelled})


@pytest.mark.parametrize("reason", ["unauthenticated", "timeout", "rate_limited"])
def test_a_failure_says_what_the_provider_said(house, reason):
    with RawSession(house) as session:
        session.send(stream(1, f"fail {reason}", config=GenerateConfig(max_retries=0)))
        failed = session.end(1).failed
        assert failed.reason == reasons.FailureReason.Value(f"FAILURE_REASON_{reason.upper()}")
        assert (failed.provider, failed.provider_status) == ("fake", 418)


def test_a_defect_of_a_provider_is_an_internal_failure(house):
    with RawSession(house) as session:
        session.send(generate(1, "crash"))
        assert session.reason(1) == reasons.FAILURE_REASON_INTERNAL


def test_halves_of_surrogate_pairs_from_a_provider_break_nothing(house):
    with RawSession(house) as session:
        session.send(generate(1, "sleep 0.1"), stream(2, "halves fine"))
        assert session.answer(2) == "fine"
        assert session.answer(1) == "slept"


def test_messages_before_the_input_are_kept_in_order(house):
    proto = Call(input="echo last")
    proto.model.name = "free/model"
    proto.messages.add(role=2, text="echo first")
    asked = GenerateInput([ChatMessageUser(content="echo last")])
    assert asked.input[-1].text == proto.input
    with RawSession(house) as session:
        session.send(pb.ClientFrame(call_id=1, generate=proto.SerializeToString()))
        assert session.answer(1) == "last"


def test_cancel_of_an_unknown_call_is_no_error(house):
    with RawSession(house) as session:
        session.send(cancel(99), cancel(0), generate(1, "echo on"))
        assert session.answer(1) == "on"
