"""Loads a model and its tokenizer. Runs in the engine's process.

Code that comes with a repository is never run unless the opening says so, which the daemon allows
only by its own settings. Weights in pickles are read by PyTorch with `weights_only`, which is
transformers' default.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import transformers
from huggingface_hub import constants, get_session
from huggingface_hub.utils import tqdm as hub_tqdm

from .trouble import load_failure, refused

JsonObject: TypeAlias = dict[str, Any]

OnProgress = Callable[[float | None], None]
"""Hears that the load goes on, and how far it is, from 0 to 1, where that is known."""

_PATIENCE = 10.0
"""Seconds for the hub to say anything."""
_NO_LIMIT = 10**9
"""Tokenizers that know no length say a number beyond this."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` gives."""

    model: Any
    tokenizer: Any
    context: int | None
    """Tokens of prompt and answer."""
    ends: frozenset[int]
    """Tokens that end an answer."""


def load(opening: JsonObject, on_progress: OnProgress) -> Loaded:
    """Loads what the opening names; `CallFailed` says what is wrong."""
    device = find_device(opening["device"])
    transformers.utils.logging.set_tqdm_hook(_hook(on_progress))
    common = {
        name: opening[name]
        for name in ("cache_dir", "local_files_only", "revision", "subfolder")
        if opening.get(name) is not None
    }
    if not opening["source"].startswith("/") and not _hub_answers():
        common["local_files_only"] = True
    common |= {"token": opening.get("token"), "trust_remote_code": opening["trust_remote_code"]}
    source, words = opening["source"], opening["tokenizer"]
    try:
        # Revision and subfolder are those of the model's repository.
        own = common if words == source else _without(common, "revision", "subfolder")
        tokenizer = transformers.AutoTokenizer.from_pretrained(words, **own)
    except Exception as error:  # noqa: BLE001  # libraries raise what they like
        raise load_failure(error, f"The tokenizer '{words}'") from None
    try:
        kind = getattr(transformers, opening["auto_model_class"])
        model = kind.from_pretrained(
            source,
            dtype=opening["dtype"],
            tqdm_class=_bar(on_progress),
            **common,
            **opening["extra"],
        )
        if "device_map" not in opening["extra"]:
            model = model.to(device)
    except Exception as error:  # noqa: BLE001  # libraries raise what they like
        raise load_failure(error, f"The model '{source}'") from None
    return Loaded(model.eval(), tokenizer, _context(model, tokenizer), _ends(model, tokenizer))


def _hub_answers() -> bool:
    """Whether the hub answers at all. Else its loaders try for minutes before they take what is in
    the cache.
    """
    try:
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE)
    except Exception:  # noqa: BLE001  # the kinds of errors change with the hub's HTTP client
        return False
    return True


def _without(args: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in args.items() if name not in names}


def find_device(wanted: str) -> str:
    """The device, if it is there; "auto" is the best that there is."""
    if wanted == "auto":
        if torch.backends.mps.is_available():
            return "mps"
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    kind, _, number = wanted.partition(":")
    there = {"cpu": 1, "mps": int(torch.backends.mps.is_available()), "cuda": _cuda()}
    if kind == "xpu" and torch.xpu.is_available():
        there["xpu"] = torch.xpu.device_count()
    if int(number or 0) >= there.get(kind, 0):
        found = ", ".join(name for name, count in there.items() if count)
        raise refused(
            f"The device {wanted!r} is not available: PyTorch {torch.__version__} sees {found} here.",
            "prerequisite",
        )
    return wanted


def _cuda() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _context(model: Any, tokenizer: Any) -> int | None:
    config = model.config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        if isinstance(size := getattr(config, name, None), int):
            return size
    size = tokenizer.model_max_length
    return int(size) if size < _NO_LIMIT else None


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    found = model.generation_config.eos_token_id
    if found is None:
        found = tokenizer.eos_token_id
    if found is None:
        return frozenset()
    return frozenset([found] if isinstance(found, int) else found)


def _hook(on_progress: OnProgress) -> Callable[[Any, Any, Any], Any]:
    """What transformers asks for its bars: those of the weights."""

    def make(factory: Any, args: Any, given: Any) -> Any:  # noqa: ARG001  # the hook's signature
        return _bar(on_progress)(*args, **given)

    return make


def _bar(on_progress: OnProgress) -> type:
    """A bar that shows nothing and tells `on_progress` instead."""

    class Bar(hub_tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **given: Any) -> None:
            super().__init__(*args, **{**given, "disable": True})
            # One that is disabled keeps neither.
            self._all = given.get("total") or (
                len(args[0]) if args and hasattr(args[0], "__len__") else 0
            )
            self._done = given.get("initial") or 0

        def __iter__(self) -> Any:
            for one in self.iterable:
                yield one
                self.update(1)

        def update(self, n: float | None = 1) -> None:
            self._done += n or 0
            share = self._done / self._all if self._all else math.nan
            on_progress(min(1.0, share) if math.isfinite(share) else None)

    return Bar
