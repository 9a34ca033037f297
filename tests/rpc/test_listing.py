"""What `modeld models PROVIDER` and `modeld providers` learn: through the daemon, by one's own key."""

from __future__ import annotations

import io
import json

import pytest
from click.testing import CliRunner

from modeld import daemon, errors
from modeld.cli.catalog import providers
from modeld.cli.root import root
from modeld_daemon.providers.registry import Registry
from tests.fakes.listing_server import KEY, ListingServer
from tests.fakes.serving import House

PATHS = {
    "OPENAI": "/openai/v1",
    "MISTRAL": "/mistral",
    "ANTHROPIC": "/anthropic",
    "GOOGLE": "/google",
}


@pytest.fixture
def server(modeld_home, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELD_AUTOSTART", "0")
    monkeypatch.chdir(tmp_path)
    plugins = {"bad": "tests.fakes.bad_extensions:Bad", "plain": "tests.fakes.bad_extensions:Plain"}
    with ListingServer() as listing, House(Registry(tmp_path, plugins=plugins)):
        for name, path in PATHS.items():
            monkeypatch.setenv(f"{name}_API_KEY", KEY)
            monkeypatch.setenv(f"{name}_BASE_URL", listing.url + path)
        yield listing


@pytest.mark.parametrize(
    "provider, names",
    [
        ("openai", ["openai/gpt-a", "openai/gpt-b"]),
        ("mistral", ["mistral/mistral-x"]),
        ("anthropic", ["anthropic/c-1", "anthropic/c-2"]),
        ("google", ["google/g-1", "google/g-2"]),
    ],
)
def test_the_providers_server_is_asked(server, provider, names):
    assert [model.name for model in daemon.list_models(provider, ask=True)] == names


def test_without_asking_nothing_is_sent(server):
    assert daemon.list_models("openai") == []


def test_the_key_is_that_of_whoever_asks(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "another-key-9876543210")
    with pytest.raises(errors.AuthenticationError) as refused:
        daemon.list_models("openai", ask=True)
    assert "another-key" not in str(refused.value)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(errors.PrerequisiteError, match="OPENAI_API_KEY"):
        daemon.list_models("openai", ask=True)


def test_a_server_without_a_list_is_told_as_such(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/nothing/v1")
    with pytest.raises(errors.InvalidRequest, match="no list of models"):
        daemon.list_models("openai", ask=True)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/odd/v1")
    with pytest.raises(errors.ProviderError, match="no list of models"):
        daemon.list_models("openai", ask=True)
    with pytest.raises(errors.InvalidRequest, match="plain has no list"):
        daemon.list_models("plain", ask=True)
    with pytest.raises(errors.ModelNotFound, match="nobody"):
        daemon.list_models("nobody", ask=True)


def test_what_runs_here_is_listed_without_a_server(server):
    assert [model.name for model in daemon.list_models("mockllm", ask=True)] == ["mockllm/model"]


@pytest.mark.parametrize("provider", ["local", "hf", "openai"])
def test_what_must_be_installed_first_is_told(server, provider, monkeypatch):
    monkeypatch.setattr(Registry, "installed", lambda self, row: row.name != provider)
    with pytest.raises(errors.PrerequisiteError, match=r"pip install 'modeld\["):
        daemon.list_models(provider, ask=True)
    assert all(model.name.partition("/")[0] != provider for model in daemon.list_models())


def test_providers_say_where_the_key_is_from_and_never_show_it(server, tmp_path, monkeypatch):
    monkeypatch.delenv("MISTRAL_API_KEY")
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    (tmp_path / ".env").write_text(f"MISTRAL_API_KEY={KEY}\n")
    shown = CliRunner().invoke(root, ["providers", "--json"]).stdout
    assert KEY not in shown
    found = {provider["name"]: provider for provider in json.loads(shown)}
    assert found["openai"]["key_from"] == "environment"
    assert found["openai"]["base_url"] == server.url + "/openai/v1"
    assert "list" in found["openai"]["features"]
    assert found["mistral"]["key_from"] == str(tmp_path / ".env")
    assert found["anthropic"]["key_from"] is None
    assert found["anthropic"]["base_url"] == "https://api.anthropic.com"
    assert found["bad"]["installed"]  # an extension that nobody has named yet
    table = CliRunner().invoke(root, ["providers"]).stdout
    assert "MISTRAL_API_KEY from" in table
    assert "missing: ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN" in table


CLOUDS = {
    "bedrock": ("AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", ""),
    "openai/azure": ("AZURE_CLIENT_SECRET", "AZUREAI_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
    "anthropic/vertex": ("GOOGLE_APPLICATION_CREDENTIALS", "", ""),
}


@pytest.mark.parametrize("provider", CLOUDS)
def test_credentials_of_clouds_are_found_where_they_are(server, provider, monkeypatch):
    variable, key, address = CLOUDS[provider]

    def shown(found: bool) -> str:
        names = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", key, address, variable)
        for name in filter(None, names):
            monkeypatch.delenv(name, raising=False)
        if found:
            monkeypatch.setenv(variable, KEY)
        table = CliRunner().invoke(root, ["providers"]).stdout
        assert KEY not in table
        return next(line for line in table.splitlines() if line.startswith(f"{provider} "))

    assert f" {variable} from environment " in shown(found=True)
    line = shown(found=False)
    assert "not set: " in line
    assert variable in line
    assert key in line
    assert "none needed" not in line
    assert bool(address) == ("missing: " in line and address in line)


def test_on_a_narrow_terminal_nothing_is_cut(server, monkeypatch):
    """A table of six columns would be a word wide there."""
    table = CliRunner().invoke(root, ["providers"]).stdout
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    told = io.StringIO()
    monkeypatch.setattr(told, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout", told)
    providers.callback(as_json=False)
    lines = told.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    whole = "".join(told.getvalue().split())  # a long URL is folded
    words = [word for line in table.splitlines()[1:] for word in line.split()]
    assert [word for word in words if word != "-" and word not in whole] == []


def test_models_are_shown_and_errors_told(server, monkeypatch):
    assert "openai/gpt-a" in CliRunner().invoke(root, ["models", "openai"]).stdout
    assert json.loads(CliRunner().invoke(root, ["models", "google", "--json"]).stdout)[0]["name"]
    done = CliRunner().invoke(root, ["models", "plain"])
    assert done.exit_code != 0
    assert "no list of models" in done.stderr


@pytest.mark.parametrize(
    "name, words",
    [
        ("opnai", "There is no provider 'opnai'. Did you mean openai? Known: anthropic, "),
        ("qqqq", "There is no provider 'qqqq'. Known: anthropic, "),
        ("openai-api", "models of services are listed as openai-api/<service>"),
        ("google/moon", "'moon' is no service of google"),
    ],
)
def test_a_name_that_is_no_providers_is_said_as_it_was_given(server, name, words):
    done = CliRunner().invoke(root, ["models", name])
    assert done.exit_code != 0
    assert words in done.stderr
    assert f"{name}/models" not in done.stderr


@pytest.mark.parametrize(
    "model, words",
    [
        ("OpenAI/gpt-4o", "Did you mean openai? Known: "),
        ("opnrouter/m", "Did you mean openrouter? Known: "),
        ("anthropic/azure", "in the format of anthropic/azure/<model>"),
        ("mistral/azure/", "in the format of mistral/azure/<model>"),
        ("google/vertex", "in the format of google/vertex/<model>"),
    ],
)
def test_a_model_that_is_not_all_there_is_told_what_it_should_be(server, model, words):
    done = CliRunner().invoke(root, ["generate", "-m", model, "hi"])
    assert done.exit_code != 0
    assert words in done.stderr
