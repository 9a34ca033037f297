"""Errors of the Responses API. Pure.

Statuses, codes and texts mean what they mean in the chat API, whose tables are used here. What is
special: a response can fail after it was accepted, in a good answer or in a stream, and then says
why in `error`. https://platform.openai.com/docs/api-reference/responses/object#responses-object-error
"""

from __future__ import annotations

from modeld.types import JsonObject, ModelOutput

from ..openai_chat.errors import (
    CannotStream,
    WireError,
    check_streams,
    error_from,
    failure,
    read_error,
    sad_result,
)

__all__ = [
    "CannotStream",
    "WireError",
    "body_error",
    "check_streams",
    "error_from",
    "failure",
    "read_error",
    "sad_result",
    "sadness",
]


def body_error(body: JsonObject) -> WireError | None:
    """The error that a body with a good status is; None where it is a response."""
    error = body.get("error")
    if body.get("status") == "failed":
        return error_from({"error": error} if error else {"message": "The response failed."})
    if error and not body.get("output"):
        return error_from(body)
    return None


def sadness(error: WireError, model: str) -> ModelOutput | None:
    """The result of a response that failed for its content or length, if it did.

    Such a failure has no status; as an answer to the request it would have been a 400.
    """
    return sad_result(error, 400, model)
