"""Evaluations through a real daemon: models that fail, and eval() wherever somebody calls it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

from modeld import (
    Task,
    eval,  # noqa: A004 - the public name
    eval_async,
    eval_retry,
    get_model,
    task,
)
from modeld.dataset import Sample
from modeld.errors import InvalidRequest
from modeld.log import read_eval_log
from modeld.scorer import includes, match

SAD = ("invalid_request", "provider_error", "authentication", "permission", "refused",
       "engine_died", "internal", "quota_exhausted")  # fmt: skip
"""Reasons that no retry mends."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, house):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def half(bad: str, count: int = 10) -> list[Sample]:
    """Every second sample makes its model fail."""
    return [
        Sample(bad if i % 2 else f"echo answer {i}", target=f"answer {i}", id=i)
        for i in range(count)
    ]


def only(logs):
    (log,) = logs
    return log


@pytest.mark.parametrize("bad", [*(f"fail {reason}" for reason in SAD), "crash"])
def test_a_model_that_fails_half_the_time_loses_no_answer(bad):
    one = Task(half(bad), scorer=match())
    log = only(eval(one, model="free/m", fail_on_error=False))
    assert (log.status, log.results.total_samples, log.results.completed_samples) == (
        "success", 10, 5,
    )  # fmt: skip
    assert log.results.scores[0].metrics["accuracy"].value == 1
    for sample in log.samples:
        assert (sample.error is None) == (sample.id % 2 == 0), sample.id
        if sample.error is not None:
            assert sample.events[-1].error
    log = only(eval(one, model="free/m", max_samples=1))
    assert (log.status, [s.id for s in log.samples]) == ("error", [0, 1])
    assert log.results.completed_samples == 1
    assert read_eval_log(log.location).samples[0].output.completion == "answer 0"
    assert log.error.message == log.samples[1].error.message
    assert only(eval(one, model="free/m", fail_on_error=0.6)).status == "success"
    assert only(eval(one, model="free/m", fail_on_error=3)).status == "error"


def test_what_went_to_the_provider_is_kept_for_who_asks_for_it():
    one = Task([Sample("echo a", id="a"), Sample("fail refused", id="b"), Sample("halves", id="c")])
    asked = only(eval(one, model="free/m", fail_on_error=False, log_model_api=True))
    calls = {sample.id: sample.events[0].call for sample in asked.samples}
    assert (calls["a"].request, calls["a"].response) == ({"said": "echo a"}, {"text": "a"})
    assert (calls["b"].request, calls["b"].response) == ({"said": "fail refused"}, None)
    assert calls["c"].response  # half of a surrogate pair costs no answer
    assert asked.eval.config.log_model_api
    assert "raw" not in asked.samples[0].output.metadata["modeld"]
    for log in (
        only(eval(one, model="free/m", fail_on_error=False)),
        only(eval(one, model="free/m", fail_on_error=False, log_model_api=False)),
    ):
        assert [sample.events[0].call for sample in log.samples] == [None] * 3


def test_an_answer_of_the_cache_went_to_no_provider():
    cached = {"model": "free/m", "cache": True}
    first = only(eval(Task([Sample("echo a")]), **cached, log_model_api=True))
    again = only(eval(Task([Sample("echo a")]), **cached, log_model_api=True))
    events = [log.samples[0].events[0] for log in (first, again)]
    assert [event.cache for event in events] == ["write", "read"]
    assert [event.call is None for event in events] == [False, True]


@task
def unsteady():
    return Task(half("fail provider_error"), scorer=includes())


def test_a_retry_asks_for_nothing_that_is_there(actor):
    log = only(eval(unsteady(), model="free/m", fail_on_error=False))
    asked = list(actor.begun)
    assert sorted(asked) == sorted(sample.input for sample in log.samples)
    actor.begun.clear()
    again = only(eval_retry(log, fail_on_error=False))
    assert set(actor.begun) == {"fail provider_error"}
    assert [s.uuid for s in again.samples if s.error is None] == [
        s.uuid for s in log.samples if s.error is None
    ]


def test_the_block_of_the_page_in_every_kind_of_program():
    """`async with get_model(…) as model: eval(mytask(), model=model)`, and its sync twin."""

    def mytask() -> Task:
        return Task([Sample("echo yes", target="yes")] * 1, scorer=match())

    logs = []

    async def page() -> None:
        async with get_model("free/m") as model:
            logs.extend(eval(mytask(), model=model))
            logs.extend(await eval_async(mytask(), model=model))
        logs.extend(eval(mytask(), model=model))  # it is usable after the block, too

    asyncio.run(page())

    async def notebook() -> None:  # cells run in one loop that never stops
        for _ in range(3):
            logs.extend(eval(mytask(), model="free/m"))
            await asyncio.sleep(0)

    asyncio.run(notebook())

    async def other_loop() -> None:
        async with get_model("free/m") as model:
            logs.extend(eval(mytask(), model=model))
            logs.extend(await trio.to_thread.run_sync(lambda: eval(mytask(), model=model)))
            with pytest.raises(InvalidRequest, match=r"trio\.to_thread"):
                await eval_async(mytask(), model=model)

    trio.run(other_loop)
    with get_model("free/m") as model:
        logs.extend(eval(mytask(), model=model))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: eval(mytask(), model="free/m"), range(4)):
            logs.extend(found)
    assert [log.status for log in logs] == ["success"] * 13
    assert {log.results.scores[0].metrics["accuracy"].value for log in logs} == {1}


def test_a_loop_that_waits_for_eval_still_serves_its_other_calls_afterwards():
    """A call that was under way when a cell blocked the loop has its answer then."""

    async def notebook() -> tuple[str, str]:
        pending = asyncio.create_task(get_model("free/m").generate("sleep 0.05"))
        await asyncio.sleep(0)
        log = only(eval(Task([Sample("echo yes")]), model="free/m"))
        return (await pending).completion, log.status

    assert asyncio.run(notebook()) == ("slept", "success")


def test_many_threads_and_loops_at_once():
    logs = []

    def in_thread(number: int) -> None:
        one = Task([Sample(f"echo {number} {i}", target=f"{number} {i}") for i in range(20)],
                   scorer=match("exact"))  # fmt: skip
        if number % 2:
            logs.append(only(eval(one, model="free/m")))
        else:
            logs.append(only(asyncio.run(eval_async(one, model="free/m"))))

    threads = [threading.Thread(target=in_thread, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [log.results.scores[0].metrics["accuracy"].value for log in logs] == [1] * 6
    assert len({log.location for log in logs}) == 6
