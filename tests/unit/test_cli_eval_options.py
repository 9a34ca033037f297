"""What the options, variables and files of an evaluation come to."""

from __future__ import annotations

import inspect
import json
import os

import click
import pytest
from click.testing import CliRunner

from modeld import GenerateConfig, JSONSchema, ResponseSchema, eval  # noqa: A004 - the public name
from modeld.cli import evaluate
from modeld.cli.root import COMMANDS, root
from modeld.evals.options import EvalOptions, NamedSolver
from modeld.evals.run import read_options
from modeld.evals.signatures import NOT_GIVEN
from modeld.log import EvalLog
from modeld.solver import generate
from modeld.texts import split_words
from modeld.types import CONFIG_FIELDS, ModelConfig

CONFIGURED = ("generate", "chat", "eval", "eval-set", "session create", "session set")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(monkeypatch):
    """Runs the command; gives its tasks, its model and its options."""
    runs: list[tuple[list[str] | None, object, EvalOptions]] = []

    async def run_evals(tasks, model, options, board) -> list[EvalLog]:
        runs.append((tasks, model, options))
        return []

    async def run_set(tasks, model, options, how, board) -> tuple[bool, list[EvalLog]]:
        return True, await run_evals(tasks, model, options, board)

    monkeypatch.setattr(evaluate, "run_evals", run_evals)
    monkeypatch.setattr(evaluate, "run_set", run_set)

    def say(*words: str, command: str = "eval"):
        done = CliRunner().invoke(root, [command, *words, "--display", "none"])
        assert done.exit_code == 0, done.output
        return runs.pop()

    return say


def refused(*words: str) -> str:
    done = CliRunner().invoke(root, ["eval", "--display", "none", *words])
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())


# -- each field of GenerateConfig, everywhere --


def command(name: str) -> click.Command:
    return root.get_command(click.Context(root), name)


@pytest.mark.parametrize("name", CONFIGURED)
@pytest.mark.parametrize("field", GenerateConfig.__dataclass_fields__)
def test_each_field_is_an_option(name, field):
    (option,) = [p for p in command(name).params if p.name == field]
    long = f"--{field.replace('_', '-')}"
    assert long in option.opts
    evaluates = name.startswith("eval")
    variables = [f"MODELD_EVAL_{field.upper()}", f"INSPECT_EVAL_{field.upper()}"]
    assert option.envvar == (variables if evaluates else None)


@pytest.mark.parametrize("field", GenerateConfig.__dataclass_fields__)
def test_each_field_is_an_argument_of_eval_and_of_the_solver(field, monkeypatch):
    value = SAMPLES[field]
    config = GenerateConfig(**{field: value})
    assert getattr(config, field) is not None
    assert read_options({field: value}).config == config
    assert field in CONFIG_FIELDS
    assert field in inspect.signature(eval).parameters
    assert generate(**{field: value}) is not None
    assert GenerateConfig.from_dict(config.to_dict()) == config


SAMPLES: dict[str, object] = {
    **dict.fromkeys(("max_retries", "timeout", "attempt_timeout", "stream_idle_timeout", "max_connections", "adaptive_connections", "max_tokens", "temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "best_of", "num_choices", "top_logprobs", "prompt_logprobs", "max_tool_output", "reasoning_tokens", "batch"), 1),
    **dict.fromkeys(("logprobs", "parallel_tool_calls", "internal_tools", "cache_prompt", "fail_on_refusal", "cache"), True),
    **dict.fromkeys(("verbosity", "effort", "reasoning_effort"), "low"),
    "system_message": "Be brief.",
    "stop_seqs": ["x"],
    "logit_bias": {5: 1.0},
    "fallback_models": ["a/b"],
    "reasoning_mode": "pro",
    "reasoning_summary": "auto",
    "reasoning_history": "all",
    "response_schema": ResponseSchema("answer", JSONSchema(type="object")),
    "extra_headers": {"x": "y"},
    "extra_body": {"x": 1},
    "modalities": ["image"],
}  # fmt: skip


def test_the_samples_are_those_of_all_fields():
    assert SAMPLES.keys() == GenerateConfig.__dataclass_fields__.keys()
    assert set(CONFIGURED) <= set(COMMANDS)


# -- variables, of the process and of .env --


def test_options_come_from_variables_of_the_process_and_of_the_nearest_env_file(
    said, folder, monkeypatch
):
    (folder / ".env").write_text(
        "INSPECT_EVAL_TEMPERATURE=0.5\nINSPECT_EVAL_MAX_TOKENS=10\nMODELD_EVAL_SEED=1\n"
        "INSPECT_EVAL_SEED=2\nINSPECT_EVAL_EPOCHS=3\nINSPECT_EVAL_NO_SCORE=true\n"
        "INSPECT_EVAL_CACHE=3h\nINSPECT_EVAL_STOP_SEQS=a,b\n"
    )
    below = folder / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    monkeypatch.setenv("INSPECT_EVAL_MAX_TOKENS", "20")
    _, _, options = said("--epochs", "2")
    config = options.config
    assert (config.temperature, config.max_tokens, config.seed) == (0.5, 20, 1)
    assert (config.cache.expiry, config.stop_seqs) == ("3h", ["a", "b"])
    assert (options.epochs.epochs, options.score) == (2, False)
    _, _, options = said(command="eval-set")
    assert options.config.temperature == 0.5


def test_a_set_is_told_how_to_try_again(monkeypatch):
    told = []

    async def run_set(tasks, model, options, how, board):
        told.append((options.eval_set_id, how))
        return True, []

    monkeypatch.setattr(evaluate, "run_set", run_set)
    monkeypatch.setenv("INSPECT_EVAL_RETRY_ATTEMPS", "3")
    monkeypatch.setenv("MODELD_EVAL_RETRY_WAIT", "7")
    monkeypatch.setenv("INSPECT_EVAL_RETRY_IMMEDIATE", "false")
    words = ["eval-set", "--display", "none"]
    for more in ([], ["--id", "mine", "--retry-attempts", "4", "--no-retry-cleanup"]):
        assert CliRunner().invoke(root, words + more).exit_code == 0
    (no_id, by_variables), (id, by_options) = told
    assert (no_id, by_variables.retry_attempts, by_variables.retry_wait) == (None, 3, 7)
    assert (by_variables.retry_immediate, by_variables.retry_cleanup) == (False, True)
    assert (id, by_options.retry_attempts, by_options.retry_cleanup) == ("mine", 4, False)


def test_a_retry_may_allow_more_than_its_log(folder, monkeypatch):
    told = []

    async def run_retries(logs, log_dir, options, board):
        told.append(options)
        return []

    monkeypatch.setattr(evaluate, "run_retries", run_retries)
    monkeypatch.setattr(evaluate, "read_eval_log", lambda path: path)
    words = ["eval-retry", "--display", "none", "a.json"]
    more = ["--fail-on-error=0.2", "--retry-on-error=3", "--max-retries", "2", "--timeout", "9"]
    for given in ([], [*more, "--log-model-api"], ["--no-fail-on-error", "--max-samples", "5"]):
        assert CliRunner().invoke(root, words + given).exit_code == 0
    assert told == [
        {},
        {
            "fail_on_error": 0.2,
            "retry_on_error": 3,
            "max_retries": 2,
            "timeout": 9,
            "log_model_api": True,
        },
        {"fail_on_error": False, "max_samples": 5},
    ]
    read_options(told[1])  # which knows all of them
    wrong = CliRunner().invoke(root, [*words, "--retry-on-error=0"])
    assert (wrong.exit_code, "whole number from 1" in wrong.output) == (2, True)


def test_variables_that_hold_several_values(said, folder):
    (folder / ".env").write_text(
        'INSPECT_EVAL_MODEL_ROLE="grader=a/b critic={model: c/d, temperature: 0.5} jury=a/b,c/d"\n'
        "INSPECT_EVAL_MODEL_ARGS=\"x=1 y={a: 1, b: [2, 3]} z='two words'\"\n"
        "INSPECT_EVAL_TASK_ARGS='shots=5 name=arc'\n"
        "INSPECT_EVAL_METADATA='k=v n=1'\nINSPECT_EVAL_TAGS=one,two\n"
        "INSPECT_EVAL_SOLVER=generate\nINSPECT_EVAL_SOLVER_ARGS='tool_calls=none'\n"
    )
    _, model, options = said()
    assert model is NOT_GIVEN
    assert options.model_roles == {
        "grader": "a/b",
        "critic": ModelConfig("c/d", GenerateConfig(temperature=0.5)),
        "jury": ["a/b", "c/d"],
    }
    assert options.model_args == {"x": 1, "y": {"a": 1, "b": [2, 3]}, "z": "two words"}
    assert options.task_args == {"shots": 5, "name": "arc"}
    assert (options.metadata, options.tags) == ({"k": "v", "n": 1}, ["one", "two"])
    assert options.solver == NamedSolver("generate", {"tool_calls": "none"})
    _, _, options = said("-M", "only=1", "--model-role", "only=a/b", "-T", "x=1")
    assert options.model_args == {"only": 1}  # a typed one replaces the variable as a whole
    assert options.model_roles == {"only": "a/b"}
    assert options.task_args == {"x": 1}


@pytest.mark.parametrize(
    "text, words",
    [
        ("", []),
        (" a=1  b=2\tc ", ["a=1", "b=2", "c"]),
        ("a={x: 1, y: [2, 3]} b", ["a={x: 1, y: [2, 3]}", "b"]),
        ("a='x y' b=\"{ z\" c", ["a='x y'", 'b="{ z"', "c"]),
        ("a={x: 1 b=2", ["a={x: 1 b=2"]),
    ],
)
def test_words_of_a_variable(text, words):
    assert split_words(text) == words


def test_env_sets_variables_before_all_else(said, monkeypatch):
    monkeypatch.setenv("INSPECT_EVAL_SEED", "1")
    monkeypatch.delenv("SOME_API_KEY", raising=False)
    try:
        _, _, options = said("--env", "INSPECT_EVAL_SEED=2", "--env", "SOME_API_KEY=a=b")
        assert os.environ["SOME_API_KEY"] == "a=b"
    finally:
        os.environ.pop("SOME_API_KEY", None)
    assert options.config.seed == 2
    for wrong in ("NAME", "=value"):
        assert "Write NAME=VALUE" in refused("--env", wrong)


def test_the_log_folder_of_an_env_file_is_beside_it(folder, monkeypatch):
    from modeld.evals.log_file import default_log_dir  # noqa: PLC0415

    (folder / ".env").write_text("INSPECT_LOG_DIR=runs\n")
    below = folder / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert default_log_dir() == str(folder / "runs")
    monkeypatch.setenv("INSPECT_LOG_DIR", "here")
    assert default_log_dir() == "here"


# -- which model --


def test_models_are_names_specs_or_of_a_file(said, folder):
    assert said("--model", "a/b")[1] == "a/b"
    assert said("--model", "none")[1] == "none"
    _, model, options = said(
        "--model-spec", "{model: a/b, base_url: 'http://h', model_args: {x: 1}, temperature: 0}",
        "--model-spec", '{"model": "c/d"}', "--seed", "1",
    )  # fmt: skip
    assert model == [
        ModelConfig("a/b", GenerateConfig(temperature=0), "http://h", {"x": 1}),
        ModelConfig("c/d"),
    ]
    assert (options.model_args, options.config.seed) == ({}, 1)
    (folder / "args.yaml").write_text("x: 1\ny: [2]\n")
    _, _, options = said("--model", "a/b", "--model-config", "args.yaml", "-M", "x=5")
    assert options.model_args == {"x": 5, "y": [2]}


@pytest.mark.parametrize(
    "option",
    [("--model", "a/b"), ("--model-base-url", "http://h"), ("-M", "x=1"), ("--base-url", "h")],
)
def test_a_spec_stands_alone_but_for_variables(said, option, monkeypatch):
    spec = "{model: s/s}"
    assert f"--model-spec cannot be used with {option[0]}" in refused("--model-spec", spec, *option)
    monkeypatch.setenv("INSPECT_EVAL_MODEL_SPEC", spec)
    if option[0] == "--model":  # what is typed wins over the variable of the other group
        assert said(*option)[1] == "a/b"
    monkeypatch.setenv("INSPECT_EVAL_MODEL_ARGS", "x=1")
    monkeypatch.setenv("INSPECT_EVAL_MODEL_BASE_URL", "http://h")
    _, model, options = said("--model-spec", "{model: t/t}")
    assert (model, options.model_args) == ([ModelConfig("t/t")], {})
    assert said()[1] == [ModelConfig("s/s")]


@pytest.mark.parametrize(
    "text",
    ["sk-secret", "{sk-secret", "[a/b]", "{model: 5}", "{base_url: sk-secret}", "{model: a/b, sk-secret: 1}",
     "{model: a/b, temperature: sk-secret}", "{model: a/b, base_url: 5}", "{model: a/b, model_args: x}"],
)  # fmt: skip
def test_a_wrong_spec_is_told_by_its_place_alone(text):
    said = refused("--model-spec", "{model: a/b}", "--model-spec", text)
    assert "--model-spec number 2 is no mapping of model, base_url" in said
    assert "sk-secret" not in said


# -- a whole run in a file --

RUN = {
    "task": {"task": "arc.py", "args": {"shots": 5, "name": "a"}},
    "model": {"model": "a/b", "base_url": "http://h", "args": {"x": 1}, "config": {"seed": 1}},
    "model_roles": {"grader": {"model": "c/d", "config": {"temperature": 0}}, "jury": ["a/b", "c/d"]},
    "generate_config": {"temperature": 0.5, "max_tokens": 5},
    "eval_config": {"limit": [2, 5], "epochs": 3, "epochs_reducer": ["mode"], "message_limit": 9,
                    "fail_on_error": False, "log_samples": True},
    "solver": {"solver": "generate", "args": {"tool_calls": "none"}},
    "tags": ["one"],
    "metadata": {"k": 1},
}  # fmt: skip


def run_file(folder, **changes) -> str:
    (folder / "run.json").write_text(json.dumps({**RUN, **changes}))
    return "run.json"


def test_a_file_gives_a_whole_run(said, folder):
    tasks, model, options = said("--run-config", run_file(folder))
    assert tasks == ["arc.py"]
    assert model == [ModelConfig("a/b", GenerateConfig(seed=1), "http://h", {"x": 1})]
    assert options.model_roles == {
        "grader": ModelConfig("c/d", GenerateConfig(temperature=0)),
        "jury": ["a/b", "c/d"],
    }
    assert options.config == GenerateConfig(temperature=0.5, max_tokens=5)
    assert (options.limit, options.epochs.epochs, options.message_limit) == ((2, 5), 3, 9)
    assert (options.fail_on_error, options.score) == (False, True)
    assert options.solver == NamedSolver("generate", {"tool_calls": "none"})
    assert (options.task_args, options.tags, options.metadata) == (
        {"shots": 5, "name": "a"}, ["one"], {"k": 1},
    )  # fmt: skip


def test_options_win_over_the_file_of_the_run(said, folder):
    tasks, model, options = said(
        "math.py", "--run-config", run_file(folder, model="a/b"), "--model", "e/f",
        "--temperature", "0.9", "--model-role", "grader=g/h", "-T", "shots=1", "--epochs", "1",
        "--solver", "multiple_choice", "--tags", "two",
    )  # fmt: skip
    assert (tasks, model) == (["math.py"], "e/f")
    assert options.config == GenerateConfig(temperature=0.9, max_tokens=5)
    assert options.model_roles == {"grader": "g/h", "jury": ["a/b", "c/d"]}
    assert options.task_args == {"shots": 1, "name": "a"}
    assert (options.epochs.epochs, options.solver, options.tags) == (
        1, NamedSolver("multiple_choice"), ["two"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes, what",
    [
        ({"tasks": "x"}, "tasks is not known; known are task, model"),
        ({"task": 5}, "task is a name, or a mapping"),
        ({"task": {"task": "x", "arg": {}}}, "task is a name, or a mapping"),
        ({"model": {"name": "x"}}, "a model is a name, or a mapping"),
        ({"model": {"model": "a/b", "config": {"temprature": 1}}}, "temprature"),
        ({"model_roles": ["a/b"]}, "model_roles is a mapping"),
        ({"model_roles": {"grader": []}}, "model role 'grader' has no model"),
        ({"generate_config": {"temprature": 1}}, "generate_config has no temprature"),
        ({"generate_config": {"temperature": "hot"}}, "temperature"),
        ({"eval_config": {"epoch": 1}}, "eval_config has no epoch"),
        ({"eval_config": {"epochs": 0}}, "epochs must be a whole number"),
        ({"eval_config": {"message_limit": 0}}, "message_limit must be at least 1"),
        ({"eval_config": {"log_samples": False}}, "log_samples=False"),
    ],
)
def test_what_is_wrong_in_the_file_of_a_run_is_named(folder, changes, what):
    said = refused("--run-config", run_file(folder, **changes))
    assert "Invalid run config run.json: " in said
    assert what in said


def test_the_file_of_a_run_excludes_other_files(folder):
    for option in ("--generate-config", "--task-config", "--solver-config"):
        (folder / "x.json").write_text("{}")
        said = refused("--run-config", run_file(folder), option, "x.json")
        assert f"--run-config cannot be used with {option}" in said
    assert "The config file gone.json does not exist" in refused("--run-config", "gone.json")


# -- the rest --


@pytest.mark.parametrize(
    "words, field, value",
    [
        (("--fail-on-error",), "fail_on_error", True),
        (("--fail-on-error", "0.1"), "fail_on_error", 0.1),
        (("--fail-on-error=3",), "fail_on_error", 3),
        (("--no-fail-on-error",), "fail_on_error", False),
        (("--retry-on-error",), "retry_on_error", 1),
        (("--retry-on-error", "3"), "retry_on_error", 3),
        (("--cost-limit", "0.5"), "cost_limit", 0.5),
        (("--log-format", "json", "--log-level", "info"), "log_dir", None),
        (("--no-score",), "score", False),
        (("--limit", "3-7"), "limit", (2, 7)),
        (("--sample-id", "a,b"), "sample_id", ["a", "b"]),
        (("--sample-shuffle", "7"), "sample_shuffle", 7),
        (("--sample-shuffle=no",), "sample_shuffle", None),
    ],
)
def test_a_form_of_an_option(said, words, field, value):
    tasks, _, options = said(*words)
    assert getattr(options, field) == value
    assert tasks is None


def test_prices_come_from_a_file(said, folder, monkeypatch):
    (folder / "prices.yaml").write_text("openai/gpt-4o: {input: 2.5, output: 10}\n")
    prices = {"openai/gpt-4o": {"input": 2.5, "output": 10}}
    assert said("--model-cost-config", "prices.yaml")[2].model_cost_config == prices
    monkeypatch.setenv("INSPECT_EVAL_MODEL_COST_CONFIG", "prices.yaml")
    monkeypatch.setenv("INSPECT_EVAL_COST_LIMIT", "0.25")
    assert (said()[2].model_cost_config, said()[2].cost_limit) == (prices, 0.25)


def test_a_bare_flag_leaves_the_tasks_alone(said):
    assert said("--fail-on-error", "arc.py")[0] == ["arc.py"]
    assert said("--retry-on-error", "arc.py")[0] == ["arc.py"]
    tasks, _, options = said("--sample-shuffle", "arc.py")
    assert tasks == ["arc.py"]
    assert isinstance(options.sample_shuffle, int)


@pytest.mark.parametrize(
    "words, what",
    [
        (("--fail-on-error=0",), "--fail-on-error is a number from 1, or a share"),
        (("--fail-on-error=many",), "--fail-on-error is a number from 1, or a share"),
        (("--retry-on-error=0",), "--retry-on-error is a whole number from 1"),
        (("--limit", "x"), "--limit is a number or A-B"),
        (("--cost-limit", "0"), "cost-limit"),
        (("--log-format", "eval"), "log_format='eval' is not there"),
        (("-S", "x=1"), "name it by --solver"),
        (("-M", "noequals"), "Write key=value"),
        (("-M", "x={a"), "x: The value is not valid YAML"),
        (("-M", "role=x"), "'role' is no argument of a provider"),
        (("--model-config", "gone.yaml"), "The config file gone.yaml does not exist"),
        (("--model-role", "grader"), "Write role=provider/model"),
        (("--model-role", "g={model: a/b, x: 1}"), "Invalid config for model role 'g'"),
        (("--temperature", "hot"), "Expected a number"),
        (("--reasoning-effort", "some"), "is not one of"),
        (("--temprature", "1"), "No such option"),
        (("--cache=soon",), "The config file soon does not exist"),
        (("--epochs", "0"), "--epochs"),
    ],
)
def test_what_is_wrong_is_a_wrong_usage_that_says_so(words, what):
    assert what in refused(*words)


def test_a_config_file_that_is_no_mapping_is_refused(folder):
    (folder / "list.yaml").write_text("- a\n- b\n")
    (folder / "broken.json").write_text("{broken")
    for option in ("--model-config", "--task-config", "--generate-config", "--run-config"):
        assert "The file list.yaml does not hold a mapping" in refused(option, "list.yaml")
        assert "broken.json is neither JSON nor YAML (line 1)" in refused(option, "broken.json")
