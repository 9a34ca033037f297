"""The counting of messages on its own: two sides, and a wire between them that breaks."""

from __future__ import annotations

import random
import threading
from collections import deque

import pytest

from modeld.wire import delivery
from modeld.wire.delivery import ASK_BYTES, ASK_MESSAGES, MOST_FRUITLESS, Delivery, Impossible


def sent(count: int, size: int = 1) -> Delivery[int]:
    one: Delivery[int] = Delivery()
    for number in range(1, count + 1):
        one.keep(number, size)
    return one


def test_what_was_received_is_kept_no_longer():
    one = sent(5, size=10)
    one.confirm(3)
    assert (one.kept, one.kept_bytes, one.confirmed) == (2, 20, 3)
    one.confirm(2)  # an older message that came again
    assert one.kept == 2
    assert one.missing(4) == [5]


@pytest.mark.parametrize("received", [6, 2**63])
def test_more_than_was_sent_is_impossible(received):
    one = sent(5)
    with pytest.raises(Impossible):
        one.confirm(received)
    with pytest.raises(Impossible):
        one.missing(received)
    assert one.kept == 5


def test_less_than_before_is_impossible_at_a_resume():
    one = sent(5)
    one.confirm(3)
    with pytest.raises(Impossible):
        one.missing(2)


def test_the_other_side_is_asked_when_much_was_sent():
    one = sent(ASK_MESSAGES - 1)
    assert not one.asks()
    one.keep(0, 1)
    assert one.asks()
    assert not one.asks()
    one.keep(0, ASK_BYTES)
    assert one.asks()


@pytest.mark.parametrize("size, bound", [(1024, "KEPT_MESSAGES"), (1024 * 1024, "KEPT_BYTES")])
def test_what_is_kept_is_bounded(size, bound, monkeypatch):
    monkeypatch.setattr(delivery, "KEPT_MESSAGES", 100)
    one: Delivery[bytes] = Delivery()
    most = 0
    for _ in range(200):
        one.keep(b"", size)
        most = max(most, one.kept_bytes)
        assert one.kept <= 100
    assert one.given_up
    assert most <= delivery.KEPT_BYTES
    assert (one.kept, one.kept_bytes, one.sent) == (0, 0, 200)
    one.confirm(150)  # it goes on as if nothing was
    with pytest.raises(Impossible):
        one.missing(150)


def test_a_message_that_breaks_each_stream_is_noticed():
    one = sent(3)
    for _ in range(MOST_FRUITLESS + 1):
        assert one.missing(1) == [2, 3]
        assert not one.stuck
    one.missing(1)
    assert one.stuck


def test_whoever_has_nothing_to_send_again_is_never_stuck():
    one = sent(3)
    for _ in range(20):
        assert one.missing(3) == []
    one.keep(4, 1)
    for received in (3, 3, 4, 4):
        one.missing(received)
    assert not one.stuck


class Side:
    """One end of a wire: sends numbers, notes what comes."""

    def __init__(self) -> None:
        self.delivery: Delivery[int] = Delivery()
        self.heard: list[int] = []
        self.way: deque[tuple[int, int]] = deque()
        self.said = 0

    def say(self) -> None:
        self.said += 1
        self.delivery.keep(self.said, 1)
        self.way.append((self.said, self.delivery.received))

    def hear(self, other: Side) -> None:
        if other.way:
            number, received = other.way.popleft()
            self.delivery.confirm(received)
            self.delivery.received += 1
            self.heard.append(number)

    def resume(self, other: Side) -> None:
        missing = self.delivery.missing(other.delivery.received)
        self.way = deque((number, self.delivery.received) for number in missing)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_breaks_when_nothing_is_lost_or_doubled(seed):
    dice = random.Random(seed)
    one, two = Side(), Side()
    for _ in range(500):
        a, b = dice.choice([(one, two), (two, one)])
        match dice.randrange(5):
            case 0 | 1:
                a.say()
            case 2 | 3:
                a.hear(b)
            case 4:  # all that is on its way is gone
                one.resume(two)
                two.resume(one)
    while one.way or two.way:
        one.hear(two)
        two.hear(one)
    assert one.heard == list(range(1, two.said + 1))
    assert two.heard == list(range(1, one.said + 1))
    assert one.delivery.kept <= one.said


def test_one_thread_sends_while_another_one_hears():
    one: Delivery[int] = Delivery()
    count = 20_000

    def confirm() -> None:
        while one.confirmed < count:
            one.confirm(one.sent)

    hearing = threading.Thread(target=confirm)
    hearing.start()
    for number in range(count):
        one.keep(number, 3)
    hearing.join(10)
    assert (one.kept, one.kept_bytes, one.confirmed) == (0, 0, count)
