"""What a model answers."""

from __future__ import annotations

from modeld.v1 import output_pb2 as pb

from ..errors import InvalidRequest
from ..types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Logprob,
    Logprobs,
    ModelFallback,
    ModelOutput,
    ModelUsage,
    StopCategory,
    StopDetails,
    TopLogprob,
)
from . import enums
from .jsontext import dump_object, load_object
from .message import fill_message, message_from_proto
from .naming import build


def output_to_proto(output: ModelOutput) -> pb.ModelOutput:
    """The answer of a model."""
    return build(pb.ModelOutput(), fill_output, output, "output")


def fill_output(out: pb.ModelOutput, output: ModelOutput) -> None:
    """Write an answer into an empty message."""
    out.model = output.model
    choices = output.choices
    for choice in choices:
        _fill_choice(out.choices.add(), choice)
    if output.completion != (choices[0].message.text if choices else ""):
        out.completion = output.completion
    if output.usage is not None:
        fill_usage(out.usage, output.usage)
    if output.input_context_tokens is not None:
        out.input_context_tokens = output.input_context_tokens
    if output.fallback is not None:
        _fill_fallback(out.fallback, output.fallback)
    if output.time is not None:
        out.time = output.time
    if output.metadata is not None:
        out.metadata_json = dump_object(output.metadata)
    if output.error is not None:
        out.error = output.error
    if output.response_id is not None:
        out.response_id = output.response_id


def output_from_proto(proto: pb.ModelOutput) -> ModelOutput:
    """The answer of a model."""
    has = proto.HasField
    output = ModelOutput(
        proto.model,
        [_read_choice(choice) for choice in proto.choices],
        usage=usage_from_proto(proto.usage) if has("usage") else None,
        input_context_tokens=proto.input_context_tokens if has("input_context_tokens") else None,
        fallback=_read_fallback(proto.fallback) if has("fallback") else None,
        time=proto.time if has("time") else None,
        error=proto.error if has("error") else None,
        response_id=proto.response_id if has("response_id") else None,
    )
    if has("completion"):
        output.completion = proto.completion
    if has("metadata_json"):
        output.metadata = load_object(proto.metadata_json, "ModelOutput.metadata_json")
    return output


def _fill_choice(out: pb.ChatCompletionChoice, choice: ChatCompletionChoice) -> None:
    fill_message(out.message, choice.message)
    out.stop_reason = enums.STOP_REASON[choice.stop_reason]
    if choice.stop_details is not None:
        _fill_stop_details(out.stop_details, choice.stop_details)
    if choice.logprobs is not None:
        _fill_logprobs(out.logprobs, choice.logprobs)
    if choice.prompt_logprobs is not None:
        _fill_logprobs(out.prompt_logprobs, choice.prompt_logprobs)


def _read_choice(proto: pb.ChatCompletionChoice) -> ChatCompletionChoice:
    message = message_from_proto(proto.message)
    if not isinstance(message, ChatMessageAssistant):
        raise InvalidRequest("ChatCompletionChoice.message: the role is not assistant")
    return ChatCompletionChoice(
        message,
        enums.STOP_REASON_WORD.get(proto.stop_reason, "unknown"),
        _read_stop_details(proto.stop_details) if proto.HasField("stop_details") else None,
        _read_logprobs(proto.logprobs) if proto.HasField("logprobs") else None,
        _read_logprobs(proto.prompt_logprobs) if proto.HasField("prompt_logprobs") else None,
    )


def _fill_stop_details(out: pb.StopDetails, details: StopDetails) -> None:
    out.SetInParent()
    if details.type is not None:
        out.type = details.type
    if details.category is not None:
        out.category = details.category
    if details.explanation is not None:
        out.explanation = details.explanation
    for category in details.categories:
        target = out.categories.add()
        target.category = category.category
        if category.level is not None:
            target.level = category.level


def _read_stop_details(proto: pb.StopDetails) -> StopDetails:
    return StopDetails(
        proto.type if proto.HasField("type") else None,
        proto.category if proto.HasField("category") else None,
        proto.explanation if proto.HasField("explanation") else None,
        [
            StopCategory(entry.category, entry.level if entry.HasField("level") else None)
            for entry in proto.categories
        ],
    )


def usage_to_proto(usage: ModelUsage) -> pb.ModelUsage:
    """Tokens used."""
    return build(pb.ModelUsage(), fill_usage, usage, "usage")


def fill_usage(out: pb.ModelUsage, usage: ModelUsage) -> None:
    """Write tokens used into an empty message."""
    out.input_tokens = usage.input_tokens
    out.output_tokens = usage.output_tokens
    out.total_tokens = usage.total_tokens
    if usage.input_tokens_cache_write is not None:
        out.input_tokens_cache_write = usage.input_tokens_cache_write
    if usage.input_tokens_cache_read is not None:
        out.input_tokens_cache_read = usage.input_tokens_cache_read
    if usage.reasoning_tokens is not None:
        out.reasoning_tokens = usage.reasoning_tokens
    if usage.total_cost is not None:
        out.total_cost = usage.total_cost


def usage_from_proto(proto: pb.ModelUsage) -> ModelUsage:
    """Tokens used."""
    has = proto.HasField
    return ModelUsage(
        proto.input_tokens,
        proto.output_tokens,
        proto.total_tokens,
        proto.input_tokens_cache_write if has("input_tokens_cache_write") else None,
        proto.input_tokens_cache_read if has("input_tokens_cache_read") else None,
        proto.reasoning_tokens if has("reasoning_tokens") else None,
        proto.total_cost if has("total_cost") else None,
    )


def _fill_fallback(out: pb.ModelFallback, fallback: ModelFallback) -> None:
    out.model = fallback.model
    out.fallback_model = fallback.fallback_model
    out.count = fallback.count
    if fallback.metadata is not None:
        out.metadata_json = dump_object(fallback.metadata)


def _read_fallback(proto: pb.ModelFallback) -> ModelFallback:
    metadata = None
    if proto.HasField("metadata_json"):
        metadata = load_object(proto.metadata_json, "ModelFallback.metadata_json")
    return ModelFallback(proto.model, proto.fallback_model, proto.count, metadata)


def _fill_logprobs(out: pb.Logprobs, logprobs: Logprobs) -> None:
    out.SetInParent()
    for entry in logprobs.content:
        target = out.content.add()
        target.token = entry.token
        target.logprob = entry.logprob
        if entry.bytes is not None:
            target.bytes = bytes(entry.bytes)
        if entry.top_logprobs is None:
            continue
        target.top_logprobs.SetInParent()
        for top in entry.top_logprobs:
            alternative = target.top_logprobs.alternatives.add()
            alternative.token = top.token
            alternative.logprob = top.logprob
            if top.bytes is not None:
                alternative.bytes = bytes(top.bytes)


def _read_logprobs(proto: pb.Logprobs) -> Logprobs:
    return Logprobs([_read_logprob(entry) for entry in proto.content])


def _read_logprob(proto: pb.Logprob) -> Logprob:
    alternatives = None
    if proto.HasField("top_logprobs"):
        alternatives = [
            TopLogprob(top.token, top.logprob, list(top.bytes) if top.HasField("bytes") else None)
            for top in proto.top_logprobs.alternatives
        ]
    token_bytes = list(proto.bytes) if proto.HasField("bytes") else None
    return Logprob(proto.token, proto.logprob, token_bytes, alternatives)
