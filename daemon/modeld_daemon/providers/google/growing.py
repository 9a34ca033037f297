"""A function call whose arguments come in pieces. Pure.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Content#FunctionCall
Vertex sends calls so where `streamFunctionCallArguments` asks for it: first the name, then
`partialArgs`, each the place of an argument (a JSON Path) and its value or the next part of its
text. A piece without `willContinue` is the last; it may be empty, or missing at the stream's end.
"""

from __future__ import annotations

import re
from itertools import pairwise

from modeld.types import JsonObject, JsonValue

__all__ = ["GrowingCall", "is_in_pieces"]

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[(['"])((?:\\.|(?!\3).)*)\3\]""")
_VALUES = ("numberValue", "boolValue")


def is_in_pieces(call: JsonObject) -> bool:
    """Whether a named call is only the beginning of one."""
    return bool(call.get("willContinue") or call.get("partialArgs"))


class GrowingCall:
    """Puts one call together.

    Args:
        part: The part with which it began.
        id: The id under which it is told.
    """

    def __init__(self, part: JsonObject, id: str) -> None:
        self.id = id
        self.ended = False
        self.args: JsonObject = {}
        self.part: JsonObject = {**part, "functionCall": {"args": self.args}}
        """The part as a whole call has it; it grows."""
        self.feed(part)

    def feed(self, part: JsonObject) -> None:
        """Adds a piece; `ValueError` where its place is none."""
        for name, value in part.items():
            if name != "functionCall":
                self.part[name] = value
        call = part["functionCall"]
        for name, value in call.items():
            if name == "args":
                self.args.update(value or {})
            elif name not in ("partialArgs", "willContinue"):
                self.part["functionCall"][name] = value
        for piece in call.get("partialArgs") or ():
            self._put(piece)
        self.ended = not call.get("willContinue")

    def _put(self, piece: JsonObject) -> None:
        given = [name for name in _VALUES if name in piece]
        if "stringValue" in piece:
            value: JsonValue = piece["stringValue"]
        elif given or "nullValue" in piece:
            value = piece[given[0]] if given else None
        else:
            return
        steps = _steps(piece["jsonPath"])
        place: JsonValue = self.args
        for step, following in pairwise(steps):
            place = _at(place, step, [] if isinstance(following, int) else {})
        old = _at(place, steps[-1], None)
        grows = isinstance(value, str) and isinstance(old, str)
        _set(place, steps[-1], old + value if grows else value)


def _steps(path: str) -> list[str | int]:
    """The names and indices of a path such as `$.items[0].name` or `$['a name']`."""
    found, end = [], 1 if path.startswith("$") else 0
    while end < len(path):
        step = _STEP.match(path, end)
        if step is None:
            break
        name, index, _, quoted = step.groups()
        found.append(int(index) if index else name or re.sub(r"\\(.)", r"\1", quoted or ""))
        end = step.end()
    if not found or end < len(path):
        raise ValueError(f"no place of an argument: {path!r}")
    return found


def _at(place: JsonValue, step: str | int, new: JsonValue) -> JsonValue:
    """What is there, or what is put there. Items of a list come in their order."""
    if isinstance(place, list) and isinstance(step, int):
        if step >= len(place):
            place.append(new)
        return place[min(step, len(place) - 1)]
    if isinstance(place, dict) and isinstance(step, str):
        return place.setdefault(step, new)
    raise ValueError(f"no place of an argument: {step!r}")


def _set(place: JsonValue, step: str | int, value: JsonValue) -> None:
    place[min(step, len(place) - 1) if isinstance(step, int) else step] = value
