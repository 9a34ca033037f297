"""The servers that can be started, and which model args become arguments of theirs. Pure.

A caller's args go through a list of names, each with the kind of its value. No option is in it that
would run code, write files or change where the server listens: what else is wanted stands in the
settings, which are the owner's.

https://docs.vllm.ai/en/latest/cli/serve/ and
https://docs.sglang.io/docs/advanced_features/server_arguments
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modeld.errors import InvalidRequest
from modeld.types import JsonValue

__all__ = ["ADDRESS_ARGS", "PROGRAMS", "Program", "ServerArgs", "split_args", "split_model"]

ADDRESS_ARGS = ("host", "port")
"""Args that say where a server is; the resolver has made a base URL of them."""

_WORD = re.compile(r"[A-Za-z0-9_][\w.+-]*")
_PATH = re.compile(r"[^\-\x00-\x1f\x7f][^\x00-\x1f\x7f]*")
_DEVICES = re.compile(r"(cuda:)?\d+(,\d+)*")

Read = Callable[[JsonValue], str | None]
"""The value as a server takes it; None if it is of the wrong kind."""


def _whole(value: JsonValue) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return str(value) if good else None


def _share(value: JsonValue) -> str | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
    return str(value) if good else None


def _word(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _path(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and _PATH.fullmatch(value) else None


def _object(value: JsonValue) -> str | None:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else None


def _switch(value: JsonValue) -> str | None:
    return "" if isinstance(value, bool) else None


_KINDS: Mapping[Read, str] = {
    _whole: "a whole number, 0 or more",
    _share: "a number above 0 and up to 1",
    _word: "a word",
    _path: "a name or path",
    _object: "an object",
    _switch: "true or false",
}


@dataclass(frozen=True, slots=True)
class Program:
    """A server that can be started."""

    package: str
    """What must be installed."""
    command: tuple[str, ...]
    """What follows the interpreter; `{model}` in it is the model's name."""
    args: Mapping[str, tuple[str, Read]]
    """Option and kind of value, by the name of a model arg."""
    parallel: str
    """The arg that says among how many devices the model is divided."""
    negated: bool
    """Whether `--no-x` says the contrary of `--x`."""
    adapters: bool
    """Whether `model:adapter` names a LoRA adapter."""
    environment: Mapping[str, str]
    key_variable: str | None
    """Variable of the API key; None where the key must be in a file of options."""


_VLLM: Mapping[str, tuple[str, Read]] = {
    "chat_template": ("chat-template", _path),
    "config_format": ("config-format", _word),
    "cpu_offload_gb": ("cpu-offload-gb", _whole),
    "data_parallel_size": ("data-parallel-size", _whole),
    "dtype": ("dtype", _word),
    "enable_auto_tool_choice": ("enable-auto-tool-choice", _switch),
    "enable_lora": ("enable-lora", _switch),
    "enable_prefix_caching": ("enable-prefix-caching", _switch),
    "enforce_eager": ("enforce-eager", _switch),
    "generation_config": ("generation-config", _word),
    "gpu_memory_utilization": ("gpu-memory-utilization", _share),
    "kv_cache_dtype": ("kv-cache-dtype", _word),
    "limit_mm_per_prompt": ("limit-mm-per-prompt", _object),
    "load_format": ("load-format", _word),
    "max_logprobs": ("max-logprobs", _whole),
    "max_lora_rank": ("max-lora-rank", _whole),
    "max_loras": ("max-loras", _whole),
    "max_model_len": ("max-model-len", _whole),
    "max_num_batched_tokens": ("max-num-batched-tokens", _whole),
    "max_num_seqs": ("max-num-seqs", _whole),
    "pipeline_parallel_size": ("pipeline-parallel-size", _whole),
    "quantization": ("quantization", _word),
    "reasoning_parser": ("reasoning-parser", _word),
    "revision": ("revision", _path),
    "seed": ("seed", _whole),
    "tensor_parallel_size": ("tensor-parallel-size", _whole),
    "tokenizer": ("tokenizer", _path),
    "tokenizer_mode": ("tokenizer-mode", _word),
    "tool_call_parser": ("tool-call-parser", _word),
}
_SGLANG: Mapping[str, tuple[str, Read]] = {
    "chat_template": ("chat-template", _path),
    "context_length": ("context-length", _whole),
    "dp_size": ("dp-size", _whole),
    "dtype": ("dtype", _word),
    "gpu_memory_utilization": ("mem-fraction-static", _share),
    "grammar_backend": ("grammar-backend", _word),
    "kv_cache_dtype": ("kv-cache-dtype", _word),
    "load_format": ("load-format", _word),
    "max_model_len": ("context-length", _whole),
    "max_running_requests": ("max-running-requests", _whole),
    "mem_fraction_static": ("mem-fraction-static", _share),
    "quantization": ("quantization", _word),
    "random_seed": ("random-seed", _whole),
    "reasoning_parser": ("reasoning-parser", _word),
    "revision": ("revision", _path),
    "tensor_parallel_size": ("tp-size", _whole),
    "tokenizer_mode": ("tokenizer-mode", _word),
    "tokenizer_path": ("tokenizer-path", _path),
    "tool_call_parser": ("tool-call-parser", _word),
    "tp": ("tp-size", _whole),
    "tp_size": ("tp-size", _whole),
}

PROGRAMS: Mapping[str, Program] = {
    "vllm": Program(
        package="vllm",
        # What the command `vllm` calls, wherever the module's code may have moved to.
        command=("-c", "from vllm.entrypoints.cli.main import main; main()", "serve", "{model}"),
        args=_VLLM,
        parallel="tensor_parallel_size",
        negated=True,
        adapters=True,
        # https://docs.vllm.ai/en/latest/features/lora/#dynamically-serving-lora-adapters
        environment={"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"},
        key_variable="VLLM_API_KEY",
    ),
    "sglang": Program(
        package="sglang",
        command=("-m", "sglang.launch_server", "--model-path={model}"),
        args=_SGLANG,
        parallel="tensor_parallel_size",
        negated=False,
        adapters=False,
        environment={},
        key_variable=None,
    ),
}


@dataclass(frozen=True, slots=True)
class ServerArgs:
    """How a server is started; callers with equal ones share it."""

    options: tuple[str, ...] = ()
    devices: str | None = None
    """Numbers of the devices that it sees, as CUDA_VISIBLE_DEVICES has them."""

    def with_adapters(self) -> ServerArgs:
        """The same, for a server that takes LoRA adapters."""
        options = {*self.options, "--enable-lora"} - {"--no-enable-lora"}
        return ServerArgs(tuple(sorted(options)), self.devices)


def split_args(
    program: Program, args: Mapping[str, JsonValue]
) -> tuple[ServerArgs, dict[str, JsonValue]]:
    """How the server is to be started, and the args that are for its client.

    Raises `InvalidRequest` for a value of the wrong kind.
    """
    options: dict[str, str] = {}
    devices: str | None = None
    rest: dict[str, JsonValue] = {}
    for name, value in args.items():
        if value is None or name in ADDRESS_ARGS:
            continue
        if name == "device":
            devices = _devices(value)
        elif name in program.args:
            option, read = program.args[name]
            options[option] = _option(program, name, value, read, option)
        else:
            rest[name] = value
    parallel, _ = program.args[program.parallel]
    if devices is not None and "," in devices and parallel not in options:
        options[parallel] = f"--{parallel}={devices.count(',') + 1}"
    return ServerArgs(tuple(sorted(text for text in options.values() if text)), devices), rest


def split_model(program: Program, model: str) -> tuple[str, str | None]:
    """The model that is served, and the LoRA adapter on it that is asked for.

    Raises `InvalidRequest` for names that no server can be started with.
    """
    base, colon, adapter = model.partition(":")
    if not program.adapters:
        base, colon, adapter = model, "", ""
    if not _PATH.fullmatch(base) or (colon and not _PATH.fullmatch(adapter)):
        raise InvalidRequest(
            f"{program.package} cannot be started with a model of the name {model[:200]!r}."
        )
    if "@" in adapter:
        raise InvalidRequest(
            f"The adapter {adapter[:200]!r} names a revision, which the server cannot fetch: "
            "download that revision and name its folder."
        )
    return base, adapter or None


def _option(program: Program, name: str, value: JsonValue, read: Read, option: str) -> str:
    text = read(value)
    if text is None:
        raise InvalidRequest(f"Model arg {name!r} must be {_KINDS[read]}, got {value!r}")
    if read is not _switch:
        return f"--{option}={text}"  # one word: a value can never be an option of its own
    if value:
        return f"--{option}"
    return f"--no-{option}" if program.negated else ""


def _devices(value: JsonValue) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    if isinstance(value, bool) or not _DEVICES.fullmatch(text):
        raise InvalidRequest(
            f"Model arg 'device' must be a device's number, such as 0 or cuda:0, or a list of "
            f"numbers, got {value!r}"
        )
    return text.removeprefix("cuda:")
