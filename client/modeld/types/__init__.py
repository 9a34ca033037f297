"""The vocabulary of modeld: plain values that users hold, compare, pickle and match.

A name is imported from its module when it is first asked for, since a third of the classes is
enough for `from modeld import GenerateConfig`, and making a dataclass costs 0.2 ms.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # fmt: off
    # isort: off
    from .call import (
        CallInfo as CallInfo, GenerateInput as GenerateInput, PRIORITIES as PRIORITIES,
        Priority as Priority,
    )
    from .config import (
        CONFIG_FIELDS as CONFIG_FIELDS, Effort as Effort, GenerateConfig as GenerateConfig,
        OutputModality as OutputModality, ReasoningEffort as ReasoningEffort,
        ReasoningHistory as ReasoningHistory, ReasoningMode as ReasoningMode,
        ReasoningSummary as ReasoningSummary, ResponseSchema as ResponseSchema,
        Verbosity as Verbosity, cache_policy as cache_policy,
    )
    from .config_args import GenerateConfigArgs as GenerateConfigArgs
    from .content import (
        AudioFormat as AudioFormat, CONTENT_TYPES as CONTENT_TYPES, Citation as Citation,
        CitationBase as CitationBase, Content as Content, ContentAudio as ContentAudio,
        ContentBase as ContentBase, ContentCitation as ContentCitation,
        ContentData as ContentData, ContentDocument as ContentDocument,
        ContentImage as ContentImage, ContentReasoning as ContentReasoning,
        ContentText as ContentText, ContentToolUse as ContentToolUse,
        ContentVideo as ContentVideo, DocumentCitation as DocumentCitation,
        DocumentRange as DocumentRange, DocumentRangeType as DocumentRangeType,
        ImageDetail as ImageDetail, ServerToolType as ServerToolType,
        UrlCitation as UrlCitation, VideoFormat as VideoFormat,
        citation_from_dict as citation_from_dict, content_from_dict as content_from_dict,
    )
    from .identity import new_id as new_id
    from .jsonable import JsonObject as JsonObject, JsonValue as JsonValue
    from .message import (
        ChatMessage as ChatMessage, ChatMessageAssistant as ChatMessageAssistant,
        ChatMessageBase as ChatMessageBase, ChatMessageSystem as ChatMessageSystem,
        ChatMessageTool as ChatMessageTool, ChatMessageUser as ChatMessageUser,
        MESSAGE_TYPES as MESSAGE_TYPES, MessageSource as MessageSource, Role as Role,
        chat_message_from_dict as chat_message_from_dict,
    )
    from .output import (
        ChatCompletionChoice as ChatCompletionChoice, Logprob as Logprob,
        Logprobs as Logprobs, ModelFallback as ModelFallback, ModelOutput as ModelOutput,
        ModelUsage as ModelUsage, ServedModelUsage as ServedModelUsage,
        StopCategory as StopCategory, StopDetails as StopDetails, StopReason as StopReason,
        TopLogprob as TopLogprob, as_stop_reason as as_stop_reason,
    )
    from .policy import (
        AdaptiveConcurrency as AdaptiveConcurrency, BatchConfig as BatchConfig,
        CachePolicy as CachePolicy, ImageOutput as ImageOutput,
        adaptive_from_string as adaptive_from_string, expiry_seconds as expiry_seconds,
    )
    from .record import (
        ModelCall as ModelCall, ModelCallFilter as ModelCallFilter,
        ModelConfig as ModelConfig, ModelCost as ModelCost, ModelEvent as ModelEvent,
        ModelRequestId as ModelRequestId, ModelRole as ModelRole,
    )
    from .schema import (
        JSONSchema as JSONSchema, JSONType as JSONType,
        JSON_SCHEMA_EXTENDED_FIELDS as JSON_SCHEMA_EXTENDED_FIELDS, ToolParam as ToolParam,
        ToolParams as ToolParams, json_schema as json_schema,
    )
    from .session import (
        NamedSession as NamedSession, SessionSettings as SessionSettings,
        SessionUsage as SessionUsage,
    )
    from .stream import (
        STREAM_EVENT_TYPES as STREAM_EVENT_TYPES, StreamEvent as StreamEvent,
        StreamFinishedEvent as StreamFinishedEvent, StreamHandler as StreamHandler,
        StreamQueuedEvent as StreamQueuedEvent, StreamReasoningEvent as StreamReasoningEvent, StreamRetryEvent as StreamRetryEvent,
        StreamTextEvent as StreamTextEvent, StreamToolCallEvent as StreamToolCallEvent,
        stream_event_from_dict as stream_event_from_dict,
    )
    from .tool import (
        ToolCall as ToolCall, ToolCallContent as ToolCallContent,
        ToolCallError as ToolCallError, ToolCallErrorType as ToolCallErrorType,
        ToolCallType as ToolCallType, ToolChoice as ToolChoice,
        ToolFunction as ToolFunction, ToolInfo as ToolInfo,
    )
    from .value import Value as Value
    # isort: on
    # fmt: on

_NAMES = {
    "call": "CallInfo GenerateInput PRIORITIES Priority",
    "config": (
        "CONFIG_FIELDS Effort GenerateConfig OutputModality ReasoningEffort "
        "ReasoningHistory ReasoningMode ReasoningSummary ResponseSchema Verbosity "
        "cache_policy"
    ),
    "config_args": "GenerateConfigArgs",
    "content": (
        "AudioFormat CONTENT_TYPES Citation CitationBase Content ContentAudio ContentBase "
        "ContentCitation ContentData ContentDocument ContentImage ContentReasoning "
        "ContentText ContentToolUse ContentVideo DocumentCitation DocumentRange "
        "DocumentRangeType ImageDetail ServerToolType UrlCitation VideoFormat "
        "citation_from_dict content_from_dict"
    ),
    "identity": "new_id",
    "jsonable": "JsonObject JsonValue",
    "message": (
        "ChatMessage ChatMessageAssistant ChatMessageBase ChatMessageSystem ChatMessageTool "
        "ChatMessageUser MESSAGE_TYPES MessageSource Role chat_message_from_dict"
    ),
    "output": (
        "ChatCompletionChoice Logprob Logprobs ModelFallback ModelOutput ModelUsage "
        "ServedModelUsage StopCategory StopDetails StopReason TopLogprob as_stop_reason"
    ),
    "policy": (
        "AdaptiveConcurrency BatchConfig CachePolicy ImageOutput adaptive_from_string "
        "expiry_seconds"
    ),
    "record": "ModelCall ModelCallFilter ModelConfig ModelCost ModelEvent ModelRequestId ModelRole",
    "schema": ("JSONSchema JSONType JSON_SCHEMA_EXTENDED_FIELDS ToolParam ToolParams json_schema"),
    "session": "NamedSession SessionSettings SessionUsage",
    "stream": (
        "STREAM_EVENT_TYPES StreamEvent StreamFinishedEvent StreamHandler StreamQueuedEvent "
        "StreamReasoningEvent StreamRetryEvent StreamTextEvent StreamToolCallEvent "
        "stream_event_from_dict"
    ),
    "tool": (
        "ToolCall ToolCallContent ToolCallError ToolCallErrorType ToolCallType ToolChoice "
        "ToolFunction ToolInfo"
    ),
    "value": "Value",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - type checkers read the imports above


if not TYPE_CHECKING:  # where it would make every name exist

    def __getattr__(name: str) -> object:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{home}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
