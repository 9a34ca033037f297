"""A call to the body of a Converse request. Pure.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from modeld.types import (
    ChatMessageAssistant,
    GenerateConfig,
    JsonObject,
    JsonValue,
    ReasoningEffort,
    ResponseSchema,
    ToolFunction,
    ToolInfo,
)

from ...core.call import Call
from ...core.estimate import estimate_tokens
from ..anthropic.profile import anthropic_profile
from ..anthropic.thinking import think
from ..http.jsontext import dumps
from .messages import CACHE_POINT, messages_to_wire
from .options import Options
from .profile import BedrockProfile

__all__ = ["WireRequest", "build_request", "count_body", "counting_model"]

_INFERENCE = (
    ("max_tokens", "maxTokens"),
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("stop_seqs", "stopSequences"),
)
_NOT_HERE = (
    *("frequency_penalty", "presence_penalty", "logit_bias", "seed", "best_of", "num_choices"),
    *("logprobs", "top_logprobs", "prompt_logprobs", "verbosity", "modalities", "reasoning_mode"),
    "fallback_models",
)
_CLAUDE = re.compile(r"(?:[a-z-]+\.)?(anthropic\.claude-[^/]+)")
_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")
_ROOM = 4_096
"""Tokens of an answer beside the budget of its thoughts."""
_LEAST_CACHED = 1_024
"""Tokens of the shortest prompt that a model caches."""
_CACHED_TURNS = 2
_NOVA: Mapping[ReasoningEffort, str] = {
    "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high",
    "max": "high",
}  # fmt: skip
_NOVA_ALONE = ("maxTokens", "temperature", "topP")
"""What Nova refuses beside its highest effort."""


@dataclass(slots=True)
class WireRequest:
    """The JSON body, and what could not be said in it."""

    body: JsonObject
    warnings: list[str] = field(default_factory=list)


def build_request(call: Call, model: str, profile: BedrockProfile, options: Options) -> WireRequest:
    """The request that this call is.

    Args:
        call: The call.
        model: Id or ARN of the model.
        profile: What the model is like.
        options: The caller's model args.
    """
    config = call.config
    conversation = messages_to_wire(call.messages, profile, config.reasoning_history)
    request = WireRequest({"messages": conversation.messages}, conversation.warnings)
    body = request.body
    if conversation.system:
        body["system"] = conversation.system
    inference = {wire: getattr(config, ours) for ours, wire in _INFERENCE if _said(config, ours)}
    further = _further(config, profile, model, inference, request.warnings)
    if inference:
        body["inferenceConfig"] = inference
    if further:
        body["additionalModelRequestFields"] = further
    _add_tools(request, call)
    if config.response_schema is not None:
        body["outputConfig"] = {"textFormat": _format(config.response_schema)}
    body.update(options.body)
    for name in _NOT_HERE:
        if getattr(config, name):
            request.warnings.append(f"Converse knows no {name}: left out.")
    if config.extra_body:
        request.body = _merged(body, config.extra_body)
    _add_cache_points(request.body, call, profile)
    return request


def counting_model(model: str) -> str | None:
    """The id by which tokens are counted: that of Claude without the region of a profile. Other
    models are not counted for.

    https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html
    """
    found = _CLAUDE.fullmatch(model)
    return found[1] if found else None


def count_body(body: JsonObject) -> JsonObject:
    """The body of the request that counts the tokens of this one."""
    counted = {name: value for name, value in body.items() if name in _COUNTED}
    return {"input": {"converse": counted}}


def _said(config: GenerateConfig, name: str) -> bool:
    return getattr(config, name) not in (None, [])


def _format(schema: ResponseSchema) -> JsonObject:
    # https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
    wire: JsonObject = {
        "name": schema.name,
        "schema": dumps(schema.json_schema.to_dict()).decode(),
    }
    if schema.description:
        wire["description"] = schema.description
    return {"type": "json_schema", "structure": {"jsonSchema": wire}}


# -- what Converse has no member for -----------------------------------------------------------


def _further(
    config: GenerateConfig,
    profile: BedrockProfile,
    model: str,
    inference: JsonObject,
    warnings: list[str],
) -> JsonObject:
    """Members in the words of the model's own API."""
    wire: JsonObject = {}
    if config.top_k is not None:
        if profile.top_k:
            *path, last = profile.top_k
            place = wire
            for name in path:
                place = place.setdefault(name, {})
            place[last] = config.top_k
        else:
            warnings.append(f"{model} takes no top_k: left out.")
    effort = config.reasoning_effort
    if profile.thinking == "claude":
        _claude(wire, config, model, inference, warnings)
        return wire
    if config.reasoning_tokens is not None:
        warnings.append(f"{model} takes no budget of thinking tokens: reasoning_tokens left out.")
    if config.effort is not None:
        warnings.append(f"{model} has no levels of effort: effort left out.")
    if effort is None or (effort == "none" and profile.thinking != "nova"):
        return wire
    if profile.thinking == "nova":
        _nova(wire, effort, inference, warnings)
    elif profile.thinking == "gpt":
        wire["reasoning_effort"] = _NOVA[effort]
    elif profile.thinking == "config":
        wire["reasoning_config"] = "low" if effort in ("minimal", "low") else "high"
    else:
        warnings.append(f"{model} does not think: reasoning_effort left out.")
    return wire


def _claude(
    wire: JsonObject,
    config: GenerateConfig,
    model: str,
    inference: JsonObject,
    warnings: list[str],
) -> None:
    """As Anthropic's own API says it.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
    """
    profile = anthropic_profile(model)
    thought = think(config, profile, model)
    warnings += thought.warnings
    if thought.thinking is not None:
        wire["thinking"] = thought.thinking
    if thought.budget is not None and "maxTokens" not in inference:
        inference["maxTokens"] = min(thought.budget + _ROOM, profile.max_output)
    if thought.effort is not None:
        wire["output_config"] = {"effort": thought.effort}
    unwanted = {"temperature": "temperature", "topP": "top_p"}
    for name, ours in unwanted.items():
        if name in inference and (thought.on or not profile.sampling):
            del inference[name]
            warnings.append(f"{model} takes no {ours}{' here' if thought.on else ''}: left out.")
    if "top_k" in wire and (thought.on or not profile.sampling):
        del wire["top_k"]
        warnings.append(f"{model} takes no top_k{' here' if thought.on else ''}: left out.")


def _nova(
    wire: JsonObject, effort: ReasoningEffort, inference: JsonObject, warnings: list[str]
) -> None:
    if effort == "none":
        wire["reasoningConfig"] = {"type": "disabled"}
        return
    level = _NOVA[effort]
    wire["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": level}
    if level == "high":
        refused = [name for name in _NOVA_ALONE if inference.pop(name, None) is not None]
        warnings += [
            f"Nova takes no {name} beside its highest effort: left out." for name in refused
        ]


# -- tools -------------------------------------------------------------------------------------


def _add_tools(request: WireRequest, call: Call) -> None:
    """Tools and the choice among them. The API wants tools wherever the history has calls, and has
    no word for "none": then the calls' tools stay, and the model is not kept from them.
    """
    choice = call.tool_choice
    tools = [_tool(tool) for tool in call.tools]
    called = _called(call)
    if choice == "none" or not tools:
        if not called:
            return
        if tools:
            request.warnings.append(
                "Converse has no tool_choice none: the tools stay, since the history has calls."
            )
        else:
            tools = [_tool(ToolInfo(name, f"The tool {name}.")) for name in called]
    wire: JsonObject = {"tools": tools}
    if isinstance(choice, ToolFunction):
        wire["toolChoice"] = {"tool": {"name": choice.name}}
    elif choice == "any":
        wire["toolChoice"] = {"any": {}}
    request.body["toolConfig"] = wire
    if call.config.parallel_tool_calls is False:
        request.warnings.append("Converse cannot forbid parallel calls of tools.")


def _called(call: Call) -> list[str]:
    names = {
        made.function: None
        for message in call.messages
        if isinstance(message, ChatMessageAssistant)
        for made in message.tool_calls or ()
    }
    return list(names)


def _tool(tool: ToolInfo) -> JsonObject:
    spec: JsonObject = {"name": tool.name, "inputSchema": {"json": tool.parameters.to_dict()}}
    if tool.description:
        spec["description"] = tool.description
    if tool.options and tool.options.get("strict") is not None:
        spec["strict"] = tool.options["strict"]
    return {"toolSpec": spec}


# -- the prompt cache --------------------------------------------------------------------------


def _add_cache_points(body: JsonObject, call: Call, profile: BedrockProfile) -> None:
    """Cache points at the ends of tools, system prompt and the user's last turns, where the caller
    sets none. Prompts shorter than the smallest that is cached stay without.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
    """
    if call.config.cache_prompt is False or not profile.cache_points or _has_points(body):
        return
    if estimate_tokens(call.messages, call.tools) < _LEAST_CACHED:
        return
    if "tools" in profile.cache_points and body.get("toolConfig"):
        config = body["toolConfig"]
        body["toolConfig"] = {**config, "tools": [*config["tools"], CACHE_POINT]}
    if body.get("system"):
        body["system"] = [*body["system"], CACHE_POINT]
    turns = [message for message in body["messages"] if message["role"] == "user"]
    for turn in turns[-_CACHED_TURNS:]:
        turn["content"] = [*turn["content"], CACHE_POINT]


def _has_points(body: JsonObject) -> bool:
    lists = [body.get("system") or (), (body.get("toolConfig") or {}).get("tools") or ()]
    lists += [message["content"] for message in body["messages"]]
    return any("cachePoint" in block for blocks in lists for block in blocks)


def _merged(body: JsonObject, extra: JsonObject) -> JsonObject:
    """The body with further members: objects are merged, tools added, the rest replaced."""
    merged = dict(body)
    for name, value in extra.items():
        old: JsonValue = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[name] = _merged(old, value)
        elif name == "tools" and isinstance(old, list) and isinstance(value, list):
            merged[name] = [*old, *value]
        else:
            merged[name] = value
    return merged
