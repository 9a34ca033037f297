"""A call to the body of a chat completions request. Pure.

https://docs.mistral.ai/api/endpoint/chat
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modeld.errors import InvalidRequest
from modeld.types import (
    GenerateConfig,
    JsonObject,
    JsonValue,
    ResponseSchema,
    ToolChoice,
    ToolFunction,
    ToolInfo,
)

from ...core.call import Call, Route
from ..conversation import keep_reasoning, move_tool_media
from .messages import messages_to_wire
from .options import Options
from .profile import MistralProfile

__all__ = ["WireRequest", "build_request"]

_CONFIG_FIELDS = (
    ("max_tokens", "max_tokens"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
    ("seed", "random_seed"),
    ("stop_seqs", "stop"),
    ("num_choices", "n"),
    ("logprobs", "logprobs"),
    ("top_logprobs", "top_logprobs"),
)
_NOT_HERE = (
    "logit_bias",
    "best_of",
    "verbosity",
    "effort",
    "reasoning_mode",
    "reasoning_tokens",
    "reasoning_summary",
    "fallback_models",
    "modalities",
)
"""Fields of the config that the API has no word for."""


@dataclass(slots=True)
class WireRequest:
    """The JSON body, and what could not be said in it."""

    body: JsonObject
    warnings: list[str] = field(default_factory=list)


def build_request(
    call: Call, route: Route, profile: MistralProfile, *, options: Options, stream: bool
) -> WireRequest:
    """The request that this call is."""
    config = call.config
    history = move_tool_media(keep_reasoning(call.messages, config.reasoning_history))
    messages = messages_to_wire(history, thinks=profile.thinks)
    request = WireRequest({"model": route.model, "messages": messages})
    body = request.body
    body.update(options.body)
    _add_config(request, config, profile)
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
        body["tool_choice"] = _tool_choice(call.tool_choice)
        if config.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = config.parallel_tool_calls
    for name, value in (config.extra_body or {}).items():
        if name == "stream":
            raise InvalidRequest(f"extra_body[{name!r}]: stream() and generate() decide that.")
        body[name] = value
    if stream:
        body["stream"] = True
    return request


def _add_config(request: WireRequest, config: GenerateConfig, profile: MistralProfile) -> None:
    body = request.body
    for name, wire_name in _CONFIG_FIELDS:
        value = getattr(config, name)
        if value is not None:
            body[wire_name] = value
    if config.prompt_logprobs is not None:
        body["prompt_logprobs"] = True
        body["top_prompt_logprobs"] = config.prompt_logprobs
    if config.reasoning_effort is not None:
        effort = profile.efforts.get(config.reasoning_effort)
        if effort is not None:
            body["reasoning_effort"] = effort
        else:
            why = f"{body['model']} {profile.why_no_effort} no reasoning_effort"
            request.warnings.append(f"{why}: left out.")
    if config.response_schema is not None:
        body["response_format"] = _response_format(config.response_schema)
    for name in _NOT_HERE:
        if getattr(config, name) is not None:
            request.warnings.append(f"Mistral's chat completions know no {name}: left out.")


def _response_format(schema: ResponseSchema) -> JsonObject:
    wire: JsonObject = {"name": schema.name, "schema": schema.json_schema.to_dict()}
    if schema.description is not None:
        wire["description"] = schema.description
    if schema.strict is not None:
        wire["strict"] = schema.strict
    return {"type": "json_schema", "json_schema": wire}


def _tool(tool: ToolInfo) -> JsonObject:
    """A function; or one of the server's own tools, which `options["mistral"]` is then."""
    options = tool.options or {}
    if isinstance(options.get("mistral"), dict):
        return dict(options["mistral"])
    function: JsonObject = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters.to_dict(),
    }
    if options.get("strict") is not None:
        function["strict"] = options["strict"]
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> JsonValue:
    if isinstance(choice, ToolFunction):
        return {"type": "function", "function": {"name": choice.name}}
    return choice
