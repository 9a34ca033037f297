"""Every code block and command of the page "Using Models", with import and command renamed.

The page's text has lost the line breaks of its code: `= get_model()` stands in one line, `model` in
another. So each block is here as it was meant, beside a line of it as it stands on the page; a test
holds that no block is forgotten. Providers are the test's own, under the names of the page.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner

from modeld.cli.root import root
from modeld.log import list_eval_logs, read_eval_log
from modeld_daemon.core.ports import Connection, Provider, Row
from modeld_daemon.providers.none import NoModel
from tests.contract.source import ROOT
from tests.fakes.acting import Acting
from tests.fakes.serving import House

SEEDS = ROOT.parent / "shared" / "seeds"

FILES = {
    "arc.py": """
        from inspect_ai import Task, task
        from inspect_ai.dataset import Sample
        from inspect_ai.scorer import includes

        @task
        def arc():
            return Task([Sample("echo hello", target="hello")], scorer=includes())
    """,
    "math.py": """
        from inspect_ai import Task, task
        from inspect_ai.dataset import Sample
        from inspect_ai.model import get_model
        from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
        from inspect_ai.solver import TaskState

        @scorer(metrics=[accuracy(), stderr()])
        def model_grader() -> Scorer:
            async def score(state: TaskState, target: Target):
                model = get_model(role="grader")
                output = await model.generate("echo C")
                return Score(value=output.completion)
            return score

        @task
        def math():
            return Task([Sample("echo 4", target="4")], scorer=model_grader())
    """,
    "ctf_tasks.py": """
        from inspect_ai import Task, task
        from inspect_ai.dataset import Sample
        from inspect_ai.model import get_model
        from inspect_ai.scorer import includes
        from inspect_ai.solver import solver

        @solver
        def duel():
            async def solve(state, generate):
                for role in ("red_team", "blue_team"):
                    state.output = await get_model(role=role).generate("echo flag")
                return state
            return solve

        @task
        def blues_clues():
            return Task([Sample("find it", target="flag")], solver=duel(), scorer=includes())
    """,
}

COMMANDS: dict[str, tuple[str, ...]] = {
    # what stands on the page: models of the logs
    "inspect eval arc.py --model openai/gpt-4o-mini": ("openai/gpt-4o-mini",),
    "inspect eval arc.py --model anthropic/claude-3-5-sonnet-latest": (
        "anthropic/claude-3-5-sonnet-latest",
    ),
    "inspect eval arc.py --model none": ("none/none",),
    "inspect eval arc.py --model openai/gpt-4 --temperature 0.9": ("openai/gpt-4",),
    "inspect eval arc.py --model google/gemini-1.5-pro --max-connections 20": (
        "google/gemini-1.5-pro",
    ),
    "inspect eval arc.py --model google/gemini-1.5-pro -M location=us-east5": (
        "google/gemini-1.5-pro",
    ),
    "inspect eval math.py --model-role grader=google/gemini-2.0-flash": ("none/none",),
    "inspect eval math.py \\": ("none/none",),
}
RED_AND_BLUE = (
    "inspect eval math.py --model-role red_team=google/gemini-2.0-flash "
    "--model-role blue_team=openai/gpt-4o-mini"
)

BLOCKS: dict[str, str] = {
    # a line of the page: the block as it was meant; what it prints is its last word
    'eval("arc.py", model="openai/gpt-4o-mini")': """
        from inspect_ai import eval
        logs = eval("arc.py", model="openai/gpt-4o-mini")
        logs += eval("arc.py", model="anthropic/claude-3-5-sonnet-latest")
        assert [log.eval.model for log in logs] == ["openai/gpt-4o-mini", "anthropic/claude-3-5-sonnet-latest"]
        assert all(log.results.scores[0].metrics["accuracy"].value == 1 for log in logs)
    """,
    'eval("arc.py", model=None)': """
        from inspect_ai import eval
        (log,) = eval("arc.py", model=None)
        assert (log.eval.model, log.status) == ("none/none", "error")
        assert "No model" in log.error.message
    """,
    'eval("arc.py", model="openai/gpt-4", temperature=0.9)': """
        from inspect_ai import eval
        (hot,) = eval("arc.py", model="openai/gpt-4", temperature=0.9)
        (wide,) = eval("arc.py", model="google/gemini-1.5-pro", max_connections=20)
        assert hot.plan.config.temperature == hot.samples[0].events[0].config.temperature == 0.9
        assert wide.plan.config.max_connections == 20
    """,
    'model = await model.generate("Say hello") response': """
        from inspect_ai import Task, eval
        from inspect_ai.dataset import Sample
        from inspect_ai.model import get_model
        from inspect_ai.solver import solver

        @solver
        def hello():
            async def solve(state, generate):
                model = get_model()
                response = await model.generate("Say hello")
                assert str(model) == "openai/gpt-4o"
                state.output = response
                return state
            return solve

        (log,) = eval(Task([Sample("x")], solver=hello()), model="openai/gpt-4o")
        assert log.status == "success", log.error
        assert log.samples[0].events[0].input[0].text == "Say hello"
    """,
    "=GenerateConfig(temperature=0.9)": """
        from inspect_ai.model import GenerateConfig, get_model
        model = get_model("openai/gpt-4o")
        model = get_model("openai/gpt-4o", config=GenerateConfig(temperature=0.9))
        assert model.config.temperature == 0.9
    """,
    '= get_model("hf/openai-community/gpt2", device="cuda:0") model': """
        from inspect_ai.model import get_model
        model = get_model("hf/openai-community/gpt2", device="cuda:0")
        assert model.model_args == {"device": "cuda:0"}
    """,
    '= get_model("openai/gpt-4o", memoize=False) model': """
        from inspect_ai.model import get_model
        assert get_model("openai/gpt-4o") is get_model("openai/gpt-4o")
        model = get_model("openai/gpt-4o", memoize=False)
        assert model is not get_model("openai/gpt-4o")
    """,
    'async with get_model("openai/gpt-4o") as model:': """
        import asyncio
        from inspect_ai import eval
        from inspect_ai.model import get_model
        from arc import arc as mytask

        async def main():
            async with get_model("openai/gpt-4o") as model:
                return eval(mytask(), model=model)

        (log,) = asyncio.run(main())
        assert (log.status, log.eval.model) == ("success", "openai/gpt-4o")
    """,
    'with get_model("hf/Qwen/Qwen2.5-72B") as model:': """
        from inspect_ai import eval
        from inspect_ai.model import get_model
        from arc import arc as mytask
        with get_model("hf/Qwen/Qwen2.5-72B") as model:
            (log,) = eval(mytask(), model=model)
        assert (log.status, log.eval.model) == ("success", "hf/Qwen/Qwen2.5-72B")
    """,
    "@scorer(metrics=[accuracy(), stderr()])": """
        from inspect_ai import eval
        (log,) = eval("math.py", model="openai/gpt-4o")
        assert [e.role for e in log.samples[0].events] == [None, None]
        assert log.results.scores[0].metrics["accuracy"].value == 1
    """,
    'eval("math.py", model_roles = { "grader": "google/gemini-2.0-flash" })': """
        from inspect_ai import eval
        (log,) = eval("math.py", model="openai/gpt-4o", model_roles = { "grader": "google/gemini-2.0-flash" })
        assert log.eval.model_roles["grader"].model == "google/gemini-2.0-flash"
        assert [(e.model, e.role) for e in log.samples[0].events][1] == ("google/gemini-2.0-flash", "grader")
        assert set(log.stats.role_usage) == set()  # the test's providers count no tokens
    """,
    '= get_model(role="grader", default="openai/gpt-4o") model': """
        from inspect_ai.model import get_model
        model = get_model(role="grader", default="openai/gpt-4o")
        assert (str(model), model.role) == ("openai/gpt-4o", "grader")
    """,
    "from inspect_ai import eval_set, task_with": """
        from inspect_ai import eval_set, task_with
        from ctf_tasks import blues_clues

        tasks = [
            task_with(blues_clues(), model_roles = {
                "red_team": "openai/gpt-4o",
                "blue_team": "google/gemini-2.0-flash"
            }),
            task_with(blues_clues, model_roles = {
                "red_team": "google/gemini-2.0-flash",
                "blue_team": "openai/gpt-4o"
            })
        ]

        success, logs = eval_set(tasks, log_dir="set")
        assert success
        assert [log.eval.model_roles["red_team"].model for log in logs] == ["openai/gpt-4o", "google/gemini-2.0-flash"]
        assert [log.eval.model for log in logs] == ["none/none"] * 2
    """,
}


def renamed(text: str) -> str:
    return dedent(text).replace("inspect_ai", "modeld").replace("inspect eval", "modeld eval")


class Page(Acting):
    """A catalog with the real provider of no model."""

    async def build(self, row: Row, connection: Connection) -> Provider:
        return NoModel() if row.name == "none" else await super().build(row, connection)


@pytest.fixture
def acting() -> Acting:
    """Providers under the names of the page, that do what the last message says."""
    made = Page()
    free = made._rows["free"]
    for name in ("anthropic", "google", "hf", "none", "openai"):
        made._rows[name] = replace(free, name=name)
    return made


@pytest.fixture
def folder(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(renamed(text))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def page() -> str:
    if not SEEDS.is_dir():
        pytest.skip(f"the page is not here: {SEEDS}")
    return "\n".join(path.read_text() for path in sorted(SEEDS.glob("*.txt")))


def run(command: str) -> list[str]:
    words = shlex.split(command)
    assert words[0] == "inspect"
    done = CliRunner().invoke(root, [*words[1:], "--display", "none"])
    said = f"{done.stdout} {done.stderr}"
    assert done.exit_code in (0, 1), said
    return [read_eval_log(info).eval.model for info in list_eval_logs()]


def test_no_block_of_the_page_is_forgotten():
    text = page()
    for line in (*COMMANDS, *BLOCKS):
        assert line in text, line
    assert set(re.findall(r"^inspect eval \S+\.py.*$", text, re.MULTILINE)) == set(COMMANDS)
    calls = [
        line
        for line in text.splitlines()
        if re.match(r"(= get_model\(.|eval\(|(async )?with )", line)
    ]
    covered = "\n".join(map(dedent, (*BLOCKS, *BLOCKS.values(), *FILES.values())))
    plain = re.sub(r"\s", "", covered)
    for line in calls:
        meant = re.sub(r"\s", "", line.removeprefix("= ").removesuffix(" model"))
        assert meant in plain, line


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, folder):
    page()
    models = run(RED_AND_BLUE if command.endswith("\\") else command)
    assert models == list(COMMANDS[command])
    log = read_eval_log(list_eval_logs()[0])
    if "openai/gpt-4o-mini" in command:
        assert (log.status, log.results.scores[0].metrics["accuracy"].value) == ("success", 1)
    if "temperature" in command:
        assert log.plan.config.temperature == 0.9
    if "location" in command:
        assert log.eval.model_args == {"location": "us-east5"}
    if command.endswith("\\"):
        assert {name: role.model for name, role in log.eval.model_roles.items()} == {
            "red_team": "google/gemini-2.0-flash",
            "blue_team": "openai/gpt-4o-mini",
        }


def test_the_variable_names_the_model(folder, monkeypatch):
    assert "INSPECT_EVAL_MODEL=google/gemini-1.5-pro" in page()
    (folder / ".env").write_text("INSPECT_EVAL_MODEL=google/gemini-1.5-pro\n")
    assert run("inspect eval arc.py") == ["google/gemini-1.5-pro"]
    assert run("inspect eval arc.py --model none")[0] == "none/none"


def test_the_help_names_all_options_of_generation(folder):
    assert "inspect eval --help" in page()
    done = CliRunner().invoke(root, ["eval", "--help"])
    for option in ("--temperature", "--max-connections", "--timeout", "--max-retries", "--top-p"):
        assert option in done.stdout


@pytest.mark.parametrize("line", BLOCKS)
def test_code(line, folder):
    page()
    program = compile(renamed(BLOCKS[line]), "<page>", "exec")
    exec(program, {"__name__": "page"})


def test_the_loop_of_a_notebook_is_no_hindrance(folder):
    block = renamed(BLOCKS['eval("arc.py", model="openai/gpt-4o-mini")'])

    async def cell() -> None:
        exec(compile(block, "<cell>", "exec"), {"__name__": "cell"})

    asyncio.run(cell())
