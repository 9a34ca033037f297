"""The loop of attempts, on virtual time."""

from __future__ import annotations

import anyio
import pytest

from modeld.errors import (
    AuthenticationError,
    EngineError,
    GenerateTimeout,
    InvalidRequest,
    ModeldError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from modeld.types import GenerateConfig, ModelOutput
from modeld_daemon.core.lane import Lane
from modeld_daemon.core.retry import Attempts
from tests.fakes.limited_provider import call, flight, route
from tests.fakes.trio_clock import virtual_time
from tests.fakes.watching import Witness

REFUSED = ProviderUnavailable("Cannot connect to http://nobody:1", phase="connect")


class Script:
    """A provider that fails as it is told and then answers."""

    def __init__(self, *failures: ModeldError | float) -> None:
        self.failures = list(failures)
        self.times: list[float] = []

    async def generate(self, call, route, sink) -> ModelOutput:
        self.times.append(anyio.current_time())
        if sink is not None:
            sink.text("half")
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, float):
                await anyio.sleep(failure)
            else:
                raise failure
        return ModelOutput.from_content("m", "whole")

    @property
    def waits(self) -> list[float]:
        return [b - a for a, b in zip(self.times, self.times[1:], strict=False)]


async def attempt(script: Script, *, proven: bool = True, watcher: Witness | None = None, **config):
    failed: ModeldError | None = None
    async with anyio.create_task_group() as tasks:
        lane = Lane(route(), tasks)
        lane.proven = proven
        own = flight()
        if watcher is not None:
            own.streamed = True
            own.watch(watcher)
        asked = call(config=GenerateConfig(**config))
        attempts = Attempts(asked, lane, own, anyio.current_time)
        try:
            output = await attempts.until_answered(script.generate, lane.route)
        except ModeldError as error:  # raised outside, or the group would wrap it
            failed = error
        seen = lane.statistics()
        assert (seen.in_use, seen.queued) == (0, 0)
    if failed is not None:
        raise failed
    return output, attempts


def failing(
    count: int, error: type[ModeldError] = ProviderUnavailable, **more
) -> list[ModeldError]:
    return [error("down", **more) for _ in range(count)]


@virtual_time
async def test_transient_failures_are_retried_without_end_where_there_was_success():
    script = Script(*failing(12))
    output, attempts = await attempt(script)
    assert output.completion == "whole"
    assert attempts.number == 13
    for number, wait in enumerate(script.waits):
        assert min(3 * 2**number, 1800) <= wait + 1e-6
        assert wait - 1e-6 <= min(3 * 2**number + 3, 1800)


@virtual_time
async def test_a_fresh_lane_gives_up_after_three_attempts_and_names_the_address():
    script = Script(REFUSED, REFUSED, REFUSED, REFUSED)
    began = anyio.current_time()
    with pytest.raises(ProviderUnavailable, match="http://nobody:1") as caught:
        await attempt(script, proven=False)
    assert caught.value.attempts == 3
    assert "3 attempts" in str(caught.value)
    assert anyio.current_time() - began < 2  # nobody is spared by a long wait


@virtual_time
async def test_rate_limits_are_retried_without_end_also_on_a_fresh_lane():
    script = Script(*failing(40, RateLimited))
    output, attempts = await attempt(script, proven=False)
    assert (output.completion, attempts.number) == ("whole", 41)
    assert max(script.waits) <= 15.1


@virtual_time
async def test_the_time_that_a_provider_names_is_obeyed():
    for error in (RateLimited, ProviderUnavailable):
        script = Script(error("later", retry_after=42.0))
        await attempt(script)
        assert script.waits[0] >= 42


@pytest.mark.parametrize(
    "error", [AuthenticationError, InvalidRequest, QuotaExhausted, EngineError]
)
@virtual_time
async def test_what_would_fail_again_is_raised_at_once(error):
    script = Script(error("no"))
    with pytest.raises(error) as caught:
        await attempt(script)
    assert (len(script.times), caught.value.attempts) == (1, 1)


@pytest.mark.parametrize("error", [RateLimited, ProviderUnavailable])
@pytest.mark.parametrize("most", [0, 1, 3])
@virtual_time
async def test_exhaustion_raises_the_cause_with_the_number_of_attempts(error, most):
    script = Script(*failing(10, error, status=429, request_id="r1"))
    with pytest.raises(error, match="down") as caught:
        await attempt(script, max_retries=most)
    assert caught.value.attempts == most + 1 == len(script.times)
    assert (caught.value.status, caught.value.request_id) == (429, "r1")


@virtual_time
async def test_an_attempt_that_takes_too_long_is_made_again():
    script = Script(100.0)
    output, attempts = await attempt(script, attempt_timeout=5)
    assert (output.completion, attempts.number) == ("whole", 2)
    assert 8 <= script.waits[0] <= 11
    with pytest.raises(GenerateTimeout, match="attempt_timeout '5' exceeded") as caught:
        await attempt(Script(100.0, 100.0), attempt_timeout=5, max_retries=1)
    assert caught.value.attempts == 2


@virtual_time
async def test_streaming_callers_hear_of_waits_and_of_attempts_that_are_void():
    witness = Witness()
    await attempt(Script(*failing(1), *failing(1, RateLimited)), watcher=witness)
    kinds = [event[1] for event in witness.events]
    assert kinds == ["text", "retrying", "text", "retrying", "queued", "text"]
    assert [event[0] for event in witness.events] == sorted({e[0] for e in witness.events})


@virtual_time
async def test_times_are_kept_apart():
    script = Script(ProviderUnavailable("down", retry_after=50.0), 7.0)
    _, attempts = await attempt(script)
    assert attempts.provider_time == 7
    assert attempts.queue_time == 0


@virtual_time
async def test_no_permit_is_held_while_a_call_waits():
    async with anyio.create_task_group() as tasks:
        lane = Lane(route(), tasks)
        lane.proven = True
        attempts = Attempts(call(), lane, flight(), anyio.current_time)
        tasks.start_soon(attempts.until_answered, Script(*failing(1)).generate, lane.route)
        await anyio.sleep(1)
        assert (attempts.number, lane.statistics().in_use) == (1, 0)


@pytest.mark.parametrize("after", [0.0, 0.5, 2.0, 3.5, 6.0])
@virtual_time
async def test_a_cancelled_call_leaves_nothing_whatever_it_was_doing(after):
    async with anyio.create_task_group() as tasks:
        lane = Lane(route(), tasks)
        lane.proven = True
        script = Script(1.0, RateLimited("wait", retry_after=2.0), *failing(5))
        attempts = Attempts(call(), lane, flight(), anyio.current_time)
        with anyio.move_on_after(after):
            await attempts.until_answered(script.generate, lane.route)
            await attempts.until_answered(script.generate, lane.route)
        seen = lane.statistics()
        assert (seen.in_use, seen.queued, seen.queued_bytes, seen.reserved_tokens) == (0, 0, 0, 0)
