"""Answers to choose from, and the letters that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import overload

from ..errors import InvalidRequest


def answer_character(index: int) -> str:
    """The letter of a choice: 0 is A; after Z come 1, 2, 3."""
    return chr(ord("A") + index) if index < 26 else str(index - 25)


def answer_index(character: str) -> int:
    """The choice that a letter stands for: A is 0, 1 is 26."""
    if len(character) == 1 and character.isascii() and character.isalpha():
        return ord(character.upper()) - ord("A")
    if character.isdecimal() and int(character) > 0:
        return 25 + int(character)
    raise InvalidRequest(
        f"Unexpected multiple choice answer: {character} (must be a letter, or a number from 1)"
    )


@dataclass
class Choice:
    """One of the answers."""

    value: str
    correct: bool | None
    """Whether the model chose it; None before it has answered."""
    original_position: int


class Choices(Sequence[Choice]):
    """The answers in the order in which the model sees them."""

    def __init__(self, choices: Sequence[str | Choice]) -> None:
        self._choices: list[Choice] = [
            choice if isinstance(choice, Choice) else Choice(choice, None, index)
            for index, choice in enumerate(choices)
        ]

    @overload
    def __getitem__(self, index: int) -> Choice: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Choice]: ...

    def __getitem__(self, index: int | slice) -> Choice | Sequence[Choice]:
        return self._choices[index]

    def __len__(self) -> int:
        return len(self._choices)

    def mark_choice(self, index: int, correct: bool) -> None:
        """Notes whether the model chose it."""
        self._choices[index].correct = correct

    def shuffle(self, rand: Random | None = None) -> None:
        """Changes the order; `original_position` remembers the old one."""
        (rand or Random()).shuffle(self._choices)  # noqa: S311 - no secret

    def unshuffled(self) -> Choices:
        """In the order of the dataset."""
        ordered: list[Choice] = sorted(self._choices, key=_position)
        return Choices(ordered)

    def prompt(self, question: str, template: str) -> str:
        """The question with its choices."""
        return template.format(
            choices=self.options(),
            letters=",".join(answer_character(i) for i in range(len(self))),
            question=question,
        )

    def options(self) -> str:
        """The choices as lines "A) …"."""
        return "\n".join(f"{answer_character(i)}) {c.value}" for i, c in enumerate(self))


def _position(choice: Choice) -> int:
    return choice.original_position
