"""One daemon, recordings behind the providers of the page, and a folder with task files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modeld import api, rpc
from modeld.environment import Environment
from modeld.log import EvalLog, list_eval_logs, read_eval_log
from modeld.rpc.hub import Hub
from tests.conftest import short_folder, stop_daemons
from tests.fakes.recorded_by_model import Answers, answering
from tests.fakes.recorded_openai import recordings_folder

from .page import renamed

TASKS = Path(__file__).parent / "tasks"
PROGRAM = Path(sys.executable).with_name("modeld")

# By which variable each provider's server is found, and the path of its API.
SERVERS = {
    "ANTHROPIC_BASE_URL": ("anthropic", ""),
    "AZUREAI_BASE_URL": ("azure", "/models"),
    "BEDROCK_BASE_URL": ("bedrock", ""),
    "CLOUDFLARE_BASE_URL": ("cloudflare", "/ai/v1"),
    "DEEPSEEK_BASE_URL": ("deepseek", ""),
    "GOOGLE_BASE_URL": ("google", ""),
    "GOOGLE_VERTEX_BASE_URL": ("vertex", ""),
    "GROQ_BASE_URL": ("groq", ""),
    "MISTRAL_BASE_URL": ("mistral", ""),
    "OLLAMA_BASE_URL": ("ollama", "/v1"),
    "OPENAI_BASE_URL": ("openai", "/v1"),
    "OPENROUTER_BASE_URL": ("openrouter", "/api/v1"),
    "PERPLEXITY_BASE_URL": ("perplexity", ""),
    "TOGETHER_BASE_URL": ("together", "/v1"),
    "XAI_BASE_URL": ("grok", "/v1"),
}
KEYS = (
    *("ANTHROPIC_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "AZURE_API_KEY", "CLOUDFLARE_API_KEY"),
    *("DEEPSEEK_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "OPENAI_API_KEY"),
    *("OPENROUTER_API_KEY", "PERPLEXITY_API_KEY", "TOGETHER_API_KEY", "XAI_API_KEY"),
)


@pytest.fixture(scope="package")
def answers() -> Iterator[Answers]:
    if not recordings_folder().is_dir():
        pytest.skip(f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS")
    with answering() as served:
        yield served


@pytest.fixture(scope="package", autouse=True)
def shell(answers: Answers) -> Iterator[Path]:
    """The variables of a user's shell; the daemon that the first test starts serves them all."""
    home = short_folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELD_HOME", str(home))
        patch.delenv("MODELD_AUTOSTART", raising=False)
        patch.setenv("AWS_REGION", "us-east-1")
        for variable, (place, path) in SERVERS.items():
            patch.setenv(variable, answers.url(place) + path)
        for variable in KEYS:
            patch.setenv(variable, "a-key-of-the-test")
        yield home
    stop_daemons(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def client(shell: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process as one that has just begun: it holds no model, and nothing has been asked."""
    answers.forget()
    monkeypatch.setattr(api, "_memo", {})
    own = Hub(Environment())
    monkeypatch.setattr(rpc, "_hubs", [own])
    yield
    own.close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the page's task files under modeld's names."""
    for path in TASKS.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_text(renamed(path.read_text()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of the page as a user does."""

    def run(words: list[str], code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROGRAM, *words[1:]],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def logs(folder: Path) -> Callable[..., list[EvalLog]]:
    """Reads the logs of a folder, the oldest first."""

    def logs(log_dir: Any = "logs") -> list[EvalLog]:
        found = [read_eval_log(info) for info in list_eval_logs(log_dir)]
        return sorted(found, key=lambda log: Path(log.location).stat().st_mtime_ns)

    return logs


@pytest.fixture(scope="package")
def hub_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small model of transformers, made on the spot, that says "One two"."""
    why = "the provider hf is not there, or its packages are not installed"
    made = pytest.importorskip("tests.fakes.tiny_models", reason=why)
    folder = tmp_path_factory.mktemp("hub")
    return f"hf/{made.scripted(folder, {'<|assistant|>': ['One ', 'two']})}"
