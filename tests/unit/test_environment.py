from __future__ import annotations

import os
import threading
import time

import pytest

from modeld.environment import Environment, is_sendable, session
from modeld.errors import InvalidRequest

CANARY = "canary-2f1d"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder two levels below one that may hold a `.env`."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


SENDABLE = """
    OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID ANTHROPIC_AUTH_TOKEN ANTHROPIC_VERTEX_REGION
    AWS_ACCESS_KEY_ID AWS_PROFILE AWS_REGION AZUREAI_OPENAI_API_KEY AZURE_TENANT_ID
    AZUREAI_AUDIENCE AZURE_ENDPOINT_URL GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CLOUD_PROJECT
    GEMINI_API_KEY VERTEX_API_KEY HF_TOKEN HF_HOME HUGGING_FACE_HUB_TOKEN CLOUDFLARE_API_TOKEN
    CLOUDFLARE_ACCOUNT_ID LITELLM_PROXY_API_BASE MY_OWN_SERVICE_API_KEY X1_BASE_URL
    INSPECT_EVAL_MODEL_BASE_URL HTTPS_PROXY no_proxy SSL_CERT_FILE OLLAMA_HOST
"""
OTHER = """
    PATH HOME GITHUB_TOKEN SSH_AUTH_SOCK DATABASE_URL AWS OPENAI PASSWORD SECRET_KEY LD_PRELOAD
    MODELD_HOME MODELD_API_KEY my_api_key API_KEYS _API_KEY Http_Proxy OPENAI_API_KEY=x
"""
HOSTILE = ["", "OPENAI_API_KEY ", "OPENAI_API_KEY\n", "PATH\0OPENAI_API_KEY"]


@pytest.mark.parametrize("name", SENDABLE.split())
def test_variables_of_providers_may_be_sent(name):
    assert is_sendable(name)


@pytest.mark.parametrize("name", [*OTHER.split(), *HOSTILE])
def test_other_variables_may_not(name):
    assert not is_sendable(name)


def test_a_daemon_that_asks_for_another_secret_is_refused(folder):
    environment = Environment({"GITHUB_TOKEN": CANARY})
    with pytest.raises(InvalidRequest, match="GITHUB_TOKEN") as caught:
        environment.values(["OPENAI_API_KEY", "GITHUB_TOKEN"])
    assert CANARY not in repr(caught.value)


def test_the_process_wins_over_the_dotenv(folder):
    (folder / ".env").write_text("OPENAI_API_KEY=file\nOPENAI_BASE_URL=file\n")
    environment = Environment({"OPENAI_API_KEY": "process", "OPENAI_ORG_ID": ""})
    names = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "HF_TOKEN"]
    assert environment.values(names) == {
        "OPENAI_API_KEY": "process",
        "OPENAI_BASE_URL": "file",
        "OPENAI_ORG_ID": "",
        "HF_TOKEN": None,
    }
    assert environment.origin("OPENAI_API_KEY") == "environment"
    assert environment.origin("OPENAI_BASE_URL") == str(folder / ".env")
    assert environment.origin("HF_TOKEN") is None


def test_the_nearest_dotenv_upward_holds_alone(folder):
    (folder.parent / ".env").write_text("HF_TOKEN=far\nHF_HOME=far\n")
    (folder / ".env").write_text("HF_TOKEN=near\n")
    environment = Environment({})
    assert environment.values(["HF_TOKEN", "HF_HOME"]) == {"HF_TOKEN": "near", "HF_HOME": None}


def test_a_folder_named_dotenv_is_passed_over(folder):
    (folder / ".env").mkdir()
    (folder.parent / ".env").write_text("HF_TOKEN=x\n")
    assert Environment({}).values(["HF_TOKEN"]) == {"HF_TOKEN": "x"}


def test_changes_are_seen_by_the_next_call(folder, monkeypatch):
    environ = {"HF_TOKEN": "1"}
    environment = Environment(environ)
    assert environment.get("HF_TOKEN") == "1"
    environ["HF_TOKEN"] = "2"
    assert environment.get("HF_TOKEN") == "2"
    del environ["HF_TOKEN"]
    (folder / ".env").write_text("HF_TOKEN=3\n")
    monkeypatch.chdir("/")
    monkeypatch.chdir(folder)
    for value in "456789":
        environment.get("HF_TOKEN")
        (folder / ".env").write_text(f"HF_TOKEN={value}\n")  # the same size, at once
        environment._found = session._Found(str(folder), time.monotonic(), f"{folder}/.env")
        assert environment.get("HF_TOKEN") == value
    (folder / ".env").unlink()
    assert environment.get("HF_TOKEN") is None


def test_a_rewritten_file_of_the_same_size_is_seen(folder):
    (folder / ".env").write_text("HF_TOKEN=0\n")
    environment = Environment({})
    for value in "123456789":
        assert environment.get("HF_TOKEN") is not None
        (folder / ".env").write_text(f"HF_TOKEN={value}\n")
        assert environment.get("HF_TOKEN") == value


def test_a_new_dotenv_is_found_within_a_second(folder, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    (folder.parent / ".env").write_text("HF_TOKEN=far\n")
    environment = Environment({})
    assert environment.get("HF_TOKEN") == "far"
    (folder / ".env").write_text("HF_TOKEN=near\n")
    now[0] += 1.0
    assert environment.get("HF_TOKEN") == "near"


def test_another_working_folder_counts_at_once(folder, monkeypatch):
    (folder / ".env").write_text("HF_TOKEN=here\n")
    environment = Environment({})
    assert environment.get("HF_TOKEN") == "here"
    monkeypatch.chdir(folder.parent)
    assert environment.get("HF_TOKEN") is None


PATHS = (
    *("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"),
    *("AZURE_CLIENT_CERTIFICATE_PATH", "CLOUDSDK_CONFIG", "SSL_CERT_FILE", "HF_HOME"),
)


@pytest.mark.parametrize("name", PATHS)
def test_a_relative_path_means_what_it_means_here(name, folder, monkeypatch):
    monkeypatch.setenv(name, "keys/one")
    monkeypatch.setenv("HOME", "/home/me")
    mine, other = Environment(), Environment({name: "~/one"})
    names = (name, "OPENAI_API_KEY")
    assert mine.values(names)[name] == f"{folder}/keys/one"
    assert mine.values(names) is mine.values(names)
    assert other.values(names)[name] == "/home/me/one"
    monkeypatch.chdir(folder.parent)
    assert mine.values(names)[name] == f"{folder.parent}/keys/one"
    monkeypatch.setenv(name, "/keys/one")
    absolute = mine.values(names)
    assert absolute[name] == "/keys/one"
    monkeypatch.chdir(folder)
    assert mine.values(names) is absolute


def test_a_relative_path_of_a_dotenv_lies_beside_it(folder):
    (folder.parent / ".env").write_text("GOOGLE_APPLICATION_CREDENTIALS=key.json\n")
    names = ("GOOGLE_APPLICATION_CREDENTIALS",)
    assert Environment({}).values(names)[names[0]] == f"{folder.parent}/key.json"


def test_what_is_no_path_is_left_alone(folder):
    names = ("OPENAI_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS")
    given = dict.fromkeys(names, "~x") | {names[2]: ""}
    assert Environment(given).values(names) == given


def test_a_removed_working_folder_is_no_error(folder, monkeypatch):
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Environment({"HF_TOKEN": "x"}).values(["HF_TOKEN", "HF_HOME"])["HF_TOKEN"] == "x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("bits,seen", [(0o1777, None), (0o755, "x")])
def test_a_strangers_dotenv_in_a_folder_open_to_all_is_passed_over(folder, bits, seen):
    (folder / ".env").write_text("OPENAI_BASE_URL=x\n")
    os.chown(folder / ".env", 12345, -1)
    folder.chmod(bits)
    assert Environment({}).get("OPENAI_BASE_URL") == seen


def test_a_value_that_is_no_text_is_an_error_without_the_value(folder):
    (folder / ".env").write_bytes(b"# \xe9t\xe9\nHF_TOKEN=canary\xff\nHF_ENDPOINT=fine\n")
    environment = Environment({})
    assert environment.values(["HF_ENDPOINT"]) == {"HF_ENDPOINT": "fine"}
    with pytest.raises(InvalidRequest, match=r"HF_TOKEN is not valid UTF-8") as caught:
        environment.values(["HF_TOKEN"])
    assert caught.value.__suppress_context__
    assert "canary" not in str(caught.value)


def test_windows_line_ends_are_no_part_of_a_value(folder):
    (folder / ".env").write_bytes(b"HF_TOKEN='two\r\nlines'\r\nHF_ENDPOINT=x\r\n")
    assert Environment({}).values(["HF_TOKEN", "HF_ENDPOINT"]) == {
        "HF_TOKEN": "two\nlines",
        "HF_ENDPOINT": "x",
    }


def test_the_repr_shows_no_value(folder):
    (folder / ".env").write_text(f"HF_TOKEN={CANARY}\nHF_HOME=${{HF_TOKEN}}\n")
    environment = Environment({"OPENAI_API_KEY": CANARY})
    environment.values(["HF_TOKEN", "OPENAI_API_KEY", "HF_HOME"])
    shown = repr(environment) + repr(environment._found) + repr(environment._found.content)
    assert CANARY not in shown


@pytest.mark.parametrize(
    "environ,model",
    [
        ({"INSPECT_EVAL_MODEL": " a/b , c/d"}, "a/b"),
        ({"INSPECT_EVAL_MODEL": "a/b", "MODELD_MODEL": "x/y"}, "x/y"),
        ({"INSPECT_EVAL_MODEL": "a/b", "MODELD_MODEL": ""}, "a/b"),
        ({}, None),
    ],
)
def test_the_model_of_the_environment(folder, environ, model):
    assert Environment(environ).model() == model


def test_the_model_of_a_dotenv(folder):
    (folder / ".env").write_text("INSPECT_EVAL_MODEL=a/b\n")
    assert Environment({}).model() == "a/b"


def test_many_threads_see_a_changing_file(folder):
    (folder / ".env").write_text("HF_TOKEN=0\n")
    environment = Environment({})
    stop = threading.Event()
    wrong = []

    def read():
        while not stop.is_set():
            value = environment.values(["HF_TOKEN"])["HF_TOKEN"]
            if value not in (None, *"0123456789"):
                wrong.append(value)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for value in "123456789":
        (folder / ".new").write_text(f"HF_TOKEN={value}\n")
        (folder / ".new").rename(folder / ".env")
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert environment.get("HF_TOKEN") == "9"


def test_asking_costs_microseconds(folder):
    (folder / ".env").write_text("OPENAI_API_KEY=x\n")
    time.sleep(0.03)
    environment = Environment()
    names = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTPS_PROXY")
    environment.values(names)
    best = min(_seconds_per_call(environment, names) for _ in range(5))
    assert best < 100e-6  # about 5e-6 on an idle machine


def _seconds_per_call(environment, names) -> float:
    began = time.perf_counter()
    for _ in range(200):
        environment.values(names)
    return (time.perf_counter() - began) / 200
