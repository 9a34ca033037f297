"""A call to the body of a chat completions request. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
from ...core.estimate import estimate_tokens
from ..profiles import OpenAIProfile, dropped_parameters
from .emulation import emulate_tools, emulates_tools
from .messages import messages_to_wire
from .options import Options
from .quirks import Quirks, effort_to_send
from .shaping import CACHE_CONTROL, json_hint, mark_ends, merge_system

__all__ = ["WireRequest", "add_extra", "build_request"]

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
_EXPLICIT: JsonObject = {"prompt_cache_breakpoint": {"mode": "explicit"}}
_LEAST_CACHED = 1_024
"""Tokens of the shortest prompt that is worth a mark of the cache."""


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
    emulated = emulates_tools(options, quirks)
    parallel = emulated and call.tools and config.parallel_tool_calls
    if emulated:
        call, quirks = emulate_tools(call), replace(quirks, merged_system=True)
    request = WireRequest({"model": route.model, "messages": _messages(call, profile, quirks)})
    if parallel:
        request.warnings.append(
            "Emulated tools are called one by one: parallel_tool_calls ignored."
        )
    body = request.body
    for name, value in options.body.items():
        body[name] = dict(value) if isinstance(value, dict) else value
    _add_config(request, config, profile, quirks)
    _add_thinking(request, config, profile, quirks)
    if config.response_schema is not None:
        body["response_format"] = _response_format(config.response_schema, quirks)
    if call.tools:
        strict = quirks.strict_tools if options.strict_tools is None else options.strict_tools
        body["tools"] = [_tool(tool, quirks, strict) for tool in call.tools]
        body["tool_choice"] = _possible_choice(request, call, quirks)
        if config.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = config.parallel_tool_calls
    if quirks.continued and call.messages[-1].role == "assistant":
        body.update(quirks.continued)
    if config.extra_body:
        add_extra(body, config.extra_body)
    if stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return request


def _messages(call: Call, profile: OpenAIProfile, quirks: Quirks) -> list[JsonObject]:
    config = call.config
    role = quirks.system_role or profile.system_role
    mark = CACHE_CONTROL if quirks.cache_control else _EXPLICIT if profile.cache_marks else None
    messages = messages_to_wire(call.messages, role, config.reasoning_history, cache_mark=mark)
    if quirks.json_object and config.response_schema is not None:
        hint = json_hint(config.response_schema.json_schema.to_dict())
        messages = [{"role": role, "content": hint}, *messages]
    if quirks.merged_system or quirks.json_object:
        messages = merge_system(messages, role)
    cached = quirks.cache_ends and config.cache_prompt is not False
    if cached and estimate_tokens(call.messages, call.tools) >= _LEAST_CACHED:
        mark_ends(messages)
    return messages


def _add_config(
    request: WireRequest, config: GenerateConfig, profile: OpenAIProfile, quirks: Quirks
) -> None:
    body = request.body
    dropped = dropped_parameters(profile, config.reasoning_effort)
    for name, wire_name in (*_CONFIG_FIELDS, *((name, name) for name in quirks.parameters)):
        value = getattr(config, name)
        if value is None:
            continue
        if name in dropped:
            model = body["model"]
            request.warnings.append(f"{model} is a reasoning model and takes no {name}: left out.")
        elif name in quirks.dropped:
            request.warnings.append(f"{body['model']} takes no {name} here: left out.")
        else:
            body[wire_name] = value
    if quirks.counted_logprobs and body.pop("logprobs", None):
        body["logprobs"] = body.pop("top_logprobs", None) or 1
    max_tokens = config.max_tokens or quirks.default_max_tokens
    if max_tokens is not None:
        body[quirks.max_tokens_name or profile.max_tokens_name] = max_tokens
    if config.logit_bias is not None:
        if "logit_bias" in quirks.dropped:
            request.warnings.append(f"{body['model']} takes no logit_bias here: left out.")
        else:
            body["logit_bias"] = {str(token): bias for token, bias in config.logit_bias.items()}
    known = (*quirks.parameters, *(("reasoning_tokens",) if quirks.reasoning_object else ()))
    for name in _UNKNOWN:
        if getattr(config, name) is not None and name not in known:
            request.warnings.append(f"Chat completions know no {name}: left out.")
    if config.modalities:
        request.warnings.append("Chat completions make no images: modalities left out.")


def _add_thinking(
    request: WireRequest, config: GenerateConfig, profile: OpenAIProfile, quirks: Quirks
) -> None:
    """How much the model shall think: as an effort, an object, or members of the server's own."""
    body, asked = request.body, config.reasoning_effort
    effort = effort_to_send(quirks.efforts, profile, asked)
    if asked == "none" and quirks.no_thinking:
        body.update(quirks.no_thinking)
    elif quirks.reasoning_object:
        said: JsonObject = {} if effort is None else {"effort": effort}
        if config.reasoning_tokens is not None:
            said = {"max_tokens": config.reasoning_tokens}  # one of the two
        if said:
            body["reasoning"] = {**body.get("reasoning", {}), **said}
    elif effort is not None:
        body["reasoning_effort"] = effort
    elif asked not in (None, "none") and quirks.efforts is not None:
        request.warnings.append(f"{body['model']} takes no reasoning_effort here: left out.")


def _possible_choice(request: WireRequest, call: Call, quirks: Quirks) -> JsonValue:
    choice = _tool_choice(call.tool_choice, call.tools)
    thinks = call.config.reasoning_effort != "none"
    if choice in ("auto", "none") or quirks.forced_tools == "always":
        return choice
    if quirks.forced_tools == "without thinking" and not thinks:
        return choice
    model = request.body["model"]
    request.warnings.append(f"{model} cannot be made to call a tool here: tool_choice is auto.")
    return "auto"


def _response_format(schema: ResponseSchema, quirks: Quirks) -> JsonObject:
    if quirks.json_object:
        return {"type": "json_object"}
    wire: JsonObject = {"name": schema.name, "schema": _schema(schema.json_schema, quirks)}
    if schema.description is not None:
        wire["description"] = schema.description
    if schema.strict is not None:
        wire["strict"] = schema.strict
    return {"type": "json_schema", "json_schema": wire}


def _tool(tool: ToolInfo, quirks: Quirks, strict: bool | None) -> JsonObject:
    """A function; or a custom tool, whose `options["custom"]` may hold the input's format.

    https://platform.openai.com/docs/guides/function-calling#custom-tools
    """
    options = tool.options or {}
    native = options.get(quirks.native) if quirks.native else None
    if isinstance(native, dict) and "type" in native:
        return native
    if "custom" in options:
        custom = {"name": tool.name, "description": tool.description, **(options["custom"] or {})}
        return {"type": "custom", "custom": custom}
    function: JsonObject = {
        "name": tool.name,
        "description": tool.description,
        "parameters": _schema(tool.parameters, quirks),
    }
    strict = options.get("strict", strict)
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


def add_extra(body: JsonObject, extra: JsonObject) -> None:
    """Puts the caller's own members over the body's."""
    for name, value in extra.items():
        if name in _RESERVED:
            raise InvalidRequest(f"extra_body[{name!r}]: stream() and generate() decide that.")
        if name != "metadata":  # only with `store`, which the caller's metadata does not mean
            body[name] = value
