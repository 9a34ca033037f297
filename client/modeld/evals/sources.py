"""Datasets in files: CSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from ..errors import InvalidRequest
from ..types import JsonObject
from .dataset import Dataset, MemoryDataset
from .records import FieldSpec, RecordToSample, read_samples
from .sample import Sample


def csv_dataset(
    csv_file: str | Path,
    sample_fields: FieldSpec | RecordToSample | None = None,
    auto_id: bool = False,
    shuffle: bool | int = False,
    seed: int | None = None,
    shuffle_choices: bool | int | None = None,
    limit: int | None = None,
    dialect: str = "unix",
    encoding: str = "utf-8-sig",
    name: str | None = None,
    fieldnames: list[str] | None = None,
    delimiter: str | None = None,
) -> Dataset:
    """The samples of a CSV file, whose first row names the fields unless `fieldnames` does.

    Args:
        csv_file: Path.
        sample_fields: Which field is what; a function may make the sample.
        auto_id: Number the samples from 1.
        shuffle: Change the order; a number is the seed.
        seed: Seed of the order.
        shuffle_choices: Change the order of choices; a number is the seed.
        limit: Most samples.
        dialect: As `csv.reader` has it.
        encoding: Of the file.
        name: Of the dataset; the file's when not given.
        fieldnames: Names of the fields, for a file without a first row of them.
        delimiter: Between fields.

    Raises:
        InvalidRequest: The file cannot be read; the message names the line.
    """

    def records(file: TextIO) -> Iterator[tuple[str, JsonObject]]:
        between = delimiter or csv.get_dialect(dialect).delimiter
        reader = csv.DictReader(file, fieldnames, dialect=dialect, delimiter=between)
        for row in reader:
            place = f"{csv_file} line {reader.line_num}"
            columns = len(reader.fieldnames or [])
            if None in row or None in row.values():
                found = sum(value is not None for key, value in row.items() if key is not None)
                found += len(row.get(None) or [])
                raise InvalidRequest(f"{place} has {found} fields, the header has {columns}.")
            if any(value.strip() for value in row.values()):
                yield place, dict(row)

    samples = _read(csv_file, encoding, records, sample_fields, auto_id, limit, shuffle)
    return _dataset(samples, csv_file, name, shuffle, seed, shuffle_choices, limit)


def json_dataset(
    json_file: str | Path,
    sample_fields: FieldSpec | RecordToSample | None = None,
    auto_id: bool = False,
    shuffle: bool | int = False,
    seed: int | None = None,
    shuffle_choices: bool | int | None = None,
    limit: int | None = None,
    encoding: str = "utf-8-sig",
    name: str | None = None,
) -> Dataset:
    """The samples of a JSON file (a list of objects) or, by its ending, of JSON lines (`.jsonl`).

    Arguments and errors as for `csv_dataset`.
    """

    def records(file: TextIO) -> Iterator[tuple[str, JsonObject]]:
        if str(json_file).lower().endswith(".jsonl"):
            lines = ((f"{json_file} line {n}", line) for n, line in enumerate(file, 1))
            given = ((place, _parsed(place, line)) for place, line in lines if line.strip())
        else:
            content = _parsed(str(json_file), file.read())
            items = content if isinstance(content, list) else [content]
            given = ((f"{json_file} record {n}", item) for n, item in enumerate(items, 1))
        for place, record in given:
            if not isinstance(record, dict):
                raise InvalidRequest(f"{place} is a {type(record).__name__}, not an object")
            yield place, record

    samples = _read(json_file, encoding, records, sample_fields, auto_id, limit, shuffle)
    return _dataset(samples, json_file, name, shuffle, seed, shuffle_choices, limit)


def _parsed(place: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"{place} is not JSON: {error}") from None


def _read(
    path: str | Path,
    encoding: str,
    records: Callable[[TextIO], Iterator[tuple[str, JsonObject]]],
    fields: FieldSpec | RecordToSample | None,
    auto_id: bool,
    limit: int | None,
    shuffle: bool | int,
) -> list[Sample]:
    try:
        with Path(path).expanduser().open(encoding=encoding, newline="") as file:
            # Shuffled first and cut then, or the first samples of the file would always be there.
            most = None if _is_shuffled(shuffle) else limit
            return read_samples(records(file), fields, auto_id, most)
    except FileNotFoundError:
        raise InvalidRequest(f"there is no dataset file {path} (from {Path.cwd()})") from None
    except (OSError, UnicodeError, csv.Error) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}") from None


def _is_shuffled(shuffle: bool | int) -> bool:
    return shuffle is not False


def _dataset(
    samples: list[Sample],
    path: str | Path,
    name: str | None,
    shuffle: bool | int,
    seed: int | None,
    shuffle_choices: bool | int | None,
    limit: int | None,
) -> Dataset:
    path = Path(path).expanduser()
    dataset = MemoryDataset(samples, name or path.stem, str(path.resolve()))
    if _is_shuffled(shuffle):
        if not isinstance(shuffle, bool) and seed is not None:
            raise InvalidRequest("give the seed as shuffle= or as seed=, not both")
        dataset.shuffle(seed if isinstance(shuffle, bool) else shuffle)
    if shuffle_choices is not None and shuffle_choices is not False:
        dataset.shuffle_choices(None if shuffle_choices is True else shuffle_choices)
    return dataset if limit is None else dataset[:limit]
