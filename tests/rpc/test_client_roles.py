"""Which model `get_model` gives: roles, the environment, scripts of mockllm."""

from __future__ import annotations

import asyncio
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import GenerateConfig, ModelOutput, get_model
from modeld.errors import InvalidRequest, ModelRefusalError, PrerequisiteError
from modeld.roles import active_model, role_models

pytestmark = pytest.mark.usefixtures("house")


@pytest.fixture
def bound():
    """Binds roles and the active model for the length of a test."""
    tokens = []

    def bind(active=None, **roles):
        tokens.append((role_models, role_models.set(roles)))
        tokens.append((active_model, active_model.set(active)))

    yield bind
    for variable, token in reversed(tokens):
        variable.reset(token)


def test_mockllm_scripts_run_in_this_process(house):
    def answer(input, tools, tool_choice, config):
        return ModelOutput.from_content("mockllm/model", f"{input[-1].text} {config.temperature}")

    scripted = get_model(
        "mockllm/model", custom_outputs=answer, config=GenerateConfig(temperature=0.5)
    )
    assert scripted.generate_sync("hi").completion == "hi 0.5"
    assert scripted.generate_sync("hi").metadata["modeld"]["where"] == "client"
    outputs = (ModelOutput.from_content("mockllm/model", f"{n}") for n in itertools.count())
    endless = get_model("mockllm/model", custom_outputs=outputs)
    with ThreadPoolExecutor(8) as pool:
        said = [o.completion for o in pool.map(endless.generate_sync, ["x"] * 100)]
    assert sorted(map(int, said)) == list(range(100))
    short = get_model("mockllm/model", custom_outputs=iter(()))
    with pytest.raises(InvalidRequest, match="ran out"):
        short.generate_sync("x")
    for wrong in (5, lambda *a: "text", [5]):
        with pytest.raises(InvalidRequest, match="custom_outputs"):
            get_model("mockllm/model", custom_outputs=wrong).generate_sync("x")


def test_a_script_sees_what_a_model_would_see():
    def answer(input, tools, tool_choice, config):
        said = ", ".join(f"{message.role} {message.text}" for message in input)
        return ModelOutput.from_content("mockllm/model", f"{said}: {config.temperature}")

    config = GenerateConfig(system_message="Be brief", temperature=0.5)
    model = get_model("mockllm/model", custom_outputs=answer, config=config)
    assert model.generate_sync("hi").completion == "system Be brief, user hi: 0.5"
    played = model.with_role("grader", override=GenerateConfig(temperature=0.1))
    assert played.generate_sync("hi").completion == "system Be brief, user hi: 0.1"


def test_an_async_script_answers_plain_code_and_running_loops_too():
    async def answer(input, tools, tool_choice, config):
        await asyncio.sleep(0)
        return ModelOutput.from_content("mockllm/model", f"{input[-1].text}!")

    model = get_model("mockllm/model", custom_outputs=answer)

    async def inside() -> list[str]:
        return [(await model.generate("a")).completion, model.generate_sync("b").completion]

    assert model.generate_sync("c").completion == "c!"
    assert asyncio.run(inside()) == ["a!", "b!"]


def test_a_scripted_refusal_is_an_error_to_who_asks_for_one():
    refused = ModelOutput.from_content("mockllm/model", "I won't.", "content_filter")
    model = get_model("mockllm/model", custom_outputs=lambda *_: refused)
    assert model.generate_sync("hi").stop_reason == "content_filter"
    with pytest.raises(ModelRefusalError, match=r"Model refusal \(mockllm/model\): I won't\."):
        model.generate_sync("hi", config=GenerateConfig(fail_on_refusal=True))


def test_a_role_that_is_bound_wins(bound):
    first, second = (
        get_model("free/one", config=GenerateConfig(temperature=1)),
        get_model("free/two"),
    )
    bound(grader=[first, second], judge=second, active=second)
    assert get_model(role="grader") is get_model("free/else", role="grader") is first
    assert get_model(first, role="judge") is first
    asked = get_model(role="grader", config=GenerateConfig(temperature=0, top_p=0.5))
    assert (asked.config.temperature, asked.config.top_p) == (1, 0.5)
    assert (asked.role, first.role) == ("grader", None)
    assert asked.generate_sync("echo x").completion == "x"


def test_a_role_that_is_not_bound_falls_back(bound):
    active, default = get_model("free/active"), get_model("free/default")
    bound(active=active)
    assert get_model(role="grader") is get_model() is active
    assert active.role is None
    copied = get_model(role="grader", default=default)
    assert (str(copied), copied.role, default.role) == ("free/default", "grader", None)
    assert get_model(role="grader", default="free/text").role == "grader"
    assert str(get_model("free/named", role="grader")) == "free/named"
    with pytest.raises(PrerequisiteError, match="'grader' is required"):
        get_model(role="grader", required=True)
    with pytest.raises(PrerequisiteError, match="'grader' is required"):
        get_model("free/x", role="grader", required=True)
    assert str(get_model(role="grader", required=True, default="free/x")) == "free/x"
    with pytest.raises(InvalidRequest, match="format"):
        get_model(default="none")


def test_the_model_of_the_environment_is_the_last_resort(bound, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidRequest, match="No model specified"):
        get_model()
    (tmp_path / ".env").write_text("INSPECT_EVAL_MODEL=free/dotenv\n")
    time.sleep(1.1)
    assert str(get_model()) == "free/dotenv"
    monkeypatch.setenv("INSPECT_EVAL_MODEL", " free/first , free/second")
    assert str(get_model()) == "free/first"
    monkeypatch.setenv("MODELD_MODEL", "free/own")
    assert str(get_model()) == "free/own"
    active = get_model("free/active")
    bound(active=active)
    assert get_model() is active
