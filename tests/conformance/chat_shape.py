"""Bodies in the shape of OpenAI's chat completions, which Mistral's have too."""

from __future__ import annotations

import json
from typing import Any

from modeld.types import ToolChoice, ToolFunction

from .column import Body, Piece
from .script import LOGPROBS

_CHOICES: dict[str, ToolChoice] = {
    "auto": "auto",
    "none": "none",
    "required": "any",
    "any": "any",
}


# -- what was sent ---------------------------------------------------------------------------


def system_of(body: Body) -> str:
    return "\n".join(
        message["content"]
        for message in body["messages"]
        if message["role"] in ("system", "developer")
    )


def said(body: Body) -> list[Piece]:
    pieces: list[Piece] = []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role == "tool":
            pieces.append(Piece("answer", content, message["tool_call_id"]))
        elif role in ("user", "assistant"):
            pieces += _parts(role, content)
        for call in message.get("tool_calls") or ():
            function = call["function"]
            arguments = function["arguments"]  # JSON; templates have the value
            arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
            pieces.append(Piece("call", "", call["id"], function["name"], arguments))
    return pieces


def _parts(role: Any, content: Any) -> list[Piece]:
    if not content:
        return []
    if isinstance(content, str):
        return [Piece(role, content)]
    pieces = []
    for part in content:
        match part["type"]:
            case "text":
                pieces.append(Piece(role, part["text"]))
            case "image_url":
                pieces.append(Piece("image", part["image_url"]["url"]))
            case "file":
                pieces.append(Piece("document", part["file"]["file_data"]))
            case "document_url":
                pieces.append(Piece("document", part["document_url"]))
    return pieces


def tools_of(body: Body) -> dict[str, Body]:
    functions = [tool["function"] for tool in body.get("tools") or ()]
    return {function["name"]: function["parameters"] for function in functions}


def choice_of(body: Body) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        return ToolFunction(choice["function"]["name"])
    return None if choice is None else _CHOICES[choice]


def schema_of(body: Body) -> Body:
    schema: Body = body["response_format"]["json_schema"]["schema"]
    return schema


def top_logprobs_of(body: Body) -> int:
    assert body["logprobs"] is True
    top: int = body["top_logprobs"]
    return top


# -- what is answered ------------------------------------------------------------------------


def completion(message: Body, finish: str, usage: Body, **members: Any) -> Body:
    said = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish, **members}
    return {**_head("chat.completion"), "choices": [choice], "usage": usage}


def chunk(delta: Body, finish: str | None = None, **members: Any) -> Body:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **members}
    return {**_head("chat.completion.chunk"), "choices": [choice]}


def _head(kind: str) -> Body:
    return {"id": "cmpl-1", "object": kind, "created": 1_760_000_000, "model": "m-1"}


def call(id: str, name: str, arguments: Body) -> Body:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": id, "type": "function", "function": function}


def logprobs() -> list[Body]:
    return [
        {
            "token": token,
            "logprob": logprob,
            "bytes": list(token.encode()),
            "top_logprobs": [
                {"token": top, "logprob": its, "bytes": list(top.encode())} for top, its in tops
            ],
        }
        for token, logprob, tops in LOGPROBS
    ]
