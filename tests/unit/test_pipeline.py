"""The path of a call through the core, with a provider of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import pytest

from modeld.errors import (
    Cancelled,
    Conflict,
    GenerateTimeout,
    InvalidRequest,
    ModelRefusalError,
    PrerequisiteError,
    UnresolvedMediaError,
)
from modeld.types import (
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    GenerateConfig,
    ModelOutput,
    ToolFunction,
    ToolInfo,
)
from modeld_daemon.core.accounts import Accounts
from modeld_daemon.core.cache import Cache
from modeld_daemon.core.call import Call, Route
from modeld_daemon.core.clients import Clients
from modeld_daemon.core.flights import Flights
from modeld_daemon.core.journal import Journal
from modeld_daemon.core.lanes import Lanes
from modeld_daemon.core.named import NamedSessions
from modeld_daemon.core.pipeline import Pipeline
from modeld_daemon.core.ports import Sink
from modeld_daemon.core.resolve import ModelSpec, Resolver
from modeld_daemon.core.sessions import Session, Sessions
from modeld_daemon.stores.memory import MemoryCache, MemoryJournal
from modeld_daemon.stores.named import MemoryNamed
from tests.fakes.trio_clock import virtual_time
from tests.fakes.watching import FakeSource, Witness


class Unconfigured:
    """A daemon without provider settings."""

    key: str | None = None

    def api_key(self, provider: str) -> str | None:
        return self.key

    def base_url(self, provider: str) -> str | None:
        return None


@dataclass
class Core:
    source: FakeSource
    clients: Clients
    sessions: Sessions
    pipeline: Pipeline
    session: Session
    configured: Unconfigured

    def lease(self, name="free/model", **spec):
        return self.sessions.open_model(self.session, ModelSpec(name, **spec))

    def submit(self, lease, stream=False, **call):
        witness = Witness()
        call.setdefault("messages", [ChatMessageUser(content="hi")])
        ticket = self.pipeline.submit(Call(id="1", **call), lease, witness, stream=stream)
        return witness, ticket


@asynccontextmanager
async def core(generate=None, cache=None, journal=None) -> AsyncIterator[Core]:
    async with anyio.create_task_group() as tasks:
        source = FakeSource(generate) if generate else FakeSource()
        clients = Clients(source, tasks, linger=100)
        configured = Unconfigured()
        sessions = Sessions(
            Resolver(source, Accounts(b"0" * 32), configured), clients, NamedSessions(MemoryNamed())
        )
        pipeline = Pipeline(
            Flights(tasks),
            clients,
            Lanes(tasks),
            Cache(cache or MemoryCache()),
            Journal(journal or MemoryJournal()),
        )
        tasks.start_soon(clients.sweep)
        yield Core(source, clients, sessions, pipeline, sessions.open(), configured)
        await pipeline.flights.drained()
        assert all(lane.in_use == 0 for lane in pipeline.lanes.statistics())
        assert all(client.in_flight == 0 for client in clients.statistics())
        tasks.cancel_scope.cancel()


async def never(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
    await anyio.sleep_forever()
    raise AssertionError


@virtual_time
async def test_a_call_is_answered_and_says_how_it_went():
    async with core() as c:
        witness, _ = c.submit(c.lease())
        await c.pipeline.flights.drained()
        assert witness.result.output.completion == "hello"
        assert witness.result.info.attempts == 1
        assert witness.result.output.time == 0


@virtual_time
async def test_the_client_is_built_once_for_many_calls_at_once():
    async with core() as c:
        lease = c.lease()
        for _ in range(20):
            c.submit(lease)
        await c.pipeline.flights.drained()
        assert len(c.source.built) == 1


@virtual_time
async def test_leaving_cancels_the_work_at_the_provider():
    async with core(never) as c:
        witness, ticket = c.submit(c.lease())
        await anyio.sleep(1)
        ticket.leave()
        with anyio.fail_after(0.1):
            await c.pipeline.flights.drained()
        assert not witness.ended


@virtual_time
async def test_a_call_with_a_request_id_goes_on_and_gives_the_same_answer_again():
    calls = 0

    async def generate(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        nonlocal calls
        calls += 1
        await anyio.sleep(5)
        return ModelOutput.from_content("m", f"answer {calls}")

    async with core(generate) as c:
        lease = c.lease()
        _, ticket = c.submit(lease, request_id="r")
        await anyio.sleep(1)
        ticket.leave()
        attached, again = c.submit(lease, request_id="r")
        assert again.joined
        await c.pipeline.flights.drained()
        assert attached.result.output.completion == "answer 1"
        assert attached.result.info.coalesced
        kept, _ = c.submit(lease, request_id="r")
        await c.pipeline.flights.drained()
        assert kept.result.output == attached.result.output
        other, _ = c.submit(lease, request_id="r", messages=[ChatMessageUser(content="else")])
        await c.pipeline.flights.drained()
        assert isinstance(other.error, Conflict)
        assert calls == 1


@virtual_time
async def test_the_same_request_id_of_another_account_is_another_call():
    async with core(never) as c:
        c.session.update_environment({"FAKE_API_KEY": "one"}, [])
        lease = c.lease("fake/model")
        _, first = c.submit(lease, request_id="r")
        c.session.update_environment({"FAKE_API_KEY": "two"}, [])
        _, second = c.submit(lease, request_id="r")
        assert not second.joined
        first.flight.cancel("end")
        second.flight.cancel("end")


@virtual_time
async def test_a_key_that_changes_between_two_calls_counts_from_the_next_call_on():
    async with core() as c:
        c.session.update_environment({"FAKE_API_KEY": "sk-one"}, [])
        lease = c.lease("fake/model")
        c.submit(lease)
        await c.pipeline.flights.drained()
        c.session.update_environment({"FAKE_API_KEY": "sk-two"}, [])
        c.submit(lease)
        await c.pipeline.flights.drained()
        assert [p.connection.api_key for p in c.source.built] == ["sk-one", "sk-two"]
        c.session.update_environment({}, ["FAKE_API_KEY"])
        with pytest.raises(PrerequisiteError, match="FAKE_API_KEY or FAKE_AUTH_TOKEN"):
            c.submit(lease)


@virtual_time
async def test_two_sessions_with_two_keys_have_two_clients_and_with_one_key_share_one():
    async with core() as c:
        leases = []
        for key in ("a", "b", "a"):
            session = c.sessions.open()
            session.update_environment({"FAKE_API_KEY": key}, [])
            leases.append(c.sessions.open_model(session, ModelSpec("fake/model")))
        for lease in leases:
            c.submit(lease)
        await c.pipeline.flights.drained()
        assert sorted(p.connection.api_key for p in c.source.built) == ["a", "b"]


@virtual_time
async def test_closing_the_last_lease_closes_the_client_but_never_anothers():
    async with core() as c:
        one, two = c.lease(), c.lease()
        c.submit(one)
        await c.pipeline.flights.drained()
        c.sessions.close_model(c.session, one.handle)
        await anyio.sleep(1)
        assert c.source.built[0].closed == 0
        c.sessions.close_model(c.session, two.handle)
        await anyio.sleep(1)
        assert c.source.built[0].closed == 1


@virtual_time
async def test_a_client_closes_only_after_its_last_call():
    async def slow(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        await anyio.sleep(10)
        return ModelOutput.from_content("m", "late")

    async with core(slow) as c:
        lease = c.lease()
        witness, _ = c.submit(lease)
        await anyio.sleep(1)
        c.sessions.close_model(c.session, lease.handle)
        await anyio.sleep(1)
        assert c.source.built[0].closed == 0
        await c.pipeline.flights.drained()
        await anyio.sleep(1)
        assert witness.result is not None
        assert c.source.built[0].closed == 1


@virtual_time
async def test_a_client_stays_warm_for_a_while_after_its_session_vanished():
    async with core() as c:
        lease = c.lease()
        c.submit(lease)
        await c.pipeline.flights.drained()
        c.sessions.close(c.session)
        await anyio.sleep(50)
        assert c.source.built[0].closed == 0
        await anyio.sleep(100)
        assert c.source.built[0].closed == 1


@virtual_time
async def test_config_timeout_is_a_deadline_over_everything():
    async with core(never) as c:
        witness, _ = c.submit(c.lease(), config=GenerateConfig(timeout=7))
        start = anyio.current_time()
        await c.pipeline.flights.drained()
        assert anyio.current_time() - start == 7
        assert isinstance(witness.error, GenerateTimeout)


@virtual_time
async def test_a_calls_config_wins_over_the_models():
    seen = []

    async def generate(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        seen.append((call.config.temperature, call.config.max_tokens, len(call.messages)))
        return ModelOutput.from_content("m", "x")

    async with core(generate) as c:
        config = GenerateConfig(temperature=0.1, max_tokens=5, system_message="be brief")
        c.submit(c.lease(config=config), config=GenerateConfig(temperature=0.9))
        await c.pipeline.flights.drained()
    assert seen == [(0.9, 5, 2)]


@virtual_time
async def test_the_configured_system_message_comes_before_all_others():
    async def generate(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        return ModelOutput.from_content("m", "|".join(m.text for m in call.messages))

    async with core(generate) as c:
        messages = [ChatMessageSystem(content="S1"), ChatMessageUser(content="U")]
        witness, _ = c.submit(
            c.lease(), messages=messages, config=GenerateConfig(system_message="S0")
        )
        await c.pipeline.flights.drained()
        assert witness.result.output.completion == "S0|S1|U"


@virtual_time
async def test_a_forced_function_leaves_only_itself_and_an_unknown_one_leaves_none():
    seen = []

    async def generate(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        seen.append(([tool.name for tool in call.tools], call.tool_choice))
        return ModelOutput.from_content("m", "x")

    tools = [ToolInfo(name="a", description=""), ToolInfo(name="b", description="")]
    async with core(generate) as c:
        lease = c.lease()
        for choice in (ToolFunction("b"), ToolFunction("c"), "none"):
            c.submit(lease, tools=tools, tool_choice=choice)
            await c.pipeline.flights.drained()
    assert seen == [(["b"], ToolFunction("b")), ([], "none"), ([], "none")]


@virtual_time
async def test_what_no_provider_would_take_is_an_invalid_request():
    async with core() as c:
        lease = c.lease()
        path, _ = c.submit(
            lease, messages=[ChatMessageUser(content=[ContentImage(image="/etc/passwd")])]
        )
        twins, _ = c.submit(lease, tools=[ToolInfo(name="a", description="")] * 2)
        empty, _ = c.submit(lease, messages=[])
        await c.pipeline.flights.drained()
        assert isinstance(path.error, UnresolvedMediaError)
        assert isinstance(twins.error, InvalidRequest)
        assert isinstance(empty.error, InvalidRequest)


@virtual_time
async def test_a_refusal_is_a_result_unless_the_caller_asks_for_an_error():
    async def refuse(call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        return ModelOutput.from_content("m", "I will not", stop_reason="content_filter")

    async with core(refuse) as c:
        lease = c.lease()
        calm, _ = c.submit(lease)
        strict, _ = c.submit(lease, config=GenerateConfig(fail_on_refusal=True), role="judge")
        await c.pipeline.flights.drained()
        assert calm.result.output.stop_reason == "content_filter"
        assert isinstance(strict.error, ModelRefusalError)
        assert "role judge" in str(strict.error)


@virtual_time
async def test_a_configured_key_is_never_sent_to_an_address_that_a_caller_names():
    async with core() as c:
        c.configured.key = "sk-of-the-daemon"
        c.lease("fake/model")
        with pytest.raises(PrerequisiteError, match="not sent to https://evil"):
            c.lease("fake/model", base_url="https://evil.example")
        c.session.update_environment({"FAKE_BASE_URL": "https://evil.example"}, [])
        with pytest.raises(PrerequisiteError, match="not sent to https://evil"):
            c.lease("fake/model")
        c.lease("fake/model", api_key="sk-own")


@virtual_time
async def test_secrets_are_in_no_repr_and_no_statistics():
    canary = "sk-canary-0123456789"
    async with core() as c:
        c.session.update_environment({"FAKE_API_KEY": canary}, [])
        lease = c.lease("fake/model", args={"default_headers": {"x": canary}})
        resolution, client = lease.resolve()
        shown = repr([c.session, lease.spec, resolution, client.connection, client.statistics()])
        assert canary not in shown
        assert canary not in repr(c.sessions.statistics())


@virtual_time
async def test_variables_that_belong_to_no_provider_are_dropped():
    async with core() as c:
        c.session.update_environment({"PATH": "/evil", "LD_PRELOAD": "x", "FAKE_API_KEY": "k"}, [])
        assert c.session.environment == {"FAKE_API_KEY": "k"}


@virtual_time
async def test_a_cancelled_flight_tells_a_watcher_that_stayed():
    async with core(never) as c:
        witness, ticket = c.submit(c.lease(), request_id="r")
        await anyio.sleep(1)
        ticket.flight.cancel("cancelled by its caller")
        await c.pipeline.flights.drained()
        assert isinstance(witness.error, Cancelled)


@virtual_time
async def test_what_is_asked_for_and_not_there_yet_is_said_with_the_output():
    async with core() as house:
        witness, _ = house.submit(house.lease(), config=GenerateConfig(batch=True))
        await anyio.sleep(1)
        warnings = witness.result.output.metadata["warnings"]
        assert [w.split()[0] for w in warnings] == ["config.batch"]
