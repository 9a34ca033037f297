"""A call to the body of a text completions request. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from modeld.errors import InvalidRequest
from modeld.types import ChatMessage, ChatMessageUser, GenerateConfig, JsonValue

from ...core.call import Call, Route
from ..openai_chat.options import Options
from ..openai_chat.quirks import Quirks
from ..openai_chat.request import WireRequest, add_extra

__all__ = ["build_request"]

TOKEN_IDS = "prompt_token_ids"  # noqa: S105
"""Member of a message's metadata: ids of tokens in place of its text."""
_FIELDS = (
    ("top_p", "top_p"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
    ("seed", "seed"),
    ("stop_seqs", "stop"),
    ("num_choices", "n"),
    ("best_of", "best_of"),
    ("prompt_logprobs", "prompt_logprobs"),
)
_UNKNOWN = (
    *("top_k", "effort", "fallback_models", "verbosity", "response_schema", "modalities"),
    *("reasoning_effort", "reasoning_mode", "reasoning_summary", "reasoning_tokens"),
)


def build_request(
    call: Call, route: Route, *, options: Options, quirks: Quirks, stream: bool
) -> WireRequest:
    """The request that this call is.

    As the reference has it, one token is asked for and temperature is 0 unless the caller says:
    such calls are made to score a prompt by its log probabilities.
    """
    config = call.config
    if call.tools:
        raise InvalidRequest(f"{route.provider} goes on with a text: it takes no tools.")
    request = WireRequest({"model": route.model, "prompt": _prompt(call.messages, route.provider)})
    body = request.body
    body.update(options.body)
    body["max_tokens"] = 1 if config.max_tokens is None else config.max_tokens
    body["temperature"] = 0.0 if config.temperature is None else config.temperature
    for name, wire_name in (*_FIELDS, *((name, name) for name in quirks.parameters)):
        value = getattr(config, name)
        if value is not None:
            body[wire_name] = value
    if config.logit_bias is not None:
        body["logit_bias"] = {str(token): bias for token, bias in config.logit_bias.items()}
    if config.logprobs:
        body["logprobs"] = config.top_logprobs or 1
    _warn(request, config, quirks)
    if config.extra_body:
        add_extra(body, config.extra_body)
    if stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return request


def _prompt(messages: Sequence[ChatMessage], provider: str) -> JsonValue:
    if len(messages) != 1 or not isinstance(messages[0], ChatMessageUser):
        raise InvalidRequest(
            f"{provider} goes on with a text: give one message of the user's, and no other."
        )
    (message,) = messages
    ids = (message.metadata or {}).get(TOKEN_IDS)
    if ids is not None:
        numbers = isinstance(ids, list) and all(type(id) is int and id >= 0 for id in ids)
        if not numbers or not ids:
            raise InvalidRequest(f"metadata[{TOKEN_IDS!r}] must be a list of ids of tokens")
        return ids
    if any(part.type != "text" for part in message.content_list):
        raise InvalidRequest(f"{provider} goes on with a text: it takes no media.")
    if not message.text:
        raise InvalidRequest(f"There is no text, and no metadata[{TOKEN_IDS!r}], to go on with.")
    return message.text


def _warn(request: WireRequest, config: GenerateConfig, quirks: Quirks) -> None:
    for name in _UNKNOWN:
        if getattr(config, name) is not None and name not in quirks.parameters:
            request.warnings.append(f"Text completions know no {name}: left out.")
    if config.top_logprobs is not None and not config.logprobs:
        request.warnings.append("top_logprobs means nothing without logprobs: left out.")
