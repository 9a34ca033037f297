"""The plain RPCs, for callers in any language."""

from __future__ import annotations

import time
from functools import partial

import anyio
import grpc
import pytest

from modeld.errors import ProviderError
from modeld.types import CallInfo, ModelOutput
from modeld.v1 import error_pb2 as reasons
from modeld.v1.config_pb2 import GenerateConfig
from modeld.v1.error_pb2 import FailureReason
from modeld.v1.model_service_pb2 import ModelSpec
from modeld_daemon.core.call import Result
from modeld_daemon.service.errors import STATUS_BY_REASON
from modeld_daemon.service.inference import _Waiting
from tests.fakes.acting import until
from tests.fakes.raw_session import RawSession, call, environment
from tests.fakes.unary import Unary, failure

FREE = ModelSpec(name="free/model")


@pytest.fixture
def unary(house):
    with Unary(house) as caller:
        yield caller


@pytest.fixture
def session(house):
    with RawSession(house) as session:
        yield session


@pytest.fixture
def within(house, session):
    """A caller that names a session."""
    with Unary(house, session.welcome.session) as caller:
        yield caller


def refused(function, status: grpc.StatusCode, **known) -> reasons.Failure:
    """The failure that a call ends with; its status is that of its reason."""
    with pytest.raises(grpc.RpcError) as caught:
        function()
    assert caught.value.code() is status, caught.value
    said = failure(caught.value)
    word = FailureReason.Name(said.reason).removeprefix("FAILURE_REASON_").lower()
    assert STATUS_BY_REASON[word] is status
    assert said.message
    return said


def whole(unary: Unary, method: str, **fields):
    """The answer, or the answers, of a call."""
    answer = unary(method, **fields)
    return list(answer) if method.endswith("Stream") else answer


def events(stream) -> tuple[str, str, list[int]]:
    """Deltas, answer and numbers of a stream."""
    *deltas, last = [response.event for response in stream]
    answer = last.finished.output.choices[0].message.text
    return "".join(d.text.text for d in deltas), answer, [e.seq for e in (*deltas, last)]


def test_generate_answers_and_says_how_the_call_went(unary):
    answer = unary("Generate", call=call("echo hello"))
    assert answer.output.choices[0].message.text == "hello"
    assert answer.info.call_id
    assert answer.info.attempts == 1


def test_a_stream_brings_deltas_and_an_equal_answer(unary):
    deltas, answer, seqs = events(unary("GenerateStream", call=call("drip 30")))
    assert deltas == answer == unary.say("drip 30")
    assert seqs == sorted(set(seqs))


def test_an_end_that_comes_while_a_delta_is_written_is_told():
    async def write() -> list[int]:
        waiting, seqs = _Waiting(deltas=True), []
        waiting.watcher.text(1, "a")
        async for event in waiting:
            seqs.append(event.seq)
            if event.seq == 1:  # the RPC is writing it
                waiting.watcher.text(2, "b")
                waiting.watcher.finished(3, Result(ModelOutput.from_content("m", "ab"), CallInfo()))
        return seqs

    assert anyio.run(write) == [1, 2, 3]


@pytest.mark.parametrize("word", sorted(STATUS_BY_REASON))
@pytest.mark.parametrize("method", ["Generate", "GenerateStream", "CountTokens"])
def test_every_reason_has_its_status_and_its_trailer(unary, method, word):
    ask = partial(
        whole, unary, method, call=call(f"fail {word}", config=GenerateConfig(max_retries=0))
    )
    said = refused(ask, STATUS_BY_REASON[word])
    assert said.reason == FailureReason.Value(f"FAILURE_REASON_{word.upper()}")
    assert (said.provider, said.provider_status) == ("fake", 418)
    assert "made to fail" in said.message


@pytest.mark.parametrize("text", ["x" * 100_000, "你" * 30_000, "half \ud800", "new\nline\x00\x7f"])
def test_failures_with_any_text_arrive(unary, acting, text):
    async def fails(call, route, sink):
        raise ProviderError(text, provider="fake", request_id=text[:9000].replace("\ud800", ""))

    acting.generate = fails
    said = refused(lambda: unary("Generate", call=call("x")), grpc.StatusCode.UNKNOWN)
    assert said.message[:5] == text[:5]


def test_what_is_wrong_with_a_request_is_said(unary):
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    refused(lambda: unary("Generate"), invalid)
    refused(lambda: unary("Generate", call=call("")), invalid)
    refused(lambda: unary("Generate", call=call("x", request_id="")), invalid)
    refused(lambda: unary("Generate", call=call("x", request_id="r" * 257)), invalid)
    refused(lambda: unary("Generate", call=call("x", handle="h")), invalid)
    refused(lambda: unary("OpenModel", model=FREE), invalid)
    for name in ("", "free", "free/", "/x", "free/\x00", "free/" + "x" * 10_000):
        refused(lambda name=name: unary("Generate", call=call("x", model=name)), invalid)
    for args in ("[]", "{", "nul", '{"a": NaN}', '{"a": "\\ud800"}'):
        spec = ModelSpec(name="free/x", args_json=args)
        bad = call("x")
        bad.model.CopyFrom(spec)
        refused(lambda bad=bad: unary("Generate", call=bad), invalid)
    for name in ("../../etc/passwd", "nobody/x", "../x/y"):
        unknown = call("x", model=name)
        refused(lambda c=unknown: unary("Generate", call=c), grpc.StatusCode.NOT_FOUND)
    missing = call("x", model="fake/model")
    said = refused(lambda: unary("Generate", call=missing), grpc.StatusCode.FAILED_PRECONDITION)
    assert "FAKE_API_KEY" in said.message


@pytest.mark.parametrize("raw", [b"\xff\xff", b"\x0a\x04\x1a\x02\xc3\x28"])
@pytest.mark.parametrize("method", ["Generate", "GenerateStream"])
def test_a_request_that_cannot_be_decoded_is_an_invalid_argument(unary, method, raw):
    make = unary.channel.unary_stream if method == "GenerateStream" else unary.channel.unary_unary
    rpc = make(f"/modeld.v1.InferenceService/{method}")

    def ask():
        answer = rpc(raw, metadata=unary.metadata)
        return list(answer) if method == "GenerateStream" else answer

    refused(ask, grpc.StatusCode.INVALID_ARGUMENT)


def test_an_unknown_method_is_unimplemented(unary):
    rpc = unary.channel.unary_unary("/modeld.v1.InferenceService/Nothing")
    with pytest.raises(grpc.RpcError) as caught:
        rpc(b"", metadata=unary.metadata)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_unknown_session_is_not_found(house):
    with Unary(house, "nobody's") as caller:
        for method in ("Generate", "CountTokens"):
            refused(partial(caller, method, call=call("echo")), grpc.StatusCode.NOT_FOUND)
        refused(lambda: caller("OpenModel", model=FREE), grpc.StatusCode.NOT_FOUND)


def test_a_model_is_opened_and_closed_within_a_session(house, acting, session, within):
    needed = within("OpenModel", model=ModelSpec(name="fake/model")).need_environment
    session.send(environment(*needed[1:], FAKE_API_KEY="of the session"))
    until(lambda: not within("OpenModel", model=ModelSpec(name="fake/model")).need_environment)
    handle = within("OpenModel", model=ModelSpec(name="fake/model")).handle
    assert within.say("echo hi", handle=handle) == "hi"
    assert acting.built[-1].connection.api_key == "of the session"
    (status,) = within("GetStatus").sessions
    assert status.leases == 2
    within("CloseModel", handle=handle)
    within("CloseModel", handle=handle)
    within("CloseModel", handle="never was")
    gone = call("x", handle=handle)
    refused(lambda: within("Generate", call=gone), grpc.StatusCode.NOT_FOUND)
    assert within("GetStatus").sessions[0].leases == 1
    assert within.say("echo by name", model="fake/model") == "by name"


def test_tokens_are_counted(unary):
    counted = unary("CountTokens", call=call("echo x"))
    assert (counted.tokens, counted.estimated) == (1, True)


def test_lists_and_status_say_what_there_is(unary):
    assert [m.name for m in unary("ListModels").models] == ["free/model"]
    by_name = {p.name: p for p in unary("ListProviders").providers}
    assert list(by_name["fake"].key_variables) == ["FAKE_API_KEY", "FAKE_AUTH_TOKEN"]
    assert by_name["fake"].default_base_url == "https://fake.example/v1"
    unary.say("echo x")
    with pytest.raises(grpc.RpcError):
        unary.say("crash")
    status = unary("GetStatus")
    assert (status.in_flight, status.calls_total, status.calls_failed) == (0, 2, 1)
    assert status.generation == "test"
    assert [(c.provider, c.in_flight) for c in status.clients] == [("free", 0)]


@pytest.mark.parametrize("method", ["Generate", "GenerateStream", "CountTokens"])
def test_the_deadline_of_an_rpc_ends_the_call_at_the_provider(unary, actor, method):
    with pytest.raises(grpc.RpcError) as caught:
        whole(unary, method, call=call("hold"), timeout=0.15)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    began = time.monotonic()
    until(lambda: actor.cancelled)
    assert actor.cancelled[0][1] - began < 0.2


@pytest.mark.parametrize("method", ["Generate", "GenerateStream", "CountTokens"])
def test_cancelling_an_rpc_cancels_at_the_provider(house, unary, actor, method):
    ask = unary if method == "GenerateStream" else unary.future
    rpc = ask(method, call=call("hold"))
    until(lambda: actor.running)
    began = time.monotonic()
    rpc.cancel()
    until(lambda: actor.cancelled)
    assert actor.cancelled[0][1] - began < 0.2
    until(lambda: house.in_flight() == 0)


def test_cancelling_a_stream_that_nobody_reads_cancels_at_the_provider(house, actor):
    with Unary(house) as unary:
        rpc = unary("GenerateStream", call=call("flood 100000 10000"))
        next(rpc)
        time.sleep(0.1)
        began = time.monotonic()
        rpc.cancel()
        until(lambda: actor.cancelled)
        assert actor.cancelled[0][1] - began < 1
        until(lambda: house.in_flight() == 0)


def test_a_call_with_a_request_id_outlives_its_rpc(unary, actor):
    rpc = unary.future("Generate", call=call("hold on", request_id="r"))
    until(lambda: actor.running)
    rpc.cancel()
    actor.release.set()
    assert unary.say("hold on", request_id="r") == "held on"
    assert actor.begun == ["hold on"]
    other = call("hold off", request_id="r")
    refused(lambda: unary("Generate", call=other), grpc.StatusCode.ALREADY_EXISTS)


@pytest.mark.parametrize("after", [0, 1, 3, 5, 6, 2**63])
def test_attaching_brings_every_event_after_a_number_once(unary, after):
    assert unary.say("drip 5", request_id="r") == "0 1 2 3 4 "
    deltas, answer, seqs = events(
        unary("AttachStream", request_id="r", after_seq=after, model=FREE)
    )
    assert deltas == "".join(f"{n} " for n in range(5) if n >= after)
    assert answer == "0 1 2 3 4 "
    assert seqs[-1] == 6


def test_attaching_to_a_running_call_hears_past_and_future(unary, actor):
    first = unary("GenerateStream", call=call("drip 60", request_id="r"))
    seen = next(first).event
    until(lambda: actor.running)
    rest = unary("AttachStream", request_id="r", after_seq=seen.seq, model=FREE)
    first.cancel()
    deltas, answer, _ = events(rest)
    assert seen.text.text + deltas == answer


def test_cancel_ends_a_call_of_a_request_id(unary, actor):
    rpc = unary.future("Generate", call=call("hold", request_id="r"))
    until(lambda: actor.running)
    assert unary("Cancel", request_id="r", model=FREE).was_running
    refused(rpc.result, grpc.StatusCode.CANCELLED)
    assert actor.cancelled
    for method in ("Cancel", "AttachStream"):
        ask = partial(whole, unary, method, request_id="r", model=FREE)
        refused(ask, grpc.StatusCode.NOT_FOUND)
    assert unary.say("echo done", request_id="s") == "done"
    assert not unary("Cancel", request_id="s", model=FREE).was_running


def test_no_account_attaches_to_a_call_of_another(unary):
    def with_key(key: str, text: str):
        asked = call(text, model="fake/model", request_id="r")
        asked.model.api_key = key
        return unary("Generate", call=asked).output.choices[0].message.text

    assert with_key("one", "echo mine") == "mine"
    assert with_key("two", "echo yours") == "yours"
    spec = ModelSpec(name="fake/model", api_key="three")
    refused(
        lambda: list(unary("AttachStream", request_id="r", model=spec)), grpc.StatusCode.NOT_FOUND
    )


def test_calls_after_draining_are_refused(house, unary, actor):
    rpc = unary.future("Generate", call=call("hold on"))
    until(lambda: actor.running)
    house.begin_to_drain()
    until(lambda: unary("GetStatus").draining)
    for method in ("Generate", "CountTokens", "GenerateStream"):
        ask = partial(whole, unary, method, call=call("echo x"))
        assert refused(ask, grpc.StatusCode.UNAVAILABLE).reason == reasons.FAILURE_REASON_DRAINING
    actor.release.set()
    assert rpc.result().output.choices[0].message.text == "held on"
