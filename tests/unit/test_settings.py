from __future__ import annotations

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.settings import Settings as ClientSettings
from modeld_daemon.server_settings import ServerSettings
from modeld_daemon.settings import LimitSettings, ProviderSettings, SecretReference, Settings

CANARY = "sk-canary-0123456789"


@pytest.mark.parametrize(
    "value,address",
    [
        ("", None),
        ("unix:/run/m.sock", "unix:/run/m.sock"),
        ("unix:///run/m.sock", "unix:/run/m.sock"),
        (" localhost:7777 ", "localhost:7777"),
        ("[::1]:7777", "[::1]:7777"),
    ],
)
def test_an_address_is_used_as_it_is(value, address):
    assert ClientSettings.from_environment({"MODELD_ADDRESS": value}).address == address


@pytest.mark.parametrize(
    "value", ["unix:relative", "unix://host/x", "/run/m.sock", "host", "host:0", "host:x", ":80"]
)
def test_a_wrong_address_is_an_error_that_shows_how(value):
    with pytest.raises(InvalidRequest, match=r"unix:/absolute/path nor host:port"):
        ClientSettings.from_environment({"MODELD_ADDRESS": value})


@pytest.mark.parametrize(
    "value,autostart", [("", True), ("1", True), ("0", False), ("False", False), ("no", False)]
)
def test_autostart_is_a_switch(value, autostart):
    assert ClientSettings.from_environment({"MODELD_AUTOSTART": value}).autostart is autostart


def test_a_switch_that_is_neither_on_nor_off_is_an_error():
    with pytest.raises(InvalidRequest, match="MODELD_AUTOSTART"):
        ClientSettings.from_environment({"MODELD_AUTOSTART": "maybe"})


def test_a_session_is_a_secret():
    settings = ClientSettings.from_environment({"MODELD_SESSION": "s3cret"})
    assert settings.session == "s3cret"
    assert "s3cret" not in repr(settings)


# -- the daemon's --------------------------------------------------------------------------------


@pytest.fixture
def load(tmp_path):
    def load(text: str = "", **environ: str) -> Settings:
        (tmp_path / "config.toml").write_text(text)
        return Settings.load(str(tmp_path / "config.toml"), environ)

    return load


def test_without_a_file_everything_has_a_default(tmp_path):
    settings = Settings.load(str(tmp_path / "config.toml"), {})
    assert settings == Settings()
    assert settings.idle_timeout == 1800


def test_variables_win_over_the_file(load):
    text = 'idle_timeout = 10\nlog_level = "error"\n'
    assert load(text).idle_timeout == 10
    assert load(text, MODELD_IDLE_TIMEOUT="2.5").idle_timeout == 2.5
    assert load(text, MODELD_IDLE_TIMEOUT="").idle_timeout == 10
    assert load(text, MODELD_LOG_LEVEL="DEBUG").log_level == "debug"


def test_what_means_nothing_is_a_warning_that_names_it(load):
    settings = load('idle_timout = 10\n[providers.openai]\nbase = "x"\n[tools]\n')
    assert [warning.split(": ")[-1] for warning in settings.warnings] == [
        "there is no setting 'idle_timout'",
        "there is no setting 'tools'",
        "there is no setting 'base'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "idle_timeout = -1",
        "idle_timeout = nan",
        "idle_timeout = inf",
        "idle_timeout = true",
        'idle_timeout = "soon"',
        'log_level = "loud"',
        "log_level = 3",
        "listen = 7777",
        "providers = 3",
        "providers.openai = 3",
        "providers.openai.api_key = 3",
        "providers.openai.base_url = 3",
        "limits = 3",
        "limits.openai = 3",
        "limits.openai.max_connections = 0",
        "limits.openai.max_connections = 2.5",
        "limits.openai.max_connections = true",
        "limits.openai.max_connections = '5'",
        "limits.openai.requests_per_minute = 0.5",
        "limits.openai.requests_per_minute = nan",
        "limits.openai.requests_per_minute = inf",
        "limits.openai.tokens_per_minute = -1",
        "limits.openai.tokens_per_minute = true",
        "limits.openai.tokens_per_minute = [5]",
        f"limits.openai.tokens_per_minute = 1{'0' * 400}",
        "limits.openai.tokens_per_minute = '9'",
        "limits.openai.gpt-4o.max_connections = 5",
        "[limits.'']",
        "[limits.'openai/']",
        "[limits.'/gpt-4o']",
        "not toml",
    ],
)
def test_what_is_wrong_is_an_error_that_names_the_file(load, text):
    with pytest.raises(InvalidRequest, match=r"config\.toml"):
        load(text)


def test_a_wrong_variable_is_named(load):
    with pytest.raises(InvalidRequest, match="MODELD_IDLE_TIMEOUT"):
        load(MODELD_IDLE_TIMEOUT="soon")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        Settings.load(str(tmp_path), {})


def test_keys_are_kept_as_references(load, tmp_path):
    (tmp_path / "key").write_text(f"{CANARY}\n")
    settings = load(
        f'[providers.openai]\napi_key = "file:{tmp_path}/key"\nbase_url = "https://x"\n'
        '[providers.groq]\napi_key = "env:MY_KEY"\n'
    )
    assert settings.providers["openai"] == ProviderSettings(
        SecretReference("file", f"{tmp_path}/key"), "https://x"
    )
    assert settings.providers["openai"].api_key.read() == CANARY
    assert settings.providers["groq"].api_key.read({"MY_KEY": CANARY}) == CANARY
    assert CANARY not in repr(settings)


@pytest.mark.parametrize("text", [CANARY, "env:", ":x", "vault:x", ""])
def test_a_key_itself_is_refused_and_not_shown(load, text):
    with pytest.raises(InvalidRequest, match="env:NAME, file:PATH or keyring:NAME") as caught:
        load(f'[providers.openai]\napi_key = "{text}"\n')
    assert CANARY not in str(caught.value)


def test_a_missing_key_is_named_by_its_reference(tmp_path):
    with pytest.raises(PrerequisiteError, match="env:NOPE"):
        SecretReference("env", "NOPE").read({})
    with pytest.raises(PrerequisiteError, match=r"file:.*No such file"):
        SecretReference("file", str(tmp_path / "nope")).read()


def test_code_of_repositories_is_trusted_only_in_plain_words(load):
    trusting = load("[providers.hf]\ntrust_remote_code = true").providers["hf"]
    assert trusting.trust_remote_code
    assert not load("[providers.hf]\nbase_url = 'x'").providers["hf"].trust_remote_code
    with pytest.raises(InvalidRequest, match=r"trust_remote_code of providers\.hf"):
        load("[providers.hf]\ntrust_remote_code = 'yes'")


def test_limits_are_set_by_model_and_by_provider(load):
    settings = load(
        '[limits."openai/gpt-4o"]\nmax_connections = 20\nrequests_per_minute = 500\n'
        "[limits.openai]\ntokens_per_minute = 2.5e5\n"
        '[limits."hf/org/model-1.5"]\n'
    )
    assert settings.limits == {
        "openai/gpt-4o": LimitSettings(max_connections=20, requests_per_minute=500.0),
        "openai": LimitSettings(tokens_per_minute=250_000.0),
        "hf/org/model-1.5": LimitSettings(),
    }
    assert settings.warnings == ()


def test_a_limit_that_means_nothing_is_a_warning(load):
    (warning,) = load("[limits.openai]\nrpm = 5\n").warnings
    assert warning.endswith("there is no setting 'rpm'")


@pytest.mark.parametrize(
    "text, said",
    [
        ("limits.openai.max_connections = 0", "max_connections of .*must be a whole number, 1 or"),
        ("limits.openai.tokens_per_minute = 0", "tokens_per_minute of .*must be a number, 1 or"),
        ("[limits.openai.gpt-4o]", r"in quotes: \[limits\.\"provider/model\"\]"),
    ],
)
def test_a_wrong_limit_says_how_to_write_it(load, text, said):
    with pytest.raises(InvalidRequest, match=said):
        load(text)


# -- what is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text,size",
    [
        ("0", 0),
        ("1500", 1500),
        ('"1500"', 1500),
        ('"500MB"', 500_000_000),
        ('"500 mb"', 500_000_000),
        ('"1.5 kB"', 1500),
        ('"2G"', 2_000_000_000),
        ('"2GiB"', 2 * 1024**3),
        ('"1T"', 10**12),
    ],
)
def test_sizes_are_bytes_or_text(load, text, size):
    assert load(f"[cache]\nmax_size = {text}\n").cache.max_size == size
    assert load(f"[journal]\nmax_size = {text}\n").journal.max_size == size


@pytest.mark.parametrize(
    "text", ["-1", "1.5", "true", '"big"', '"-1MB"', '"1PB"', '"9999999999GB"']
)
def test_a_size_that_is_none_is_an_error_that_shows_how(load, text):
    with pytest.raises(InvalidRequest, match=r'max_size of cache in .* such as "500MB"'):
        load(f"[cache]\nmax_size = {text}\n")


@pytest.mark.parametrize(
    "text,seconds", [('"7D"', 7 * 86_400), ('"12h"', 43_200), ("60", 60), ("0", 0), ('"0"', 0)]
)
def test_the_journal_keeps_for_a_time(load, text, seconds):
    assert load(f"[journal]\nkeep = {text}\n").journal.keep == seconds


@pytest.mark.parametrize("text", ['"7d"', '"week"', "-1", "true", "nan", '""'])
def test_a_time_that_is_none_is_an_error_that_shows_how(load, text):
    with pytest.raises(InvalidRequest, match=r'keep of journal in .* such as "12h"'):
        load(f"[journal]\nkeep = {text}\n")


def test_what_is_kept_has_bounds_by_default(load):
    settings = load("[cache]\nmax = 1\n")
    assert settings.cache.max_size == 2_000_000_000
    assert (settings.journal.keep, settings.journal.max_size) == (7 * 86_400, 256_000_000)
    assert "no setting 'max'" in settings.warnings[0]
    with pytest.raises(InvalidRequest, match="must be a table"):
        load("cache = 5\n")


# -- servers that the daemon may start -----------------------------------------------------------


def test_no_server_is_started_unless_that_is_said(load):
    found = load('[providers.vllm]\nbase_url = "http://x"\npython = "/p"').providers["vllm"]
    assert found.server is None
    assert load("[providers.vllm]\nstart = false").providers["vllm"].server is None
    assert load("[providers.vllm]\nstart = true").providers["vllm"].server == ServerSettings()


def test_how_a_server_is_started(load):
    settings = load(
        """
        [providers.vllm]
        start = true
        python = "~/vllm/bin/python"
        arguments = ["--trust-remote-code"]
        environment = { HF_HOME = "/models" }
        idle_timeout = 60
        start_timeout = 5.5
        """
    )
    assert settings.warnings == ()
    assert settings.providers["vllm"].server == ServerSettings(
        "~/vllm/bin/python", ("--trust-remote-code",), {"HF_HOME": "/models"}, 60.0, 5.5
    )


@pytest.mark.parametrize(
    "name, value",
    [
        ("start", '"yes"'),
        ("start", "1"),
        ("python", "5"),
        ("python", '""'),
        ("arguments", '"--x"'),
        ("arguments", "[1]"),
        ("environment", '"A=b"'),
        ("environment", "{ A = 1 }"),
        ("idle_timeout", '"5m"'),
        ("idle_timeout", "-1"),
        ("start_timeout", "true"),
        ("start_timeout", "0"),
        ("start_timeout", "inf"),
    ],
)
def test_a_wrong_word_on_servers_is_named(load, name, value):
    with pytest.raises(InvalidRequest, match=f"{name} of providers.vllm in .* must be"):
        load(f"[providers.vllm]\n{name} = {value}")
