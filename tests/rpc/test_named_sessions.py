"""Named sessions over a real socket: what they say to Python and to any gRPC client, and count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from modeld import GenerateConfig, get_model, sessions
from modeld.errors import InvalidRequest, PrerequisiteError, SessionNotFound
from modeld.roles import active_model, role_models
from modeld.types import CachePolicy, ModelConfig, SessionSettings
from modeld.v1 import error_pb2 as reasons
from modeld.v1.inference_service_pb2 import Call
from modeld.v1.model_service_pb2 import ModelSpec, OpenModelRequest
from modeld.v1.session_service_pb2 import ClientFrame
from tests.fakes.raw_session import RawSession, generate
from tests.fakes.unary import Unary, failure

DEV = SessionSettings(
    model=ModelConfig("free/own", args={"flavour": "mild"}),
    roles={
        "grader": [ModelConfig("free/grader", GenerateConfig(temperature=0))],
        "jury": [ModelConfig("free/first"), ModelConfig("free/second")],
        "cold": [ModelConfig("", GenerateConfig(temperature=0.1))],
    },
    config=GenerateConfig(temperature=0.7, max_retries=3),
)


@pytest.fixture
def dev(house, monkeypatch):
    """A session, and a process that has joined it."""
    sessions.create_session("dev", DEV)
    monkeypatch.setenv("MODELD_SESSION", "dev")
    return house


def named(house, **how) -> Unary:
    return Unary(house, named="dev", **how)


def used() -> tuple[dict[str, int], dict[str, int]]:
    """Calls by model and by role."""
    found = sessions.get_session("dev")
    return tuple({n: u.calls for n, u in d.items()} for d in (found.model_usage, found.role_usage))


def test_simultaneous_changes_are_all_made(house):
    sessions.create_session("dev")

    def bind(number: int) -> None:
        new = {f"role{number}": [ModelConfig("free/own")]}
        sessions.change_session("dev", lambda old: SessionSettings(roles={**old.roles, **new}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bind, range(24)))
    assert len(sessions.get_session("dev").settings.roles) == 24


def test_a_session_is_made_changed_and_deleted(house):
    made = sessions.create_session("dev", DEV)
    assert (made.name, made.settings, made.model_usage) == ("dev", DEV, {})
    assert 0 < made.created == made.changed
    sessions.create_session("a.b-c_1")
    assert [s.name for s in sessions.list_sessions()] == ["a.b-c_1", "dev"]
    other = SessionSettings(model=ModelConfig("free/other"))
    changed = sessions.update_session("dev", other)
    assert changed == sessions.get_session("dev")
    assert (changed.settings, changed.created) == (other, made.created)
    assert changed.changed >= made.changed
    sessions.delete_session("dev")
    assert [s.name for s in sessions.list_sessions()] == ["a.b-c_1"]


def test_a_name_that_is_taken_or_none_is_refused(house):
    sessions.create_session("dev", DEV)
    with pytest.raises(InvalidRequest, match="'modeld session set dev'"):
        sessions.create_session("dev")
    assert sessions.get_session("dev").settings == DEV
    for name in ("", "-dev", "a b", "../dev", "x" * 65, "dév", "\ud800", None):
        with pytest.raises(InvalidRequest, match="name"):
            sessions.create_session(name)


@pytest.mark.parametrize(
    "settings",
    [
        SessionSettings(model=ModelConfig("free/x", args={"api_key": "sk-secret-123456"})),
        SessionSettings(model=ModelConfig("free/x", args={"deep": [{"client_secret": "x"}]})),
        SessionSettings(model=ModelConfig("free/x", args={"aws_secret_access_key": "x"})),
        SessionSettings(model=ModelConfig("free/x", base_url="https://me:secret@host/v1")),
        SessionSettings(model=ModelConfig("free/x", base_url="https://host/v1?api_key=sk-secret")),
        SessionSettings(model=ModelConfig("free/x", args={"proxy": "http://me:secret@host"})),
        SessionSettings(model=ModelConfig("free/x", args={"all": ["sk-secret-1234567890abcdef"]})),
        SessionSettings(
            config=GenerateConfig(extra_headers={"X-Via": "Bearer sk-secret-1234567890abcdef"})
        ),
        SessionSettings(config=GenerateConfig(extra_headers={"Authorization": "Bearer secret"})),
        SessionSettings(roles={"r": [ModelConfig("free/x", args={"token": "secret"})]}),
    ],
)
def test_a_session_takes_no_credentials(house, settings):
    with pytest.raises(InvalidRequest) as caught:
        sessions.create_session("dev", settings)
    assert "session" in str(caught.value)
    assert "sk-secret" not in str(caught.value)
    assert sessions.list_sessions() == []


def test_a_key_in_the_spec_of_a_raw_caller_is_refused(house):
    spec = ModelSpec(name="free/x", api_key="sk-secret-123456")
    with Unary(house) as unary, pytest.raises(grpc.RpcError) as caught:
        unary("CreateSession", name="dev", settings={"model": spec})
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "never holds a key" in caught.value.details()


@pytest.mark.parametrize(
    "settings, match",
    [
        (SessionSettings(model=ModelConfig("no-slash")), "should be in the format"),
        (SessionSettings(roles={"r": []}), "role 'r' has no model"),
        (SessionSettings(roles={"": [ModelConfig("free/x")]}), "a role has a name"),
        (SessionSettings(roles={"r": [ModelConfig("no-slash")]}), "should be in the format"),
    ],
)
def test_settings_that_make_no_sense_change_nothing(dev, settings, match):
    with pytest.raises(InvalidRequest, match=match):
        sessions.update_session("dev", settings)
    assert sessions.get_session("dev").settings == DEV


def test_an_unknown_session_says_how_to_make_it(house, monkeypatch):
    monkeypatch.setenv("MODELD_SESSION", "dev")
    asking = (
        get_model,
        lambda: get_model("free/x"),
        lambda: get_model("free/x", memoize=False),
        lambda: get_model(role="grader"),
        lambda: sessions.get_session("dev"),
        lambda: sessions.update_session("dev", DEV),
        lambda: sessions.delete_session("dev"),
    )
    for ask in asking:
        with pytest.raises(SessionNotFound, match="modeld session create dev --model"):
            ask()
    with named(house) as unary:
        for method in ("Generate", "CountTokens"):
            with pytest.raises(grpc.RpcError) as caught:
                unary(method, call=Call(input="echo hi"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert failure(caught.value).reason == reasons.FAILURE_REASON_SESSION_NOT_FOUND
    sessions.create_session("dev", DEV)
    assert str(get_model()) == "free/own"


def test_the_session_gives_the_default_model(dev, monkeypatch):
    monkeypatch.setenv("MODELD_MODEL", "free/of-the-variable")
    model = get_model()
    assert (str(model), model.model_args, model.role) == ("free/own", {"flavour": "mild"}, None)
    assert (model.config.temperature, model.config.max_retries) == (0.7, 3)
    asked = get_model(config=GenerateConfig(temperature=0.2), base_url="http://here", shape="round")
    assert (asked.config.temperature, asked.config.max_retries) == (0.2, 3)
    assert asked.explicit_base_url == "http://here"
    assert asked.model_args == {"flavour": "mild", "shape": "round"}
    assert get_model() is model
    assert str(get_model(default="free/default")) == "free/default"
    explicit = get_model("free/named")
    assert (str(explicit), explicit.config) == ("free/named", GenerateConfig())


def test_a_session_without_a_model_leaves_it_to_the_variable(house, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    sessions.create_session("dev", SessionSettings(config=GenerateConfig(seed=7)))
    monkeypatch.setenv("MODELD_SESSION", "dev")
    with pytest.raises(InvalidRequest, match="No model specified"):
        get_model()
    with named(house) as unary, pytest.raises(grpc.RpcError, match="No model specified"):
        unary("Generate", call=Call(input="echo hi"))
    monkeypatch.setenv("INSPECT_EVAL_MODEL", "free/of-the-variable")
    model = get_model(config=GenerateConfig(top_p=0.5))
    assert (str(model), model.config.seed, model.config.top_p) == ("free/of-the-variable", 7, 0.5)


CASES = {
    "nothing": ({}, "free/own", None),
    "a bound role": ({"role": "grader"}, "free/grader", "grader"),
    "the first of a role's models": ({"role": "jury"}, "free/first", "jury"),
    "the same model in another way": ({"role": "cold"}, "free/own", "cold"),
    "a bound role over a name": ({"role": "grader", "model": "free/x"}, "free/grader", "grader"),
    "an unbound role": ({"role": "critic"}, "free/own", None),
    "a name for an unbound role": ({"role": "critic", "model": "free/x"}, "free/x", "critic"),
    "a default for an unbound role": ({"role": "critic", "default": "free/x"}, "free/x", "critic"),
    "a default for a bound role": ({"role": "grader", "default": "free/x"}, "free/grader", "grader"),
    "a name": ({"model": "free/x"}, "free/x", None),
    "a required and bound role": ({"role": "grader", "required": True}, "free/grader", "grader"),
    "a required role": ({"role": "critic", "required": True}, PrerequisiteError, None),
    "a required role and a name": (
        {"role": "critic", "required": True, "model": "free/x"}, PrerequisiteError, None
    ),
    "a required role and a default": (
        {"role": "critic", "required": True, "default": "free/x"}, "free/x", "critic"
    ),
}  # fmt: skip


@pytest.mark.parametrize("asked, expected, role", CASES.values(), ids=CASES)
def test_python_and_any_grpc_client_get_the_same_model(dev, asked, expected, role):
    """By `get_model`, by ResolveModel, by OpenModel on a stream, and by a call that just says it."""
    name = asked.get("model", asked.get("default"))
    must = asked.get("required", False) and "default" not in asked
    raw = {"role": asked["role"]} if "role" in asked else {}
    spec = {"model": ModelSpec(name=name)} if name else {}
    opening = OpenModelRequest(session="dev", role_required=must, **raw, **spec)
    frame = ClientFrame(call_id=1, open_model=opening.SerializeToString())
    if expected is PrerequisiteError:
        with pytest.raises(PrerequisiteError, match="'critic' is required and was not specified"):
            get_model(**asked)
        with named(dev) as unary, pytest.raises(grpc.RpcError) as caught:
            unary("ResolveModel", session="dev", role_required=must, **raw, **spec)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        with RawSession(dev) as stream:
            stream.send(frame)
            failed = stream.frame(1).failed
        assert failed.reason == reasons.FAILURE_REASON_PREREQUISITE
        return
    model = get_model(**asked)
    assert (str(model), model.role) == (expected, role)
    said = model.generate_sync("echo hi")
    assert said.model == expected.partition("/")[2]
    with named(dev) as unary:
        chosen = unary("ResolveModel", session="dev", role_required=must, **raw, **spec)
        assert (chosen.model.name, chosen.role or None) == (expected, role)
        assert (
            unary("Generate", call=Call(input="echo hi", **raw, **spec)).output.model == said.model
        )
        *_, last = unary("GenerateStream", call=Call(input="echo hi", **raw, **spec))
        assert last.event.finished.output.model == said.model
    with RawSession(dev) as stream:
        stream.send(frame)
        opened = stream.frame(1).opened
        assert opened.model == expected
        stream.send(generate(2, "echo hi", handle=opened.handle))
        assert stream.frame(2).event.finished.output.model == said.model
    by_model, by_role = used()
    assert by_model == {expected: 4}
    assert by_role == ({role: 4} if role else {})


def test_configs_meet_as_they_do_in_an_evaluation(dev):
    grader = get_model(role="grader", config=GenerateConfig(temperature=1, top_p=0.5))
    assert (grader.config.temperature, grader.config.top_p) == (0, 0.5)  # the role's own wins
    assert grader.config.max_retries == 3  # how a model is reached holds for all
    jury = get_model(role="jury")
    assert (jury.config.temperature, jury.config.max_retries) == (None, 3)
    cold = get_model(role="cold", config=GenerateConfig(temperature=1, seed=5))
    assert (cold.config.temperature, cold.config.seed, cold.model_args) == (
        0.1, 5, {"flavour": "mild"},
    )  # fmt: skip


def test_a_running_task_knows_its_roles_better(dev):
    of_task = get_model("free/of-the-task")
    tokens = role_models.set({"grader": of_task}), active_model.set(of_task)
    try:
        assert get_model(role="grader") is get_model() is get_model(role="jury") is of_task
    finally:
        role_models.reset(tokens[0])
        active_model.reset(tokens[1])
    default = get_model("free/default")
    assert str(get_model(role="grader", default=default)) == "free/grader"
    copied = get_model(role="critic", default=default)
    assert (str(copied), copied.role, default.role) == ("free/default", "critic", None)


def test_what_is_used_is_counted_by_model_and_by_role(dev):
    get_model().generate_sync("echo 1")
    get_model(role="grader").generate_sync("echo 2")
    get_model("free/grader").generate_sync("echo 3")
    get_model("free/grader", role="critic").generate_sync("echo 4")
    with named(dev) as unary:
        unary.say("echo 5", model="free/own", role="grader")
    assert used() == ({"free/own": 1, "free/grader": 4}, {"critic": 1, "grader": 2})


def test_what_costs_nothing_is_not_counted(dev):
    config = GenerateConfig(cache=CachePolicy(expiry="1h"))
    for _ in range(3):
        get_model().generate_sync("echo 1", config=config)
    for _ in range(2):
        get_model().generate_sync("echo 2", request_id="once")
    assert used()[0] == {"free/own": 2}
    with pytest.raises(Exception, match="made to fail"):
        get_model().generate_sync("fail invalid_request")
    assert used()[0] == {"free/own": 2}


def test_who_has_not_joined_is_not_counted(dev, monkeypatch):
    monkeypatch.delenv("MODELD_SESSION")
    get_model("free/own").generate_sync("echo hi")
    with Unary(dev) as unary:
        unary.say("echo hi")
        with pytest.raises(grpc.RpcError, match="name a model"):
            unary("Generate", call=Call(input="echo hi", role="grader"))
    assert used() == ({}, {})


def test_a_change_counts_from_the_next_get_model_on(dev):
    before = get_model(role="grader")
    sessions.update_session("dev", SessionSettings(roles={"grader": [ModelConfig("free/new")]}))
    assert str(get_model(role="grader")) == "free/new"
    assert before.generate_sync("echo hi").model == "grader"
    assert used()[1] == {"grader": 1}


def test_who_joined_a_session_that_is_deleted_goes_on(dev):
    model = get_model()
    sessions.delete_session("dev")
    assert model.generate_sync("echo hi").completion == "hi"
    with pytest.raises(SessionNotFound):
        get_model()
    sessions.create_session("dev", DEV)
    assert used() == ({}, {})
