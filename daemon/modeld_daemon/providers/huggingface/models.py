"""The models of transformers that are loaded, and where they come from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from modeld.errors import InvalidRequest, ModelNotFound
from modeld.types import JsonObject

from ...core.ports import Connection
from ..engine.engine import Engine, EngineStatistics, OnWait
from ..engine.pool import EnginePool, PoolSettings
from ..llama_cpp.options import default_threads
from .errors import PROVIDER
from .options import REMOTE_CODE, ModelArgs, check_path, check_repository

PROGRAM = "modeld_daemon.providers.huggingface.child"

_CACHED = re.compile(r"models--(.+)")
# No bars on the error stream, no word to the hub of who asks, no conversion of a repository's
# weights by a service of the hub.
_QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",
}


@dataclass(frozen=True, slots=True)
class HubSettings(PoolSettings):
    """Settings of models of transformers."""

    trusting: bool = False
    """Whether code that comes with a repository may run when a caller asks for it."""


class HubModels:
    """Loads models on demand.

    Args:
        settings: How much may be loaded, and what may run.
    """

    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings
        self.pool = EnginePool(PROVIDER, settings)

    def parse(self, connection: Connection) -> ModelArgs:
        """The model args; see `ModelArgs.parse`."""
        return ModelArgs.parse(connection.args, trusting=self.settings.trusting)

    def check(self, model: str, connection: Connection) -> None:
        """Raises at once what would make every call fail. What needs the hub is found by a call."""
        find_source(model, self.parse(connection))

    @asynccontextmanager
    async def use(
        self,
        model: str,
        args: ModelArgs,
        connection: Connection,
        on_wait: OnWait,
        holder: object = None,
    ) -> AsyncIterator[Engine]:
        """The engine of a model; see `EnginePool.use`."""
        source = find_source(model, args)
        folder = source.startswith("/")
        tokenizer = args.tokenizer or source
        opening: JsonObject = {
            **args.opening,
            "source": source,
            "tokenizer": tokenizer,
            "threads": default_threads(),
        }
        # Who loads folders only is the same as everybody: neither token nor hub is needed.
        local = folder and tokenizer.startswith("/") and not opening[REMOTE_CODE]
        token = None if local else connection.api_key
        environment = _QUIET if local else _QUIET | dict(connection.environment)
        changed = _changed(source) if folder else 0
        asked = json.dumps([opening, environment, token, args.batch_size, changed], sort_keys=True)

        def make() -> Engine:
            return Engine(
                model,
                PROGRAM,
                {**opening, "token": token},
                slots=args.batch_size,
                provider=PROVIDER,
                limits=self.settings.limits,
                environment=environment,
            )

        async with self.pool.use(asked, make, on_wait, holder) as engine:
            yield engine

    def statistics(self) -> list[EngineStatistics]:
        """A snapshot of each loaded model, least recently used first."""
        return self.pool.statistics()


def find_source(model: str, args: ModelArgs) -> str:
    """What is loaded: a folder, or the name of a repository.

    Args:
        model: Name of the model, or an absolute path.
        args: The caller's model args; a `model_path` wins.
    """
    source = args.model_path or model
    if not source.startswith("/"):
        check_repository(source)
        return source
    check_path(source, "the folder of a model")
    folder = Path(source)
    if not folder.is_dir():
        raise ModelNotFound(f"there is no folder '{source[:500]}'")
    subfolder = str(args.opening.get("subfolder") or "")
    if not (folder / subfolder / "config.json").is_file():
        raise InvalidRequest(
            f"'{source[:500]}' is no folder of a model: it has no config.json. save_pretrained "
            "writes one"
        )
    if args.tokenizer and args.tokenizer.startswith("/") and not Path(args.tokenizer).is_dir():
        raise ModelNotFound(f"there is no folder '{args.tokenizer[:500]}'")
    return source


def cached_models(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Names of the repositories in the hub's cache of this user.

    https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    caches = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or f"{caches}/huggingface"
    cache = Path(environment.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    found = []
    for folder in sorted(cache.glob("models--*")):
        match = _CACHED.fullmatch(folder.name)
        if match and next(folder.glob("snapshots/*/config.json"), None):
            found.append(match[1].replace("--", "/"))
    return found


def _changed(source: str) -> int:
    """When the files of a folder changed last: then it is another model."""
    times = [entry.stat().st_mtime_ns for entry in os.scandir(source) if entry.is_file()]
    return max(times, default=0)
