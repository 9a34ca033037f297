"""A call to the body of a request. Pure.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modeld.errors import InvalidRequest
from modeld.types import GenerateConfig, JsonObject, ResponseSchema, ToolFunction

from ...core.call import Call, Route
from .betas import betas_of
from .caching import cache_mark, has_marks, is_long, mark_prompt
from .messages import messages_to_wire
from .options import Options
from .profile import AnthropicProfile
from .thinking import Thought, max_tokens, think
from .tools import choice_to_wire, tools_of_history, tools_to_wire

__all__ = ["WireRequest", "build_request", "counting_body"]

_SAMPLING = ("temperature", "top_p", "top_k")
_SAMPLING_VERSION = "2023-06-01"
"""The last version of the API that knows sampling parameters.

https://platform.claude.com/docs/en/api/versioning
"""

# GenerateConfig fields that the API has no member for.
_UNKNOWN = (
    *("frequency_penalty", "presence_penalty", "logit_bias", "seed", "best_of"),
    *("num_choices", "logprobs", "top_logprobs", "prompt_logprobs", "verbosity", "modalities"),
    "reasoning_mode",
)
_COUNTED = frozenset(
    (
        *("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
        *("mcp_servers", "cache_control", "context_management", "speed", "output_format"),
    )
)
"""https://platform.claude.com/docs/en/api/messages-count-tokens"""


@dataclass(slots=True)
class WireRequest:
    """The JSON body, what goes into the head for it, and what could not be said."""

    body: JsonObject
    warnings: list[str] = field(default_factory=list)
    metadata: JsonObject = field(default_factory=dict)
    """What the output's metadata should say of the request."""
    betas: list[str] = field(default_factory=list)
    thinks: bool = False

    @property
    def version(self) -> str | None:
        """The API's version that the request needs; None is the SDK's."""
        return _SAMPLING_VERSION if self.body.keys() & set(_SAMPLING) else None


def build_request(
    call: Call, route: Route, profile: AnthropicProfile, options: Options, *, counts: bool = False
) -> WireRequest:
    """The request that this call is, but for `stream`; `counts` when it will only be counted."""
    config = call.config
    mark = cache_mark(options.cache_ttl)
    conversation = messages_to_wire(call.messages, mark, system_turns=profile.system_turns)
    thought = think(config, profile, route.model)
    request = WireRequest(
        {
            "model": route.model,
            "max_tokens": max_tokens(config, profile, thought),
            "messages": conversation.messages,
        },
        [*conversation.warnings, *thought.warnings],
        thinks=thought.on,
    )
    body = request.body
    if conversation.system is not None:
        body["system"] = conversation.system
    body.update(options.body)
    _add_config(request, config, profile, thought)
    _add_tools(request, call, profile, thought)
    if config.extra_body:
        _add_extra(body, config.extra_body)
    unmarked = config.cache_prompt is not False and not has_marks(body)
    if unmarked and not counts and is_long(body):
        mark_prompt(body, mark)
    request.betas = betas_of(body)
    return request


def counting_body(request: WireRequest) -> JsonObject:
    """The body of the request that counts the tokens of this one."""
    return {name: value for name, value in request.body.items() if name in _COUNTED}


def _add_config(
    request: WireRequest, config: GenerateConfig, profile: AnthropicProfile, thought: Thought
) -> None:
    body = request.body
    for name in _SAMPLING:
        value = getattr(config, name)
        if value is None:
            continue
        problem = _sampling_problem(name, value, profile, thought, body["model"])
        if problem is None:
            body[name] = value
        else:
            request.warnings.append(problem)
    if config.stop_seqs:
        body["stop_sequences"] = config.stop_seqs
    if thought.thinking is not None:
        body["thinking"] = thought.thinking
    output: JsonObject = {}
    if thought.effort is not None:
        output["effort"] = thought.effort
    if config.response_schema is not None:
        output["format"] = _format(config.response_schema)
    if output:
        body["output_config"] = output
    if config.fallback_models:
        body["fallbacks"] = [{"model": model} for model in config.fallback_models]
    for name in _UNKNOWN:
        if getattr(config, name):
            request.warnings.append(f"Anthropic has no {name}: left out.")
    if config.reasoning_history in ("none", "last"):
        request.warnings.append("Anthropic wants all reasoning back: reasoning_history left out.")


def _sampling_problem(
    name: str, value: float, profile: AnthropicProfile, thought: Thought, model: str
) -> str | None:
    if not profile.sampling:
        return f"{model} takes no {name}: left out."
    if not thought.on or (name == "temperature" and value == 1):
        return None
    if name == "top_p" and 0.95 <= value <= 1:  # the API's own bounds
        return None
    return f"{model} takes no {name} while it thinks: left out."


def _format(schema: ResponseSchema) -> JsonObject:
    # https://platform.claude.com/docs/en/build-with-claude/structured-outputs
    return {"type": "json_schema", "schema": schema.json_schema.to_dict()}


def _add_tools(
    request: WireRequest, call: Call, profile: AnthropicProfile, thought: Thought
) -> None:
    tools = tools_to_wire(call.tools, call.config)
    choice = call.tool_choice
    if not tools:
        tools = tools_of_history(call.messages)
        if not tools:
            return
        choice = "none"
    forced = choice == "any" or isinstance(choice, ToolFunction)
    if forced and (not profile.forced_tools or thought.budget is not None):
        choice = "auto"
        request.warnings.append(
            f"{request.body['model']} cannot be made to use a tool"
            f"{' while it thinks' if profile.forced_tools else ''}: tool_choice is auto."
        )
        request.metadata["tool_choice_degraded"] = True
    request.body["tools"] = tools
    wire = choice_to_wire(choice, call.config)
    if wire is not None:
        request.body["tool_choice"] = wire


def _add_extra(body: JsonObject, extra: JsonObject) -> None:
    """Members of the caller's: tools are added to the call's, objects are put together."""
    for name, value in extra.items():
        if name == "stream":
            raise InvalidRequest("extra_body['stream']: stream() and generate() decide that.")
        old = body.get(name)
        if name == "tools" and isinstance(value, list):
            given = {tool.get("name") for tool in value if isinstance(tool, dict)}
            body[name] = [*(t for t in old or () if t.get("name") not in given), *value]
        elif name == "output_config" and isinstance(old, dict) and isinstance(value, dict):
            body[name] = {**old, **value}
        else:
            body[name] = value
