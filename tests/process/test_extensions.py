"""The example package, installed as a user would and served by a real daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.programs import program
from tests.fakes.upstream import UpstreamThread, fingerprint

pytestmark = pytest.mark.beside

EXAMPLE = Path(__file__).parents[1] / "fakes" / "acme_modeld"
ASKING = """
import json, os
from modeld import errors, get_model

model = get_model("acme/loud")
output = model.generate_sync("say hello")
print(output.completion, json.dumps(output.metadata["key_ends"]), output.metadata["url"])
print("".join(e.text for e in model.stream_sync("say hello") if e.type == "text"))
print(model.count_tokens_sync("one two three"))
try:
    get_model("acme/old").generate_sync("hi")
except errors.ModelNotFound as error:
    print(error.provider, error.status)
os.environ["ACME_API_KEY"] = "key-999"
print(model.generate_sync("again").metadata["key_ends"])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which the example is installed; nothing is taken from an index."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"),
            *("--no-index", "--no-deps", "--no-build-isolation", "--target", folder, EXAMPLE),
        ],
        check=True,
    )
    return folder


@pytest.fixture
def searched(modeld_home, installed, monkeypatch):
    """The daemon of the test finds the package, and so does nobody else."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    return installed


def test_the_example_is_found_and_used(searched):
    with program(ASKING, ACME_API_KEY="key-123") as lines:
        assert lines == [
            'SAY HELLO "123" https://api.acme.example/v1',
            "SAY HELLO",
            "3",
            "acme 404",
            "999",
        ]


def test_the_commands_know_it(searched, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "key-of-acme-123")

    def shown(*command: str) -> list[dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-m", "modeld", *command, "--json"], capture_output=True, check=True
        )
        assert b"key-of-acme" not in done.stdout + done.stderr
        return json.loads(done.stdout)

    found = {provider["name"]: provider for provider in shown("providers")}
    assert found["acme"]["description"] == "Acme's models for modeld"  # not imported yet
    assert {model["name"] for model in shown("models", "acme")} == {"acme/loud", "acme/louder"}
    found = {provider["name"]: provider for provider in shown("providers")}
    assert found["acme"]["description"] == "Acme's models, in capitals"
    assert found["acme"]["key_from"] == "environment"
    assert found["acme"]["features"] == ["streaming", "count", "list"]


def test_its_row_is_a_provider_like_any_other(searched):
    text = """
    from modeld import get_model
    print(get_model("acme-gateway/gpt").generate_sync("hi").completion)
    """
    with UpstreamThread() as upstream:
        url = upstream.base_url()
        with program(text, ACME_API_KEY="key", ACME_GATEWAY_BASE_URL=url) as lines:
            assert lines == ["Hello!"]
        assert upstream.stats().keys == {fingerprint("key"): 1}


def test_a_missing_key_names_its_variable(searched):
    text = """
    from modeld import errors, get_model
    try:
        get_model("acme/loud")
    except errors.PrerequisiteError as error:
        print("ACME_API_KEY" in str(error))
    """
    with program(text) as lines:
        assert lines == ["True"]


def test_a_line_of_the_settings_is_enough(modeld_home, tmp_path, monkeypatch):
    (tmp_path / "loose.py").write_text(
        "from modeld_daemon.extension import types\n"
        "class Loose:\n"
        "    def __init__(self, connection): pass\n"
        "    def generate(self, call, route):\n"
        "        return types.ModelOutput.from_content(route.model, 'loose')\n"
    )
    (modeld_home / "config.toml").write_text('[providers.loose]\nplugin = "loose:Loose"\n')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    text = (
        "from modeld import get_model\nprint(get_model('loose/m').generate_sync('hi').completion)"
    )
    with program(text) as lines:
        assert lines == ["loose"]
