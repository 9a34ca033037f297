"""Buckets, meters, and what headers say of limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeld_daemon.core.pace import Pace
from modeld_daemon.core.rates import Bucket, Meter
from modeld_daemon.providers.http.rate_limits import rate_limits


def test_a_bucket_refills_up_to_its_capacity():
    bucket = Bucket(2.0, 10.0, 0.0, "set")
    assert bucket.wait(10, 0.0) == 0
    bucket.take(10)
    assert bucket.wait(4, 0.0) == 2
    assert bucket.wait(4, 1.5) == 0.5
    assert bucket.wait(10, 100.0) == 0
    assert bucket.level == 10


def test_what_costs_more_than_the_capacity_waits_for_a_full_bucket_and_leaves_a_debt():
    bucket = Bucket(1.0, 10.0, 0.0, "set")
    assert bucket.wait(25, 0.0) == 0
    bucket.take(25)
    assert bucket.wait(1, 0.0) == 16


def test_a_margin_is_never_spent():
    bucket = Bucket(10.0, 10.0, 0.0, "provider", margin=0.02)
    for _ in range(9):
        assert bucket.wait(1, 0.0) == 0
        bucket.take(1)
    assert bucket.wait(1, 0.0) == pytest.approx(0.02)


def test_what_is_told_corrects_the_level_within_what_is_possible():
    bucket = Bucket(10.0, 100.0, 0.0, "provider")
    bucket.told(remaining=30, since=0.5, later=4, now=0.0)
    assert bucket.level == 35  # 30, and the refill since then: at most
    bucket.level = 0
    bucket.told(remaining=30, since=0.5, later=4, now=0.0)
    assert bucket.level == 26  # 30, and nothing but what was sent since then: at least
    bucket.told(remaining=20, since=0.5, later=4, now=0.0)
    assert bucket.level == 25


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 50)), min_size=1, max_size=100),
    st.floats(0.5, 100),
    st.floats(1, 100),
)
def test_no_interval_gets_more_than_the_bucket_allows(wishes, rate, capacity):
    bucket, now, spent = Bucket(rate, capacity, 0.0, "set"), 0.0, []
    for gap, wish in wishes:
        cost = min(wish, capacity)
        now += gap
        while wait := bucket.wait(cost, now):
            now += wait
        bucket.take(cost)
        spent.append((now, cost))
        assert bucket.level >= -1e-6
    for index, (start, _) in enumerate(spent):
        total = sum(cost for at, cost in spent[index:])
        assert total <= capacity + rate * (spent[-1][0] - start) + 1e-3


def test_a_meter_knows_the_last_minute():
    meter = Meter()
    for second in range(120):
        meter.add(2, float(second))
    assert meter.total(119.0) == 120
    assert meter.total(149.5) == 60
    assert meter.total(1000.0) == 0


def headers(**values: str):
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


def test_openai_headers():
    found = rate_limits(
        headers(
            x_ratelimit_limit_requests="500",
            x_ratelimit_remaining_requests="499",
            x_ratelimit_reset_requests="120ms",
            x_ratelimit_limit_tokens="30000",
            x_ratelimit_remaining_tokens="29000",
            x_ratelimit_reset_tokens="2m1.5s",
            content_type="application/json",
        )
    )
    requests, tokens = found.by_name["requests"], found.by_name["tokens"]
    assert (requests.limit, requests.remaining, requests.reset) == (500, 499, 0.12)
    assert (tokens.limit, tokens.remaining, tokens.reset) == (30000, 29000, 121.5)


def test_anthropic_mistral_and_azure_headers():
    found = rate_limits(
        headers(
            anthropic_ratelimit_requests_limit="4000",
            anthropic_ratelimit_requests_remaining="3999",
            anthropic_ratelimit_output_tokens_limit="80000",
        )
    )
    assert found.by_name["requests"].remaining == 3999
    assert found.by_name["output_tokens"].limit == 80000
    found = rate_limits(
        headers(x_ratelimit_limit_req_minute="100", x_ratelimit_remaining_req_minute="90")
    )
    assert (found.by_name["requests"].limit, found.by_name["requests"].remaining) == (100, 90)
    found = rate_limits(
        headers(x_ratelimit_limit_requests="10", x_ratelimit_renewalperiod_requests="10")
    )
    assert found.by_name["requests"].period == 10


@pytest.mark.parametrize("wrong", ["", "X-RATELIMIT-XXX", "nan", "-1", "inf", "1e99", "0"])
def test_headers_without_sense_say_nothing(wrong):
    assert rate_limits(headers(x_ratelimit_limit_requests=wrong)) is None
    found = rate_limits(
        headers(x_ratelimit_limit_requests="60", x_ratelimit_remaining_requests=wrong)
    )
    assert found.by_name["requests"].remaining in (None, 0)


def test_limits_of_a_day_say_nothing_of_now():
    assert rate_limits(headers(x_ratelimit_limit_requests_day="14400")) is None


def serve(pace: Pace, rate: float, seconds: float, start: float = 0.0) -> tuple[int, int, float]:
    """A provider with a bucket of ten, asked as fast as the pace allows; answers at once."""
    level, at, now, served, refused = 10.0, start, start, 0, 0
    while now < start + seconds:
        level, at = min(10.0, level + (now - at) * rate), now
        if level >= 1:
            level -= 1
            served += 1
            pace.served(now)
        else:
            refused += 1
            pace.limited(now)
            now += pace.pause()
        wait = 0.0
        if pace.bucket is not None:
            wait = pace.bucket.wait(1.0, now)
        now += max(wait, 0.01)
        if pace.bucket is not None:
            pace.bucket.refill(now)
            pace.bucket.take(1.0)
    return served, refused, now


@pytest.mark.parametrize("rate", [1.0, 10.0, 40.0])
def test_a_pace_is_learned_from_refusals_alone(rate):
    served, refused, _ = serve(Pace(), rate, 120)
    assert served >= 0.9 * rate * 120
    assert refused <= 0.05 * served + 20  # about as many until the first guess, of 10, is mended


def test_a_pace_follows_a_limit_that_changes():
    pace = Pace()
    _, _, now = serve(pace, 10.0, 60)
    _, _, now = serve(pace, 40.0, 120, now)
    assert pace.bucket.rate > 25
    _, refused, now = serve(pace, 5.0, 60, now)
    assert refused < 40
    assert pace.bucket.rate < 7


def test_an_outage_is_no_rate():
    pace = Pace()
    for second in range(100):
        pace.limited(float(second))
    assert pace.bucket is None or pace.bucket.rate > 0
    _, _, now = serve(pace, 10.0, 60, 100.0)
    known = pace.bucket.rate
    for second in range(600):
        pace.limited(now + second)
    assert pace.bucket.rate > 0
    served, _, _ = serve(pace, 10.0, 60, now + 600)
    assert known > 5
    assert served > 0.8 * 10 * 60


def test_nothing_told_is_no_number():
    assert math.isfinite(Pace().pause())
