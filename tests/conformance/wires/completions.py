"""OpenAI's text completions, which servers of models that only go on with a text speak.

https://platform.openai.com/docs/api-reference/completions and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#completions-api
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.unknown_models import UNKNOWN

from ..column import Body, Piece, Readers
from ..script import LOGPROBS, PIECES, TEXT
from ..wire import Answer, Failure, Wire
from .openai_chat import FAILURES, TOO_LONG, USAGE, error

NO_CONVERSATION = "a text is gone on with, and that is all"


def _said(choices: list[Body], **members: Any) -> Body:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1_760_000_000, "model": "m-1"}
    return {**head, "choices": choices, **members}


def _choice(text: str, finish: str | None = None, logprobs: Body | None = None) -> Body:
    return {"index": 0, "text": text, "finish_reason": finish, "logprobs": logprobs}


def _told(tokens: Any) -> Body:
    return {
        "tokens": [token for token, _, _ in tokens],
        "token_logprobs": [logprob for _, logprob, _ in tokens],
        "top_logprobs": [dict(tops) for _, _, tops in tokens],
        "text_offset": list(range(len(tokens))),
    }


def _text(finish: str = "stop") -> Answer:
    events = [_said([_choice(piece)]) for piece in PIECES]
    last = [_said([_choice("", finish)]), _said([], usage=USAGE), "[DONE]"]
    return Answer(_said([_choice(TEXT, finish)], usage=USAGE), [*events, *last])


def _with_logprobs() -> Answer:
    events = [_said([_choice(one[0], None, _told([one]))]) for one in LOGPROBS]
    last = [_said([_choice("", "stop")]), _said([], usage=USAGE), "[DONE]"]
    whole = _choice(TEXT, "stop", _told(LOGPROBS))
    return Answer(_said([whole], usage=USAGE), [*events, *last])


def _no_model(name: str) -> Failure:
    return Failure(UNKNOWN[name].status, UNKNOWN[name].body)


_VLLM = Wire(
    name="vllm-completions",
    provider="vllm-completions",
    model="m",
    base_path="/v1",
    place="post /v1/completions http/1.1",
    readers=Readers(
        system_of=lambda _body: "",
        said=lambda body: [Piece("user", body["prompt"])],
        thoughts_of=lambda _body: [],
        tools_of=lambda body: body.get("tools") or {},
        choice_of=lambda body: body.get("tool_choice"),
        schema_of=lambda body: body["response_format"],
        max_tokens_of=lambda body: body["max_tokens"],
        top_logprobs_of=lambda body: body["logprobs"],
    ),
    answers={
        "text": _text(),
        "max_tokens": _text("length"),
        "content_filter": _text("content_filter"),
        "model_length": Answer(TOO_LONG, [], status=400),
        "logprobs": _with_logprobs(),
    },
    failures={**FAILURES, "no_model": _no_model("vllm-completions")},
    stream_error=[error("The server had an error.", "server_error", "server_error")],
    counters=frozenset(("input_tokens_cache_read", "input_tokens_cache_write", "reasoning_tokens")),
    thoughts={},
    missing=dict.fromkeys(
        ("conversation", "tool", "parallel", "thoughts", "thoughts_and_tool", "structured"),
        NO_CONVERSATION,
    ),
)
WIRES: list[Wire] = [
    _VLLM,
    replace(
        _VLLM,
        name="openai-api-completions",
        provider="openai-api-completions",
        of_row=True,
        failures={**FAILURES, "no_model": _no_model("openai-api-completions")},
    ),
]
