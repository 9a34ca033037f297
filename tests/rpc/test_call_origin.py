"""What the core learns of a call beside its question: priority, size, session."""

from __future__ import annotations

import asyncio

import pytest

from modeld import Model, get_model
from modeld.errors import InvalidRequest
from modeld.mock import ScriptedModel
from modeld.spec import ModelSpec
from modeld.types import GenerateConfig, ModelOutput
from modeld.v1 import error_pb2 as reasons
from modeld.v1 import inference_service_pb2 as pb
from tests.fakes.raw_session import RawSession, call, generate
from tests.fakes.unary import Unary

LARGE = "x" * 2_000_000
UNSAID = GenerateConfig()
SPEC = ModelSpec("free/model", config=UNSAID)


@pytest.fixture
def calls(acting):
    """Every call that reaches the provider."""
    seen = []

    async def remember(call, route, sink):
        seen.append(call)
        return ModelOutput.from_content(route.model, "ok")

    acting.generate = remember
    return seen


def test_a_priority_reaches_the_core_by_every_way(house, calls):
    model = get_model("free/model")

    async def main():
        await model.generate("x", priority="batch")
        async for _ in model.stream("x", priority="batch"):
            pass

    model.generate_sync("x", priority="batch")
    list(model.stream_sync("x", priority="batch"))
    model.generate_sync(LARGE, priority="batch")
    asyncio.run(main())
    assert [one.priority for one in calls] == ["batch"] * 5


def test_a_call_that_says_nothing_is_normal(house, calls):
    get_model("free/model").generate_sync("x")
    with Unary(house) as unary:
        unary.say("x", priority=pb.PRIORITY_UNSPECIFIED)
        unary.say("x", priority=pb.PRIORITY_INTERACTIVE)
    assert [one.priority for one in calls] == ["normal", "normal", "interactive"]


@pytest.mark.parametrize("wrong", ["urgent", "", "Batch", 1, []], ids=repr)
@pytest.mark.parametrize("model", [Model(SPEC), Model(SPEC, scripted=ScriptedModel([]))])
def test_another_word_is_an_error_that_names_the_three(model, wrong):
    for ask in (model.generate_sync, model.stream_sync, model.stream):
        with pytest.raises(InvalidRequest, match="interactive, normal, batch"):
            ask("x", priority=wrong)


def test_a_number_that_is_no_priority_is_an_invalid_request(house):
    with RawSession(house) as session:
        session.send(generate(1, "echo x", priority=9))
        assert session.reason(1) == reasons.FAILURE_REASON_INVALID_REQUEST


def test_the_same_request_id_may_come_with_another_priority(house, calls):
    model = get_model("free/model")
    first = model.generate_sync("x", request_id="r", priority="batch")
    again = model.generate_sync("x", request_id="r", priority="interactive")
    assert (len(calls), first.completion) == (1, again.completion)


def test_the_core_knows_whose_call_it_is_and_how_large(house, calls):
    with RawSession(house) as session:
        session.send(generate(1, "x"))
        session.answer(1)
        with Unary(house, session.welcome.session) as within:
            within.say("x")
        with Unary(house) as stranger:
            stranger.say("x")
        get_model("free/model").generate_sync(LARGE)
        own = session.welcome.session
    assert [one.session for one in calls[:3]] == [own, own, ""]
    assert calls[3].session not in {own, ""}
    assert [one.size for one in calls[:3]] == [call("x").ByteSize()] * 3
    assert calls[3].size > len(LARGE)
    assert own not in repr(calls[0])
