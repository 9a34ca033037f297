"""A call to the body of a Responses request. Pure.

https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modeld.errors import InvalidRequest
from modeld.types import GenerateConfig, JsonObject, ResponseSchema

from ...core.call import Call, Route
from ..profiles import OpenAIProfile, dropped_parameters, openai_profile, sent_effort
from .messages import messages_to_input
from .options import ResponsesOptions, ResponsesQuirks
from .profile import ResponsesProfile, responses_profile
from .tools import image_tool, tool_choice_to_wire, tool_to_wire, uses_computer, wanted_tools

__all__ = ["WireRequest", "build_request", "count_body"]

_PARAMETERS = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("max_tokens", "max_output_tokens"),
    ("top_logprobs", "top_logprobs"),
)
_UNKNOWN = (
    *("stop_seqs", "frequency_penalty", "presence_penalty", "logit_bias", "seed", "num_choices"),
    *("prompt_logprobs", "top_k", "best_of", "reasoning_tokens", "effort", "fallback_models"),
)
_RESERVED = ("stream", "stream_options")
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_MERGED = ("reasoning", "text")
# https://platform.openai.com/docs/api-reference/responses/input-tokens
_COUNTED = (
    *("model", "input", "instructions", "tools", "tool_choice", "text", "reasoning"),
    *("truncation", "parallel_tool_calls", "previous_response_id", "conversation"),
)


@dataclass(slots=True)
class WireRequest:
    """The JSON body, and what could not be said in it."""

    body: JsonObject
    warnings: list[str] = field(default_factory=list)

    @property
    def background(self) -> bool:
        """Whether the answer is made in the background."""
        return bool(self.body.get("background"))


def build_request(
    call: Call, route: Route, *, options: ResponsesOptions, quirks: ResponsesQuirks, stream: bool
) -> WireRequest:
    """The request that this call is. One in the background is never streamed."""
    config = call.config
    profile, serving = openai_profile(route.model), responses_profile(route.model)
    items = messages_to_input(
        call.messages,
        quirks.system_role or profile.system_role,
        config.reasoning_history,
        phase=options.phase,
        cache_marks=profile.cache_marks,
    )
    request = WireRequest({"model": route.model, "input": items})
    body = request.body
    body.update(options.shared.body)
    _add_parameters(request, config, profile)
    _add_tools(body, call, quirks)
    if serving.truncates:
        body["truncation"] = "auto"
    _add_keeping(body, config, serving, options, quirks)
    for name, value in (config.extra_body or {}).items():
        _add_extra(body, name, value)
    if stream and not request.background:
        body["stream"] = True
    return request


def count_body(body: JsonObject) -> JsonObject:
    """What of a request's body counts as input."""
    return {name: body[name] for name in _COUNTED if name in body}


def _add_parameters(request: WireRequest, config: GenerateConfig, profile: OpenAIProfile) -> None:
    body = request.body
    dropped = dropped_parameters(profile, config.reasoning_effort)
    for name, wire_name in _PARAMETERS:
        value = getattr(config, name)
        if value is None:
            continue
        if name in dropped:
            request.warnings.append(_not_while_reasoning(name, body))
        else:
            body[wire_name] = value
    for name in _UNKNOWN:
        value = getattr(config, name)
        if value is not None and (name, value) != ("num_choices", 1):
            request.warnings.append(f"The Responses API knows no {name}: left out.")
    if config.logprobs and "logprobs" in dropped:
        request.warnings.append(_not_while_reasoning("logprobs", body))
    elif config.logprobs:
        body["include"] = [_LOGPROBS]
    reasoning = _reasoning(config, profile)
    if reasoning:
        body["reasoning"] = reasoning
    text: JsonObject = {}
    if config.response_schema is not None:
        text["format"] = _text_format(config.response_schema)
    if config.verbosity is not None:
        text["verbosity"] = config.verbosity
    if text:
        body["text"] = text


def _not_while_reasoning(name: str, body: JsonObject) -> str:
    return f"{body['model']} is a reasoning model and takes no {name}: left out."


def _reasoning(config: GenerateConfig, profile: OpenAIProfile) -> JsonObject:
    reasoning: JsonObject = {}
    effort = sent_effort(profile, config.reasoning_effort)
    if effort is not None:
        reasoning["effort"] = effort
    if config.reasoning_summary not in (None, "none"):
        reasoning["summary"] = config.reasoning_summary
    if config.reasoning_mode is not None:
        reasoning["mode"] = config.reasoning_mode
    return reasoning


def _text_format(schema: ResponseSchema) -> JsonObject:
    wire: JsonObject = {
        "type": "json_schema",
        "name": schema.name,
        "schema": schema.json_schema.to_dict(),
    }
    if schema.description is not None:
        wire["description"] = schema.description
    if schema.strict is not None:
        wire["strict"] = schema.strict
    return wire


def _add_tools(body: JsonObject, call: Call, quirks: ResponsesQuirks) -> None:
    wanted = wanted_tools(call.tools, call.config)
    tools = [tool_to_wire(tool, quirks) for tool in wanted]
    picture = image_tool(call.config)
    if picture is not None and not any(tool["type"] == picture["type"] for tool in tools):
        tools.append(picture)
    if not tools:
        return
    body["tools"] = tools
    if call.tools:
        body["tool_choice"] = tool_choice_to_wire(call.tool_choice, wanted)
    if call.config.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = call.config.parallel_tool_calls


def _add_keeping(
    body: JsonObject,
    config: GenerateConfig,
    serving: ResponsesProfile,
    options: ResponsesOptions,
    quirks: ResponsesQuirks,
) -> None:
    """Whether OpenAI keeps the response. Thoughts of one that is not kept can only come back
    encrypted (https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items).
    """
    background = (config.extra_body or {}).get("background", options.background)
    if background is None:
        background = serving.background or config.reasoning_mode == "pro"
    if background:
        body["background"] = True
    store = options.store
    if store is None:
        # What runs in the background is asked for by its id, and pictures of a computer's screen
        # are referred to: both must be kept.
        store = background or uses_computer(body.get("tools", ()))
    body["store"] = store
    encrypted = quirks.encrypted_reasoning
    if encrypted is None:
        encrypted = serving.encrypted_reasoning
    if encrypted and not store:
        body["include"] = [_ENCRYPTED, *body.get("include", ())]


def _add_extra(body: JsonObject, name: str, value: object) -> None:
    """A member that the caller adds. What is asked for in several places is put together."""
    if name in _RESERVED:
        raise InvalidRequest(f"extra_body[{name!r}]: stream() and generate() decide that.")
    old = body.get(name)
    if name == "include" and isinstance(value, list):
        body[name] = list(dict.fromkeys([*(old or ()), *value]))
    elif name in _MERGED and isinstance(value, dict):
        body[name] = {**(old or {}), **value}
    else:
        body[name] = value
