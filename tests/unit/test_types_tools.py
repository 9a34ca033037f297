from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict

import pydantic
import pytest

from modeld.types import (
    JSONSchema,
    ToolCall,
    ToolCallContent,
    ToolFunction,
    ToolInfo,
    ToolParam,
    ToolParams,
    json_schema,
)


def test_a_tool_without_arguments_has_an_empty_object_schema():
    assert ToolInfo("now", "Tells the time.").to_dict() == {
        "name": "now",
        "description": "Tells the time.",
        "parameters": {
            "type": "object",
            "properties": {},
            "required": [],
            "additionalProperties": False,
        },
    }


def test_a_tool_survives_json():
    parameters = ToolParams(
        properties={"x": ToolParam(type="integer", description="A number", minimum=0)},
        required=["x"],
    )
    tool = ToolInfo("add", "Adds.", parameters, options={"native": None})
    assert ToolInfo.from_dict(tool.to_dict()) == tool


def test_a_call_has_the_references_defaults():
    call = ToolCall("1", "add", {"x": 1})
    assert (call.parse_error, call.view, call.type) == (None, None, "function")
    assert ToolCall.from_dict({"id": "1", "function": "add", "arguments": {"x": 1}}) == call
    assert ToolCallContent(content="x").format == "text"


def test_a_forced_function_can_be_a_key():
    assert {ToolFunction("a"): 1}[ToolFunction("a")] == 1


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    "hint, schema",
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None.__class__, {"type": "null"}),
        (Any, {}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (list, {"type": "array", "items": {}}),
        (dict, {"type": "object", "additionalProperties": {}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Color, {"type": "string", "enum": ["red", "blue"]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Optional[str], {"anyOf": [{"type": "string"}, {"type": "null"}]}),  # noqa: UP045
        (dt.datetime, {"type": "string", "format": "date-time"}),
        (dt.date, {"type": "string", "format": "date"}),
        (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
    ],
)
def test_schema_of_a_type(hint, schema):
    assert json_schema(hint).to_dict() == schema


@dataclasses.dataclass
class Inner:
    value: int


@dataclasses.dataclass
class Outer:
    name: str
    inner: Inner
    tags: list[str] = dataclasses.field(default_factory=list)
    size: int = dataclasses.field(default=3, metadata={"description": "How big."})
    parent: Outer | None = None


def test_schema_of_a_dataclass():
    schema = json_schema(Outer)
    assert schema.required == ["name", "inner"]
    assert schema.additionalProperties is False
    assert schema.properties["inner"] == JSONSchema(
        type="object",
        properties={"value": JSONSchema(type="integer")},
        required=["value"],
        additionalProperties=False,
    )
    assert schema.properties["size"].description == "How big."
    assert schema.properties["parent"].anyOf == [JSONSchema(), JSONSchema(type="null")]


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


def test_schema_of_a_typed_dict():
    schema = json_schema(Movie)
    assert (schema.required, list(schema.properties)) == (["title"], ["title", "year"])


class Author(pydantic.BaseModel):
    name: str
    born: int | None = None


class Book(pydantic.BaseModel):
    title: str = pydantic.Field(description="On the cover.")
    authors: list[Author]


def test_schema_of_a_pydantic_model():
    schema = json_schema(Book)
    assert schema.additionalProperties is False
    assert schema.required == ["title", "authors"]
    assert schema.properties["title"].description == "On the cover."
    author = schema.properties["authors"].items
    assert (author.required, author.additionalProperties) == (["name"], False)


def test_a_schema_survives_json():
    schema = json_schema(Outer)
    assert JSONSchema.from_dict(schema.to_dict()) == schema
    multi = {"type": ["string", "null"], "additionalProperties": {"type": "integer"}}
    assert JSONSchema.from_dict(multi).to_dict() == multi
