"""Signatures of functions that take keywords by a TypedDict: each keyword is shown by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


class NotGiven:
    """Stands for an argument that was left out, where None means something."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()


def signed(keywords: type, default: Callable[[str], object]) -> Callable[[F], F]:
    """Shows the keywords of a TypedDict in the signature of a function that takes them as `**`.

    Args:
        keywords: The TypedDict.
        default: What a keyword is when it is left out.
    """

    def sign(function: F) -> F:
        own = inspect.signature(function)
        named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        shown = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default(name),
                annotation=getattr(annotation, "__forward_arg__", annotation),
            )
            for name, annotation in inspect.get_annotations(keywords).items()
        ]
        function.__signature__ = own.replace(parameters=[*named, *shown])  # type: ignore[attr-defined]
        return function

    return sign
