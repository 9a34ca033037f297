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

__all__ = ["ModelSpec", "checked_args"]


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
        """The arguments as canonical JSON text.

        Args:
            skip: Answers that a model with a state has given before, in a session that is gone.
        """
        args = {**self.args, "skip": self.args.get("skip", 0) + skip} if skip else self.args
        return json.dumps(args, sort_keys=True, ensure_ascii=False, allow_nan=False)

    def memo_key(self, role: str | None) -> str:
        """Equal for specs that are equal under one role but for the key, which is not in it."""
        parts = [
            self.name, role, self.base_url, self.args, self.config.to_dict(), self.session
        ]  # fmt: skip
        return json.dumps(parts, sort_keys=True)


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
