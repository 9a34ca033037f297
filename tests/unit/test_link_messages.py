"""What grpc is given to send, and that none of it is on its way while the program forks."""

from __future__ import annotations

import threading

from modeld.rpc.messages import Messages, Outbox
from modeld.rpc.upload import Upload
from modeld.v1 import session_service_pb2 as pb
from modeld.wire.chunks import CHUNK_BYTES
from modeld.wire.delivery import Delivery


def messages(*numbers):
    outbox = Outbox()
    for number in numbers:
        outbox.put(pb.ClientFrame(call_id=number))
    sent = Messages(outbox, pb.ConnectRequest(frames=[pb.ClientFrame(hello=pb.Hello())]))
    assert next(sent).frames[0].HasField("hello")
    sent.begin(None)
    return outbox, sent


def test_frames_that_wait_go_together_and_the_end_comes_last():
    outbox, sent = messages(1, 2)
    assert [frame.call_id for frame in next(sent).frames] == [1, 2]
    outbox.put(pb.ClientFrame(call_id=3))
    outbox.put(None)
    assert [frame.call_id for frame in next(sent).frames] == [3]
    assert list(sent) == []


def test_a_hold_waits_for_the_message_on_its_way_and_keeps_the_next_one():
    outbox, sent = messages(1)
    next(sent)
    held = threading.Thread(target=sent.hold)
    held.start()
    held.join(0.05)
    assert held.is_alive()  # the first message is not gone before the second is asked for

    later = []
    asking = threading.Thread(target=lambda: later.append(next(sent)))
    asking.start()
    held.join(5)
    assert not held.is_alive()
    outbox.put(pb.ClientFrame(call_id=2))
    asking.join(0.05)
    assert not later

    sent.let_go()
    asking.join(5)
    assert [frame.call_id for frame in later[0].frames] == [2]


def test_a_hold_of_an_idle_link_returns_at_once_and_can_be_repeated():
    _, sent = messages(1)
    for _ in range(3):
        sent.hold()
        sent.let_go()
    assert next(sent).frames


class Call:
    """A large one."""

    def __init__(self, number, size):
        self.id = number
        self.payload = b"x" * size
        self.abandoned = False

    def frame(self, handle):
        return pb.ClientFrame(call_id=self.id, generate=self.payload)


def test_small_frames_overtake_large_requests_and_what_closes_a_model_does_not():
    outbox, sent = messages()
    for number in (1, 2):
        outbox.put(Upload(Call(number, CHUNK_BYTES + 100), ""))
    outbox.put(pb.ClientFrame(call_id=3, close_model=b"x"))
    outbox.put(pb.ClientFrame(call_id=4, generate=b"x"))
    frames = [list(next(sent).frames) for _ in range(5)]
    assert [[f.call_id for f in message] for message in frames] == [[4, 1], [1], [2], [2], [3]]
    assert [f.chunk.last for message in frames for f in message] == [
        False,
        False,
        True,
        False,
        True,
        False,
    ]
    outbox.put(pb.ClientFrame(call_id=5, close_model=b"x"))
    assert [frame.call_id for frame in next(sent).frames] == [5]


def test_variables_and_what_follows_them_wait_for_the_large_requests_before_them():
    outbox, sent = messages()
    outbox.put(Upload(Call(1, CHUNK_BYTES + 100), ""))
    outbox.put(pb.ClientFrame(call_id=2, generate=b"x"))
    outbox.put(pb.ClientFrame(call_id=0, environment=pb.Environment(unset=["A_API_KEY"])))
    outbox.put(pb.ClientFrame(call_id=3, generate=b"x"))
    outbox.put(Upload(Call(4, CHUNK_BYTES + 100), ""))
    outbox.put(pb.ClientFrame(call_id=5, generate=b"x"))
    frames = [[f.call_id for f in next(sent).frames] for _ in range(7)]
    assert frames == [[2, 1], [1], [0], [3], [4], [4], [5]]
    outbox.put(Upload(Call(6, 2 * CHUNK_BYTES), ""))
    outbox.put(pb.ClientFrame(call_id=7, generate=b"x"))
    assert [f.call_id for f in next(sent).frames] == [7, 6]  # nothing is held any more


def test_a_request_that_nobody_waits_for_is_taken_back_where_it_was_begun():
    outbox, sent = messages()
    begun, other = Call(1, 3 * CHUNK_BYTES), Call(2, 3 * CHUNK_BYTES)
    for call in (begun, other):
        outbox.put(Upload(call, ""))
    assert next(sent).frames[0].HasField("chunk")
    begun.abandoned = other.abandoned = True
    outbox.put(pb.ClientFrame(call_id=3))
    (small, taken_back) = next(sent).frames
    assert (small.call_id, taken_back.call_id) == (3, 1)
    assert taken_back.HasField("cancel")
    outbox.put(None)
    assert list(sent) == []


def test_the_rest_of_a_large_request_goes_over_the_next_stream():
    outbox, sent = messages()
    outbox.put(Upload(Call(1, 3 * CHUNK_BYTES), ""))
    delivery = Delivery()
    sent._delivery = delivery
    data = next(sent).frames[0].chunk.data
    sent.end()
    assert delivery.sent == 1  # what had not set out is in no message
    following = Messages(outbox, pb.ConnectRequest())
    next(following)
    following.begin(delivery)
    while not (frame := next(following).frames[0]).chunk.last:
        data += frame.chunk.data
    assert pb.ClientFrame.FromString(data + frame.chunk.data).call_id == 1
    assert delivery.sent == 4
