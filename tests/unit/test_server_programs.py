"""Which model args become options of a server that is started, and which never do."""

from __future__ import annotations

import os
import re
import stat
from typing import Any

import pytest

from modeld.errors import InvalidRequest
from modeld_daemon.providers.servers.log import ServerLog
from modeld_daemon.providers.servers.programs import PROGRAMS, ServerArgs, split_args, split_model
from tests.contract.source import ROOT

VLLM, SGLANG = PROGRAMS["vllm"], PROGRAMS["sglang"]
KEY = "the-key-of-the-server"
# What runs code of the caller's choice, opens the server to others, or writes files.
DANGEROUS = (
    *("trust_remote_code", "tool_parser_plugin", "reasoning_parser_plugin", "middleware", "config"),
    *("api_key", "allowed_origins", "uds", "ssl_keyfile", "download_dir", "worker_cls", "env"),
    *("command", "python", "model", "model_path", "lora_modules", "root_path", "log_requests"),
    *("allowed_local_media_path", "worker_extension_cls", "hf_overrides", "plugins"),
)


def options(program: Any, **args: Any) -> tuple[str, ...]:
    made, rest = split_args(program, args)
    assert rest == {}
    return made.options


def test_args_are_options_with_their_values_in_one_word():
    assert options(VLLM, dtype="half", max_model_len=128, gpu_memory_utilization=0.5) == (
        "--dtype=half",
        "--gpu-memory-utilization=0.5",
        "--max-model-len=128",
    )
    assert options(VLLM, enforce_eager=True, enable_prefix_caching=False) == (
        "--enforce-eager",
        "--no-enable-prefix-caching",
    )
    assert options(VLLM, limit_mm_per_prompt={"image": 2}) == (
        '--limit-mm-per-prompt={"image": 2}',
    )
    assert options(VLLM, reasoning_parser="qwen3", tool_call_parser="hermes") == (
        "--reasoning-parser=qwen3",
        "--tool-call-parser=hermes",
    )


def test_sglang_has_words_of_its_own_for_what_vllm_names():
    asked = {"tensor_parallel_size": 2, "max_model_len": 64, "gpu_memory_utilization": 0.5}
    assert options(SGLANG, **asked) == (
        "--context-length=64",
        "--mem-fraction-static=0.5",
        "--tp-size=2",
    )
    assert options(SGLANG, tp=2) == options(SGLANG, tp_size=2)


def test_equal_args_are_one_server_in_whatever_order():
    one, _ = split_args(VLLM, {"dtype": "half", "seed": 1, "quantization": None})
    two, _ = split_args(VLLM, {"seed": 1, "dtype": "half", "port": None})
    assert one == two
    assert hash(one) == hash(two)
    adapted = one.with_adapters()
    assert adapted == adapted.with_adapters() != one
    assert ServerArgs(("--no-enable-lora",)).with_adapters().options == ("--enable-lora",)


@pytest.mark.parametrize("program", [VLLM, SGLANG], ids=["vllm", "sglang"])
def test_what_runs_code_or_opens_doors_is_no_option_of_a_callers(program):
    for name in DANGEROUS:
        made, rest = split_args(program, {name: "x"})
        assert (made, rest) == (ServerArgs(), {name: "x"})  # the client's options refuse it
    for option, _ in program.args.values():
        assert re.fullmatch(r"[a-z-]+", option)
        assert option not in ("host", "port", "api-key", "config")


@pytest.mark.parametrize(
    "args",
    [
        {"dtype": "half --host 0.0.0.0"},
        {"dtype": "-x"},
        {"dtype": ""},
        {"dtype": 5},
        {"max_model_len": "5"},
        {"max_model_len": -1},
        {"max_model_len": True},
        {"gpu_memory_utilization": 1.5},
        {"enforce_eager": "yes"},
        {"chat_template": "-x"},
        {"chat_template": "a\nb"},
        {"limit_mm_per_prompt": "x"},
        {"device": "0; rm"},
        {"device": True},
        {"device": []},
        {"device": "cpu"},
    ],
)
def test_a_value_of_the_wrong_kind_is_named(args):
    (name,) = args
    with pytest.raises(InvalidRequest, match=f"Model arg '{name}' must be"):
        split_args(VLLM, args)


@pytest.mark.parametrize(
    "device, seen, parallel",
    [
        (0, "0", None),
        ("cuda:1", "1", None),
        ("0,1", "0,1", "--tensor-parallel-size=2"),
        ([0, 2, 3], "0,2,3", "--tensor-parallel-size=3"),
    ],
)
def test_several_devices_divide_the_model(device, seen, parallel):
    made, _ = split_args(VLLM, {"device": device})
    assert made.devices == seen
    assert made.options == ((parallel,) if parallel else ())
    said, _ = split_args(VLLM, {"device": device, "tensor_parallel_size": 1})
    assert said.options == ("--tensor-parallel-size=1",)


@pytest.mark.parametrize("program", [VLLM, SGLANG], ids=["vllm", "sglang"])
def test_the_docs_name_each_arg(program):
    page = (ROOT / "docs" / "providers.md").read_text()
    assert [name for name in program.args if f"`{name}`" not in page] == []


def test_an_adapter_follows_a_colon():
    assert split_model(VLLM, "org/m") == ("org/m", None)
    assert split_model(VLLM, "org/m:org/a") == ("org/m", "org/a")
    assert split_model(VLLM, "m:./folder") == ("m", "./folder")
    assert split_model(SGLANG, "org/m:tag") == ("org/m:tag", None)
    for wrong in ("-m", "--host=0.0.0.0", "m:", "m:-a", "m:org/a@main", "a\nb"):
        with pytest.raises(InvalidRequest):
            split_model(VLLM, wrong)


def test_a_log_has_no_key_and_is_its_owners(tmp_path):
    path = tmp_path / "servers" / "m.log"
    log = ServerLog(path, KEY)
    assert log.write(f"api_key='{KEY}', {KEY}\n") == "api_key='…', …"
    assert path.read_text() == "api_key='…', …\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    options = log.beside(".yaml", KEY)
    assert stat.S_IMODE(options.stat().st_mode) == 0o600
    ServerLog(path, KEY).write("the next start")
    assert path.read_text() == "the next start\n"
    assert "…" in (tmp_path / "servers" / "m.log.1").read_text()


def test_a_log_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("modeld_daemon.providers.servers.log._MOST_BYTES", 100)
    log = ServerLog(tmp_path / "m.log", KEY)
    for number in range(100):
        log.write(f"line {number}")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 200
    assert (tmp_path / "m.log").read_text().endswith("line 99\n")
    assert len(os.listdir(tmp_path)) == 2
