"""What grpc is given to send, and that none of it is on its way while the program forks."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from modeld.rpc.messages import Messages
from modeld.v1 import session_service_pb2 as pb


def messages(*numbers):
    outbox = SimpleQueue()
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
