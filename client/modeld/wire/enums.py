"""Words of the values and numbers of the wire, in both directions.

Built once, at import, from the generated enumerations: a new member needs no code here.
"""

from __future__ import annotations

from typing import Any

from modeld.v1 import (
    config_pb2,
    content_pb2,
    error_pb2,
    inference_service_pb2,
    message_pb2,
    output_pb2,
    tool_pb2,
)


# Any: the generated enumerations are int subclasses for type checkers and plain ints at run time.
def _numbers(enum: Any) -> dict[str, Any]:
    """Number by word: {"auto": 1, ...} for IMAGE_DETAIL_AUTO = 1. Zero is not a word."""
    items = enum.items()
    prefix = next(name for name, number in items if number == 0).removesuffix("UNSPECIFIED")
    return {name.removeprefix(prefix).lower(): number for name, number in items if number}


def _words(numbers: dict[str, Any], zero: str | None = None) -> dict[int, Any]:
    """Word by number; `zero` is what UNSPECIFIED stands for, if it stands for anything."""
    words: dict[int, Any] = {number: word for word, number in numbers.items()}
    if zero is not None:
        words[0] = zero
    return words


IMAGE_DETAIL = _numbers(content_pb2.ImageDetail)
IMAGE_DETAIL_WORD = _words(IMAGE_DETAIL, "auto")
AUDIO_FORMAT = _numbers(content_pb2.AudioFormat)
AUDIO_FORMAT_WORD = _words(AUDIO_FORMAT)
VIDEO_FORMAT = _numbers(content_pb2.VideoFormat)
VIDEO_FORMAT_WORD = _words(VIDEO_FORMAT)
DOCUMENT_RANGE_TYPE = _numbers(content_pb2.DocumentRangeType)
DOCUMENT_RANGE_TYPE_WORD = _words(DOCUMENT_RANGE_TYPE)
SERVER_TOOL_TYPE = _numbers(content_pb2.ServerToolType)
SERVER_TOOL_TYPE_WORD = _words(SERVER_TOOL_TYPE)

ROLE = _numbers(message_pb2.Role)
MESSAGE_SOURCE = _numbers(message_pb2.MessageSource)
MESSAGE_SOURCE_WORD: dict[int, Any] = {0: None, **_words(MESSAGE_SOURCE)}

TOOL_CALL_TYPE = _numbers(tool_pb2.ToolCallType)
TOOL_CALL_TYPE_WORD = _words(TOOL_CALL_TYPE, "function")
TOOL_CALL_CONTENT_FORMAT = _numbers(tool_pb2.ToolCallContentFormat)
TOOL_CALL_CONTENT_FORMAT_WORD = _words(TOOL_CALL_CONTENT_FORMAT, "text")
TOOL_CALL_ERROR_TYPE = _numbers(tool_pb2.ToolCallErrorType)
TOOL_CALL_ERROR_TYPE_WORD = _words(TOOL_CALL_ERROR_TYPE, "unknown")
TOOL_CHOICE_MODE = _numbers(tool_pb2.ToolChoiceMode)
TOOL_CHOICE_MODE_WORD = _words(TOOL_CHOICE_MODE, "auto")

VERBOSITY = _numbers(config_pb2.Verbosity)
EFFORT = _numbers(config_pb2.Effort)
REASONING_EFFORT = _numbers(config_pb2.ReasoningEffort)
REASONING_MODE = _numbers(config_pb2.ReasoningMode)
REASONING_SUMMARY = _numbers(config_pb2.ReasoningSummary)
REASONING_HISTORY = _numbers(config_pb2.ReasoningHistory)
PROMPT_CACHE: dict[object, Any] = {
    "auto": config_pb2.PROMPT_CACHE_AUTO,
    True: config_pb2.PROMPT_CACHE_ON,
    False: config_pb2.PROMPT_CACHE_OFF,
}

STOP_REASON = _numbers(output_pb2.StopReason)
STOP_REASON_WORD = _words(STOP_REASON, "unknown")

CACHE_USE: dict[Any, Any] = {None: 0, **_numbers(inference_service_pb2.CacheUse)}
CACHE_USE_WORD: dict[int, Any] = {number: word for word, number in CACHE_USE.items()}

PRIORITY = _numbers(inference_service_pb2.Priority)
PRIORITY_WORD = _words(PRIORITY, "normal")

FAILURE_REASON = _numbers(error_pb2.FailureReason)
FAILURE_REASON_WORD = _words(FAILURE_REASON, "internal")
