"""From a call to the requests that the engine understands. Pure functions."""

from __future__ import annotations

import json
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
    ReasoningHistory,
)

from ...core.call import Call
from ..conversation import keep_reasoning

JsonObject: TypeAlias = dict[str, Any]

DEFAULT_MAX_TOKENS = 2048
_TEMPLATE = "chat_template_kwargs"
MOST_CHOICES = 64
_NO_SEED = 2**32 - 1
"""llama.cpp's word for "random"."""

# Samplers of llama.cpp that GenerateConfig has no name for. Members that would change how we talk
# to the engine (stream, n, id_slot, …) or touch files are not among them.
_EXTRA = frozenset(
    [
        _TEMPLATE,
        "dry_allowed_length",
        "dry_base",
        "dry_multiplier",
        "dry_penalty_last_n",
        "dry_sequence_breakers",
        "dynatemp_exponent",
        "dynatemp_range",
        "grammar",
        "ignore_eos",
        "min_p",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "repeat_last_n",
        "repeat_penalty",
        "samplers",
        "top_n_sigma",
        "typical_p",
        "xtc_probability",
        "xtc_threshold",
    ]
)

# Field → (name at the engine, least, greatest).
_SAMPLING: Mapping[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0, 100),
    "top_p": ("top_p", 0, 1),
    "top_k": ("top_k", 0, 2**31 - 1),
    "frequency_penalty": ("frequency_penalty", -2, 2),
    "presence_penalty": ("presence_penalty", -2, 2),
}


_UNKNOWN = (
    "best_of", "effort", "fallback_models", "modalities", "prompt_logprobs", "reasoning_effort",
    "reasoning_mode", "reasoning_summary", "reasoning_tokens", "verbosity",
)  # fmt: skip


def build_requests(call: Call) -> list[JsonObject]:
    """One request per choice. What a text model cannot do is `InvalidRequest`."""
    if call.tools and call.tool_choice != "none":
        raise InvalidRequest(
            "local models are served without tool calls: leave out the tools or set "
            "tool_choice to 'none'"
        )
    choices = call.config.num_choices
    count = 1 if choices is None else choices
    if not 1 <= count <= MOST_CHOICES:
        raise InvalidRequest(f"num_choices must be from 1 to {MOST_CHOICES}, not {count}")
    request = {
        "messages": build_messages(call.messages, call.config.reasoning_history),
        **_sampling(call.config),
    }
    request |= {
        "stream": True,
        "stream_options": {"include_usage": True},
        # A callback per batch of the prompt, in which a cancel can be heard.
        "return_progress": True,
        # What an earlier call left in a slot changes how the rest is batched, and with it the
        # last bits of the numbers. Whoever wants the same answer twice gets a clean slot.
        "cache_prompt": call.config.seed is None and call.config.temperature != 0,
    }
    if count == 1 or "seed" not in request:
        return [request] * count
    return [{**request, "seed": (request["seed"] + i) % _NO_SEED} for i in range(count)]


def left_out(config: GenerateConfig) -> list[str]:
    """What the config asks for and local models have not, in words for the caller."""
    asked = [name for name in _UNKNOWN if getattr(config, name) is not None]
    return [f"Local models know no {name}: left out." for name in asked]


def build_count(call: Call) -> JsonObject:
    """What becomes the prompt: messages, and variables of the template."""
    extra = _extra(call.config)
    variables = {_TEMPLATE: extra[_TEMPLATE]} if _TEMPLATE in extra else {}
    return {"messages": build_messages(call.messages, call.config.reasoning_history), **variables}


def build_messages(
    messages: list[ChatMessage], reasoning_history: ReasoningHistory | None = None
) -> list[JsonObject]:
    """The conversation as the engine's chat template takes it.

    Args:
        messages: The conversation.
        reasoning_history: Which thoughts go back.
    """
    if not messages:
        raise InvalidRequest("a call needs at least one message")
    return [_message(message) for message in keep_reasoning(messages, reasoning_history)]


def _message(message: ChatMessage) -> JsonObject:
    wire: JsonObject = {"role": message.role, "content": _text(message)}
    if isinstance(message, ChatMessageAssistant):
        thoughts = [p.reasoning for p in message.content_list if isinstance(p, ContentReasoning)]
        if any(thoughts):
            # By this name templates of reasoning models look for it; others pass it by.
            wire["reasoning_content"] = "\n".join(thoughts)
    return wire


def _text(message: ChatMessage) -> str:
    if isinstance(message, ChatMessageTool) and message.error is not None:
        return f"Error: {message.error.message}"
    text = message.content if isinstance(message.content, str) else _parts_text(message)
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        # As text: templates without tools drop calls silently, and then the result that follows
        # answers nothing.
        calls = [{"name": c.function, "arguments": c.arguments} for c in message.tool_calls]
        written = "\n".join(json.dumps(call, ensure_ascii=False) for call in calls)
        text = f"{text}\n{written}" if text else written
    return text


def _parts_text(message: ChatMessage) -> str:
    texts = []
    for part in message.content_list:
        if isinstance(part, ContentText):
            texts.append(part.text)
        elif not isinstance(part, ContentReasoning):
            raise InvalidRequest(
                f"local models take text only: a {message.role} message holds "
                f"'{part.type}' content ({type(part).__name__})"
            )
    return "\n".join(texts)


def _sampling(config: GenerateConfig) -> JsonObject:
    request: JsonObject = {"max_tokens": DEFAULT_MAX_TOKENS}
    request |= _extra(config)
    if config.max_tokens is not None:
        if config.max_tokens < 1:
            raise InvalidRequest(f"max_tokens must be at least 1, not {config.max_tokens}")
        request["max_tokens"] = config.max_tokens
    for field, (name, least, most) in _SAMPLING.items():
        value = getattr(config, field)
        if value is None:
            continue
        if not least <= value <= most:
            raise InvalidRequest(f"{field} must be from {least} to {most}, not {value}")
        request[name] = value
    if config.seed is not None:
        request["seed"] = config.seed % _NO_SEED
    if config.stop_seqs:
        request["stop"] = [text for text in config.stop_seqs if text]
    if config.logit_bias:
        request["logit_bias"] = [[token, bias] for token, bias in config.logit_bias.items()]
    if config.logprobs or config.top_logprobs:
        request |= {"logprobs": True, "top_logprobs": max(1, config.top_logprobs or 0)}
    if config.response_schema is not None:
        schema = config.response_schema
        described = {"name": schema.name, "schema": schema.json_schema.to_dict(), "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": described}
    return request


def _extra(config: GenerateConfig) -> JsonObject:
    extra = config.extra_body or {}
    if unknown := sorted(extra.keys() - _EXTRA):
        raise InvalidRequest(
            f"extra_body: local models do not know {unknown[0]!r}; they know "
            f"{', '.join(sorted(_EXTRA))}"
        )
    return dict(extra)
