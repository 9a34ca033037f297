"""A lane: everybody's attempts at one model of one account, on virtual time."""

from __future__ import annotations

import random
from collections import Counter

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeld.errors import GenerateTimeout, InvalidRequest, ModelNotFound, RateLimited
from modeld.types import AdaptiveConcurrency, GenerateConfig, ModelUsage
from modeld_daemon.core import lane as lane_module
from modeld_daemon.core.lane_statistics import LaneSettings
from modeld_daemon.core.lanes import Lanes
from modeld_daemon.core.rates import RateLimit, RateLimits
from tests.fakes.limited_provider import Limited, road, route
from tests.fakes.trio_clock import virtual_time


@virtual_time
async def test_a_fresh_lane_opens_with_ten_at_once_and_doubles_per_clean_round():
    provider = Limited(latency=1)
    async with road(provider) as one:
        one.flood(300)
        peaks = []
        for _ in range(5):
            await anyio.sleep(0.5)
            peaks.append(provider.running)
            await anyio.sleep(0.5)
    assert peaks == [10, 20, 40, 80, 100]
    assert not one.failures


@virtual_time
async def test_the_headers_of_the_first_answer_set_its_rates():
    provider = Limited(rate=10, burst=10, headers=True)
    async with road(provider) as one:
        one.flood(100)
        await anyio.sleep(1)
        (requests, _) = one.lane.statistics().rates
        assert (requests.per_minute, requests.source) == (600, "provider")
        begun = anyio.current_time()
    assert not provider.refused
    assert anyio.current_time() - begun < 9


@virtual_time
async def test_tokens_are_reserved_by_estimate_and_settled_by_usage():
    used = ModelUsage(input_tokens=100, output_tokens=100, total_tokens=200)
    provider = Limited(latency=0.1, usage=used)
    async with road(provider) as one:
        one.lane.set(LaneSettings(tokens_per_minute=6000))
        began = anyio.current_time()
        one.flood(60, config=GenerateConfig(max_tokens=100))  # 60 x 200 tokens; 6000 are saved up
        await anyio.sleep(0.05)
        assert one.lane.statistics().reserved_tokens > 0
    assert anyio.current_time() - began == pytest.approx(60, rel=0.1)


@virtual_time
async def test_all_dimensions_are_taken_together_or_none():
    provider = Limited(latency=0.1)
    async with road(provider) as one:
        one.lane.set(LaneSettings(requests_per_minute=6000, tokens_per_minute=60))
        one.flood(2, text="x" * 400, config=GenerateConfig(max_tokens=60))
        await anyio.sleep(5)
        seen = one.lane.statistics()
        assert (seen.in_use, seen.queued, seen.attempts) == (0, 1, 1)


@virtual_time
async def test_max_connections_caps_a_session_and_the_largest_live_one_caps_the_lane():
    provider = Limited(latency=1)
    few, many = GenerateConfig(max_connections=3), GenerateConfig(max_connections=8)
    async with road(provider) as one:
        one.flood(20, "few", config=few)
        await anyio.sleep(0.6)
        assert (provider.running, one.lane.limit()) == (3, (3.0, "explicit"))
        one.flood(20, "many", config=many)
        await anyio.sleep(1.9)
        assert (provider.running, one.lane.limit()) == (8, (8.0, "explicit"))
        assert one.lane._running["few"] <= 3
        one.lane.forget_session("many")
        assert one.lane.limit() == (3.0, "explicit")
        one.lane.forget_session("few")
        assert one.lane.limit()[1] == "adaptive"


@virtual_time
async def test_an_explicit_limit_is_believed_after_the_first_answer_or_half_a_second():
    provider = Limited(latency=2)
    async with road(provider) as one:
        one.flood(500, config=GenerateConfig(max_connections=500))
        await anyio.sleep(0.3)
        assert provider.running == 10
        await anyio.sleep(0.3)
        assert provider.running == 500


@virtual_time
async def test_what_a_caller_without_a_session_sets_lasts_as_long_as_its_calls():
    async with road(Limited(latency=1)) as one:
        one.flood(4, "", config=GenerateConfig(max_connections=2))
        await anyio.sleep(0.5)
        assert one.lane.limit() == (2.0, "explicit")
    assert one.lane.limit()[1] == "adaptive"


@virtual_time
async def test_adaptive_bounds_of_a_caller_and_no_adaptivity():
    provider = Limited(latency=1)
    async with road(provider) as one:
        bounds = AdaptiveConcurrency(min=2, start=4, max=6)
        one.flood(40, config=GenerateConfig(adaptive_connections=bounds))
        await anyio.sleep(5)
        assert provider.peak == 6
    async with road(Limited(latency=1)) as one:
        one.flood(40, config=GenerateConfig(adaptive_connections=False))
        await anyio.sleep(3.5)
        assert one.provider.running == 10
        assert one.lane.limit() == (10.0, "explicit")


@virtual_time
async def test_a_named_time_pauses_everybody_of_the_lane_and_nobody_else():
    provider, other = Limited(latency=0.1), Limited(latency=0.1)
    async with road(provider) as one, road(other) as two:
        await one.ask()
        provider.down, provider.retry_after = True, 3.0
        one.flood(1, "a")
        refused = anyio.current_time()
        await anyio.sleep(0.01)
        provider.down = False
        one.flood(20, "b")
        two.flood(20, "b")
        await anyio.sleep(0.5)
        assert len(other.served) == 20
        assert 2.4 < one.lane.statistics().paused_seconds <= 2.5
        assert "3 s" in one.lane.statistics().pause_reason
    after = [at for at in provider.began if at > refused]
    assert min(after) >= refused + 3
    assert Counter(after)[min(after)] == 1  # the probe goes ahead alone
    assert len(provider.served) == 22


@virtual_time
async def test_refusals_of_attempts_on_their_way_count_once():
    async with road(Limited(latency=1)) as one:
        one.flood(300)
        await anyio.sleep(3.5)
        assert one.lane.adaptive.limit == 80
        one.provider.latency = 0.0
        one.provider.at_once, one.provider.down = 0, True
        await anyio.sleep(0.6)
        one.provider.at_once, one.provider.down, one.provider.latency = 1e9, False, 0.1
        assert len(one.provider.refused) > 20
        assert [c.reason for c in one.lane.adaptive.changes].count("rate_limit") == 1
        assert one.lane._pause._strikes <= 2


@virtual_time
async def test_after_ten_minutes_of_refusals_a_lane_is_back_within_one():
    provider = Limited(latency=1)
    async with road(provider) as one:
        one.flood(8000)
        await anyio.sleep(10)
        provider.down = True
        await anyio.sleep(600)
        assert one.lane.statistics().limited < 160  # a probe now and then, no storm
        provider.down = False
        await anyio.sleep(60)
        before = len(provider.served)
        await anyio.sleep(10)
        assert (len(provider.served) - before) / 10 >= 0.8 * 100
        one.tasks.cancel_scope.cancel()


@virtual_time
async def test_a_rate_is_back_too_after_ten_minutes_of_refusals():
    provider = Limited(rate=20, burst=10, latency=0.2)
    async with road(provider) as one:
        one.flood(8000)
        await anyio.sleep(60)
        provider.down = True
        await anyio.sleep(600)
        provider.down = False
        await anyio.sleep(60)
        before = len(provider.served)
        await anyio.sleep(20)
        assert (len(provider.served) - before) / 20 >= 0.8 * 20
        one.tasks.cancel_scope.cancel()


@pytest.mark.parametrize("latency", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("headers", [True, False], ids=["headers", "no headers"])
@virtual_time
async def test_eight_sessions_use_a_limited_account_well(latency, headers):
    provider = Limited(rate=10, burst=10, at_once=20, latency=latency, headers=headers)
    async with road(provider) as one:
        began = anyio.current_time()
        for session in range(8):
            one.flood(100, str(session))
    took = provider.served[-1][0] - began
    assert len(provider.served) == 800
    assert not one.failures
    assert len(provider.refused) <= (0.01 if headers else 0.05) * len(provider.began)
    assert (800 - 10) / took >= 0.9 * 10


@virtual_time
async def test_a_limit_of_simultaneous_requests_is_found_and_kept_to():
    provider = Limited(rate=1000, burst=1000, at_once=20, latency=0.5, headers=True)
    async with road(provider) as one:
        began = anyio.current_time()
        one.flood(4000)
    took = provider.served[-1][0] - began
    assert 4000 / took >= 0.85 * 40
    assert len(provider.refused) <= 0.02 * 4000


@virtual_time
async def test_a_light_session_is_not_held_up_by_a_flood():
    provider = Limited(rate=10, burst=1, latency=0.2, headers=True)
    waits = []
    async with road(provider) as one:
        one.flood(2000, "flood")
        for _ in range(60):
            await anyio.sleep(1)
            began = anyio.current_time()
            await one.ask("light")
            waits.append(anyio.current_time() - began - 0.2)
        one.tasks.cancel_scope.cancel()
    waits.sort()
    assert waits[int(len(waits) * 0.95)] < 2 * (1 / 5)  # half of 10 a second would be its share


@virtual_time
async def test_four_floods_share_alike():
    provider = Limited(rate=20, burst=1, latency=0.2, headers=True)
    async with road(provider) as one:
        for session in range(4):
            one.flood(500 * (session + 1), str(session))
        await anyio.sleep(60)
        counts = list(Counter(session for _, session in provider.served).values())
        one.tasks.cancel_scope.cancel()
    jain = sum(counts) ** 2 / (len(counts) * sum(count**2 for count in counts))
    assert jain >= 0.95


@virtual_time
async def test_an_interactive_call_passes_a_batch_of_the_same_session():
    provider = Limited(rate=10, burst=1, latency=0.1, headers=True)
    async with road(provider) as one:
        one.flood(10_000, priority="batch")
        await anyio.sleep(5)
        began = anyio.current_time()
        await one.ask(priority="interactive")
        assert anyio.current_time() - began < 0.5
        one.tasks.cancel_scope.cancel()


@virtual_time
async def test_a_full_queue_refuses_with_a_time(monkeypatch):
    monkeypatch.setattr(lane_module, "MOST_QUEUED", 20)
    monkeypatch.setattr(lane_module, "MOST_QUEUED_BYTES", 1000)
    async with road(Limited(latency=1)) as one:
        one.flood(40)
        await anyio.sleep(0.5)
        assert len(one.failures) == 10
        assert all(isinstance(e, RateLimited) and e.retry_after >= 1 for e in one.failures)
        assert one.failures[0].phase == "queue"
    async with road(Limited(latency=1)) as one:
        one.flood(13, size=400)
        await anyio.sleep(0.5)
        assert len(one.failures) == 1


@virtual_time
async def test_a_call_that_cannot_start_before_its_deadline_says_so_at_once():
    provider = Limited(latency=0.1)
    async with road(provider) as one:
        await one.ask()
        provider.down, provider.retry_after = True, 60.0
        began = anyio.current_time()
        await one.ask(deadline=began + 10)
        assert anyio.current_time() - began < 1
        provider.down = False
        await one.ask(deadline=began + 10)
        assert anyio.current_time() - began < 1
    first, second = one.failures
    assert isinstance(first, GenerateTimeout)
    assert isinstance(second, GenerateTimeout)
    assert (second.phase, second.reason) == ("queue", "timeout")
    assert "paused for 60 s" in second.message
    assert second.retry_after == pytest.approx(60, abs=1)


@virtual_time
async def test_who_waits_with_a_deadline_is_told_when_a_pause_outlasts_it():
    provider = Limited(latency=1)
    async with road(provider) as one:
        one.flood(10)
        await anyio.sleep(0.1)
        one.flood(5, deadline=anyio.current_time() + 20)
        await anyio.sleep(0.5)
        provider.down, provider.retry_after = True, 30.0
        await anyio.sleep(1)
        assert len(one.failures) == 5
        provider.down = False


@virtual_time
async def test_a_lane_without_bounds_takes_all_until_somebody_sets_some():
    provider = Limited(latency=1)
    async with road(provider, bounded=False) as one:
        one.flood(5000)
        await anyio.sleep(0.5)
        assert provider.running == 5000
        assert one.lane.statistics().limit == 0
    async with road(Limited(latency=1), bounded=False) as one:
        one.flood(50, config=GenerateConfig(max_connections=4))
        await anyio.sleep(3.5)
        assert one.provider.peak == 4


@virtual_time
async def test_settings_hold_at_once_and_can_be_taken_back():
    provider = Limited(latency=1)
    async with road(provider) as one:
        one.flood(200)
        await anyio.sleep(2.5)
        one.lane.set(LaneSettings(max_connections=2))
        await anyio.sleep(2)
        assert provider.running == 2
        assert one.lane.statistics().limit_reason == "set"
        one.lane.set(LaneSettings())
        await anyio.sleep(1)
        assert provider.running > 2


@virtual_time
async def test_lanes_are_named_set_and_forgotten():
    async with anyio.create_task_group() as tasks:
        configured = {
            "openai": LaneSettings(requests_per_minute=60),
            "openai/m": LaneSettings(max_connections=4),
        }
        lanes = Lanes(tasks, configured=configured)
        one, two = lanes.of(route(key="a")), lanes.of(route(key="b"))
        assert one is not two
        assert lanes.of(route(key="a")) is one
        assert one.settings == LaneSettings(max_connections=4, requests_per_minute=60)
        assert one.id.startswith("openai/m@")
        assert [s.limit for s in lanes.set(one.id, LaneSettings(max_connections=7))] == [7]
        assert len(lanes.set("openai/m", LaneSettings())) == 2
        with pytest.raises(ModelNotFound, match="openai/m@"):
            lanes.set("openai/other", LaneSettings())
        for wrong in (0, -1, float("nan"), float("inf")):
            with pytest.raises(InvalidRequest, match="tokens_per_minute"):
                lanes.set("openai/m", LaneSettings(tokens_per_minute=wrong))
        await anyio.sleep(4000)
        lanes.set(one.id, LaneSettings(max_connections=7))
        lanes.forget_idle()
        assert [s.id for s in lanes.statistics()] == [one.id]


@virtual_time
async def test_headers_without_sense_harm_nothing():
    async with road() as one:
        for limit in (RateLimit(0), RateLimit(60, -5, -1), RateLimit(1e17, 1e17, 1e9, 1e-9)):
            with await one.lane.enter(_asker()) as permit:
                permit.told(RateLimits({"requests": limit, "unknown": limit}))
            await anyio.sleep(61)


def _asker():
    from modeld_daemon.core.asker import Asker  # noqa: PLC0415
    from tests.fakes.limited_provider import call, flight  # noqa: PLC0415

    return Asker(call(), flight())


STEP = st.tuples(
    st.sampled_from(["ask", "ask", "ask", "cancel", "wait", "down", "up", "set", "gone"]),
    st.integers(0, 3),
    st.floats(0.0, 4.0),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40), st.integers(0, 2**32), st.booleans(), st.booleans())
def test_whatever_happens_nothing_is_left_and_no_limit_is_passed(steps, seed, headers, named):
    @virtual_time
    async def run():
        provider = Limited(rate=5, burst=5, at_once=6, latency=0.7, headers=headers)
        provider.retry_after = 1.5 if named else None
        dice = random.Random(seed)
        scopes = []
        async with road(provider) as one:

            async def ask(session, config):
                with anyio.CancelScope() as scope:
                    scopes.append(scope)
                    await one.ask(session, config=config)

            for step, number, amount in steps:
                if step == "ask":
                    config = GenerateConfig(
                        max_retries=dice.choice([None, 0, 2]),
                        max_connections=dice.choice([None, None, 2]),
                        max_tokens=dice.choice([None, 50]),
                    )
                    for _ in range(number * 3 + 1):
                        one.tasks.start_soon(ask, str(number), config)
                elif step == "cancel" and scopes:
                    scopes[dice.randrange(len(scopes))].cancel()
                elif step == "wait":
                    await anyio.sleep(amount)
                elif step == "set":
                    one.lane.set(LaneSettings(number or None, 60.0 * number or None, 900.0))
                elif step == "gone":
                    one.lane.forget_session(str(number))
                else:
                    provider.down = step == "down"
                seen = one.lane.statistics()
                assert seen.in_use >= 0
                assert seen.queued >= 0
                assert seen.reserved_tokens >= 0
            provider.down = False
        assert provider.peak <= 6
        assert one.at_rest()  # road() has waited for the end of all calls
        assert not one.lane._running

    run()
