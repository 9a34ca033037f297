"""What a recorded chat completion says, read without the project's code, and whether an output says it."""

from __future__ import annotations

import json
from typing import Any

from modeld.types import (
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    as_stop_reason,
)
from tests.fakes.deltas import Deltas

THOUGHTS = ("reasoning_content", "reasoning")
SEARCHED = ("search_results", "citations")


def check_output(output: ModelOutput, wire: dict[str, Any]) -> None:
    assert output.model == wire["model"]
    assert output.response_id == (wire["id"] or None)
    assert len(output.choices) == len(wire["choices"])
    for choice, wire_choice in zip(output.choices, wire["choices"], strict=True):
        message = wire_choice.get("message") or {}  # a filter took it all
        texts = [p for p in choice.message.content_list if isinstance(p, ContentText)]
        check_texts(choice.message, message)
        assert "".join(p.text for p in texts if p.refusal) == (message.get("refusal") or "")
        wire_calls = message.get("tool_calls") or []
        if not wire_calls and (message.get("function_call") or {}).get("name"):  # before tools
            wire_calls = [{"type": "function", "id": "", "function": message["function_call"]}]
        check_calls(choice.message, wire_calls)
        details = wire_choice.get("finish_details") or {}
        reason = wire_choice.get("finish_reason") or details.get("type")
        if reason:
            assert choice.stop_reason == as_stop_reason(reason)
        check_logprobs(choice.logprobs, wire_choice.get("logprobs"))
        cited = [c for p in texts for c in p.citations or ()]
        assert [c.url for c in cited] == pages(wire, message)
    check_usage(output, wire.get("usage"))


def check_texts(said: ChatMessageAssistant, wire: dict[str, Any]) -> None:
    """All that was written and thought, whether as members, parts or tagged text."""
    transcript = (wire.get("audio") or {}).get("transcript")
    content = wire.get("content") or transcript or ""
    details = wire.get("reasoning_details") or []
    detailed = "".join(d.get("text") or d.get("summary") or "" for d in details)
    thoughts = next((wire[name] for name in THOUGHTS if wire.get(name)), detailed)
    if isinstance(content, dict):
        assert json.loads(said.text) == content
        return
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content)
    texts = [p.text for p in said.content_list if isinstance(p, ContentText) and not p.refusal]
    reasoning = [p.reasoning for p in said.content_list if isinstance(p, ContentReasoning)]
    if content.lstrip().startswith("<think>"):
        thoughts, _, content = content.lstrip().removeprefix("<think>").partition("</think>")
        thoughts, content = thoughts.strip(), content.lstrip()
    assert ("".join(texts), "".join(reasoning)) == (content, thoughts)


def pages(wire: dict[str, Any], message: dict[str, Any]) -> list[str]:
    """The pages that an answer cites, in itself or beside it."""
    annotations = message.get("annotations") or []
    urls = [a["url_citation"]["url"] for a in annotations if "url_citation" in a]
    if urls or not message.get("content"):
        return urls
    if wire.get("search_results"):
        return [page["url"] for page in wire["search_results"]]
    return wire.get("citations") or []


def check_calls(message: ChatMessageAssistant, wire: list[dict[str, Any]]) -> None:
    calls = message.tool_calls or []
    assert all(
        call.id == recorded["id"] or not recorded["id"]
        for call, recorded in zip(calls, wire, strict=True)
    )
    for call, recorded in zip(calls, wire, strict=True):
        assert call.type == recorded["type"]
        said = recorded[call.type]
        assert call.function == said["name"]
        if call.type == "custom":
            assert call.arguments == {"input": said["input"]}
        elif call.parse_error is None:
            assert call.arguments == json.loads(said["arguments"] or "{}")


def check_logprobs(logprobs: Any, wire: Any) -> None:
    tokens = (wire or {}).get("content")
    assert bool(logprobs) == bool(tokens)
    if tokens:
        assert [(p.token, p.logprob, p.bytes) for p in logprobs.content] == [
            (t["token"], t["logprob"], t["bytes"]) for t in tokens
        ]
        tops = [[(t.token, t.logprob) for t in p.top_logprobs or ()] for p in logprobs.content]
        assert tops == [[(t["token"], t["logprob"]) for t in w["top_logprobs"]] for w in tokens]


def check_usage(output: ModelOutput, wire: dict[str, Any] | None) -> None:
    if wire is None:
        assert output.usage is None
        return
    usage = output.usage
    assert usage is not None
    details = wire.get("prompt_tokens_details") or {}
    read, written = details.get("cached_tokens"), details.get("cache_write_tokens")
    rest = wire["prompt_tokens"] - (read or 0) - (written or 0)
    assert usage.input_tokens == max(0, rest)  # some count cached tokens that are none of these
    assert (usage.input_tokens_cache_read, usage.input_tokens_cache_write) == (read, written)
    assert (usage.output_tokens, usage.total_tokens) == (
        wire["completion_tokens"],
        wire["total_tokens"],
    )
    thoughts = (wire.get("completion_tokens_details") or {}).get("reasoning_tokens")
    assert usage.reasoning_tokens == thoughts


def check_deltas(sink: Deltas, output: ModelOutput) -> None:
    assert "".join(sink.texts) == output.completion
    calls = output.message.tool_calls or []
    assert sink.names == {call.id: call.function for call in calls}
    for call in calls:
        if call.parse_error is None:
            assert json.loads("".join(sink.calls[call.id]) or "{}") == call.arguments


def chunks_of(frames: list[str]) -> list[dict[str, Any]]:
    """The chunks of a recorded stream."""
    lines = [line for line in "".join(frames).splitlines() if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines if line[5:].strip() != "[DONE]"]


def folded(frames: list[str]) -> dict[str, Any]:
    """The plain answer of a recorded stream, put together without the project's code."""
    body: dict[str, Any] = {"id": "", "model": "", "usage": None}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks_of(frames):
        body.update({name: body[name] or chunk.get(name) or "" for name in ("id", "model")})
        named = ("usage", *SEARCHED)
        body.update({name: chunk[name] for name in named if chunk.get(name)})
        for part in chunk.get("choices") or []:
            new = {"message": {"content": "", "refusal": "", "tool_calls": []}, "logprobs": None}
            choice = choices.setdefault(part["index"], {**new, "finish_reason": None})
            choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
            fold_delta(choice["message"], part.get("delta") or {})
            tokens = (part.get("logprobs") or {}).get("content") or []
            said = (choice["logprobs"] or {}).get("content") or []
            choice["logprobs"] = {"content": [*said, *tokens]} if said or tokens else None
    body["choices"] = [choices[index] for index in sorted(choices)]
    return body


def fold_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """Adds a delta to the message."""
    for name in ("content", "refusal", *THOUGHTS):
        if isinstance(delta.get(name), str):
            message[name] = message.get(name, "") + delta[name]
    for name in ("annotations", "reasoning_details"):
        message[name] = [*message.get(name, []), *(delta.get(name) or [])]
    calls = message["tool_calls"]
    places = message.setdefault("places", {})  # where the call of an index stands
    for call in delta.get("tool_calls") or []:
        index = call.get("index", len(calls))
        if index not in places:
            places[index] = len(calls)
            start = {"name": call["function"]["name"], "arguments": ""}
            calls.append({"id": call["id"], "type": "function", "function": start})
        said = call["function"].get("arguments") or ""
        calls[places[index]]["function"]["arguments"] += said


def body_of(response: dict[str, Any]) -> dict[str, Any]:
    """The plain answer of a recorded response."""
    body: dict[str, Any] = folded(response["sse"]) if "sse" in response else response["body"]
    return body


def answer_of(response: dict[str, Any]) -> dict[str, Any]:
    """The message of a recorded response's first choice."""
    message: dict[str, Any] = body_of(response)["choices"][0]["message"]
    return message


def error_of(response: dict[str, Any]) -> Any:
    """The error of a recorded response, or of a stream that had begun well."""
    if "sse" not in response:
        return (response.get("body") or {}).get("error")
    return next((c["error"] for c in chunks_of(response["sse"]) if c.get("error")), None)
