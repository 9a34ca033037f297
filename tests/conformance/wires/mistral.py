"""Mistral's chat completions: https://docs.mistral.ai/api/endpoint/chat."""

from __future__ import annotations

from typing import Any

from ..chat_shape import (
    call,
    choice_of,
    chunk,
    completion,
    logprobs,
    said,
    schema_of,
    system_of,
    tools_of,
    top_logprobs_of,
)
from ..column import Body, Readers
from ..script import (
    OSLO,
    OSLO_ID,
    PIECES,
    ROME,
    ROME_ID,
    SCHEMA_TEXT,
    SIGNATURE,
    TEXT,
    THOUGHTS,
    TOOL,
)
from ..wire import Answer, Failure, Wire

USAGE = {
    "prompt_tokens": 14,
    "completion_tokens": 5,
    "total_tokens": 19,
    "prompt_tokens_details": {"cached_tokens": 4},
}
# https://docs.mistral.ai/capabilities/reasoning
THINKING = {
    "type": "thinking",
    "thinking": [{"type": "text", "text": THOUGHTS}],
    "signature": SIGNATURE,
    "closed": True,
}


def thoughts_of(body: Body) -> list[Any]:
    lists = [m["content"] for m in body["messages"] if isinstance(m.get("content"), list)]
    return [part for parts in lists for part in parts if part["type"] == "thinking"]


def answer(message: Body, *deltas: Body, finish: str = "stop") -> Answer:
    """The last chunk says why and what it took."""
    events: list[Any] = [chunk({"role": "assistant", "content": ""})]
    events += [chunk(delta) for delta in deltas]
    events.append({**chunk({"content": ""}, finish), "usage": USAGE})
    return Answer(completion(message, finish, USAGE), [*events, "[DONE]"])


def text(words: tuple[str, ...], finish: str = "stop") -> Answer:
    deltas = [{"content": word} for word in words]
    return answer({"content": "".join(words)}, *deltas, finish=finish)


def calls(*made: Body) -> Answer:
    """Calls come whole, several in one chunk."""
    numbered = [{**one, "index": index} for index, one in enumerate(made)]
    told = {"content": "", "tool_calls": numbered}
    return answer(told, {"tool_calls": numbered}, finish="tool_calls")


def thoughts(then: list[Body], *deltas: Body, **more: Any) -> Answer:
    """Thoughts in two pieces, of which the last is signed, and then the rest of the message."""
    half = len(THOUGHTS) // 2
    pieces: list[Body] = [
        {"type": "thinking", "thinking": [{"type": "text", "text": piece}]}
        for piece in (THOUGHTS[:half], THOUGHTS[half:])
    ]
    pieces[-1] |= {"signature": SIGNATURE, "closed": True}
    thinking: list[Body] = [{"content": [piece]} for piece in pieces]
    finish = "tool_calls" if more else "stop"
    return answer({"content": [THINKING, *then], **more}, *thinking, *deltas, finish=finish)


def with_logprobs() -> Answer:
    tokens = logprobs()
    events: list[Any] = [
        chunk({"content": token["token"]}, logprobs={"content": [token]}) for token in tokens
    ]
    events.append({**chunk({"content": ""}, "stop"), "usage": USAGE})
    told = {"content": tokens}
    body = completion({"content": TEXT}, "stop", USAGE, logprobs=told)
    return Answer(body, [*events, "[DONE]"])


def error(message: Any, type: str, code: str | None = None) -> Body:
    return {"object": "error", "message": message, "type": type, "param": None, "code": code}


OSLO_CALLS = [{**call(OSLO_ID, TOOL, OSLO), "index": 0}]
COMPLAINT = {"type": "missing", "loc": ["body", "messages"], "msg": "Field required"}
TROUBLE = error("Internal server error", "internal_server_error", "3000")

WIRE = Wire(
    name="mistral",
    provider="mistral",
    model="mistral-medium-latest",
    place="post /v1/chat/completions http/1.1",
    readers=Readers(
        system_of=system_of,
        said=said,
        thoughts_of=thoughts_of,
        tools_of=tools_of,
        choice_of=choice_of,
        schema_of=schema_of,
        max_tokens_of=lambda body: body["max_tokens"],
        top_logprobs_of=top_logprobs_of,
    ),
    answers={
        "text": text(PIECES),
        "tool": calls(call(OSLO_ID, TOOL, OSLO)),
        "parallel": calls(call(OSLO_ID, TOOL, OSLO), call(ROME_ID, TOOL, ROME)),
        "thoughts": thoughts(
            [{"type": "text", "text": TEXT}], *({"content": piece} for piece in PIECES)
        ),
        "thoughts_and_tool": thoughts([], {"tool_calls": OSLO_CALLS}, tool_calls=OSLO_CALLS),
        "structured": text((SCHEMA_TEXT,)),
        "max_tokens": text(PIECES, "length"),
        # https://docs.mistral.ai/capabilities/guardrailing
        "content_filter": Answer(error("Blocked by a guardrail", "guardrail"), [], status=403),
        "model_length": text(PIECES, "model_length"),
        "logprobs": with_logprobs(),
    },
    failures={
        "unauthorized": Failure(401, {"detail": "Unauthorized"}),
        "forbidden": Failure(403, error("You may not use this model.", "forbidden")),
        "no_model": Failure(400, error("Invalid model: m-0", "invalid_model", "1500")),
        "bad_request": Failure(422, error({"detail": [COMPLAINT]}, "invalid_request_error")),
        "rate_limit": Failure(
            429, error("Rate limit exceeded", "rate_limited", "1300"), {"retry-after": "7"}
        ),
        "server": Failure(500, TROUBLE),
        "overloaded": Failure(503, error("Service unavailable.", "unreachable_backend", "1100")),
        "quota": Failure(
            401, {"message": "Inactive subscription or usage limit reached", "request_id": "r"}
        ),
    },
    stream_error=[TROUBLE],
    counters=frozenset(("input_tokens_cache_read",)),
    thoughts={"thoughts": [THINKING], "thoughts_and_tool": [THINKING]},
    signature=SIGNATURE,
)
