"""The commands of the page, in a shell with the real program, and what the page says they do."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modeld.types import GenerateConfig

from .checks import FLASH, GEMINI, MINI, MOCK, SONNET, calls_by_role, check_answered
from .page import commands, covers

pytestmark = [pytest.mark.timeout(60), pytest.mark.beside]


@covers("""
inspect eval arc.py --model openai/gpt-4o-mini
inspect eval arc.py --model anthropic/claude-3-5-sonnet-latest
""")
def test_a_model_is_named_on_the_command_line(run, logs, answers, folder):
    said = [
        run(words).stdout for words in commands(test_a_model_is_named_on_the_command_line.lines)
    ]
    assert [log.eval.model for log in logs()] == [MINI, SONNET]
    for log, shown in zip(logs(), said, strict=True):
        check_answered(log, answers, folder)
        accuracy = log.results.scores[0].metrics["accuracy"].value
        assert f"includes accuracy {accuracy:.3f}" in " ".join(shown.split())
    accuracies = [log.results.scores[0].metrics["accuracy"].value for log in logs()]
    assert all(0 < accuracy < 1 for accuracy in accuracies)


@covers("INSPECT_EVAL_MODEL=google/gemini-1.5-pro")
@pytest.mark.parametrize("where", ["shell", ".env"])
def test_a_variable_names_the_model(run, logs, answers, folder, where):
    name, _, value = test_a_variable_names_the_model.lines.partition("=")
    if where == ".env":
        (folder / ".env").write_text(f"{name}={value}\n")
    run(["modeld", "eval", "arc.py"], **({name: value} if where == "shell" else {}))
    (log,) = logs()
    assert log.eval.model == value == GEMINI
    check_answered(log, answers, folder)


@covers("inspect eval arc.py --model none")
def test_no_model_although_a_variable_names_one(run, logs, answers):
    (words,) = commands(test_no_model_although_a_variable_names_one.lines)
    done = run(words, code=1, INSPECT_EVAL_MODEL=MOCK)
    (log,) = logs()
    assert (log.eval.model, log.status) == ("none/none", "error")
    assert "No model" in done.stderr
    assert answers.requests == []


def test_no_model_is_needed_by_tasks_that_name_theirs(run, logs, answers):
    roles = ["--model-role", f"red_team={FLASH}", "--model-role", f"blue_team={MINI}"]
    run(["modeld", "eval", "ctf_tasks.py", "--model", "none", *roles], INSPECT_EVAL_MODEL=MOCK)
    (log,) = logs()
    assert (log.eval.model, log.status) == ("none/none", "success")
    assert len(answers.requests) == 2


@covers("""
inspect eval arc.py --model openai/gpt-4 --temperature 0.9
inspect eval arc.py --model google/gemini-1.5-pro --max-connections 20
""")
def test_generation_options(run, logs, answers):
    hot, wide = commands(test_generation_options.lines)
    run(hot)
    run(wide, GOOGLE_BASE_URL=answers.slow("google", 2))
    first, second = logs()
    assert first.plan.config == GenerateConfig(temperature=0.9)
    assert {body["temperature"] for body in answers.bodies("gpt-4")} == {0.9}
    assert second.plan.config == GenerateConfig(max_connections=20)
    assert second.status == "success"
    assert not any("temperature" in str(body) for body in answers.bodies("gemini-1.5-pro"))
    assert answers.most_at_once("gemini-1.5-pro", 2) == 20


def test_help_tells_of_all_generation_options(run):
    done = run(["modeld", "eval", "--help"])
    shown = done.stdout.split()
    missing = [
        name
        for name in GenerateConfig.__dataclass_fields__
        if not any(word.startswith(f"--{name.replace('_', '-')}") for word in shown)
    ]
    assert missing == []


@covers("inspect eval arc.py --model google/gemini-1.5-pro -M location=us-east5")
def test_a_model_arg_reaches_the_client(run, logs, answers, folder):
    (words,) = commands(test_a_model_arg_reaches_the_client.lines)
    run(words)
    (log,) = logs()
    assert log.eval.model_args == {"location": "us-east5"}
    check_answered(log, answers, folder)
    wrong = [*words[:-1], "locaton=us-east5"]
    assert "locaton" in run(wrong, code=1).stderr


def test_a_model_arg_reaches_the_request(run, logs, answers, account):
    """On Vertex AI the location is a part of the URL."""
    (words,) = commands(test_a_model_arg_reaches_the_client.lines)
    run(words, GOOGLE_GENAI_USE_VERTEXAI="true", GOOGLE_APPLICATION_CREDENTIALS=str(account))
    (log,) = logs()
    assert log.status == "success", log.error
    place = "projects/own-project/locations/us-east5/publishers/google/models/gemini-1.5-pro"
    assert all(f"/{place}:generateContent" in r["path"] for r in answers.requests)
    assert len(answers.requests) == 25


class Tokens(BaseHTTPRequestHandler):
    """Gives everybody a token, as Google's authority does."""

    def do_POST(self) -> None:
        body = json.dumps({"access_token": "a-token", "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def account(tmp_path):
    """The file of a service account, whose authority is on this machine."""
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    to_text = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        to_text.Encoding.PEM, to_text.PrivateFormat.PKCS8, to_text.NoEncryption()
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        told = {
            "type": "service_account",
            "project_id": "own-project",
            "client_email": "a@b",
            "private_key": key.decode(),
            "token_uri": f"http://127.0.0.1:{server.server_port}/token",
        }
        (tmp_path / "account.json").write_text(json.dumps(told))
        yield tmp_path / "account.json"
        server.shutdown()
        thread.join()


@covers("inspect eval math.py --model-role grader=google/gemini-2.0-flash")
def test_a_role_is_bound_on_the_command_line(run, logs, answers):
    (words,) = commands(test_a_role_is_bound_on_the_command_line.lines)
    run(words, INSPECT_EVAL_MODEL="openai/gpt-4o")
    (log,) = logs()
    assert log.status == "success", log.error
    assert {role: config.model for role, config in log.eval.model_roles.items()} == {
        "grader": FLASH
    }
    assert calls_by_role(log) == {("openai/gpt-4o", None): 9, (FLASH, "grader"): 3}
    assert set(log.stats.role_usage) == {"grader"}
    shown = run(["modeld", "log", log.location, "--sample", "1"]).stdout
    assert f"{FLASH}, as grader" in " ".join(shown.split())
    verdicts = [sample.scores["model_grader"].explanation for sample in log.samples]
    assert verdicts == answers.texts("gemini-2.0-flash")
    assert [s.scores["model_grader"].value for s in log.samples] == [
        "C" if s.target.casefold() in verdict.casefold() else "I"
        for s, verdict in zip(log.samples, verdicts, strict=True)
    ]


@covers("""
inspect eval math.py \\
--model-role red_team=google/gemini-2.0-flash \\
--model-role blue_team=openai/gpt-4o-mini
""")
def test_several_roles_are_bound_on_the_command_line(run, logs, answers):
    (words,) = commands(test_several_roles_are_bound_on_the_command_line.lines)
    run(words, INSPECT_EVAL_MODEL=MOCK)
    (log,) = logs()
    assert log.status == "success", log.error
    assert {role: config.model for role, config in log.eval.model_roles.items()} == {
        "red_team": FLASH,
        "blue_team": MINI,
    }
    assert calls_by_role(log) == {
        (FLASH, "red_team"): 3,
        (MINI, "blue_team"): 3,
        (MOCK, None): 6,  # nobody bound a grader
    }
    assert len(answers.bodies("gemini-2.0-flash")) == len(answers.bodies("gpt-4o-mini")) == 3
