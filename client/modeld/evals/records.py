"""From a record of a file to a sample."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import InvalidRequest
from ..types import ChatMessage, JsonObject, chat_message_from_dict
from .sample import Sample

RecordToSample: TypeAlias = Callable[[JsonObject], "Sample | list[Sample]"]


@dataclass
class FieldSpec:
    """Which field of a record is what of a sample."""

    input: str = "input"
    target: str = "target"
    choices: str = "choices"
    id: str = "id"
    metadata: list[str] | type[Any] | None = None
    """Fields to keep as metadata, or a pydantic class of them; None takes the field "metadata"."""
    sandbox: str = "sandbox"
    files: str = "files"
    setup: str = "setup"


def read_samples(
    records: Iterable[tuple[str, JsonObject]],
    fields: FieldSpec | RecordToSample | None,
    auto_id: bool,
    limit: int | None,
) -> list[Sample]:
    """The samples of records, each given with the place where it stands.

    Raises:
        InvalidRequest: A record cannot be read; the message names its place.
    """
    fields = fields or FieldSpec()
    samples: list[Sample] = []
    for place, record in records:
        if limit is not None and len(samples) >= limit:
            break
        try:
            made = _from_fields(record, fields) if isinstance(fields, FieldSpec) else fields(record)
        except Exception as error:
            said = str(error) or type(error).__name__
            raise InvalidRequest(f"{place}: {type(error).__name__}: {said}") from error
        for sample in made if isinstance(made, list) else [made]:
            if not isinstance(sample, Sample):
                raise InvalidRequest(f"{place}: sample_fields gave {sample!r:.80}, not a Sample")
            if auto_id:
                sample.id = len(samples) + 1
            samples.append(sample)
    return samples


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _from_fields(record: JsonObject, fields: FieldSpec) -> Sample:
    files = record.get(fields.files)
    setup = record.get(fields.setup)
    return Sample(
        input=_input(record.get(fields.input), fields.input),
        target=_target(record.get(fields.target)),
        choices=_choices(record.get(fields.choices)),
        id=record.get(fields.id),
        metadata=_metadata(record, fields.metadata),
        sandbox=record.get(fields.sandbox) or None,
        files=(json.loads(files) if isinstance(files, str) and files else files) or None,
        setup=None if _is_absent(setup) else str(setup),
    )


def _input(value: Any, name: str) -> str | list[ChatMessage]:
    if _is_absent(value) or not value:
        raise InvalidRequest(f"there is no input: the field {name!r} is empty or absent")
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise InvalidRequest(f"the input is a {type(value).__name__}, not text or messages")
    messages = [chat_message_from_dict(message) for message in value]
    for message in messages:
        message.source = "input"
    return messages


def _target(value: Any) -> str | list[str]:
    if _is_absent(value):
        return ""
    return [str(item) for item in value] if isinstance(value, list) else str(value)


def _choices(value: Any) -> list[str] | None:
    if _is_absent(value) or value == "":
        return None
    if isinstance(value, str):
        value = value.split(",") if "," in value else value.split()
    items = value if isinstance(value, list) else [value]
    return [str(item).strip() for item in items if str(item).strip()]


def _metadata(record: JsonObject, wanted: list[str] | type[Any] | None) -> JsonObject | None:
    if isinstance(wanted, list):
        return {name: record.get(name) for name in wanted}
    value = record.get("metadata")
    if isinstance(value, str):
        value = json.loads(value) if value.strip() else None
    if wanted is not None:  # a pydantic class
        known = wanted.model_fields
        given = value or {name: item for name, item in record.items() if name in known}
        made: JsonObject = wanted(**given).model_dump()
        return made
    if not _is_absent(value) and not isinstance(value, dict):
        raise InvalidRequest(f"metadata is a {type(value).__name__}, not an object")
    return None if _is_absent(value) else value
