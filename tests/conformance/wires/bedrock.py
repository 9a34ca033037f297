"""Amazon's Converse, with a model of Anthropic's, whose thoughts are signed.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import json
from typing import Any

from modeld.types import ToolChoice, ToolFunction

from ..amazon import FAILURES, FRAMES, HEADERS, TROUBLE
from ..column import Body, Piece, Readers
from ..script import (
    CIPHER,
    OSLO,
    OSLO_ID,
    ROME,
    ROME_ID,
    SCHEMA_TEXT,
    SIGNATURE,
    TEXT,
    THOUGHTS,
    TOOL,
)
from ..wire import Answer, Wire

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
USAGE = {
    "inputTokens": 10,
    "outputTokens": 5,
    "totalTokens": 22,
    "cacheReadInputTokens": 4,
    "cacheWriteInputTokens": 3,
}
METRICS = {"latencyMs": 321}
THINKING = {"reasoningContent": {"reasoningText": {"text": THOUGHTS, "signature": SIGNATURE}}}
REDACTED = {"reasoningContent": {"redactedContent": CIPHER}}
TYPES = {"png": "image/png", "pdf": "application/pdf"}


# -- what was sent ---------------------------------------------------------------------------


def system_of(body: Body) -> str:
    return "\n".join(block["text"] for block in body["system"])


def said(body: Body) -> list[Piece]:
    return [
        piece
        for turn in body["messages"]
        for block in turn["content"]
        for piece in _pieces(turn["role"], block)
    ]


def _pieces(role: Any, block: Body) -> list[Piece]:
    match block:
        case {"text": text}:
            return [Piece(role, text)]
        case {"image": medium}:
            return [Piece("image", _uri(medium))]
        case {"document": medium}:
            return [Piece("document", _uri(medium))]
        case {"toolUse": use}:
            return [Piece("call", "", use["toolUseId"], use["name"], use["input"])]
        case {"toolResult": result}:
            text = "\n".join(part["text"] for part in result["content"])
            return [Piece("answer", text, result["toolUseId"])]
    return []


def _uri(medium: Body) -> str:
    return f"data:{TYPES[medium['format']]};base64,{medium['source']['bytes']}"


def thoughts_of(body: Body) -> list[Any]:
    turns = [turn for turn in body["messages"] if turn["role"] == "assistant"]
    return [block for turn in turns for block in turn["content"] if "reasoningContent" in block]


def tools_of(body: Body) -> dict[str, Body]:
    specs = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools", ())]
    return {spec["name"]: spec["inputSchema"]["json"] for spec in specs}


def choice_of(body: Body) -> ToolChoice | None:
    match (body.get("toolConfig") or {}).get("toolChoice"):
        case {"tool": {"name": name}}:
            return ToolFunction(name)
        case {"any": {}}:
            return "any"
    return None


def schema_of(body: Body) -> Body:
    form = body["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    schema: Body = json.loads(form["structure"]["jsonSchema"]["schema"])
    return schema


# -- what is answered ------------------------------------------------------------------------


def answer(*blocks: Body, stop: str = "end_turn") -> Answer:
    message = {"role": "assistant", "content": list(blocks)}
    body = {
        "output": {"message": message},
        "stopReason": stop,
        "usage": USAGE,
        "metrics": METRICS,
    }
    events: list[Any] = [{"messageStart": {"role": "assistant"}}]
    for index, block in enumerate(blocks):
        place = {"contentBlockIndex": index}
        start, deltas = _cut(block)
        if start:
            events.append({"contentBlockStart": {**place, "start": start}})
        events += [{"contentBlockDelta": {**place, "delta": delta}} for delta in deltas]
        events.append({"contentBlockStop": place})
    events.append({"messageStop": {"stopReason": stop}})
    events.append({"metadata": {"usage": USAGE, "metrics": METRICS, "p": "abcd"}})
    return Answer(body, events, framing=FRAMES, headers=HEADERS)


def _cut(block: Body) -> tuple[Body, list[Body]]:
    match block:
        case {"text": text}:
            return {}, [{"text": piece} for piece in (text[:6], text[6:])]
        case {"toolUse": use}:
            written = json.dumps(use["input"])
            start = {key: value for key, value in use.items() if key != "input"}
            pieces = ("", written[:5], written[5:])
            return {"toolUse": start}, [{"toolUse": {"input": piece}} for piece in pieces]
        case {"reasoningContent": {"reasoningText": told}}:
            text = told["text"]
            parts = [{"text": text[:5]}, {"text": text[5:]}, {"signature": told["signature"]}]
            return {}, [{"reasoningContent": part} for part in parts]
    return {}, [block]


def call(id: str, arguments: Body) -> Body:
    return {"toolUse": {"toolUseId": id, "name": TOOL, "input": arguments}}


TOO_LONG = {
    "message": "The model returned the following errors: Input Tokens Exceeded: Number of input "
    "tokens exceeds maximum length. Please update the input to try again."
}

WIRE = Wire(
    name="bedrock",
    provider="bedrock",
    model=MODEL,
    environment={"AWS_REGION": "us-east-1"},
    place=f"post /model/{MODEL.replace(':', '%3a')}/converse http/1.1",
    readers=Readers(
        system_of=system_of,
        said=said,
        thoughts_of=thoughts_of,
        tools_of=tools_of,
        choice_of=choice_of,
        schema_of=schema_of,
        max_tokens_of=lambda body: body["inferenceConfig"]["maxTokens"],
    ),
    answers={
        "text": answer({"text": TEXT}),
        "tool": answer(call(OSLO_ID, OSLO), stop="tool_use"),
        "parallel": answer(call(OSLO_ID, OSLO), call(ROME_ID, ROME), stop="tool_use"),
        "thoughts": answer(THINKING, REDACTED, {"text": TEXT}),
        "thoughts_and_tool": answer(THINKING, call(OSLO_ID, OSLO), stop="tool_use"),
        "structured": answer({"text": SCHEMA_TEXT}),
        "max_tokens": answer({"text": TEXT}, stop="max_tokens"),
        "content_filter": answer({"text": TEXT}, stop="guardrail_intervened"),
        "model_length": Answer(TOO_LONG, [], status=400),
    },
    failures=FAILURES,
    stream_error=[TROUBLE],
    counters=frozenset(("input_tokens_cache_read", "input_tokens_cache_write")),
    thoughts={"thoughts": [THINKING, REDACTED], "thoughts_and_tool": [THINKING]},
    signature=SIGNATURE,
    missing={
        "logprobs": "Converse has no log probabilities",
        "choice_none": "Converse has no such choice; the tools are left out",
        "error_in_answer": "errors of Amazon's have a status of their own",
    },
)
