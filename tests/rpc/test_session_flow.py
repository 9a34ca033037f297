"""The session stream under load: turns, chunks, cancelling, clients that vanish, draining."""

from __future__ import annotations

import time

import grpc
import psutil
import pytest

from modeld.v1 import error_pb2 as reasons
from modeld.v1 import session_service_pb2 as pb
from tests.fakes.acting import until
from tests.fakes.raw_session import (
    RawSession,
    cancel,
    count,
    environment,
    generate,
    open_model,
    stream,
)

NARROW = (("grpc.http2.lookahead_bytes", 16384), ("grpc.http2.bdp_probe", 0))
MB = 1024 * 1024


def kinds(session: RawSession, id: int) -> list[str]:
    """The kinds of events of a call, deltas as one."""
    seen: list[str] = []
    for frame in session.whole(id):
        kind = frame.WhichOneof("body")
        kind = frame.event.WhichOneof("event") if kind == "event" else kind
        if seen[-1:] != [kind]:
            seen.append(kind)
    return seen


def text(session: RawSession, id: int) -> str:
    """The deltas of a call, joined, which must be its answer."""
    parts, seqs = [], []
    for frame in session.whole(id):
        assert frame.HasField("event"), frame
        seqs.append(frame.event.seq)
        if frame.event.HasField("finished"):
            answer = frame.event.finished.output.choices[0].message.text
            assert "".join(parts) == answer
            assert seqs == sorted(set(seqs))
            return answer
        parts.append(frame.event.text.text)
    raise AssertionError("no end")


@pytest.mark.parametrize("letters", [1_048_000, 1_048_580, 5 * MB])
def test_a_large_answer_comes_whole(house, letters):
    with RawSession(house) as session:
        session.send(generate(1, f"letters {letters}"))
        assert len(session.answer(1)) == letters // 10 * 10
        assert session.largest_message < 1.5 * MB


def test_an_answer_beyond_the_size_of_a_message_comes_whole(house):
    with RawSession(house) as session:
        session.send(generate(1, f"letters {66 * MB}"))
        assert len(session.answer(1)) == 66 * MB // 10 * 10


def test_other_calls_get_through_between_chunks(house):
    with RawSession(house) as session:
        session.send(generate(1, f"letters {40 * MB}"))
        assert session.any_frame().HasField("chunk")
        session.send(generate(2, "echo small"))
        chunks = 0
        while (frame := session.any_frame()).call_id == 1:
            assert not frame.chunk.last
            chunks += 1
        assert frame.event.finished.output.choices[0].message.text == "small"
        assert chunks < 70


def test_large_deltas_and_what_follows_them_keep_their_order(house):
    with RawSession(house) as session:
        session.send(stream(1, f"letters {2 * MB}"))
        assert len(text(session, 1)) == 2 * MB // 10 * 10


def test_a_failure_after_a_large_delta_comes_after_it(house, acting):
    async def floods_and_fails(call, route, sink):
        sink.text("x" * (2 * MB))
        sink.queued("rest")
        raise ValueError("too much")

    acting.generate = floods_and_fails
    with RawSession(house) as session:
        session.send(stream(1, "go"))
        assert kinds(session, 1) == ["text", "queued", "failed"]


def test_a_stream_is_equal_to_its_answer(house):
    with RawSession(house) as session:
        session.send(stream(1, "drip 50"), stream(2, "drip 50"))
        assert text(session, 1) == text(session, 2) == "".join(f"{n} " for n in range(50))


def test_a_client_that_reads_nothing_holds_up_nobody_and_costs_little(house, actor):
    with RawSession(house, options=NARROW) as lazy, RawSession(house) as lively:
        me = psutil.Process()
        lazy.send(*[stream(id, "flood 3000 1000") for id in range(1, 6)])
        until(lambda: actor.most_running == 5)  # they may have ended before this looks
        before = me.memory_info().rss
        for id in range(1, 40):
            began = time.monotonic()
            lively.send(generate(id, "echo hi"))
            assert lively.answer(id) == "hi"
            assert time.monotonic() - began < 2
        until(lambda: actor.running == 0, 10)
        # 15 MB of text wait, in 15,000 deltas: joined, a few messages hold them.
        assert me.memory_info().rss - before < 120 * MB
        frames = [frame for id in range(1, 6) for frame in lazy.whole(id)]
        assert len(frames) < 3000
        assert sum(frame.event.HasField("finished") for frame in frames) == 5


def test_a_cancel_frame_ends_the_call_at_the_provider(house, actor):
    with RawSession(house) as session:
        session.send(generate(1, "hold 1"), stream(2, "hold 2"), count(3, "hold 3"))
        until(lambda: actor.running == 3)
        began = time.monotonic()
        session.send(cancel(1), cancel(2), cancel(3))
        until(lambda: len(actor.cancelled) == 3)
        assert max(when for _, when in actor.cancelled) - began < 0.2
        session.send(generate(4, "echo on"))
        assert session.answer(4) == "on"
        assert house.in_flight() == 0


def test_a_call_that_is_cancelled_in_its_own_message_never_goes_on(house, actor):
    with RawSession(house) as session:
        session.send(
            generate(1, "hold 1"), cancel(1), stream(2, "hold 2"), cancel(2),
            count(3, "hold 3"), cancel(3), generate(4, "echo on"),
        )  # fmt: skip
        assert session.answer(4) == "on"
        until(lambda: actor.running == 0)
        until(lambda: house.in_flight() == 0)


def test_cancelling_again_and_finishing_at_once_do_no_harm(house, actor):
    with RawSession(house) as session:
        for id in range(1, 400, 2):
            session.send(generate(id, "sleep 0.001"))
            session.send(*[cancel(id)] * (id % 4), generate(id + 1, "echo x"))
            assert session.answer(id + 1) == "x"
        until(lambda: house.in_flight() == actor.running == 0)
        assert house.ask(house.sessions.statistics)[0].in_flight == 0


def test_a_call_with_a_request_id_goes_on_when_it_is_cancelled(house, actor):
    with RawSession(house) as session:
        session.send(generate(1, "hold on", request_id="r"))
        until(lambda: actor.running)
        session.send(cancel(1), generate(2, "hold on", request_id="r"), environment())
        actor.release.set()
        assert session.answer(2) == "held on"
        assert actor.begun == ["hold on"]


def test_even_if_lasting_ends_a_call_with_a_request_id(house, actor):
    with RawSession(house) as session:
        session.send(generate(1, "hold on", request_id="r"), stream(2, "hold on", request_id="r"))
        until(lambda: actor.running)
        session.send(cancel(1, even_if_lasting=True))
        assert session.reason(2) == reasons.FAILURE_REASON_CANCELLED
        assert actor.cancelled


def test_a_request_id_is_free_at_once_when_its_call_was_cancelled(house, actor):
    with RawSession(house) as session:
        session.send(generate(1, "hold on", request_id="r"))
        until(lambda: actor.running)
        actor.release.set()
        again = generate(2, "hold on", request_id="r")
        session.send(cancel(1, even_if_lasting=True), again)
        assert session.answer(2) == "held on"


def test_a_client_that_vanishes_ends_its_calls_and_gives_its_leases_back(house, actor):
    with RawSession(house) as session, RawSession(house) as other:
        other.send(generate(1, "hold 5"))
        handle = session.opened(1, "free/model")
        session.send(
            generate(2, "hold 2", handle=handle), stream(3, "hold 3"), count(4, "hold 4"),
            generate(5, "hold 6", request_id="r"),
        )  # fmt: skip
        until(lambda: actor.running == 5)
        began = time.monotonic()
        session.vanish()
        until(lambda: len(actor.cancelled) == 3)
        assert max(when for _, when in actor.cancelled) - began < 0.2
        until(lambda: len(house.ask(house.sessions.statistics)) == 1)
        assert sum(c.leases for c in house.ask(house.clients.statistics)) == 0
        other.send(generate(2, "hold 6", request_id="r"))
        actor.release.set()
        assert (other.answer(1), other.answer(2)) == ("held 5", "held 6")
        assert actor.begun.count("hold 6") == 1


def test_draining_says_goodbye_and_finishes_what_runs(house, actor):
    with RawSession(house) as session:
        session.send(generate(1, "hold 1"), stream(2, "hold 2"))
        until(lambda: actor.running == 2)
        house.begin_to_drain()
        assert session.frame(0).HasField("goodbye")
        session.send(generate(3, "echo no"), open_model(4, "free/m"), count(5, "echo no"))
        for id in (3, 4, 5):
            assert session.reason(id) == reasons.FAILURE_REASON_DRAINING
        refused = RawSession(house)
        assert refused.status() is grpc.StatusCode.UNAVAILABLE
        actor.release.set()
        assert (session.answer(1), session.answer(2)) == ("held 1", "held 2")


def test_a_forced_stop_tells_the_calls_that_it_ends(house, actor):
    with RawSession(house) as session:
        session.send(generate(1, "hold 1"), stream(2, "drip 10000"))
        until(lambda: actor.running == 2)
        house.stop()
        assert session.reason(1) == session.reason(2) == reasons.FAILURE_REASON_CANCELLED
        assert len(actor.cancelled) == 2


def test_a_message_that_cannot_be_decoded_ends_its_stream_alone(house, actor):
    with RawSession(house) as other, RawSession(house) as session:
        other.send(generate(1, "hold 1"))
        until(lambda: actor.running)
        session.send(generate(1, "hold 2"))
        broken = pb.ConnectRequest()
        broken.frames.add(call_id=2).environment.set["A"] = "ok"
        raw = broken.SerializeToString().replace(b"ok", b"\xc3\x28")
        channel_level = session._channel.stream_stream("/modeld.v1.SessionService/Connect")
        bad = channel_level(iter([raw]), metadata=(("authorization", f"Bearer {house.token}"),))
        with pytest.raises(grpc.RpcError):
            next(bad)
        actor.release.set()
        assert (other.answer(1), session.answer(1)) == ("held 1", "held 2")
