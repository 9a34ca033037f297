"""One question of a dataset, and what the answer should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

from ..errors import InvalidRequest
from ..types import ChatMessage, JsonObject, Value
from ..types.value import fitted

M = TypeVar("M")


@dataclass(slots=True, eq=False, repr=False)
class Sample(Value):
    """One question."""

    input: str | list[ChatMessage]
    """What the user says, or a conversation."""
    choices: list[str] | None = None
    """Answers to choose from."""
    target: str | list[str] = ""
    """The right answer, or several; for choices their letters. May be text for a grader."""
    id: int | str | None = None
    """Unique within the dataset; numbered from 1 when not given."""
    metadata: JsonObject | None = None
    """Anything that solvers, scorers and templates may use."""
    sandbox: str | list[str] | None = None
    files: dict[str, str] | None = None
    setup: str | None = None

    def __post_init__(self) -> None:
        fitted(self, "input", "target", "choices", "id")
        if self.metadata is not None and not isinstance(self.metadata, dict):
            raise InvalidRequest(f"Sample.metadata: expected object, got {self.metadata!r:.80}")

    def metadata_as(self, cls: type[M]) -> M:
        """The metadata as a pydantic class has it."""
        return as_class(self.metadata, cls)


def as_class(metadata: JsonObject | None, cls: type[M]) -> M:
    """Metadata as a value of a pydantic class.

    Raises:
        InvalidRequest: There is none (also a ValueError), or the class is no pydantic one.
    """
    fields = getattr(cls, "model_fields", None)
    if metadata is None:
        raise InvalidRequest("the sample has no metadata")
    if fields is None:
        raise InvalidRequest(f"metadata_as takes a pydantic class, not {cls!r:.80}")
    return cls(**{name: value for name, value in metadata.items() if name in fields})


class Target(Sequence[str]):
    """What the answer should be: one text or several, any of which is right."""

    def __init__(self, target: str | list[str]) -> None:
        self.target = [target] if isinstance(target, str) else list(target)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self.target[index]

    def __len__(self) -> int:
        return len(self.target)

    def __iter__(self) -> Iterator[str]:
        return iter(self.target)

    @property
    def text(self) -> str:
        """All of it as one text."""
        return "".join(self.target)
