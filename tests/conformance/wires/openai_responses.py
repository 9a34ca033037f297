"""OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

import json
from typing import Any

from modeld.types import ToolChoice, ToolFunction

from ..chat_shape import logprobs
from ..column import Body, Piece, Readers
from ..script import (
    CIPHER,
    OSLO,
    OSLO_ID,
    PIECES,
    ROME,
    ROME_ID,
    SCHEMA_TEXT,
    TEXT,
    THOUGHTS,
    TOOL,
)
from ..wire import Answer, Wire
from .openai_chat import FAILURES, TOO_LONG

USAGE = {
    "input_tokens": 17,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 22,
}
REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": THOUGHTS}],
    "encrypted_content": CIPHER,
}


# -- what was sent ---------------------------------------------------------------------------


def system_of(body: Body) -> str:
    items = [item for item in body["input"] if item.get("role") in ("system", "developer")]
    return "\n".join(item["content"] for item in items)


def said(body: Body) -> list[Piece]:
    pieces: list[Piece] = []
    for item in body["input"]:
        match item.get("type", "message"):
            case "function_call":
                arguments = json.loads(item["arguments"])
                pieces.append(Piece("call", "", item["call_id"], item["name"], arguments))
            case "function_call_output":
                pieces.append(Piece("answer", item["output"], item["call_id"]))
            case "message" if item["role"] in ("user", "assistant"):
                pieces += _parts(item["role"], item["content"])
    return pieces


def _parts(role: Any, content: Any) -> list[Piece]:
    if isinstance(content, str):
        return [Piece(role, content)]
    pieces = []
    for part in content:
        match part["type"]:
            case "input_text" | "output_text":
                pieces.append(Piece(role, part["text"]))
            case "input_image":
                pieces.append(Piece("image", part["image_url"]))
            case "input_file":
                pieces.append(Piece("document", part["file_data"]))
    return pieces


def thoughts_of(body: Body) -> list[Any]:
    return [item for item in body["input"] if item.get("type") == "reasoning"]


def tools_of(body: Body) -> dict[str, Body]:
    return {tool["name"]: tool["parameters"] for tool in body.get("tools") or ()}


def choice_of(body: Body) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        return ToolFunction(choice["name"])
    return "any" if choice == "required" else choice


def top_logprobs_of(body: Body) -> int:
    assert "message.output_text.logprobs" in body["include"]
    top: int = body["top_logprobs"]
    return top


# -- what is answered ------------------------------------------------------------------------


def message(words: tuple[str, ...], tokens: list[Body] | None = None) -> Body:
    part: Body = {"type": "output_text", "text": "".join(words), "annotations": []}
    part["logprobs"] = tokens or []
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def call(id: str, name: str, arguments: Body) -> Body:
    return {
        "id": f"fc_{id}",
        "type": "function_call",
        "status": "completed",
        "call_id": id,
        "name": name,
        "arguments": json.dumps(arguments),
    }


def answer(*items: Body, cut: str | None = None, words: tuple[str, ...] = PIECES) -> Answer:
    status = "incomplete" if cut else "completed"
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "model": "m-1",
        "output": list(items),
        "usage": USAGE,
    }
    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    events: list[Any] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(items):
        events += _item_events(index, item, words)
    events.append({"type": f"response.{status}", "response": body})
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return Answer(body, numbered)


def _item_events(index: int, item: Body, words: tuple[str, ...]) -> list[Body]:
    place = {"item_id": item["id"], "output_index": index}
    deltas: list[Body] = []
    match item["type"]:
        case "message":
            opened = {**item, "status": "in_progress", "content": []}
            place["content_index"] = 0
            empty = {"type": "output_text", "text": "", "annotations": []}
            deltas.append({"type": "response.content_part.added", **place, "part": empty})
            kind = "response.output_text.delta"
            deltas += [{"type": kind, **place, "delta": word, "logprobs": []} for word in words]
            part = item["content"][0]
            done = {"type": "response.output_text.done", **place, "text": part["text"]}
            deltas += [done, {"type": "response.content_part.done", **place, "part": part}]
        case "function_call":
            opened = {**item, "status": "in_progress", "arguments": ""}
            kind, text = "response.function_call_arguments", item["arguments"]
            pieces = (text[:7], text[7:])
            deltas += [{"type": f"{kind}.delta", **place, "delta": piece} for piece in pieces]
            deltas.append({"type": f"{kind}.done", **place, "arguments": text})
        case _:
            opened = {**item, "summary": []}
            place["summary_index"] = 0
            kind, text = "response.reasoning_summary", item["summary"][0]["text"]
            empty = {"type": "summary_text", "text": ""}
            deltas.append({"type": f"{kind}_part.added", **place, "part": empty})
            pieces = (text[:7], text[7:])
            deltas += [{"type": f"{kind}_text.delta", **place, "delta": piece} for piece in pieces]
            deltas.append({"type": f"{kind}_text.done", **place, "text": text})
    added = {"type": "response.output_item.added", "output_index": index, "item": opened}
    done = {"type": "response.output_item.done", "output_index": index, "item": item}
    return [added, *deltas, done]


def too_long() -> Answer:
    """Of a stream it is known only when it has begun."""
    failed = {**answer().body, "status": "failed", "error": TOO_LONG["error"], "usage": None}
    return Answer(failed, [{"type": "response.failed", "response": failed}])


TROUBLE = {
    "type": "error",
    "code": "server_error",
    "message": "The server had an error while processing your request.",
    "param": None,
    "sequence_number": 1,
}

WIRE = Wire(
    name="openai_responses",
    provider="openai",
    model="gpt-4.1",
    thinker="gpt-5",
    args={"responses_api": True},
    base_path="/v1",
    place="post /v1/responses http/1.1",
    readers=Readers(
        system_of=system_of,
        said=said,
        thoughts_of=thoughts_of,
        tools_of=tools_of,
        choice_of=choice_of,
        schema_of=lambda body: body["text"]["format"]["schema"],
        max_tokens_of=lambda body: body["max_output_tokens"],
        top_logprobs_of=top_logprobs_of,
    ),
    answers={
        "text": answer(message(PIECES)),
        "tool": answer(call(OSLO_ID, TOOL, OSLO)),
        "parallel": answer(call(OSLO_ID, TOOL, OSLO), call(ROME_ID, TOOL, ROME)),
        "thoughts": answer(REASONING, message(PIECES)),
        "thoughts_and_tool": answer(REASONING, call(OSLO_ID, TOOL, OSLO)),
        "structured": answer(message((SCHEMA_TEXT,)), words=(SCHEMA_TEXT,)),
        "max_tokens": answer(message(PIECES), cut="max_output_tokens"),
        "content_filter": answer(message(PIECES), cut="content_filter"),
        "model_length": too_long(),
        "logprobs": answer(message((TEXT,), logprobs())),
    },
    failures=FAILURES,
    stream_error=[TROUBLE],
    counters=frozenset(("input_tokens_cache_read", "input_tokens_cache_write", "reasoning_tokens")),
    thoughts={"thoughts": [REASONING], "thoughts_and_tool": [REASONING]},
    signature=CIPHER,
)
