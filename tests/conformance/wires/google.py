"""Gemini's generateContent: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import json
from typing import Any

from modeld.types import ToolChoice, ToolFunction

from ..column import Body, FailureName, Piece, Readers
from ..script import (
    LOGPROBS,
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
    "promptTokenCount": 14,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 19,
}
HEAD = {"modelVersion": "m-1", "responseId": "r-1"}
_CHOICES: dict[str, ToolChoice] = {"AUTO": "auto", "ANY": "any", "NONE": "none"}


# -- what was sent ---------------------------------------------------------------------------


def system_of(body: Body) -> str:
    return "\n".join(part["text"] for part in body["systemInstruction"]["parts"])


def said(body: Body) -> list[Piece]:
    pieces: list[Piece] = []
    for content in body["contents"]:
        role: Any = "assistant" if content["role"] == "model" else "user"
        pieces += [_piece(role, part) for part in content["parts"] if not part.get("thought")]
    return pieces


def _piece(role: Any, part: Body) -> Piece:
    if "text" in part:
        return Piece(role, part["text"])
    if "functionCall" in part:
        call = part["functionCall"]
        return Piece("call", "", call["id"], call["name"], call["args"])
    if "functionResponse" in part:
        answer = part["functionResponse"]
        assert answer["name"] == TOOL
        return Piece("answer", answer["response"]["output"], answer["id"])
    blob = part["inlineData"]
    kind: Any = "image" if blob["mimeType"].startswith("image/") else "document"
    return Piece(kind, f"data:{blob['mimeType']};base64,{blob['data']}")


def thoughts_of(body: Body) -> list[Any]:
    """Signatures may stand on any part: https://ai.google.dev/gemini-api/docs/thought-signatures."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    return [part for part in parts if part.get("thought") or part.get("thoughtSignature")]


def tools_of(body: Body) -> dict[str, Body]:
    functions = [f for tool in body.get("tools") or () for f in tool["functionDeclarations"]]
    return {function["name"]: function["parametersJsonSchema"] for function in functions}


def choice_of(body: Body) -> ToolChoice | None:
    config = (body.get("toolConfig") or {}).get("functionCallingConfig")
    if config is None:
        return None
    names = config.get("allowedFunctionNames")
    return ToolFunction(names[0]) if names else _CHOICES[config["mode"]]


def top_logprobs_of(body: Body) -> int:
    config = body["generationConfig"]
    assert config["responseLogprobs"] is True
    top: int = config["logprobs"]
    return top


# -- what is answered ------------------------------------------------------------------------


def chunk(parts: list[Body], **members: Any) -> Body:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **members}
    return {"candidates": [candidate], **HEAD, "usageMetadata": USAGE}


def answer(parts: list[Body], pieces: list[Body] | None = None, **end: Any) -> Answer:
    """Each piece of a stream in a chunk of its own; the last chunk says why it ended."""
    end.setdefault("finishReason", "STOP")
    events: list[Any] = [chunk([piece]) for piece in pieces or parts]
    return Answer(chunk(parts, **end), [*events, chunk([{"text": ""}], **end)])


def text(words: tuple[str, ...], finish: str = "STOP", **end: Any) -> Answer:
    pieces = [{"text": word} for word in words]
    return answer([{"text": "".join(words)}], pieces, finishReason=finish, **end)


def call(id: str, arguments: Body, **members: Any) -> Body:
    return {"functionCall": {"id": id, "name": TOOL, "args": arguments}, **members}


THINKING = {"text": THOUGHTS, "thought": True}
SIGNED = {"text": TEXT, "thoughtSignature": SIGNATURE}
OSLO_CALL = call(OSLO_ID, OSLO, thoughtSignature=SIGNATURE)


def logprobs() -> Body:
    chosen = [{"token": token, "logProbability": its} for token, its, _ in LOGPROBS]
    tops = [
        {"candidates": [{"token": token, "logProbability": its} for token, its in tops]}
        for _, _, tops in LOGPROBS
    ]
    return {"chosenCandidates": chosen, "topCandidates": tops}


def failure(status: int, word: str, said: str, *details: Body) -> Failure:
    error: Body = {"code": status, "message": said, "status": word}
    if details:
        error["details"] = list(details)
    return Failure(status, {"error": error})


# https://google.aip.dev/193
BAD_KEY = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
}
WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
LIMIT = "You exceeded your current quota. Quota exceeded for metric: requests, limit: {}"
OVERLOADED = failure(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
TOO_LONG = failure(
    400,
    "INVALID_ARGUMENT",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
)

FAILURES: dict[FailureName, Failure] = {
    "unauthorized": failure(
        400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", BAD_KEY
    ),
    "forbidden": failure(403, "PERMISSION_DENIED", "The caller does not have permission"),
    "no_model": failure(404, "NOT_FOUND", "models/gemini-0 is not found for API version v1"),
    "bad_request": failure(400, "INVALID_ARGUMENT", "Please use a valid role: user, model."),
    "rate_limit": failure(429, "RESOURCE_EXHAUSTED", LIMIT.format(10), WAIT),
    "server": failure(500, "INTERNAL", "An internal error has occurred."),
    "overloaded": OVERLOADED,
    "quota": failure(429, "RESOURCE_EXHAUSTED", LIMIT.format(0), WAIT),
}

WIRE = Wire(
    name="google",
    provider="google",
    model="gemini-3-pro-preview",
    place="post /v1beta/models/gemini-3-pro-preview:generatecontent http/1.1",
    readers=Readers(
        system_of=system_of,
        said=said,
        thoughts_of=thoughts_of,
        tools_of=tools_of,
        choice_of=choice_of,
        schema_of=lambda body: body["generationConfig"]["responseJsonSchema"],
        max_tokens_of=lambda body: body["generationConfig"]["maxOutputTokens"],
        top_logprobs_of=top_logprobs_of,
    ),
    answers={
        "text": text(PIECES),
        "tool": answer([OSLO_CALL]),
        "parallel": answer([OSLO_CALL, call(ROME_ID, ROME)]),
        "thoughts": answer([THINKING, SIGNED]),
        "thoughts_and_tool": answer([THINKING, OSLO_CALL]),
        "structured": text((json.dumps(json.loads(SCHEMA_TEXT)),)),
        "max_tokens": text(PIECES, "MAX_TOKENS"),
        "content_filter": text(PIECES, "SAFETY"),
        "model_length": Answer(TOO_LONG.body, [], status=400),
        "logprobs": text((TEXT,), logprobsResult=logprobs()),
    },
    failures=FAILURES,
    stream_error=[OVERLOADED.body],
    counters=frozenset(("input_tokens_cache_read", "reasoning_tokens")),
    thoughts={"thoughts": [THINKING, SIGNED], "thoughts_and_tool": [THINKING, OSLO_CALL]},
    signature=SIGNATURE,
)
