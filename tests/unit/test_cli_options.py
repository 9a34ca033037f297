"""Every field of GenerateConfig is an option, and each form of its value is understood."""

from __future__ import annotations

import json
from datetime import date

import click
import pytest
from click.testing import CliRunner

from modeld import texts as values
from modeld.cli.command import Command
from modeld.cli.fields import READERS, read_field
from modeld.cli.option_table import ROWS
from modeld.cli.options import ModelChoice, build_config, config_options, model_options
from modeld.types import (
    AdaptiveConcurrency,
    BatchConfig,
    CachePolicy,
    GenerateConfig,
    ImageOutput,
    JSONSchema,
    ResponseSchema,
)

FIELDS = tuple(GenerateConfig.__dataclass_fields__)


@click.command(cls=Command)
@click.argument("words", nargs=-1)
@model_options
@config_options(timeout=600)
@click.pass_context
def probe(ctx, words, choice, config):
    ctx.find_root().obj.extend([words, choice, config])


def run(*arguments: str) -> tuple[tuple[str, ...], ModelChoice, GenerateConfig]:
    seen = []
    result = CliRunner().invoke(probe, list(arguments), obj=seen, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen[0], seen[1], seen[2]


def config_of(*arguments: str) -> dict[str, object]:
    """The fields that the arguments set, without the default timeout."""
    config = run(*arguments)[2]
    given = {name: getattr(config, name) for name in FIELDS}
    assert "--timeout" in " ".join(arguments) or given.pop("timeout") == 600
    return {name: value for name, value in given.items() if value is not None}


def refusal(*arguments: str) -> str:
    result = CliRunner().invoke(probe, list(arguments), obj=[])
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


def test_every_field_has_a_row_and_a_reader():
    assert set(ROWS) == set(FIELDS) == set(READERS)


def test_help_shows_an_option_for_every_field():
    text = CliRunner().invoke(probe, ["--help"]).output
    named = {f"--{name.replace('_', '-')}" for name in FIELDS}
    assert {name for name in named if name not in text} == set()
    assert "--cache[=V]" in text
    assert "[default: 600]" in text


BODY = {"a": {"b": [1, 2.5, None]}}
FORMS = [
    (["--max-tokens", "5"], {"max_tokens": 5}),
    (["--temperature", "0.5"], {"temperature": 0.5}),
    (["--temperature=0"], {"temperature": 0.0}),
    (["--stop-seqs", "a,b"], {"stop_seqs": ["a", "b"]}),
    (["--stop-seqs", "a\\,b, "], {"stop_seqs": ["a,b", " "]}),
    (["--logit-bias", "42=10,43=-10.5"], {"logit_bias": {42: 10.0, 43: -10.5}}),
    (["--logprobs", "--top-logprobs", "3"], {"logprobs": True, "top_logprobs": 3}),
    (["--no-logprobs"], {"logprobs": False}),
    (["--no-parallel-tool-calls"], {"parallel_tool_calls": False}),
    (["--no-internal-tools"], {"internal_tools": False}),
    (["--fail-on-refusal"], {"fail_on_refusal": True}),
    (["--fallback-models", "x/a,y/b"], {"fallback_models": ["x/a", "y/b"]}),
    (["--cache-prompt", "auto"], {"cache_prompt": "auto"}),
    (["--cache-prompt", "false"], {"cache_prompt": False}),
    (["--reasoning-effort", "none"], {"reasoning_effort": "none"}),
    (["-s", "Be brief"], {"system_message": "Be brief"}),
    (["--system", "Be brief"], {"system_message": "Be brief"}),
    (["--system-message", "Be brief"], {"system_message": "Be brief"}),
    (["--adaptive-connections", "no"], {"adaptive_connections": False}),
    (["--adaptive-connections", "40"], {"adaptive_connections": 40}),
    (
        ["--adaptive-connections", "4-40"],
        {"adaptive_connections": AdaptiveConcurrency(min=4, max=40)},
    ),
    (
        ["--adaptive-connections", "4-20-40"],
        {"adaptive_connections": AdaptiveConcurrency(min=4, max=40, start=20)},
    ),
    (["--extra-body", json.dumps(BODY)], {"extra_body": BODY}),
    (["--extra-headers", '{"X-A": "b", "X-N": 1}'], {"extra_headers": {"X-A": "b", "X-N": "1"}}),
    (["--modalities", "image"], {"modalities": ["image"]}),
    (["--timeout", "2.5"], {"timeout": 2.5}),
    (["--timeout", "0"], {}),
]


@pytest.mark.parametrize("arguments, expected", FORMS, ids=lambda value: str(value)[:40])
def test_a_form_of_an_option_gives_the_field(arguments, expected):
    assert config_of(*arguments) == expected


CACHE = [
    ("--cache", CachePolicy(expiry="7D")),
    ("--cache=true", CachePolicy(expiry="7D")),
    ("--cache=1", CachePolicy(expiry="7D")),
    ("--cache=yes", CachePolicy(expiry="7D")),
    ("--cache=3", CachePolicy(expiry="3D")),
    ("--cache=30m", CachePolicy(expiry="30m")),
    ("--cache=6M", CachePolicy(expiry="6M")),
    ("--cache=0", False),
    ("--cache=no", False),
]
BATCH = [("--batch", 100), ("--batch=true", 100), ("--batch=1", 100), ("--batch=20", 20)]
BATCH += [("--batch=false", False)]


@pytest.mark.parametrize("argument, expected", CACHE)
def test_cache_is_a_flag_or_a_value(argument, expected):
    assert config_of(argument) == {"cache": expected}


@pytest.mark.parametrize("argument, expected", BATCH)
def test_batch_is_a_flag_or_a_value(argument, expected):
    assert config_of(argument) == {"batch": expected}


def test_a_bare_flag_does_not_swallow_the_prompt():
    words, _, config = run("--cache", "Say hello", "--batch", "more")
    assert words == ("Say hello", "more")
    assert (config.cache, config.batch) == (CachePolicy(expiry="7D"), 100)


def test_a_bare_flag_takes_a_word_that_can_only_be_its_value():
    words, _, config = run("--cache", "3h", "--batch", "50", "hi")
    assert words == ("hi",)
    assert (config.cache, config.batch) == (CachePolicy(expiry="3h"), 50)


def test_after_two_dashes_everything_is_text():
    assert run("--", "--cache")[0] == ("--cache",)
    assert run("--cache", "--", "3h")[0] == ("3h",)


def test_policies_come_from_files(tmp_path):
    (tmp_path / "cache.json").write_text('{"expiry": null, "scopes": {"a": "b"}}')
    (tmp_path / "batch.json").write_text('{"size": 7, "tick": 2}')
    (tmp_path / "images.json").write_text('["image", {"options": {"openai": {"quality": "low"}}}]')
    config = run(
        f"--cache={tmp_path}/cache.json",
        f"--batch={tmp_path}/batch.json",
        f"--modalities={tmp_path}/images.json",
    )[2]
    assert config.cache == CachePolicy(expiry=None, scopes={"a": "b"})
    assert config.batch == BatchConfig(size=7, tick=2)
    assert config.modalities == ["image", ImageOutput(options={"openai": {"quality": "low"}})]


@pytest.mark.parametrize("schema", ['{"type": "integer"}', "file"])
def test_a_bare_json_schema_is_a_response_schema(schema, tmp_path):
    if schema == "file":
        (tmp_path / "schema.json").write_text('{"type": "integer"}')
        schema = str(tmp_path / "schema.json")
    expected = ResponseSchema(name="answer", json_schema=JSONSchema(type="integer"))
    assert config_of("--response-schema", schema) == {"response_schema": expected}


def test_a_named_response_schema_keeps_its_name():
    text = '{"name": "n", "json_schema": {"type": "string"}, "strict": true}'
    expected = ResponseSchema(name="n", json_schema=JSONSchema(type="string"), strict=True)
    assert config_of("--response-schema", text) == {"response_schema": expected}


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--max-tokens", "many"], "whole number"),
        (["--temperature", "hot"], "a number"),
        (["--top-logprobs", "21"], "between 0 and 20"),
        (["--logit-bias", "42:10"], "42=10"),
        (["--reasoning-effort", "extreme"], "extreme"),
        (["--cache=3d"], "integer and one of s m h D W M Y"),
        (["--cache=nothing"], "The config file nothing does not exist."),
        (["--batch=nothing"], "The config file nothing does not exist."),
        (["--extra-body", "[1]"], "mapping"),
        (["--extra-body", "{1"], ""),
        (["--extra-headers", '{"a": {}}'], "text as its value"),
        (["--response-schema", '{"name": 3, "json_schema": {}}'], "name"),
        (["--adaptive-connections", "40-4"], "min"),
        (["--generate-config", "nothing"], "does not exist"),
        (["-M", "device"], "key=value"),
        (["-M", "role=x"], "no argument of a provider"),
    ],
)
def test_a_wrong_form_is_a_wrong_usage_that_says_what_is_right(arguments, complaint):
    assert complaint in refusal(*arguments)


def test_a_file_of_settings_yields_to_options(tmp_path):
    file = tmp_path / "config.json"
    file.write_text('{"temperature": 1, "max_tokens": 9, "timeout": 5}')
    config = run("--generate-config", str(file), "--temperature", "0.5")[2]
    assert (config.temperature, config.max_tokens, config.timeout) == (0.5, 9, 5)


def test_an_unknown_name_in_a_file_of_settings_is_refused(tmp_path):
    file = tmp_path / "config.json"
    file.write_text('{"temprature": 1}')
    assert "temprature" in refusal("--generate-config", str(file))


def test_options_may_come_from_variables(monkeypatch):
    @click.command(cls=Command)
    @config_options(variables=True)
    @click.pass_context
    def evaluate(ctx, config):
        ctx.find_root().obj.append(config)

    monkeypatch.setenv("INSPECT_EVAL_MAX_TOKENS", "12")
    seen = []
    assert CliRunner().invoke(evaluate, [], obj=seen).exit_code == 0
    assert (seen[0].max_tokens, seen[0].timeout) == (12, None)


def test_the_default_timeout_yields_to_any_other():
    assert build_config({}, None, 600).timeout == 600
    assert build_config({"timeout": 3.0}, None, 600).timeout == 3.0
    assert build_config({"timeout": 0.0}, None, 600).timeout is None


ARGUMENTS = [
    ("n=5", ("n", 5)),
    ("x=0.5", ("x", 0.5)),
    ("a-b=yes", ("a_b", True)),
    ("a=off", ("a", False)),
    ("a=", ("a", None)),
    ("a=0x10", ("a", 16)),
    ("a=010", ("a", 8)),
    ("a=1_000", ("a", 1000)),
    ("a=-5", ("a", -5)),
    ("a=1e3", ("a", "1e3")),
    ("a=1.0e+3", ("a", 1000.0)),
    ("a=word", ("a", "word")),
    ("a=b=c", ("a", "b=c")),
    ("device=0,1", ("device", ["0", "1"])),
    ('x="a,b"', ("x", ["a", "b"])),
    ("a=[1, 2]", ("a", [1, 2])),
    ('a={"b": 1}', ("a", {"b": 1})),
    ("api-version=2024-10-21", ("api_version", "2024-10-21")),
    ("url=http://x:80/v1", ("url", "http://x:80/v1")),
]


@pytest.mark.parametrize("text, expected", ARGUMENTS)
def test_a_model_argument_is_a_yaml_value(text, expected):
    assert values.model_argument(text) == expected


def test_flow_yaml_is_read():
    assert values.model_argument("a={b: [x, 1]}") == ("a", {"b": ["x", 1]})
    assert config_of("--extra-body", "a: {b: 1}") == {"extra_body": {"a": {"b": 1}}}


def test_a_date_is_a_date_where_it_need_not_travel():
    assert values.yaml_value("2024-01-01") == date(2024, 1, 1)


def test_a_broken_value_is_not_shown():
    with pytest.raises(ValueError, match="key: ") as caught:
        values.model_argument("key={secret")
    assert "secret" not in str(caught.value)


def test_model_options_make_one_choice():
    choice = run("-m", "a/b/c", "-M", "x=1", "-M", "x=2", "-M", "y=z", "--base-url", "http://h")[1]
    assert choice == ModelChoice("a/b/c", "http://h", {"x": 2, "y": "z"})
    assert "z" not in repr(choice)


def test_reading_a_field_is_what_a_chat_needs_too():
    assert read_field("temperature", "0.5") == 0.5
    assert read_field("logprobs", "yes") is True
    with pytest.raises(ValueError, match="true or false"):
        read_field("logprobs", "perhaps")
