"""OpenAI's Chat Completions: https://platform.openai.com/docs/api-reference/chat.

OpenAI's own server tells no thoughts here. Those of the answer "thoughts" are OpenRouter's, whose
signatures must go back: https://openrouter.ai/docs/use-cases/reasoning-tokens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
from ..column import Body, FailureName, Readers
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
    "prompt_tokens": 17,
    "completion_tokens": 5,
    "total_tokens": 22,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
}
LAST = [{**chunk({}), "choices": [], "usage": USAGE}, "[DONE]"]
DETAIL = {
    "type": "reasoning.text",
    "text": THOUGHTS,
    "signature": SIGNATURE,
    "format": "anthropic-claude-v1",
    "index": 0,
}


def thoughts_of(body: Body) -> list[Any]:
    found = [message.get("reasoning_details") or [] for message in body["messages"]]
    return [detail for details in found for detail in details]


def text(words: tuple[str, ...], finish: str = "stop") -> Answer:
    first = {"role": "assistant", "content": "", "refusal": None}
    events = [chunk(first), *(chunk({"content": word}) for word in words), chunk({}, finish)]
    return Answer(completion({"content": "".join(words)}, finish, USAGE), [*events, *LAST])


class Thought(NamedTuple):
    """Thoughts in a message, and the deltas of a stream."""

    message: Body
    deltas: list[Body]


def calls(*made: Body, before: Thought | None = None) -> Answer:
    """The calls, and the thoughts that come first."""
    first = {"role": "assistant", "content": None}
    events = [chunk(delta) for delta in (before.deltas if before else (first,))]
    thought = before.message if before else {}
    for index, one in enumerate(made):
        written = one["function"]["arguments"]
        opened = {**one, "index": index, "function": {**one["function"], "arguments": ""}}
        events.append(chunk({"tool_calls": [opened]}))
        for piece in (written[:7], written[7:]):
            more = {"index": index, "function": {"arguments": piece}}
            events.append(chunk({"tool_calls": [more]}))
    message = {"content": None, **thought, "tool_calls": list(made)}
    body = completion(message, "tool_calls", USAGE)
    return Answer(body, [*events, chunk({}, "tool_calls"), *LAST])


HALVES = (THOUGHTS[: len(THOUGHTS) // 2], THOUGHTS[len(THOUGHTS) // 2 :])


def detailed() -> Thought:
    """OpenRouter's: pieces, of which the last is signed."""
    unsigned = {key: value for key, value in DETAIL.items() if key != "signature"}
    deltas: list[Body] = [
        {"reasoning": piece, "reasoning_details": [{**unsigned, "text": piece}]} for piece in HALVES
    ]
    signed = {"type": "reasoning.text", "signature": SIGNATURE, "index": 0}
    deltas.append({"reasoning_details": [{**signed, "format": DETAIL["format"]}]})
    return Thought({"reasoning": THOUGHTS, "reasoning_details": [DETAIL]}, deltas)


def thoughts(thought: Thought) -> Answer:
    """The thoughts and then the text."""
    message = {**thought.message, "content": (thought.message.get("content") or "") + TEXT}
    events = [chunk(delta) for delta in thought.deltas]
    events += [chunk({"content": piece}) for piece in PIECES]
    return Answer(completion(message, "stop", USAGE), [*events, chunk({}, "stop"), *LAST])


def with_logprobs() -> Answer:
    tokens = logprobs()
    told = {"content": tokens, "refusal": None}
    events = [
        chunk({"content": token["token"]}, logprobs={"content": [token], "refusal": None})
        for token in tokens
    ]
    body = completion({"content": TEXT}, "stop", USAGE, logprobs=told)
    return Answer(body, [*events, chunk({}, "stop"), *LAST])


def error(message: str, type: str, code: str | None, param: str | None = None) -> Body:
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


TOO_LONG = error(
    "This model's maximum context length is 128000 tokens. However, your messages resulted in "
    "140000 tokens.",
    "invalid_request_error",
    "context_length_exceeded",
    "messages",
)
# https://platform.openai.com/docs/guides/error-codes
FAILURES: dict[FailureName, Failure] = {
    "unauthorized": Failure(
        401, error("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
    ),
    "forbidden": Failure(
        403,
        error(
            "Country, region, or territory not supported",
            "request_forbidden",
            "unsupported_country_region_territory",
        ),
    ),
    "no_model": Failure(
        404,
        error(
            "The model `gpt-0` does not exist or you do not have access to it.",
            "invalid_request_error",
            "model_not_found",
        ),
    ),
    "bad_request": Failure(
        400,
        error("Invalid value: 'x'.", "invalid_request_error", "invalid_value", "messages[0].role"),
    ),
    "rate_limit": Failure(
        429,
        error("Rate limit reached for requests per min.", "requests", "rate_limit_exceeded"),
        {"retry-after": "7"},
    ),
    "server": Failure(500, error("The server had an error.", "server_error", None)),
    "overloaded": Failure(
        503, error("The engine is currently overloaded.", "service_unavailable_error", None)
    ),
    "quota": Failure(
        429,
        error("You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    ),
}

WIRE = Wire(
    name="openai_chat",
    provider="openai",
    model="gpt-4o-mini",
    args={"responses_api": False},
    base_path="/v1",
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
        "thoughts": thoughts(detailed()),
        "thoughts_and_tool": calls(call(OSLO_ID, TOOL, OSLO), before=detailed()),
        "structured": text((SCHEMA_TEXT,)),
        "max_tokens": text(PIECES, "length"),
        "content_filter": text(PIECES, "content_filter"),
        "model_length": Answer(TOO_LONG, [], status=400),
        "logprobs": with_logprobs(),
    },
    failures=FAILURES,
    stream_error=[error("The server had an error.", "server_error", "server_error")],
    counters=frozenset(("input_tokens_cache_read", "input_tokens_cache_write", "reasoning_tokens")),
    thoughts={"thoughts": [DETAIL], "thoughts_and_tool": [DETAIL]},
    signature=SIGNATURE,
)
