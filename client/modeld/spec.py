"""A model as a caller names it, before the daemon has seen it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import InvalidRequest
from .types import GenerateConfig

if TYPE_CHECKING:
    from .types import JsonObject

__all__ = ["ModelName", "ModelSpec", "NamedModel", "checked_args"]

_MAKERS = frozenset(("anthropic", "deepseek", "google", "grok", "mistral", "openai"))
"""Providers that serve models of their own."""
_SERVICES = frozenset(("azure", "bedrock", "vertex"))
"""Clouds that serve them too, as a part of the model's name."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Name, address, key, arguments and config of a model. Its repr never shows a secret."""

    name: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    args: JsonObject = field(default_factory=dict, repr=False)
    config: GenerateConfig = field(default_factory=GenerateConfig)
    session: str | None = None
    """Named session in which its calls are counted."""

    def args_json(self, *, skip: int = 0) -> str:
        """The arguments as JSON text, in the order of their names; what is in them keeps its own.

        Args:
            skip: Answers that a model with a state has given before, in a session that is gone.
        """
        args = {**self.args, "skip": self.args.get("skip", 0) + skip} if skip else self.args
        return json.dumps(dict(sorted(args.items())), ensure_ascii=False, allow_nan=False)

    def memo_key(self, role: str | None) -> str:
        """Equal for specs that are equal under one role but for the key, which is not in it."""
        parts = [
            self.name, role, self.base_url, self.args, self.config.to_dict(), self.session
        ]  # fmt: skip
        return json.dumps(parts, sort_keys=True)


class ModelName:
    """Name of a model; equal to any text that it contains."""

    def __init__(self, name: object) -> None:
        self.api, _, self.name = str(name).partition("/")

    def __str__(self) -> str:
        return f"{self.api}/{self.name}"

    def __eq__(self, other: object) -> bool:
        return str(other) in str(self) if isinstance(other, str) else str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class NamedModel:
    """What a model says about itself without being asked anything."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    @property
    def config(self) -> GenerateConfig:
        """How this model generates, under what each call says."""
        return self._spec.config

    @property
    def model_args(self) -> JsonObject:
        """Arguments of the provider."""
        return self._spec.args

    @property
    def explicit_base_url(self) -> str | None:
        """The `base_url` argument of `get_model`, if one was given."""
        return self._spec.base_url

    @property
    def api(self) -> str:
        """Provider's name: the part of the model's name before the first slash."""
        return self._spec.name.partition("/")[0]

    @property
    def name(self) -> str:
        """The model's name after the first slash."""
        return self._spec.name.partition("/")[2]

    def canonical_name(self) -> str:
        """The model as its maker names it, whoever serves it: "openai/gpt-4o" for
        "openai/azure/gpt-4o".
        """
        provider, _, name = self._spec.name.partition("/")
        if provider in _MAKERS:
            return f"{provider}/{name.removeprefix(_service(name))}"
        return name

    def input_tokens_name(self) -> str:
        """The name by which its context size is known: the canonical one."""
        return self.canonical_name()

    def has_key(self, api_key: str | None) -> bool:
        """Whether it was made with that `api_key` argument."""
        return self._spec.api_key == api_key

    def __str__(self) -> str:
        return self._spec.name


def _service(name: str) -> str:
    """The cloud that a model's name begins with, and its slash."""
    service, slash, _ = name.partition("/")
    return service + slash if slash and service in _SERVICES else ""


def checked_args(args: Mapping[str, object]) -> JsonObject:
    """The arguments as plain JSON; `InvalidRequest` names one that cannot cross the wire."""
    checked: JsonObject = {}
    for name, value in args.items():
        try:
            checked[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise InvalidRequest(
                f"model arg '{name}' is a {type(value).__name__}, which cannot be sent to the "
                "daemon; model args must be JSON values"
            ) from None
    return checked
