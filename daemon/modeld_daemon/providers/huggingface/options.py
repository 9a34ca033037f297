"""How a model is opened: the caller's model args, checked.

Args that are not ours are arguments of `from_pretrained`, of which those are known that can run no
code and hold JSON:
https://huggingface.co/docs/transformers/main_classes/model#transformers.PreTrainedModel.from_pretrained
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import JsonObject, JsonValue

DEFAULT_BATCH = 32
"""Answers that are made together; the others queue."""
LARGEST_BATCH = 512
REMOTE_CODE = "trust_remote_code"

_DEVICE = re.compile(r"auto|cpu|mps|(?:cuda|xpu)(?::\d{1,3})?")
_REPOSITORY = re.compile(r"[\w-][\w.-]{0,95}(?:/[\w-][\w.-]{0,95})?", re.ASCII)
_DTYPES = ("auto", "float32", "float16", "bfloat16", "float64")
_CLASSES = ("AutoModelForCausalLM", "AutoModelForImageTextToText")
# Names of the hub's kernels, which are code, look like repositories and are not among them.
_ATTENTIONS = (*("eager", "sdpa", "flex_attention", "flash_attention_2", "flash_attention_3"),)

# Name → types that JSON may have there.
_OURS: Mapping[str, tuple[type, ...]] = {
    "device": (str,),
    "dtype": (str,),
    "torch_dtype": (str,),
    "model_path": (str,),
    "tokenizer": (str,),
    "tokenizer_path": (str,),
    "tokenizer_call_args": (dict,),
    "batch_size": (int,),
    "chat_template": (str,),
    "use_chat_template": (bool,),
    "enable_thinking": (bool,),
    "do_sample": (bool,),
    "hidden_states": (bool,),
    "auto_model_class": (str,),
    REMOTE_CODE: (bool,),
}
_THEIRS: Mapping[str, tuple[type, ...]] = {
    "revision": (str,),
    "subfolder": (str,),
    "cache_dir": (str,),
    "local_files_only": (bool,),
    "variant": (str,),
    "use_safetensors": (bool,),
    "attn_implementation": (str,),
    "device_map": (str, dict),
    "max_memory": (dict,),
    "quantization_config": (dict,),
}
_OF_BOTH = ("revision", "subfolder", "cache_dir", "local_files_only")
"""Those that the tokenizer's `from_pretrained` takes, too."""
_PROMPT = ("chat_template", "use_chat_template", "tokenizer_call_args")
_PATHS = ("model_path", "tokenizer_path", "cache_dir")


@dataclass(frozen=True, slots=True)
class ModelArgs:
    """The caller's model args."""

    opening: JsonObject
    """What decides what is loaded, and how; all but the model's name."""
    prompt: JsonObject
    """How prompts are written: `chat_template`, `use_chat_template`, `tokenizer_call_args`."""
    batch_size: int = DEFAULT_BATCH
    do_sample: bool = True
    enable_thinking: bool | None = None
    model_path: str | None = None
    tokenizer: str | None = None

    @staticmethod
    def parse(args: Mapping[str, JsonValue], *, trusting: bool = False) -> ModelArgs:
        """Checks model args; `InvalidRequest` names the one that is wrong.

        Args:
            args: The args.
            trusting: Whether the daemon's settings allow code of repositories to run.
        """
        _check_types(args)
        _check_values(args)
        if args.get(REMOTE_CODE) and not trusting:
            raise PrerequisiteError(
                "trust_remote_code runs the repository's code as you. Allow it in the daemon's "
                "config.toml: [providers.hf] trust_remote_code = true"
            )
        extra = {name: args[name] for name in _THEIRS if name in args and name not in _OF_BOTH}
        opening: JsonObject = {
            "device": args.get("device") or "auto",
            "dtype": str(args.get("dtype") or args.get("torch_dtype") or "auto").removeprefix(
                "torch."
            ),
            "auto_model_class": args.get("auto_model_class") or _CLASSES[0],
            REMOTE_CODE: bool(args.get(REMOTE_CODE)),
            **{name: args[name] for name in _OF_BOTH if name in args},
            "extra": extra,
        }
        given: Mapping[str, Any] = args
        return ModelArgs(
            opening,
            {name: args[name] for name in _PROMPT if name in args},
            batch_size=given.get("batch_size") or DEFAULT_BATCH,
            do_sample=given.get("do_sample", True),
            enable_thinking=given.get("enable_thinking"),
            model_path=given.get("model_path"),
            tokenizer=given.get("tokenizer_path") or given.get("tokenizer"),
        )


def check_repository(name: str) -> None:
    """`InvalidRequest` unless it can be the name of a repository of the hub."""
    if not _REPOSITORY.fullmatch(name) or ".." in name or "--" in name:
        raise InvalidRequest(
            f"'{name[:200]}' is no name of a repository: hf/<organisation>/<model>, such as "
            "hf/openai-community/gpt2. A folder is named as hf//absolute/path, or by model_path"
        )


def _check_types(args: Mapping[str, JsonValue]) -> None:
    known = {**_OURS, **_THEIRS}
    if unknown := sorted(args.keys() - known.keys()):
        raise InvalidRequest(
            f"unknown model arg {unknown[0]!r}: hf/ knows {', '.join(sorted(known))}"
        )
    for name, value in args.items():
        kinds = known[name]
        # True is an int, too.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            words = " or ".join(_WORDS[kind] for kind in kinds)
            raise InvalidRequest(f"model arg {name!r} must be {words}, not {value!r:.200}")


_WORDS = {str: "text", int: "a whole number", bool: "true or false", dict: "an object"}


def _check_values(args: Mapping[str, Any]) -> None:
    if args.get("hidden_states"):
        raise InvalidRequest(
            "hidden_states are tensors, which do not travel to the caller: leave it out"
        )
    if not 1 <= args.get("batch_size", 1) <= LARGEST_BATCH:
        raise InvalidRequest(f"model arg 'batch_size' must be from 1 to {LARGEST_BATCH}")
    device = args.get("device", "auto")
    if not _DEVICE.fullmatch(device):
        raise InvalidRequest(
            f"model arg 'device' must be auto, cpu, mps, cuda, cuda:<number> or xpu, not {device!r:.200}"
        )
    for name in ("dtype", "torch_dtype"):
        _one_of(args, name, _DTYPES)
    _one_of(args, "auto_model_class", _CLASSES)
    _one_of(args, "attn_implementation", _ATTENTIONS)
    for name in _PATHS:
        if name in args:
            check_path(args[name], f"model arg {name!r}")
    if "tokenizer" in args:
        named = args["tokenizer"]
        if named.startswith("/"):
            check_path(named, "model arg 'tokenizer'")
        else:
            check_repository(named)


def check_path(path: str, what: str) -> None:
    """`InvalidRequest` unless the path is absolute: the daemon stands in no folder of the caller's."""
    if not path.startswith("/") or "\0" in path:
        raise InvalidRequest(f"{what} must be an absolute path, not {path!r:.200}")


def _one_of(args: Mapping[str, Any], name: str, known: tuple[str, ...]) -> None:
    value = args.get(name)
    if value is not None and value.removeprefix("torch.") not in known:
        raise InvalidRequest(
            f"model arg {name!r} must be one of {', '.join(known)}, not {value!r:.200}"
        )
