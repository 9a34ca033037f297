"""What a client sends: what is refused before it leaves, what goes in parts."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import ChatMessageUser, get_model, rpc
from modeld.errors import InvalidRequest, ModeldError
from tests.fakes.acting import until

pytestmark = pytest.mark.usefixtures("house")


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"x", float("nan"), lambda: 0, [object()]],
    ids=lambda value: type(value).__name__,  # a repr with an address differs between workers
)
def test_an_argument_that_is_no_json_is_named(value):
    with pytest.raises(InvalidRequest, match="strange"):
        get_model("free/model", strange=value)


@pytest.mark.parametrize("field", ["base_url", "api_key"])
@pytest.mark.parametrize("value", [5, object(), "\ud800"], ids=["number", "object", "surrogate"])
def test_an_address_or_key_that_is_no_text_is_refused(field, value):
    with pytest.raises(InvalidRequest):
        get_model("free/model", **{field: value})


@pytest.mark.parametrize("text", ["\ud800", [ChatMessageUser(content="a\udfffb")]])
def test_text_that_cannot_be_encoded_is_refused(text):
    model = get_model("free/model")
    for ask in (model.generate_sync, model.count_tokens_sync, lambda t: list(model.stream_sync(t))):
        with pytest.raises(InvalidRequest):
            ask(text)
    with pytest.raises(InvalidRequest):
        model.generate_sync("x", request_id="\ud800")
    with pytest.raises(InvalidRequest):
        get_model("free/\ud800")
    assert rpc.hub()._calls == {}


@pytest.mark.parametrize("asked", [None, 5, [], ["text"], [None], {"role": "user"}, b"x"])
def test_an_input_that_is_no_conversation_is_refused(asked):
    with pytest.raises(InvalidRequest):
        get_model("free/model").generate_sync(asked)


def test_a_large_request_arrives_whole(house):
    model, big = get_model("free/model"), "echo " + "x" * 2_000_000
    assert len(model.generate_sync(big).completion) == 2_000_000
    events = list(model.stream_sync("halves " + "x" * 2_000_000))
    assert len(events[-1].output.completion) == 2_000_000
    assert len(events) > 1
    assert model.count_tokens_sync(big) == 1
    failing = [ChatMessageUser(content=text) for text in ("x" * 2_000_000, "fail provider_error")]
    with pytest.raises(ModeldError, match="made to fail"):
        model.generate_sync(failing)


@pytest.mark.parametrize("how", ["generate", "stream", "count_tokens"])
def test_a_large_request_can_be_cancelled(house, actor, how):
    model = get_model("free/model")
    asked = [ChatMessageUser(content="x" * 2_000_000), ChatMessageUser(content="hold")]

    async def ask() -> None:
        if how == "stream":
            async for _ in model.stream(asked):
                pass
        else:
            await getattr(model, how)(asked)

    async def main(wait: float | None) -> float:
        task = asyncio.create_task(ask())
        while wait is None and not actor.running:
            await asyncio.sleep(0.001)
        await asyncio.sleep(wait or 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic()

    began = asyncio.run(main(None))
    until(lambda: actor.cancelled)
    assert actor.cancelled[-1][1] - began < 0.2
    for step in range(12):  # before, while and after it is sent
        asyncio.run(main(step / 400))
    until(lambda: actor.running == house.in_flight() == 0)
    assert model.generate_sync("echo on").completion == "on"


def test_a_request_over_64_mb_is_refused_here_and_harms_nobody(house, actor):
    model = get_model("free/model")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(model.generate_sync, "hold")
        until(lambda: actor.running)
        huge = "x" * (65 * 1024 * 1024)
        for ask in (model.generate_sync, model.count_tokens_sync):
            with pytest.raises(InvalidRequest, match="bytes"):
                ask(huge)
        actor.release.set()
        assert pending.result(5).completion == "held "
    assert actor.begun == ["hold"]
