"""A call to the body of a `generateContent` request. Pure.

https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modeld.types import (
    GenerateConfig,
    ImageOutput,
    JsonObject,
    JsonValue,
    ReasoningEffort,
    ToolFunction,
    ToolInfo,
)

from ...core.call import Call
from .messages import contents_to_wire
from .options import Options
from .profile import GoogleProfile
from .schema import openapi_schema

__all__ = ["WireRequest", "build_count", "build_request"]

# https://ai.google.dev/api/generate-content#generationconfig
_CONFIG_FIELDS = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("max_tokens", "maxOutputTokens"),
    ("stop_seqs", "stopSequences"),
    ("frequency_penalty", "frequencyPenalty"),
    ("presence_penalty", "presencePenalty"),
    ("seed", "seed"),
    ("num_choices", "candidateCount"),
    ("logprobs", "responseLogprobs"),
    ("top_logprobs", "logprobs"),
)
_NOT_HERE = (
    "logit_bias", "best_of", "prompt_logprobs", "verbosity", "effort", "reasoning_mode",
    "fallback_models",
)  # fmt: skip
# Thinking tokens by effort, for models with budgets.
_BUDGETS: Mapping[ReasoningEffort, int] = {
    "minimal": 2048, "low": 4096, "medium": 10_000, "high": 16_000, "xhigh": 32_000, "max": 32_000,
}  # fmt: skip
# Google's own tools by the name of the tool that stands for them, and who they may be called.
_NATIVE = {"web_search": "googleSearch", "code_execution": "codeExecution"}
_US = ("gemini", "google")


@dataclass(slots=True)
class WireRequest:
    """The JSON body, and what could not be said in it."""

    body: JsonObject
    warnings: list[str] = field(default_factory=list)


def build_request(
    call: Call, model: str, profile: GoogleProfile, options: Options, *, vertex: bool
) -> WireRequest:
    """The request that this call is.

    Args:
        call: The call.
        model: The model's name, for warnings.
        profile: What the model is like.
        options: The caller's model args.
        vertex: Whether it goes to Vertex.
    """
    config = call.config
    messages = contents_to_wire(call.messages, profile, config.reasoning_history)
    request = WireRequest({"contents": messages.contents})
    body = request.body
    if messages.system:
        body["systemInstruction"] = {"parts": messages.system}
    if call.tools:
        _add_tools(body, call, profile, vertex=vertex)
    generation = _generation(config, profile, model, request.warnings)
    if generation:
        body["generationConfig"] = generation
    safety = options.safety
    if safety is None and profile.filters:
        safety = options.no_filters
    if safety:
        body["safetySettings"] = safety
    for name in _NOT_HERE:
        if getattr(config, name) is not None:
            request.warnings.append(f"generateContent knows no {name}: left out.")
    if config.parallel_tool_calls is False:
        request.warnings.append("generateContent cannot forbid parallel calls of tools.")
    if config.extra_body:
        request.body = _merged(body, config.extra_body)
    return request


def build_count(request: JsonObject, resource: str, *, vertex: bool) -> JsonObject:
    """The body of a `countTokens` request.

    https://ai.google.dev/api/tokens; Vertex takes the members of the request themselves.
    """
    members = ("contents", "systemInstruction", "tools", "generationConfig")
    counted = {name: request[name] for name in members if name in request}
    if vertex:
        return counted
    return {"generateContentRequest": {"model": resource, **counted}}


def _generation(
    config: GenerateConfig, profile: GoogleProfile, model: str, warnings: list[str]
) -> JsonObject:
    wire: JsonObject = {}
    for name, wire_name in _CONFIG_FIELDS:
        value = getattr(config, name)
        if value is not None:
            wire[wire_name] = value
    if config.top_logprobs is not None and config.logprobs is None:
        wire["responseLogprobs"] = True  # else the API refuses the number
    if config.response_schema is not None:
        schema = config.response_schema.json_schema.to_dict()
        wire["responseMimeType"] = "application/json"
        if profile.json_schema:
            wire["responseJsonSchema"] = schema
        else:
            wire["responseSchema"] = openapi_schema(schema)
    thinking = _thinking(config, profile, model, warnings)
    if thinking:
        wire["thinkingConfig"] = thinking
    if config.modalities:
        wire["responseModalities"] = ["TEXT", *map(_modality, config.modalities)]
    return wire


def _modality(modality: object) -> str:
    return "IMAGE" if isinstance(modality, ImageOutput) else str(modality).upper()


def _thinking(
    config: GenerateConfig, profile: GoogleProfile, model: str, warnings: list[str]
) -> JsonObject:
    """`thinkingConfig`: a budget or a level, never both, which the API refuses."""
    effort, tokens, summary = (
        config.reasoning_effort,
        config.reasoning_tokens,
        config.reasoning_summary,
    )
    if effort is None and tokens is None and summary is None:
        return {}
    if profile.thinking == "none":
        if tokens is not None or effort not in (None, "none"):
            warnings.append(f"{model} takes no thinking configuration: left out.")
        return {}
    wire: JsonObject = {}
    if tokens is not None:
        wire["thinkingBudget"] = tokens
        if effort is not None:
            warnings.append("reasoning_tokens is given: reasoning_effort is left out.")
    elif effort == "none":
        wire |= _silence(profile, model, warnings)
    elif effort is not None and profile.thinking == "level":
        wire["thinkingLevel"] = profile.levels[effort]
    elif effort is not None:
        wire["thinkingBudget"] = min(_BUDGETS[effort], profile.max_budget)
    thinks = tokens != 0 and not (tokens is None and effort == "none")
    if thinks:
        wire["includeThoughts"] = summary != "none"
    return wire


def _silence(profile: GoogleProfile, model: str, warnings: list[str]) -> JsonObject:
    if profile.thinking == "budget" and profile.min_budget == 0:
        return {"thinkingBudget": 0}
    warnings.append(f"{model} always thinks: it is asked to think as little as it can.")
    if profile.thinking == "level":
        return {"thinkingLevel": profile.silent_level}
    return {"thinkingBudget": profile.min_budget}


def _add_tools(body: JsonObject, call: Call, profile: GoogleProfile, *, vertex: bool) -> None:
    """Functions in one entry, each of Google's own tools in one.

    https://ai.google.dev/gemini-api/docs/function-calling
    """
    natives: list[JsonObject] = []
    functions: list[ToolInfo] = []
    allowed = call.config.internal_tools is not False
    wanted = [(tool, _native(tool) if allowed else None) for tool in call.tools]
    mixed = any(native for _, native in wanted) and not all(native for _, native in wanted)
    for tool, native in wanted:
        if native and (profile.mixes_tools or not mixed):
            natives.append(native)
        else:
            functions.append(tool)
    body["tools"] = natives
    choice = call.tool_choice
    config: JsonObject = {}
    if functions:
        declared = [_function(tool, profile) for tool in functions]
        body["tools"] = [*natives, {"functionDeclarations": declared}]
        if isinstance(choice, ToolFunction):
            config = {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        elif choice != "auto":
            config = {"mode": choice.upper()}
    settings: JsonObject = {}
    if config:
        settings["functionCallingConfig"] = config
    if natives and functions and not vertex:
        settings["includeServerSideToolInvocations"] = True
    if settings:
        body["toolConfig"] = settings


def _native(tool: ToolInfo) -> JsonObject | None:
    """Google's own tool in place of one that its options allow it for."""
    name = _NATIVE.get(tool.name)
    if name is None or not tool.options:
        return None
    providers = tool.options.get("providers", tool.options)
    if not isinstance(providers, dict):
        return None
    for us in _US:
        settings = providers.get(us)
        if settings not in (None, False):
            return {name: settings if isinstance(settings, dict) else {}}
    return None


def _function(tool: ToolInfo, profile: GoogleProfile) -> JsonObject:
    function: JsonObject = {"name": tool.name, "description": tool.description}
    schema = tool.parameters.to_dict()
    if profile.json_schema:
        function["parametersJsonSchema"] = schema
    elif schema.get("properties"):  # OpenAPI's objects may not be empty
        function["parameters"] = openapi_schema(schema)
    return function


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
