"""Datasets: samples in an order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from random import Random
from typing import Any, overload

from ..errors import InvalidRequest
from .choices import answer_character, answer_index
from .sample import Sample


class Dataset(Sequence[Sample], ABC):
    """Samples in an order."""

    name: str | None = None
    location: str | None = None
    """Where they are from: a path."""
    shuffled: bool = False

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    @abstractmethod
    def __getitem__(self, index: int | slice) -> Sample | Dataset: ...


class MemoryDataset(Dataset):
    """Samples in memory."""

    def __init__(
        self,
        samples: Sequence[Sample],
        name: str | None = None,
        location: str | None = None,
        shuffled: bool = False,
    ) -> None:
        self.samples = list(samples)
        for sample in self.samples:
            if not isinstance(sample, Sample):
                raise InvalidRequest(
                    f"a dataset holds Sample values, not {type(sample).__name__}: {sample!r:.80}"
                )
        self.name = name
        self.location = location
        self.shuffled = shuffled

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: int | slice) -> Sample | Dataset:
        if isinstance(index, int):
            return self.samples[index]
        return MemoryDataset(self.samples[index], self.name, self.location, self.shuffled)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def shuffle(self, seed: int | None = None) -> None:
        """Changes the order of the samples; the same for the same seed."""
        Random(seed).shuffle(self.samples)  # noqa: S311 - no secret
        self.shuffled = True

    def shuffle_choices(self, seed: int | None = None) -> None:
        """Changes the order of each sample's choices, and its target with them."""
        random = Random(seed)  # noqa: S311 - no secret
        for index, sample in enumerate(self.samples):
            if sample.choices:
                self.samples[index] = _with_shuffled_choices(sample, random)

    def sort(self, reverse: bool = False, key: Callable[[Sample], Any] | None = None) -> None:
        """Sorts by the length of the input, or by a key."""
        self.samples.sort(reverse=reverse, key=key or (lambda sample: len(_text(sample))))
        self.shuffled = False

    def filter(self, predicate: Callable[[Sample], bool], name: str | None = None) -> MemoryDataset:
        """The samples for which the predicate holds."""
        kept = [sample for sample in self.samples if predicate(sample)]
        return MemoryDataset(kept, name or self.name, self.location, self.shuffled)


def as_dataset(given: Dataset | Sequence[Sample] | None) -> Dataset:
    """What a Task was given; nothing stands for one sample, so that solvers can be tried out."""
    if given is None:
        return MemoryDataset([Sample("prompt")])
    if isinstance(given, Dataset):
        return given
    if isinstance(given, (list, tuple)):
        return MemoryDataset(given)
    raise InvalidRequest(f"dataset must be a Dataset or a list of Samples, not {given!r:.80}")


def _text(sample: Sample) -> str:
    if isinstance(sample.input, str):
        return sample.input
    return "".join(message.text for message in sample.input)


def _with_shuffled_choices(sample: Sample, random: Random) -> Sample:
    order = list(range(len(sample.choices or [])))
    random.shuffle(order)
    shuffled = copy(sample)
    shuffled.choices = [(sample.choices or [])[i] for i in order]

    def moved(target: str) -> str:
        return answer_character(order.index(answer_index(target)))

    if isinstance(sample.target, list):
        shuffled.target = [moved(target) for target in sample.target]
    else:
        shuffled.target = moved(sample.target)
    return shuffled
