"""What grpc is given to send."""

from __future__ import annotations

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
    assert sent.take().frames[0].HasField("hello")
    sent.begin(None)
    return outbox, sent


def test_frames_that_wait_go_together_and_the_end_comes_last():
    outbox, sent = messages(1, 2)
    assert [frame.call_id for frame in sent.take().frames] == [1, 2]
    outbox.put(pb.ClientFrame(call_id=3))
    outbox.put(None)
    assert not sent.ended
    assert [frame.call_id for frame in sent.take().frames] == [3]
    assert sent.ended
    assert not sent.waits
    assert sent.take() is None


def test_nothing_goes_before_welcome_was_heard_and_hello_waits_from_the_beginning():
    outbox = Outbox()
    outbox.put(pb.ClientFrame(call_id=1))
    sent = Messages(outbox, pb.ConnectRequest(frames=[pb.ClientFrame(hello=pb.Hello())]))
    assert sent.waits
    assert sent.take().frames[0].HasField("hello")
    assert not sent.waits
    assert sent.take() is None
    sent.begin(None, [pb.ConnectRequest(received=7)])
    assert sent.take().received == 7  # what was lost is before what waits
    assert [frame.call_id for frame in sent.take().frames] == [1]
    assert not sent.waits


def test_who_leaves_says_bye_and_nothing_else():
    outbox, sent = messages()
    other = Messages(outbox, pb.ConnectRequest())
    other.take()
    outbox.put(pb.ClientFrame(call_id=1))
    other.leave()
    assert other.take().frames[0].HasField("bye")
    assert other.ended
    assert not other.waits
    assert [frame.call_id for frame in sent.take().frames] == [1]


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
    frames = [list(sent.take().frames) for _ in range(5)]
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
    assert [frame.call_id for frame in sent.take().frames] == [5]


def test_variables_and_what_follows_them_wait_for_the_large_requests_before_them():
    outbox, sent = messages()
    outbox.put(Upload(Call(1, CHUNK_BYTES + 100), ""))
    outbox.put(pb.ClientFrame(call_id=2, generate=b"x"))
    outbox.put(pb.ClientFrame(call_id=0, environment=pb.Environment(unset=["A_API_KEY"])))
    outbox.put(pb.ClientFrame(call_id=3, generate=b"x"))
    outbox.put(Upload(Call(4, CHUNK_BYTES + 100), ""))
    outbox.put(pb.ClientFrame(call_id=5, generate=b"x"))
    frames = [[f.call_id for f in sent.take().frames] for _ in range(7)]
    assert frames == [[2, 1], [1], [0], [3], [4], [4], [5]]
    outbox.put(Upload(Call(6, 2 * CHUNK_BYTES), ""))
    outbox.put(pb.ClientFrame(call_id=7, generate=b"x"))
    assert [f.call_id for f in sent.take().frames] == [7, 6]  # nothing is held any more


def test_a_request_that_nobody_waits_for_is_taken_back_where_it_was_begun():
    outbox, sent = messages()
    begun, other = Call(1, 3 * CHUNK_BYTES), Call(2, 3 * CHUNK_BYTES)
    for call in (begun, other):
        outbox.put(Upload(call, ""))
    assert sent.take().frames[0].HasField("chunk")
    begun.abandoned = other.abandoned = True
    outbox.put(pb.ClientFrame(call_id=3))
    (small, taken_back) = sent.take().frames
    assert (small.call_id, taken_back.call_id) == (3, 1)
    assert taken_back.HasField("cancel")
    assert sent.take() is None  # the other one was not begun
    assert not sent.waits


def test_the_rest_of_a_large_request_goes_over_the_next_stream():
    outbox, sent = messages()
    outbox.put(Upload(Call(1, 3 * CHUNK_BYTES), ""))
    delivery = Delivery()
    sent._delivery = delivery
    data = sent.take().frames[0].chunk.data
    assert delivery.sent == 1  # what had not set out is in no message
    following = Messages(outbox, pb.ConnectRequest())
    following.take()
    following.begin(delivery)
    while not (frame := following.take().frames[0]).chunk.last:
        data += frame.chunk.data
    assert pb.ClientFrame.FromString(data + frame.chunk.data).call_id == 1
    assert delivery.sent == 4
