"""Who is next in a lane."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from modeld_daemon.core.fair_queue import FairQueue


def anybody(_member: object) -> bool:
    return True


def serve(queue: FairQueue, count: int = 10**6) -> list:
    served = []
    while len(served) < count and (member := queue.next(anybody)) is not None:
        queue.take(member)
        served.append(member)
    return served


def filled(**flows: int) -> FairQueue:
    queue: FairQueue = FairQueue()
    for flow, count in flows.items():
        for number in range(count):
            queue.put((flow, number), flow, 1.0)
    return queue


def test_flows_take_turns_and_each_is_first_come_first_served():
    served = serve(filled(a=4, b=4, c=4))
    assert [flow for flow, _ in served] == ["a", "b", "c"] * 4
    for flow in "abc":
        assert [n for f, n in served if f == flow] == [0, 1, 2, 3]


def test_who_comes_late_is_next_however_many_wait():
    queue = filled(flood=10_000)
    serve(queue, 500)
    queue.put("late", "light", 1.0)
    assert "late" in serve(queue, 2)


def test_an_absence_saves_nothing_up():
    queue = filled(a=1000, b=1)
    serve(queue, 500)
    for number in range(500):
        queue.put(("b", number), "b", 1.0)
    counts = Counter(flow for flow, _ in serve(queue, 100))
    assert abs(counts["a"] - counts["b"]) <= 1


def test_leaving_is_no_way_to_jump_the_queue():
    queue = filled(a=100)
    for number in range(50):  # always one alone, at weight 1/8: a turn costs eight of the others'
        queue.put(("sly", number), "sly", 1 / 8)
        serve(queue, 2)
    assert sum(1 for flow, _ in serve(queue) if flow == "a") < 100
    queue = filled(a=80)
    turns = []
    for number in range(40):
        if queue.position("sly") == 0:
            queue.put(("sly", number), "sly", 1 / 8)
        turns += serve(queue, 2)
    assert 8 <= sum(1 for flow, _ in turns if flow == "sly") <= 11


def test_weights_are_shares():
    queue: FairQueue = FairQueue()
    for number in range(400):
        queue.put(("heavy", number), "heavy", 4.0)
        queue.put(("light", number), "light", 1.0)
    counts = Counter(flow for flow, _ in serve(queue, 250))
    assert 198 <= counts["heavy"] <= 202


def test_who_may_not_go_holds_up_no_other_flow():
    queue = filled(a=3, b=3)
    assert queue.next(lambda member: member[0] == "b") == ("b", 0)
    assert queue.next(lambda _: False) is None


def test_who_comes_again_is_first_of_its_flow_and_pays_once():
    queue = filled(a=10, b=10)
    again = queue.next(anybody)
    queue.take(again)
    queue.put(again, "a", 1.0, first=True)
    assert serve(queue, 2) == [again, ("b", 0)]


def test_who_moves_waits_in_the_other_flow_and_holds_up_nobody():
    queue: FairQueue = FairQueue()
    batch = [("batch", number) for number in range(5)]
    for member in batch:
        queue.put(member, "batch", 1.0)
    queue.move(batch[3], "interactive", 16.0)
    queue.move(("batch", 9), "interactive", 16.0)  # waits nowhere
    assert (queue.position("batch"), queue.position("interactive"), len(queue)) == (4, 1, 5)
    assert sorted(queue.members()) == batch
    assert [member[1] for member in serve(queue)] == [0, 3, 1, 2, 4]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "serve", "leave", "move"]),
            st.integers(0, 5),
            st.integers(0, 50),
        ),
        max_size=200,
    )
)
def test_whatever_happens_nobody_is_lost_or_served_twice(steps):
    queue: FairQueue = FairQueue()
    waiting: dict[int, tuple] = {}
    where: dict[int, int] = {}
    served, left, number = set(), set(), 0
    for step, flow, which in steps:
        if step == "put":
            member = (flow, number)
            queue.put(member, flow, 1.0 + flow, first=which % 7 == 0)
            waiting[number] = member
            number += 1
        elif step == "serve":
            member = queue.next(anybody)
            assert (member is None) == (not waiting)
            if member is not None:
                queue.take(member)
                served.add(member[1])
                del waiting[member[1]]
        elif waiting and step == "move":  # only ever upwards, as priorities rise
            key = list(waiting)[which % len(waiting)]
            if flow > where.get(key, waiting[key][0]):
                where[key] = flow
                queue.move(waiting[key], flow, 1.0 + flow)
        elif waiting:
            key = list(waiting)[which % len(waiting)]
            queue.leave(waiting.pop(key))
            left.add(key)
        assert len(queue) == len(waiting)
        assert sorted(m[1] for m in queue.members()) == sorted(waiting)
    assert {member[1] for member in serve(queue)} == set(waiting)
    assert not served & left
    assert queue.flows() == []
