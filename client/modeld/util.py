"""The reference's names of small tools around values."""

from .types import JSONSchema, JSONType, json_schema

__all__ = ["JSONSchema", "JSONType", "json_schema"]
