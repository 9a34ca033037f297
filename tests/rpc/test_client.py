"""`get_model` and `Model` as users call them, through a daemon."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial

import pytest
import trio

from modeld import GenerateConfig, get_model, rpc
from modeld.errors import (
    Cancelled,
    GenerateTimeout,
    InternalError,
    InvalidRequest,
    ModelNotFound,
    PrerequisiteError,
    RateLimited,
)
from modeld.rpc import mailbox
from modeld.types import StreamFinishedEvent, StreamTextEvent
from tests.fakes.acting import until

pytestmark = pytest.mark.usefixtures("house")


@pytest.fixture
def model(house):
    return get_model("free/model")


def cancelled_since(actor, began: float) -> float:
    """Seconds from `began` to the end of the call at the provider."""
    until(lambda: actor.cancelled)
    return actor.cancelled[-1][1] - began


def test_plain_code_gets_an_answer(model):
    output = model.generate_sync("echo hello")
    assert output.completion == "hello"
    assert output.metadata["modeld"]["attempts"] == 1


def test_asyncio_gets_answers_over_several_loops(model):
    async def ask(number: int) -> str:
        return (await model.generate(f"echo {number}")).completion

    async def many(count: int) -> list[str]:
        return await asyncio.gather(*map(ask, range(count)))

    for count in (1, 20, 3):
        assert asyncio.run(many(count)) == [str(n) for n in range(count)]


def test_trio_gets_answers(model):
    async def main() -> None:
        for _ in range(2):
            assert (await model.generate("echo trio")).completion == "trio"
        assert await model.count_tokens("echo") == 1
        async with aclosing(model.stream("drip 3")) as events:
            assert [e async for e in events][-1].output.completion == "0 1 2 "

    trio.run(main)
    trio.run(main)


def test_many_loops_in_many_threads_share_one_model(model):
    async def ask(thread: int) -> list[str]:
        outputs = await asyncio.gather(*(model.generate(f"echo {thread}") for _ in range(20)))
        return [output.completion for output in outputs]

    async def ask_in_trio(thread: int) -> list[str]:
        return [(await model.generate(f"echo {thread}")).completion for _ in range(20)]

    def run(thread: int) -> list[str]:
        if thread % 3 == 0:
            return asyncio.run(ask(thread))
        if thread % 3 == 1:
            return trio.run(ask_in_trio, thread)
        return [model.generate_sync(f"echo {thread}").completion for _ in range(20)]

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(run, range(24))) == [[str(n)] * 20 for n in range(24)]


def test_a_loop_that_has_ended_is_forgotten(model):
    async def ask() -> weakref.ref:
        await model.generate("echo x")
        return weakref.ref(asyncio.get_running_loop())

    known = asyncio.run(ask())

    def forgotten() -> bool:
        gc.collect()
        return known() is None and len(mailbox._bridges) == 0

    until(forgotten)  # the reader thread may still be on its way out of the call that woke it


def test_streams_of_asyncio_trio_and_plain_code_are_equal(model):
    async def collect() -> list:
        return [event async for event in model.stream("drip 20")]

    for events in (asyncio.run(collect()), trio.run(collect), list(model.stream_sync("drip 20"))):
        *deltas, last = events
        assert {type(e) for e in deltas} == {StreamTextEvent}
        assert isinstance(last, StreamFinishedEvent)
        assert "".join(e.text for e in deltas) == last.output.completion
        seqs = [e.seq for e in events]
        assert seqs == sorted(set(seqs))
        assert last.output.completion == model.generate_sync("drip 20").completion


def test_closing_a_stream_early_cancels_its_call(model, actor):
    stream = model.stream_sync("drip 10000")
    next(stream)
    began = time.monotonic()
    stream.close()
    assert cancelled_since(actor, began) < 0.2

    async def leave() -> float:
        async with aclosing(model.stream("drip 9999")) as events:
            await anext(events)
            return time.monotonic()

    for run in (asyncio.run, lambda coro: trio.run(lambda: coro)):
        actor.cancelled.clear()
        assert cancelled_since(actor, run(leave())) < 0.2


def test_a_stream_that_is_never_begun_asks_nothing(model, actor):
    model.stream_sync("echo no").close()
    del model
    assert actor.begun == []


@pytest.mark.parametrize("how", ["generate", "on_stream", "count_tokens", "stream"])
def test_cancelling_a_task_cancels_at_the_provider(model, actor, how):
    async def ask() -> None:
        if how == "generate":
            await model.generate("hold")
        elif how == "count_tokens":
            await model.count_tokens("hold")
        elif how == "on_stream":
            await model.generate("hold", on_stream=lambda event: asyncio.sleep(60))
        else:
            async for _ in model.stream("hold"):
                pass

    async def main() -> float:
        task = asyncio.create_task(ask())
        while not actor.running:
            await asyncio.sleep(0.001)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while actor.running:
            await asyncio.sleep(0.001)
        return began

    assert cancelled_since(actor, asyncio.run(main())) < 0.2


def test_a_cancel_scope_of_trio_cancels_at_the_provider(model, actor):
    async def main() -> float:
        with trio.move_on_after(0.1):
            await model.generate("hold")
        return time.monotonic()

    assert cancelled_since(actor, trio.run(main)) < 0.2


@pytest.mark.parametrize("how", ["generate", "stream", "count_tokens"])
def test_cancelling_after_any_number_of_steps_leaves_nothing_behind(house, model, actor, how):
    async def ask() -> None:
        if how == "stream":
            async for _ in model.stream("drip 3"):
                pass
        else:
            await getattr(model, how)("drip 2")

    async def main() -> None:
        for steps in range(50):
            task = asyncio.create_task(ask())
            for _ in range(steps):
                await asyncio.sleep(0)
            if steps % 2:
                await asyncio.sleep(steps / 5000)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.exception() is None

    asyncio.run(main())
    until(lambda: actor.running == house.in_flight() == 0)
    until(lambda: house.ask(house.sessions.statistics)[0].in_flight == 0)
    assert rpc.hub()._calls == {}
    assert not rpc.hub()._waiting
    assert model.generate_sync("echo on").completion == "on"


def test_an_exception_of_on_stream_cancels_the_call(model, actor):
    def explode(event: object) -> None:
        raise ZeroDivisionError

    asked = partial(model.generate, "drip 5000", on_stream=explode)
    for ask in (
        partial(model.generate_sync, "drip 5000", on_stream=explode),
        lambda: asyncio.run(asked()),
        lambda: trio.run(asked),
    ):
        actor.cancelled.clear()
        with pytest.raises(ZeroDivisionError):
            ask()
        until(lambda: actor.cancelled)


def test_on_stream_hears_every_event_sync_or_async(model):
    heard: list = []

    async def listen(event: object) -> None:
        await asyncio.sleep(0)
        heard.append(event)

    output = asyncio.run(model.generate("drip 5", on_stream=listen))
    again = asyncio.run(model.generate("drip 5", on_stream=heard.append))
    plain = model.generate_sync("drip 5", on_stream=heard.append)
    finished = [event.output for event in heard if isinstance(event, StreamFinishedEvent)]
    assert finished == [output, again, plain]


def test_on_stream_leaves_no_open_generator_in_trio(model):
    trio.run(lambda: model.generate("drip 3", on_stream=lambda event: None))
    gc.collect()


@pytest.mark.parametrize("how", ["generate_sync", "count_tokens_sync", "stream_sync"])
def test_ctrl_c_cancels_a_call_of_plain_code(model, actor, how):
    def interrupt() -> None:
        until(lambda: actor.running)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        list(getattr(model, how)("hold"))
    began = time.monotonic()
    helper.join()
    assert cancelled_since(actor, began) < 0.2


def test_a_request_id_makes_calls_one_and_lasting(model, actor):
    outputs = [model.generate_sync("echo same", request_id="r1") for _ in range(3)]
    assert len(actor.begun) == 1
    assert outputs[0] == outputs[1] == outputs[2]
    stream = model.stream_sync("drip 100", request_id="r2")
    next(stream)
    stream.close()
    assert model.generate_sync("drip 100", request_id="r2").completion.startswith("0 1 2")
    assert not actor.cancelled


@pytest.mark.parametrize(
    "said, error",
    [
        ("fail rate_limited", RateLimited),
        ("fail cancelled", Cancelled),
        ("fail timeout", GenerateTimeout),
        ("crash", InternalError),
    ],
)
def test_errors_have_their_class_and_details(model, said, error):
    with pytest.raises(error) as caught:
        model.generate_sync(said, config=GenerateConfig(max_retries=0))
    if "fail" in said:
        known = (caught.value.provider, caught.value.status, caught.value.reason)
        assert known == ("fake", 418, said.split()[1])


def test_errors_of_opening_are_typed_and_name_what_is_missing():
    with pytest.raises(PrerequisiteError, match="FAKE_API_KEY") as caught:
        get_model("fake/model")
    assert caught.value.provider == "fake"
    with pytest.raises(ModelNotFound, match="nobody"):
        get_model("nobody/model")
    for name in ("free", "free/", "/x", "", "free/a\x00b", "free/" + "x" * 10_000, "free/a\x1b[0m"):
        with pytest.raises(InvalidRequest):
            get_model(name)


def test_a_timeout_ends_the_call_at_the_provider(model, actor):
    config = GenerateConfig(timeout=1)
    with pytest.raises(GenerateTimeout) as caught:
        model.generate_sync("hold", config=config)
    assert isinstance(caught.value, TimeoutError)
    assert actor.cancelled
