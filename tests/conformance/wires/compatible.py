"""The rows that speak OpenAI's APIs with quirks of their own: each by its own documentation.

Where that is, stands with the row in `providers/compatible.py`. What is not said here is OpenAI's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from modeld_daemon.providers.compatible import COMPATIBLE
from tests.fakes.unknown_models import UNKNOWN

from ..chat_shape import call, chunk, completion
from ..chat_shape import said as said_in_full
from ..column import Body, Piece
from ..script import LOGPROBS, OSLO, OSLO_ID, TEXT, THOUGHTS, TOOL
from ..wire import Answer, Failure, Wire
from .openai_chat import DETAIL, HALVES, LAST, USAGE, Thought, calls, detailed, error, thoughts
from .openai_chat import WIRE as CHAT
from .openai_responses import WIRE as RESPONSES

_OPEN, _CLOSE = "<think>\n", "\n</think>\n\n"
NO_LOGPROBS = {"logprobs": "this server refuses them; they are left out with a warning"}


@dataclass(frozen=True, kw_only=True)
class Differs:
    """What a row does in its own way."""

    model: str = "m"
    thoughts: str = "reasoning_content"
    """The member of a message that has them; `details` for OpenRouter's, `<think>` for those that
    stand in the text.
    """
    limit: str = "max_tokens"
    """The member of a request that limits the answer."""
    path: str | None = None
    """Of the base URL, where it is not as the row has it."""
    busy: int = 429
    """The status of a server without room."""
    readers: Mapping[str, Callable[[Body], Any]] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


# -- thoughts --------------------------------------------------------------------------------


def _thought(where: str) -> Thought:
    if where == "details":
        return detailed()
    if where == "<think>":
        pieces = (_OPEN, *HALVES, _CLOSE)
        whole = {"content": f"{_OPEN}{THOUGHTS}{_CLOSE}"}
        return Thought(whole, [{"content": piece} for piece in pieces])
    return Thought({where: THOUGHTS}, [{where: piece} for piece in HALVES])


def _thoughts_of(where: str) -> Callable[[Body], list[Any]]:
    if where == "details":
        return CHAT.readers.thoughts_of

    def found(body: Body) -> list[Any]:
        turns = [message for message in body["messages"] if message["role"] == "assistant"]
        if where != "<think>":
            return [turn[where] for turn in turns if turn.get(where)]
        texts = [turn["content"] for turn in turns if (turn["content"] or "").startswith(_OPEN)]
        return [text.removeprefix(_OPEN).partition(_CLOSE.rstrip())[0] for text in texts]

    return found


def _said(body: Body) -> list[Piece]:
    """Without thoughts in the text."""
    pieces = [
        piece._replace(text=piece.text.partition(_CLOSE.rstrip())[2].lstrip())
        if piece.kind == "assistant" and piece.text.startswith(_OPEN)
        else piece
        for piece in said_in_full(body)
    ]
    return [piece for piece in pieces if piece.text or piece.kind != "assistant"]


# -- what single rows have -------------------------------------------------------------------


def _hinted_schema(body: Body) -> Body:
    """DeepSeek's: JSON is asked for by a mode, and its schema in words."""
    assert body["response_format"] == {"type": "json_object"}
    texts = [str(message["content"]) for message in body["messages"]]
    (hint,) = (text for text in texts if "JSON Schema: " in text)
    schema: Body = json.JSONDecoder().raw_decode(hint.partition("JSON Schema: ")[2])[0]
    return schema


def _togethers_logprobs() -> Answer:
    """https://docs.together.ai/docs/logprobs: lists beside each other."""

    def told(tokens: Any) -> Body:
        return {
            "tokens": [token for token, _, _ in tokens],
            "token_logprobs": [logprob for _, logprob, _ in tokens],
            "top_logprobs": [dict(tops) for _, _, tops in tokens],
        }

    body = completion({"content": TEXT}, "stop", USAGE, logprobs=told(LOGPROBS))
    events = [chunk({"content": one[0]}, logprobs=told([one])) for one in LOGPROBS]
    return Answer(body, [*events, chunk({}, "stop"), *LAST])


def _cloudflares(code: int, message: str) -> Body:
    return {"success": False, "errors": [{"code": code, "message": message}], "result": {}}


_TOO_LONG = _cloudflares(
    5021, "The estimated number of input and maximum output tokens exceed this model's context window limit"
)  # fmt: skip

ROWS: Mapping[str, Differs] = {
    "cloudflare": Differs(
        model="@cf/openai/gpt-oss-120b",
        path="/client/v4/accounts/a0/ai/v1",
        busy=503,
        answers={"model_length": Answer(_TOO_LONG, [], status=403)},
    ),
    "deepseek": Differs(model="deepseek-chat", readers={"schema_of": _hinted_schema}),
    "fireworks": Differs(model="accounts/fireworks/models/glm-5"),
    "groq": Differs(
        model="qwen/qwen3-32b",
        thoughts="reasoning",
        limit="max_completion_tokens",
        missing=NO_LOGPROBS,
    ),
    "hf-inference-providers": Differs(model="openai/gpt-oss-120b", thoughts="reasoning"),
    "llama-cpp-python": Differs(),
    "moonshot": Differs(model="kimi-latest", busy=503),
    "ollama": Differs(model="qwen3:8b", thoughts="reasoning"),
    "openai-api": Differs(),
    "openrouter": Differs(model="anthropic/claude-opus-4.6", thoughts="details"),
    "perplexity": Differs(model="sonar-reasoning-pro", thoughts="<think>"),
    "sambanova": Differs(model="DeepSeek-R1", thoughts="<think>"),
    "sglang": Differs(),
    "together": Differs(
        model="moonshotai/Kimi-K2-Thinking",
        thoughts="reasoning",
        readers={"top_logprobs_of": lambda body: body["logprobs"]},
        answers={"logprobs": _togethers_logprobs()},
    ),
    "vllm": Differs(thoughts="reasoning"),
}


def _no_model(name: str) -> Failure:
    return Failure(UNKNOWN[name].status, UNKNOWN[name].body)


def _chat(name: str, differs: Differs) -> Wire:
    row = next(row for row in COMPATIBLE if row.name == name)
    path = differs.path or urlsplit(row.base_url or "/v1").path
    thought = _thought(differs.thoughts)
    readers = {
        "thoughts_of": _thoughts_of(differs.thoughts),
        "max_tokens_of": lambda body: body[differs.limit],
        "said": _said,
        **differs.readers,
    }
    signed = differs.thoughts == "details"
    expected = [DETAIL] if signed else [THOUGHTS]
    wire = replace(
        CHAT,
        name=name,
        provider=name,
        of_row=True,
        model=differs.model,
        args={},
        base_path=path,
        place=f"post {path}/chat/completions http/1.1",
        readers=replace(CHAT.readers, **readers),
        answers={
            **CHAT.answers,
            "thoughts": thoughts(thought),
            "thoughts_and_tool": calls(call(OSLO_ID, TOOL, OSLO), before=thought),
            **differs.answers,  # type: ignore[dict-item]
        },
        failures={**CHAT.failures, "no_model": _no_model(name)},
        thoughts={"thoughts": expected, "thoughts_and_tool": expected},
        signature=CHAT.signature if signed else None,
        missing=differs.missing,
    )
    if differs.busy == 429:
        return wire
    full = Failure(differs.busy, error("No room.", "engine_overloaded_error", None), {"retry-after": "7"})  # fmt: skip
    return replace(
        wire,
        failures={**wire.failures, "rate_limit": full},
        missing={**wire.missing, "overloaded": f"{differs.busy} is a rate limit here"},
    )


def _responses(name: str, model: str, path: str) -> Wire:
    """The other API of a row, for those who name it."""
    return replace(
        RESPONSES,
        name=f"{name}, responses",
        provider=name,
        of_row=True,
        model=model,
        thinker=model,
        base_path=path,
        place=f"post {path}/responses http/1.1",
        failures={**RESPONSES.failures, "no_model": _no_model(name)},
    )


WIRES: list[Wire] = [
    *(_chat(name, differs) for name, differs in ROWS.items()),
    _responses("deepseek", "deepseek-reasoner", ""),
    replace(_responses("openrouter", "openai/gpt-4.1", "/api/v1"), thinker="openai/gpt-5"),
    replace(_responses("grok", "grok-4.1", "/v1"), name="grok", args={}),
    replace(
        _chat("grok", Differs(model="grok-4.1")), name="grok, chat", args={"responses_api": False}
    ),
]
