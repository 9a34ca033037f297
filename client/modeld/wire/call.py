"""What is asked of a model, and the response with how the call went.

On the wire a response is output and info side by side; as a value the info lies in the output's
`metadata["modeld"]`. A priority is set beside the input by the rooms that know the call's names.
"""

from __future__ import annotations

from modeld.v1 import inference_service_pb2 as pb

from ..errors import InvalidRequest
from ..types import (
    PRIORITIES,
    CallInfo,
    ChatMessage,
    ChatMessageUser,
    GenerateConfig,
    GenerateInput,
    JsonObject,
    ModelOutput,
    Priority,
    ToolChoice,
    ToolInfo,
)
from . import enums
from .config import config_from_proto, fill_config
from .message import fill_messages, message_from_proto
from .model_call import fill_model_call, model_call_from_proto
from .naming import MISFITS, build, named, unknown
from .output import fill_output, output_from_proto
from .tool import fill_tool_choice, fill_tool_info, tool_choice_from_proto, tool_info_from_proto

_INFO_KEY = "modeld"
_INFO_FIELDS = frozenset(CallInfo.__dataclass_fields__) - {"raw"}


def generate_input_to_proto(value: GenerateInput) -> pb.Call:
    """A Call without target, request_id, role, epoch and priority, which the caller of this sets."""
    call = pb.Call()
    fill_messages(call.messages, value.input)
    if value.tools:
        _fill_tools(call, value.tools)
    if value.tool_choice is not None:
        build(call.tool_choice, fill_tool_choice, value.tool_choice, "tool_choice")
    if value.config is not None:
        fill_config(call.config, value.config)
    return call


def _fill_tools(call: pb.Call, tools: list[ToolInfo]) -> None:
    for index, tool in enumerate(tools):
        try:
            fill_tool_info(call.tools.add(), tool)
        except MISFITS as error:
            raise named(error, tool, f"tools[{index}]") from None


def generate_input_from_proto(call: pb.Call) -> GenerateInput:
    """Messages, tools, choice and config of a Call; `input` becomes the last user message."""
    messages: list[ChatMessage] = [message_from_proto(message) for message in call.messages]
    if call.input:
        messages.append(ChatMessageUser(call.input, id=None))
    choice: ToolChoice | None = None
    if call.HasField("tool_choice"):
        choice = tool_choice_from_proto(call.tool_choice)
    return GenerateInput(
        messages,
        [tool_info_from_proto(tool) for tool in call.tools],
        choice,
        config_from_proto(call.config) if call.HasField("config") else GenerateConfig(),
    )


def priority_to_proto(priority: Priority) -> pb.Priority:
    """The number of a priority."""
    if priority not in PRIORITIES:
        words = ", ".join(PRIORITIES)
        raise InvalidRequest(f"priority must be one of {words}, not {priority!r:.80}")
    number: pb.Priority = enums.PRIORITY[priority]
    return number


def priority_from_proto(number: int) -> Priority:
    """The word of a priority; unspecified is "normal"."""
    priority: Priority | None = enums.PRIORITY_WORD.get(number)
    if priority is None:
        unknown("Call.priority", number)
    return priority


def generate_response_to_proto(output: ModelOutput) -> pb.GenerateResponse:
    """The answer; a `CallInfo` in its metadata becomes the response's info."""
    return build(pb.GenerateResponse(), fill_generate_response, output, "output")


def fill_generate_response(out: pb.GenerateResponse, output: ModelOutput) -> None:
    """Write an answer and how the call went into an empty message."""
    metadata = output.metadata
    info = metadata.get(_INFO_KEY) if isinstance(metadata, dict) else None
    if not isinstance(info, dict) or info.keys() - {"raw"} != _INFO_FIELDS:
        fill_output(out.output, output)
        return
    fill_output(out.output, _without_info(output))
    _fill_info(out.info, info)


def _without_info(output: ModelOutput) -> ModelOutput:
    rest = {key: value for key, value in (output.metadata or {}).items() if key != _INFO_KEY}
    return ModelOutput(
        output.model,
        output.choices,
        output.completion,
        output.usage,
        output.input_context_tokens,
        output.fallback,
        output.time,
        rest or None,
        output.error,
        output.response_id,
    )


def generate_response_from_proto(proto: pb.GenerateResponse) -> ModelOutput:
    """The answer, with how the call went in `metadata["modeld"]`."""
    output = output_from_proto(proto.output)
    if proto.HasField("info"):
        if output.metadata is None:
            output.metadata = {}
        output.metadata[_INFO_KEY] = call_info_from_proto(proto.info).to_dict()
    return output


def call_info_to_proto(info: CallInfo) -> pb.CallInfo:
    """How a call went."""
    return build(pb.CallInfo(), _fill_info, info.to_dict(), "info")


def _fill_info(out: pb.CallInfo, info: JsonObject) -> None:
    out.call_id = info["call_id"]
    out.cache = enums.CACHE_USE[info["cache"]]
    out.coalesced = info["coalesced"]
    out.attempts = info["attempts"]
    out.queue_time = info["queue_time"]
    out.provider_time = info["provider_time"]
    out.interrupted = info["interrupted"]
    if "raw" in info:
        fill_model_call(out.raw, info["raw"])


def call_info_from_proto(proto: pb.CallInfo) -> CallInfo:
    """How a call went."""
    return CallInfo(
        call_id=proto.call_id,
        cache=enums.CACHE_USE_WORD.get(proto.cache),
        coalesced=proto.coalesced,
        attempts=proto.attempts,
        queue_time=proto.queue_time,
        provider_time=proto.provider_time,
        interrupted=proto.interrupted,
        raw=model_call_from_proto(proto.raw) if proto.HasField("raw") else None,
    )
