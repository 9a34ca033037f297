"""Anthropic's Messages: https://platform.claude.com/docs/en/api/messages and …/build-with-claude/streaming."""

from __future__ import annotations

import json
from typing import Any

from modeld.types import ToolChoice, ToolFunction
from tests.fakes.anthropic_wire import USAGE, text
from tests.fakes.anthropic_wire import body as message

from ..column import Body, Piece, Readers
from ..script import (
    CIPHER,
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

THINKING = {"type": "thinking", "thinking": THOUGHTS, "signature": SIGNATURE}
REDACTED = {"type": "redacted_thinking", "data": CIPHER}
_CHOICES: dict[str, ToolChoice] = {"auto": "auto", "any": "any", "none": "none"}


# -- what was sent ---------------------------------------------------------------------------


def system_of(body: Body) -> str:
    system = body["system"]
    return system if isinstance(system, str) else "\n".join(block["text"] for block in system)


def said(body: Body) -> list[Piece]:
    return [piece for turn in body["messages"] for piece in _blocks(turn["role"], turn["content"])]


def _blocks(role: Any, content: Any) -> list[Piece]:
    pieces: list[Piece] = []
    for block in [text(content)] if isinstance(content, str) else content:
        match block["type"]:
            case "text":
                pieces.append(Piece(role, block["text"]))
            case "image" | "document" as kind:
                source = block["source"]
                uri = f"data:{source['media_type']};{source['type']},{source['data']}"
                pieces.append(Piece(kind, uri))
            case "tool_use":
                pieces.append(Piece("call", "", block["id"], block["name"], block["input"]))
            case "tool_result":
                answer = block["content"]
                if not isinstance(answer, str):
                    answer = "\n".join(part["text"] for part in answer)
                pieces.append(Piece("answer", answer, block["tool_use_id"]))
    return pieces


def thoughts_of(body: Body) -> list[Any]:
    blocks = [
        b for turn in body["messages"] if turn["role"] == "assistant" for b in turn["content"]
    ]
    return [block for block in blocks if block["type"] in ("thinking", "redacted_thinking")]


def tools_of(body: Body) -> dict[str, Body]:
    return {tool["name"]: tool["input_schema"] for tool in body.get("tools") or ()}


def choice_of(body: Body) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    return ToolFunction(choice["name"]) if choice["type"] == "tool" else _CHOICES[choice["type"]]


# -- what is answered ------------------------------------------------------------------------


def answer(*blocks: Body, stop: str = "end_turn") -> Answer:
    plain = message(*blocks, stop=stop)
    begun = {**plain, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    events: list[Any] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(blocks):
        opened, deltas = _cut(block)
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": stop, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": USAGE})
    return Answer(plain, [*events, {"type": "message_stop"}])


def _cut(block: Body) -> tuple[Body, list[Body]]:
    match block["type"]:
        case "text":
            said = block["text"]
            pieces = (said[:6], said[6:])
            return text(""), [{"type": "text_delta", "text": piece} for piece in pieces]
        case "thinking":
            said = block["thinking"]
            deltas = [{"type": "thinking_delta", "thinking": p} for p in (said[:5], said[5:])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
        case "tool_use":
            said = json.dumps(block["input"])
            deltas = [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in ("", said[:5], said[5:])
            ]
            return {**block, "input": {}}, deltas
    return block, []


def call(id: str, arguments: Body) -> Body:
    return {"type": "tool_use", "id": id, "name": TOOL, "input": arguments}


def failure(status: int, type: str, said: str, **headers: str) -> Failure:
    body = {"type": "error", "error": {"type": type, "message": said}, "request_id": "req_1"}
    return Failure(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


# https://platform.claude.com/docs/en/api/errors
OVERLOADED = failure(529, "overloaded_error", "Overloaded")

WIRE = Wire(
    name="anthropic",
    provider="anthropic",
    model="claude-opus-4-6",
    place="post /v1/messages http/1.1",
    readers=Readers(
        system_of=system_of,
        said=said,
        thoughts_of=thoughts_of,
        tools_of=tools_of,
        choice_of=choice_of,
        schema_of=lambda body: body["output_config"]["format"]["schema"],
        max_tokens_of=lambda body: body["max_tokens"],
    ),
    answers={
        "text": answer(text("".join(PIECES))),
        "tool": answer(call(OSLO_ID, OSLO), stop="tool_use"),
        "parallel": answer(call(OSLO_ID, OSLO), call(ROME_ID, ROME), stop="tool_use"),
        "thoughts": answer(THINKING, REDACTED, text(TEXT)),
        "thoughts_and_tool": answer(THINKING, call(OSLO_ID, OSLO), stop="tool_use"),
        "structured": answer(text(SCHEMA_TEXT)),
        "max_tokens": answer(text(TEXT), stop="max_tokens"),
        "content_filter": answer(text(TEXT), stop="refusal"),
        "model_length": answer(text(TEXT), stop="model_context_window_exceeded"),
    },
    failures={
        "unauthorized": failure(401, "authentication_error", "invalid x-api-key"),
        "forbidden": failure(403, "permission_error", "Your API key may not use this resource"),
        "no_model": failure(404, "not_found_error", "model: claude-0"),
        "bad_request": failure(400, "invalid_request_error", "messages: field required"),
        "rate_limit": failure(429, "rate_limit_error", "Number of requests", retry_after="7"),
        "server": failure(500, "api_error", "Internal server error"),
        "overloaded": OVERLOADED,
        "quota": failure(
            400, "invalid_request_error", "Your credit balance is too low to access the API."
        ),
    },
    stream_error=[OVERLOADED.body],
    counters=frozenset(("input_tokens_cache_read", "input_tokens_cache_write", "reasoning_tokens")),
    thoughts={"thoughts": [THINKING, REDACTED], "thoughts_and_tool": [THINKING]},
    signature=SIGNATURE,
    missing={"logprobs": "the Messages API has no log probabilities"},
)
