"""Equal calls are made once: the cache, shared flights, and calls with an id."""

from __future__ import annotations

import anyio
import pytest

from modeld.errors import GenerateTimeout, ModelRefusalError, ProviderError, ProviderUnavailable
from modeld.types import (
    CachePolicy,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelOutput,
    Priority,
)
from modeld_daemon.core.asked import claim
from modeld_daemon.core.call import Call, Route
from modeld_daemon.core.flights import Ticket
from modeld_daemon.core.ports import Sink
from modeld_daemon.stores.memory import MemoryCache, MemoryJournal
from tests.fakes.trio_clock import virtual_time
from tests.fakes.watching import Witness
from tests.unit.test_pipeline import core

CACHED = GenerateConfig(cache=True)


class Slow:
    """Answers after two deltas and ten seconds; counts what it is asked."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.failure: Exception | None = None
        self.stop_reason = "stop"

    async def __call__(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        self.begun += 1
        number = self.begun
        try:
            if sink is not None:
                sink.text(f"answer {number} ")
            await anyio.sleep(10)
            if self.failure is not None:
                raise self.failure
            if sink is not None:
                sink.text("whole")
            return ModelOutput.from_content("m", f"answer {number} whole", self.stop_reason)
        finally:
            self.ended += 1


def text(witness: Witness) -> str:
    """Deltas after the last one that voided those before."""
    parts: list[str] = []
    for event in witness.events:
        if event[1] == "retrying":
            parts.clear()
        elif event[1] == "text":
            parts.append(str(event[2]))
    return "".join(parts)


@virtual_time
async def test_equal_cached_calls_in_flight_share_one_and_late_ones_hear_all():
    slow = Slow()
    async with core(slow) as c:
        lease = c.lease()
        first, _ = c.submit(lease, config=CACHED, stream=True)
        await anyio.sleep(5)
        late, ticket = c.submit(lease, config=CACHED, stream=True)
        assert ticket.joined
        await c.pipeline.flights.drained()
        hit, _ = c.submit(lease, config=CACHED, stream=True)
        await c.pipeline.flights.drained()
    assert slow.begun == 1
    assert text(first) == text(late) == text(hit) == "answer 1 whole"
    assert first.result.info.cache == late.result.info.cache == "miss"
    assert (first.result.info.coalesced, late.result.info.coalesced) == (False, True)
    assert (hit.result.info.cache, hit.result.info.attempts) == ("hit", 0)
    assert hit.result.output == first.result.output


@virtual_time
@pytest.mark.parametrize(
    "others, calls",
    [
        ([{}, {}], 2),  # not cached: two samples
        ([{"config": CACHED, "epoch": 1}, {"config": CACHED, "epoch": 2}], 2),
        ([{"config": CACHED}, {"config": GenerateConfig(cache="3h")}], 2),
        ([{"config": CACHED}, {"config": GenerateConfig(cache="7D")}], 1),
        ([{"config": CACHED}, {"config": GenerateConfig(cache=True, timeout=900)}], 1),
        ([{"config": CACHED}, {"config": GenerateConfig(cache=True, temperature=0.5)}], 2),
        ([{"config": CACHED}, {"config": CACHED, "request_id": "r"}], 2),
        (
            [
                {"config": GenerateConfig(cache=CachePolicy(per_epoch=False)), "epoch": 1},
                {"config": GenerateConfig(cache=CachePolicy(per_epoch=False)), "epoch": 2},
            ],
            1,
        ),
        (
            [
                {"config": CACHED},
                {"config": GenerateConfig(cache=CachePolicy(scopes={"who": "else"}))},
            ],
            2,
        ),
    ],
)
async def test_what_shares_a_computation_and_what_does_not(others, calls):
    slow = Slow()
    async with core(slow) as c:
        lease = c.lease()
        for asked in others:
            c.submit(lease, **asked)
        await c.pipeline.flights.drained()
    assert slow.begun == calls


@virtual_time
async def test_accounts_share_nothing():
    slow = Slow()
    async with core(slow) as c:
        for key in ("one", "two", "one"):
            c.session.update_environment({"FAKE_API_KEY": key}, [])
            c.submit(c.lease("fake/model"), config=CACHED)
        await c.pipeline.flights.drained()
    assert slow.begun == 2


@virtual_time
async def test_the_first_caller_may_leave_and_the_last_ends_the_work():
    slow = Slow()
    async with core(slow) as c:
        lease = c.lease()
        _, leader = c.submit(lease, config=CACHED)
        heir, follower = c.submit(lease, config=CACHED)
        await anyio.sleep(1)
        leader.leave()
        await c.pipeline.flights.drained()
        assert heir.result.output.completion == "answer 1 whole"
        _, one = c.submit(lease, config=CACHED, epoch=2)
        await anyio.sleep(1)
        began = anyio.current_time()
        one.leave()
        follower.leave()
        await c.pipeline.flights.drained()
        assert anyio.current_time() - began < 0.1
    assert slow.begun == slow.ended == 2


@virtual_time
async def test_each_caller_waits_as_long_as_it_wants():
    slow = Slow()
    async with core(slow) as c:
        lease = c.lease()
        hasty, _ = c.submit(lease, config=GenerateConfig(cache=True, timeout=3))
        patient, _ = c.submit(lease, config=CACHED)
        await anyio.sleep(4)
        assert isinstance(hasty.error, GenerateTimeout)
        await c.pipeline.flights.drained()
        assert patient.result.output.completion == "answer 1 whole"
        alone, _ = c.submit(lease, config=GenerateConfig(cache=True, timeout=3), epoch=7)
        await anyio.sleep(4)
        assert isinstance(alone.error, GenerateTimeout)
    assert slow.begun == slow.ended == 2


@virtual_time
@pytest.mark.parametrize("shared", [{"config": CACHED}, {"request_id": "r"}])
async def test_who_gives_up_early_does_not_take_the_patient_along(shared):
    begun = []

    async def busy(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        begun.append(call)
        await anyio.sleep(10)
        if len(begun) == 1:
            raise ProviderUnavailable("busy", status=503)
        return ModelOutput.from_content("m", "hello")

    async with core(busy) as c:
        lease = c.lease()
        hasty = {
            **shared,
            "config": GenerateConfig(max_retries=0).merge(shared.get("config", GenerateConfig())),
        }
        first, _ = c.submit(lease, **hasty)
        await anyio.sleep(5)
        patient, ticket = c.submit(lease, **shared)
        assert ticket.joined
        await c.pipeline.flights.drained()
    assert first.result.output.completion == patient.result.output.completion == "hello"
    assert len(begun) == 2


@virtual_time
async def test_a_refusal_is_not_kept_and_an_error_only_to_who_asked_for_one():
    slow = Slow()
    slow.stop_reason = "content_filter"
    async with core(slow) as c:
        lease = c.lease()
        strict, _ = c.submit(lease, config=GenerateConfig(cache=True, fail_on_refusal=True))
        lax, _ = c.submit(lease, config=CACHED)
        await c.pipeline.flights.drained()
        assert isinstance(strict.error, ModelRefusalError)
        assert lax.result.output.stop_reason == "content_filter"
        c.submit(lease, config=CACHED)
        await c.pipeline.flights.drained()
    assert slow.begun == 2


@virtual_time
async def test_an_entry_that_has_expired_is_made_anew():
    slow, clock = Slow(), [1000.0]
    store = MemoryCache(now=lambda: clock[0])
    async with core(slow, cache=store) as c:
        for after in (0, 7199, 7201):
            clock[0] = 1000.0 + after
            c.submit(c.lease(), config=GenerateConfig(cache="2h"))
            await c.pipeline.flights.drained()
    assert slow.begun == 2


@virtual_time
async def test_a_store_in_trouble_costs_no_call_and_is_said():
    class Broken(MemoryCache):
        trouble = "the disk is full: answers are not kept"

        async def put(self, key, model, output, seconds):
            return None

    slow = Slow()
    async with core(slow, cache=Broken()) as c:
        witness, _ = c.submit(c.lease(), config=CACHED)
        await c.pipeline.flights.drained()
        assert witness.result.output.metadata["warnings"] == [Broken.trouble]


@virtual_time
async def test_a_hit_tells_every_kind_of_delta():
    async def generate(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        return ModelOutput.from_content("m", [ContentReasoning(reasoning="hm")])

    async with core(generate) as c:
        c.submit(c.lease(), config=CACHED)
        await c.pipeline.flights.drained()
        hit, _ = c.submit(c.lease(), config=CACHED, stream=True)
        await c.pipeline.flights.drained()
    assert [event[1] for event in hit.events] == ["reasoning", "finished"]


@virtual_time
async def test_a_hit_tells_the_answers_text_and_no_ciphertext():
    async def generate(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        secret = ContentReasoning(reasoning="EpADCkYIB", redacted=True)
        told = ContentReasoning(reasoning="gAAAAAB", summary="why", redacted=True)
        cited = [ContentText("It was released"), ContentText(" in July")]
        output = ModelOutput.from_content("m", [secret, told, *cited])
        output.completion = "It was released in July"
        return output

    async with core(generate) as c:
        c.submit(c.lease(), config=CACHED)
        await c.pipeline.flights.drained()
        hit, _ = c.submit(c.lease(), config=CACHED, stream=True)
        await c.pipeline.flights.drained()
    assert hit.events[:-1] == [(1, "reasoning", "why"), (2, "text", "It was released in July")]


# -- calls with an id --


async def asked(c, **call):
    witness, _ = c.submit(c.lease(), request_id="r", stream=True, **call)
    await c.pipeline.flights.drained()
    return witness


@virtual_time
async def test_the_next_daemon_tells_what_the_last_one_has_kept_event_by_event():
    slow, journal = Slow(), MemoryJournal()
    async with core(slow, journal=journal) as c:
        first = await asked(c)
    async with core(slow, journal=journal) as c:
        again = await asked(c)
        attached = Witness()
        account = c.lease().resolve()[0].route.account
        assert await c.pipeline.attach(account, "r", attached, after_seq=1) is None
        assert await c.pipeline.cancel(account, "r") is False
    assert slow.begun == 1
    assert again.events == first.events
    assert again.result.output == first.result.output
    assert attached.events == first.events[1:]
    assert not again.result.info.interrupted


@virtual_time
async def test_a_call_that_its_daemon_left_at_the_provider_is_made_anew_and_says_so():
    slow, journal = Slow(), MemoryJournal()
    with pytest.raises(ExceptionGroup):  # noqa: PT012  # the block is the daemon's life
        async with core(slow, journal=journal) as c:
            dead, _ = c.submit(c.lease(), request_id="r", stream=True)
            await anyio.sleep(5)
            raise RuntimeError("the daemon dies")
    async with core(slow, journal=journal) as c:
        witness = await asked(c)
    assert slow.begun == 2
    assert [event[1] for event in witness.events][:2] == ["retrying", "text"]
    assert text(witness) == witness.result.output.completion == "answer 2 whole"
    assert witness.events[0][0] > dead.events[-1][0]
    assert witness.result.info.interrupted


@virtual_time
async def test_a_call_that_never_came_to_the_provider_is_simply_made():
    journal = MemoryJournal()
    slow = Slow()
    async with core(slow, journal=journal) as c:
        route = c.lease().resolve()[0].route
    call = Call(id="1", messages=[ChatMessageUser(content="hi")], request_id="r")
    await journal.begin(str(route.account), "r", claim(call, route, {}).body)
    async with core(slow, journal=journal) as c:
        witness = await asked(c)
    assert [event[1] for event in witness.events] == ["text", "text", "finished"]
    assert not witness.result.info.interrupted


@virtual_time
async def test_failures_and_cancelled_calls_are_not_kept():
    slow, journal = Slow(), MemoryJournal()
    slow.failure = ProviderError("broken", status=400)
    async with core(slow, journal=journal) as c:
        failed = await asked(c)
        assert isinstance(failed.error, ProviderError)
        slow.failure = None
        _, ticket = c.submit(c.lease(), request_id="r")
        await anyio.sleep(1)
        account = c.lease().resolve()[0].route.account
        assert await c.pipeline.cancel(account, "r") is True
        await c.pipeline.flights.drained()
        witness = await asked(c)
    assert witness.result.output.completion == "answer 3 whole"
    assert not witness.result.info.interrupted
    assert ticket.flight.cancelled


@virtual_time
@pytest.mark.parametrize("seconds", [0, 1])  # as it begins, and at the provider
async def test_an_id_whose_call_was_cancelled_is_free_at_once(seconds):
    journal, begun = MemoryJournal(), []

    async def tidy(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        begun.append(call.messages[-1].text)
        try:
            await anyio.sleep(10)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(5)
        return ModelOutput.from_content("m", begun[-1])

    async with core(tidy, journal=journal) as c:
        c.submit(c.lease(), request_id="r", messages=[ChatMessageUser(content="one")])
        await anyio.sleep(seconds)
        account = c.lease().resolve()[0].route.account
        assert await c.pipeline.cancel(account, "r") is True
        witness, ticket = c.submit(
            c.lease(), request_id="r", messages=[ChatMessageUser(content="two")]
        )
        await c.pipeline.flights.drained()
        assert witness.result.output.completion == "two"
        assert ticket.flight.recorded
        assert not witness.result.info.interrupted
        assert begun[-1] == "two"
        c.submit(c.lease(), request_id="s")
        await c.pipeline.cancel(account, "s")
        c.submit(c.lease(), request_id="s")
        await c.pipeline.cancel(account, "s")  # while it waits


@virtual_time
async def test_a_call_with_an_id_outlives_whoever_waits_and_their_deadlines():
    slow = Slow()
    async with core(slow) as c:
        hasty, _ = c.submit(c.lease(), request_id="r", deadline=anyio.current_time() + 2)
        await anyio.sleep(3)
        assert isinstance(hasty.error, GenerateTimeout)
        witness = await asked(c)
    assert slow.begun == 1
    assert witness.result.output.completion == "answer 1 whole"


class Deferred(MemoryJournal):
    """A journal whose disk takes a second."""

    async def begin(self, account, request_id, body):
        await anyio.sleep(1)
        return await super().begin(account, request_id, body)


@virtual_time
async def test_who_attaches_while_the_journal_is_read_hears_nothing_twice():
    slow, journal = Slow(), Deferred()
    async with core(slow, journal=journal) as c:
        first = await asked(c)
    async with core(slow, journal=journal) as c:
        account = c.lease().resolve()[0].route.account
        again, _ = c.submit(c.lease(), request_id="r", stream=True)
        attached = Witness()
        ticket = await c.pipeline.attach(account, "r", attached, after_seq=1)
        assert ticket is not None
        await c.pipeline.flights.drained()
    assert slow.begun == 1
    assert again.events == first.events
    assert attached.events == first.events[1:]


@virtual_time
async def test_numbers_go_on_rising_however_many_daemons_a_call_has_seen():
    slow, journal = Slow(), MemoryJournal()
    for _ in range(2):
        with pytest.raises(ExceptionGroup):  # noqa: PT012  # the block is the daemon's life
            async with core(slow, journal=journal) as c:
                c.submit(c.lease(), request_id="r", stream=False)
                await anyio.sleep(5)
                raise RuntimeError("the daemon dies")
    async with core(slow, journal=journal) as c:
        made = await asked(c)
    async with core(slow, journal=journal) as c:
        kept = await asked(c)
    assert slow.begun == 3
    assert made.events[0][0] > 2 * 2**32
    assert kept.events == made.events


@virtual_time
async def test_a_forced_stop_is_no_wish_of_a_caller_and_the_next_answer_says_so():
    slow, journal = Slow(), MemoryJournal()
    async with core(slow, journal=journal) as c:
        c.submit(c.lease(), request_id="r")
        await anyio.sleep(5)
        c.pipeline.flights.cancel_all("the daemon was stopped")
    async with core(slow, journal=journal) as c:
        witness = await asked(c)
    assert witness.result.info.interrupted


@virtual_time
async def test_a_call_that_ran_out_of_time_may_be_sent_again_as_new():
    slow, journal = Slow(), MemoryJournal()
    async with core(slow, journal=journal) as c:
        late = await asked(c, config=GenerateConfig(timeout=3))
        assert isinstance(late.error, GenerateTimeout)
        witness = await asked(c)
    assert not witness.result.info.interrupted


@virtual_time
async def test_a_batch_that_somebody_joins_in_haste_is_served_before_the_others():
    begun: list[str] = []

    async def answer(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        begun.append(call.messages[0].text)
        await anyio.sleep(1)
        return ModelOutput.from_content("m", "x")

    config = CACHED.merge(GenerateConfig(max_connections=1))
    async with core(answer) as c:
        lease = c.lease()

        def ask(name: object, priority: Priority) -> Ticket:
            said = [ChatMessageUser(content=str(name))]
            return c.submit(lease, config=config, messages=said, priority=priority)[1]

        ask("first", "batch")
        await anyio.sleep(0.1)
        for number in range(6):
            ask(number, "batch")
        await anyio.sleep(0.1)
        assert ask(4, "interactive").joined  # it waits in the lane
        ask(6, "batch")
        assert ask(6, "normal").joined  # it has not come there yet
        assert ask(4, "batch").joined  # no way back
    assert sorted(begun) == [*map(str, range(7)), "first"]
    assert begun[2:4] == ["4", "6"]  # after one of the batch, whose turn it was
