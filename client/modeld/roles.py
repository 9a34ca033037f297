"""Which models play which roles, and which is the one under evaluation.

The bindings are those of the running task: they live in context variables, so that tasks that run
side by side do not see each other's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .handle import Model

__all__ = ["active_model", "model_roles", "role_models"]

active_model: ContextVar[Model | None] = ContextVar("modeld_active_model", default=None)
"""The model of the running task."""

role_models: ContextVar[Mapping[str, Model | list[Model]]] = ContextVar("modeld_role_models")
"""Models by role of the running task."""


def model_roles() -> dict[str, Model | list[Model]]:
    """The running task's models by role; empty outside a task."""
    return dict(role_models.get({}))
