"""From a call to the requests that the engine understands. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ToolFunction,
    ToolInfo,
)

from ...core.call import Call
from ..conversation import collapse, keep_reasoning
from .options import ModelArgs

__all__ = ["build_count", "build_requests", "left_out", "offered_tools"]

JsonObject: TypeAlias = dict[str, Any]

DEFAULT_MAX_TOKENS = 2048
MOST_CHOICES = 64
MOST_LOGPROBS = 20
MISTRAL_ID = 9
"""Characters that Mistral's templates want of a tool call's id, no more and no less."""
_SEEDS = 2**63

# Name → least and greatest value; the names are those of generate()'s own config.
_SAMPLING: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 100),
    "top_p": (0, 1),
    "top_k": (0, 2**31 - 1),
}
# What GenerateConfig has no name for.
_EXTRA: Mapping[str, tuple[float, float]] = {
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "repetition_penalty": (0.01, 100),
    "no_repeat_ngram_size": (0, 2**31 - 1),
}
_WHOLE = ("no_repeat_ngram_size",)
_TEMPLATE = "chat_template_kwargs"
_UNKNOWN = (
    "best_of", "effort", "fallback_models", "frequency_penalty", "logit_bias", "modalities",
    "presence_penalty", "prompt_logprobs", "reasoning_effort", "reasoning_mode",
    "reasoning_summary", "reasoning_tokens", "response_schema", "verbosity",
)  # fmt: skip


def build_requests(call: Call, model: str, args: ModelArgs) -> list[JsonObject]:
    """One request per choice. What a text model cannot do is `InvalidRequest`.

    Args:
        call: The call.
        model: Name of the model; Mistral's want short ids.
        args: The caller's model args.
    """
    config = call.config
    count = 1 if config.num_choices is None else config.num_choices
    if not 1 <= count <= MOST_CHOICES:
        raise InvalidRequest(f"num_choices must be from 1 to {MOST_CHOICES}, not {count}")
    max_tokens = DEFAULT_MAX_TOKENS if config.max_tokens is None else config.max_tokens
    if max_tokens < 1:
        raise InvalidRequest(f"max_tokens must be at least 1, not {max_tokens}")
    request = {
        **build_count(call, model, args),
        "max_tokens": max_tokens,
        "stop": [text for text in config.stop_seqs or () if text],
        "logprobs": _logprobs(config),
    }
    sampling = _sampling(config, args)
    if config.seed is None:
        return [{**request, "sampling": sampling}] * count
    return [
        {**request, "sampling": {**sampling, "seed": (config.seed + i) % _SEEDS}}
        for i in range(count)
    ]


def build_count(call: Call, model: str, args: ModelArgs) -> JsonObject:
    """What becomes the prompt: messages, tools, variables of the template, and how it is written."""
    if not call.messages:
        raise InvalidRequest("a call needs at least one message")
    kept = keep_reasoning(call.messages, call.config.reasoning_history)
    short = "mistral" in model.lower()
    template = _extra_body(call.config).get(_TEMPLATE) or {}
    if args.enable_thinking is not None:
        template = {"enable_thinking": args.enable_thinking, **template}
    return {
        "messages": [_message(message, short=short) for message in collapse(kept, ("user",))],
        "tools": [_tool(tool) for tool in offered_tools(call)],
        "variables": template,
        **args.prompt,
    }


def offered_tools(call: Call) -> list[ToolInfo]:
    """The tools that the model is told of."""
    if call.tool_choice == "none":
        return []
    if isinstance(call.tool_choice, ToolFunction):
        return [tool for tool in call.tools if tool.name == call.tool_choice.name]
    return call.tools


def left_out(call: Call) -> list[str]:
    """What the call asks for and cannot be had here, in words for the caller."""
    asked = [name for name in _UNKNOWN if getattr(call.config, name) is not None]
    warnings = [f"Models of hf/ know no {name}: left out." for name in asked]
    if call.tools and call.tool_choice not in ("auto", "none"):
        warnings.append("Models of hf/ cannot be made to call a tool: tool_choice is auto.")
    if call.tools and call.config.parallel_tool_calls is False:
        warnings.append("Models of hf/ know no parallel_tool_calls: left out.")
    return warnings


def _message(message: ChatMessage, *, short: bool) -> JsonObject:
    def id_of(id: str | None) -> str:
        return (id or "")[-MISTRAL_ID:] if short else (id or "")

    wire: JsonObject = {"role": message.role, "content": _text(message)}
    if isinstance(message, ChatMessageTool):
        wire |= {"name": message.function or "", "tool_call_id": id_of(message.tool_call_id)}
    if isinstance(message, ChatMessageAssistant):
        thoughts = [p.reasoning for p in message.content_list if isinstance(p, ContentReasoning)]
        if any(thoughts):
            # By this name templates of reasoning models look for it; others pass it by.
            wire["reasoning_content"] = "\n".join(thoughts)
        if message.tool_calls:
            wire["tool_calls"] = [
                {
                    "id": id_of(call.id),
                    "type": "function",
                    "function": {"name": call.function, "arguments": call.arguments},
                }
                for call in message.tool_calls
            ]
    return wire


def _text(message: ChatMessage) -> str:
    if isinstance(message, ChatMessageTool) and message.error is not None:
        return f"Error: {message.error.message}"
    if isinstance(message.content, str):
        return message.content
    texts = []
    for part in message.content:
        if isinstance(part, ContentText):
            texts.append(part.text)
        elif not isinstance(part, ContentReasoning):
            raise InvalidRequest(
                f"models of hf/ take text only: a {message.role} message holds "
                f"'{part.type}' content ({type(part).__name__})"
            )
    return "\n".join(texts)


def _tool(tool: ToolInfo) -> JsonObject:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters.to_dict(),
        },
    }


def _sampling(config: GenerateConfig, args: ModelArgs) -> JsonObject:
    values = {name: getattr(config, name) for name in _SAMPLING}
    extra = _extra_body(config)
    values |= {name: extra[name] for name in _EXTRA if name in extra}
    sampling: JsonObject = {"do_sample": args.do_sample and values["temperature"] != 0}
    for name, (least, most) in {**_SAMPLING, **_EXTRA}.items():
        value = values.get(name)
        if value is None:
            continue
        if name in _EXTRA and not _is_number(value, whole=name in _WHOLE):
            raise InvalidRequest(f"extra_body: {name} must be a number, not {value!r:.100}")
        if not least <= value <= most:
            raise InvalidRequest(f"{name} must be from {least} to {most}, not {value!r:.100}")
        sampling[name] = value
    return sampling


def _is_number(value: object, *, whole: bool) -> bool:
    kinds = int if whole else int | float
    return isinstance(value, kinds) and not isinstance(value, bool)


def _extra_body(config: GenerateConfig) -> JsonObject:
    extra = config.extra_body or {}
    known = [*_EXTRA, _TEMPLATE]
    if unknown := sorted(extra.keys() - set(known)):
        raise InvalidRequest(
            f"extra_body: models of hf/ do not know {unknown[0]!r}; they know {', '.join(known)}"
        )
    if not isinstance(extra.get(_TEMPLATE, {}), dict):
        raise InvalidRequest(f"extra_body: {_TEMPLATE} must be an object")
    return extra


def _logprobs(config: GenerateConfig) -> int | None:
    top = config.top_logprobs
    if top is not None and not 0 <= top <= MOST_LOGPROBS:
        raise InvalidRequest(f"top_logprobs must be from 0 to {MOST_LOGPROBS}, not {top}")
    return (top or 0) if config.logprobs or top else None
