"""Which samples of a dataset are run, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from random import Random

from ..errors import InvalidRequest, PrerequisiteError
from .dataset import Dataset
from .options import EvalOptions
from .sample import Sample

Selected = list[tuple[int | str, Sample]]


def selected(dataset: Dataset, options: EvalOptions) -> Selected:
    """The samples that the options choose, with their ids.

    Those without an id have their number, from 1, in the dataset as it is before it is shuffled.

    Raises:
        InvalidRequest: Two samples have the same id.
        PrerequisiteError: There are no samples, or none of those that were asked for.
    """
    samples = _with_ids(dataset)
    if not samples:
        raise PrerequisiteError(f"The dataset{_named(dataset)} is empty.")
    if options.sample_id is not None:
        chosen = [pair for pair in samples if _matches(pair[0], _patterns(options.sample_id))]
        if not chosen:
            asked = ", ".join(_patterns(options.sample_id))
            known = ", ".join(str(id) for id, _ in samples[:8])
            raise PrerequisiteError(
                f"No sample of the dataset{_named(dataset)} has the id {asked}. Its ids are "
                f"{known}{' …' if len(samples) > 8 else ''}."
            )
        samples = chosen
    if options.sample_shuffle is not None and options.sample_shuffle is not False:
        Random(options.sample_shuffle).shuffle(samples)  # noqa: S311 - no secret
    if isinstance(options.limit, int):
        return samples[: options.limit]
    if options.limit is None:
        return samples
    first, end = options.limit
    if not samples[first:end]:
        raise PrerequisiteError(
            f"There are no samples from {first + 1} to {end}: the dataset{_named(dataset)} has "
            f"{len(samples)}."
        )
    return samples[first:end]


def _with_ids(dataset: Dataset) -> Selected:
    samples: Selected = []
    seen: set[str] = set()
    for number, sample in enumerate(dataset, 1):
        id = number if sample.id is None else sample.id
        if str(id) in seen:
            raise InvalidRequest(f"the sample id {id!r} is there twice in the dataset")
        seen.add(str(id))
        samples.append((id, sample))
    return samples


def _patterns(wanted: str | int | Sequence[str | int]) -> list[str]:
    return [str(one) for one in ([wanted] if isinstance(wanted, (str, int)) else wanted)]


def _matches(id: int | str, patterns: Sequence[str]) -> bool:
    """An id may have brackets in it, so it is compared with the pattern as it is, too."""
    return any(str(id) == pattern or fnmatchcase(str(id), pattern) for pattern in patterns)


def _named(dataset: Dataset) -> str:
    return f" '{dataset.name}'" if dataset.name else ""
