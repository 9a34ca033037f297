"""A call to the body of a chat completions request. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from modeld.errors import InvalidRequest
from modeld.types import (
    JSON_SCHEMA_EXTENDED_FIELDS,
    GenerateConfig,
    JsonObject,
    JsonValue,
    ResponseSchema,
    ToolChoice,
    ToolFunction,
    ToolInfo,
)

from ...core.call import Call, Route
from ..profiles import OpenAIProfile, dropped_parameters, sent_effort
from .messages import messages_to_wire
from .options import Options, Quirks

__all__ = ["WireRequest", "build_request"]

# https://platform.openai.com/docs/api-reference/chat/create
_CONFIG_FIELDS = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
    ("seed", "seed"),
    ("stop_seqs", "stop"),
    ("num_choices", "n"),
    ("logprobs", "logprobs"),
    ("top_logprobs", "top_logprobs"),
    ("prompt_logprobs", "prompt_logprobs"),
    ("verbosity", "verbosity"),
)
_UNKNOWN = (
    *("top_k", "best_of", "effort", "fallback_models"),
    *("reasoning_mode", "reasoning_summary", "reasoning_tokens"),
)
_RESERVED = ("stream", "stream_options")


@dataclass(slots=True)
class WireRequest:
    """The JSON body, and what could not be said in it."""

    body: JsonObject
    warnings: list[str] = field(default_factory=list)


def build_request(
    call: Call,
    route: Route,
    profile: OpenAIProfile,
    *,
    options: Options,
    quirks: Quirks,
    stream: bool,
) -> WireRequest:
    """The request that this call is."""
    config = call.config
    request = WireRequest(
        {
            "model": route.model,
            "messages": messages_to_wire(
                call.messages,
                quirks.system_role or profile.system_role,
                config.reasoning_history,
                cache_marks=profile.cache_marks,
            ),
        }
    )
    body = request.body
    body.update(options.body)
    _add_config(request, config, profile, quirks)
    if call.tools:
        body["tools"] = [_tool(tool, quirks) for tool in call.tools]
        body["tool_choice"] = _tool_choice(call.tool_choice, call.tools)
        if config.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = config.parallel_tool_calls
    if config.extra_body:
        _add_extra(body, config.extra_body)
    if stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return request


def _add_config(
    request: WireRequest, config: GenerateConfig, profile: OpenAIProfile, quirks: Quirks
) -> None:
    body = request.body
    dropped = dropped_parameters(profile, config.reasoning_effort)
    for name, wire_name in _CONFIG_FIELDS:
        value = getattr(config, name)
        if value is None:
            continue
        if name in dropped:
            model = body["model"]
            request.warnings.append(f"{model} is a reasoning model and takes no {name}: left out.")
        else:
            body[wire_name] = value
    max_tokens = config.max_tokens or quirks.default_max_tokens
    if max_tokens is not None:
        body[quirks.max_tokens_name or profile.max_tokens_name] = max_tokens
    if config.logit_bias is not None:
        body["logit_bias"] = {str(token): bias for token, bias in config.logit_bias.items()}
    effort = sent_effort(profile, config.reasoning_effort)
    if effort is not None:
        body["reasoning_effort"] = effort
    if config.response_schema is not None:
        body["response_format"] = _response_format(config.response_schema, quirks)
    for name in _UNKNOWN:
        if getattr(config, name) is not None:
            request.warnings.append(f"Chat completions know no {name}: left out.")
    if config.modalities:
        request.warnings.append("Chat completions make no images: modalities left out.")


def _response_format(schema: ResponseSchema, quirks: Quirks) -> JsonObject:
    wire: JsonObject = {"name": schema.name, "schema": _schema(schema.json_schema, quirks)}
    if schema.description is not None:
        wire["description"] = schema.description
    if schema.strict is not None:
        wire["strict"] = schema.strict
    return {"type": "json_schema", "json_schema": wire}


def _tool(tool: ToolInfo, quirks: Quirks) -> JsonObject:
    """A function; or a custom tool, whose `options["custom"]` may hold the input's format.

    https://platform.openai.com/docs/guides/function-calling#custom-tools
    """
    options = tool.options or {}
    if "custom" in options:
        custom = {"name": tool.name, "description": tool.description, **(options["custom"] or {})}
        return {"type": "custom", "custom": custom}
    function: JsonObject = {
        "name": tool.name,
        "description": tool.description,
        "parameters": _schema(tool.parameters, quirks),
    }
    strict = options.get("strict", quirks.strict_tools)
    if strict is not None:
        function["strict"] = strict
    return {"type": "function", "function": function}


def _schema(schema: JsonValue, quirks: Quirks) -> JsonValue:
    dump = schema.to_dict()
    return _plain_schema(dump) if quirks.plain_schema else dump


def _plain_schema(schema: JsonValue) -> JsonValue:
    """The schema without extended keywords; a property may well be called "pattern"."""
    if not isinstance(schema, dict):
        return schema
    plain: JsonObject = {}
    for key, value in schema.items():
        if key in JSON_SCHEMA_EXTENDED_FIELDS:
            continue
        if key == "properties":
            plain[key] = {name: _plain_schema(item) for name, item in value.items()}
        elif key in ("items", "additionalProperties"):
            plain[key] = _plain_schema(value)
        elif key == "anyOf":
            plain[key] = [_plain_schema(item) for item in value]
        else:
            plain[key] = value
    return plain


def _tool_choice(choice: ToolChoice, tools: list[ToolInfo]) -> JsonValue:
    if isinstance(choice, ToolFunction):
        chosen = next((tool for tool in tools if tool.name == choice.name), None)
        kind = "custom" if chosen is not None and "custom" in (chosen.options or {}) else "function"
        return {"type": kind, kind: {"name": choice.name}}
    return "required" if choice == "any" else choice


def _add_extra(body: JsonObject, extra: JsonObject) -> None:
    for name, value in extra.items():
        if name in _RESERVED:
            raise InvalidRequest(f"extra_body[{name!r}]: stream() and generate() decide that.")
        if name != "metadata":  # only with `store`, which the caller's metadata does not mean
            body[name] = value
