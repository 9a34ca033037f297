"""What compatible servers answer, over a real socket. Bodies are as their references show them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from modeld.errors import (
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from modeld.types import (
    ChatMessageUser,
    ContentText,
    ContentToolUse,
    GenerateConfig,
    ModelOutput,
    UrlCitation,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.openai.adapter import build
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, Server, serving
from tests.fakes.recorded_rows import row_of

MESSAGE: dict[str, Any] = {"role": "assistant", "content": "Hi"}
CHOICE: dict[str, Any] = {"index": 0, "message": MESSAGE, "finish_reason": "stop"}
COMPLETION: dict[str, Any] = {"id": "1", "model": "m", "choices": [CHOICE]}
MISSING = {"error": {"message": "model 'm' not found", "type": "not_found_error"}}
MODELS = {"object": "list", "data": [{"id": "qwen3:8b"}, {"id": "llama3.2:1b"}]}


def ask(
    provider: str,
    *answers: tuple[int, Any],
    key: str | None = "k",
    sink: Deltas | None = None,
    path: str = "/v1",
    **config: Any,
) -> tuple[ModelOutput | ModeldError, Server]:
    """The output or error of one call to a server that gives these answers, one after the other."""
    row, rest = row_of(provider), list(answers)

    async def answer(seen: Seen) -> None:
        status, body = rest.pop(0)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "text/event-stream" if text.startswith(b"data:") else "application/json"
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\n\r\n"
        seen.writer.write(head.encode() + text)

    async def scene() -> tuple[ModelOutput | ModeldError, Server]:
        async with serving(answer) as server:
            made = build(row, Connection(f"http://127.0.0.1:{server.port}{path}", key))
            call = Call("1", [ChatMessageUser("hi")], GenerateConfig(**config))
            route = Route(row.name, "m", Account(row.name, None, "f"))
            try:
                return await made.generate(call, route, sink), server
            except ModeldError as error:
                return error, server
            finally:
                await made.aclose()

    return asyncio.run(scene())


def output_of(provider: str, body: Any, **said: Any) -> ModelOutput:
    output, _ = ask(provider, (200, body), **said)
    assert isinstance(output, ModelOutput)
    return output


def error_of(provider: str, status: int, body: Any, **said: Any) -> ModeldError:
    error, _ = ask(provider, (status, body), **said)
    assert isinstance(error, ModeldError)
    return error


def in_words(completion: dict[str, Any], **message: Any) -> dict[str, Any]:
    return {**completion, "choices": [{**CHOICE, "message": {**MESSAGE, **message}}]}


# -- servers of one's own --------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["ollama", "vllm", "sglang", "llama-cpp-python"])
def test_a_missing_model_is_answered_with_what_the_server_has(provider):
    error, server = ask(provider, (404, MISSING), (200, MODELS), key=None)
    assert isinstance(error, ModelNotFound)
    assert "not found. The server has llama3.2:1b, qwen3:8b." in error.message
    assert (error.status, error.model) == (404, f"{provider}/m")
    heads = [seen.head.decode().lower() for seen in server.requests]
    assert [head.split(" http")[0] for head in heads] == [
        "post /v1/chat/completions",
        "get /v1/models",
    ]
    assert not any("authorization" in head for head in heads)


@pytest.mark.parametrize("listing", [(500, {}), (200, b"no JSON"), (200, {"data": 5})])
def test_a_server_that_lists_nothing_leaves_the_error_as_it_is(listing):
    error, _ = ask("vllm", (404, MISSING), listing, key=None)
    assert isinstance(error, ModelNotFound)
    assert error.message == "model 'm' not found"


# https://docs.ollama.com/api/openai-compatibility, https://docs.ollama.com/api/tags and
# https://github.com/ollama/ollama/blob/main/openai/openai.go (the shape of errors and of the list)
NOT_PULLED = {
    "error": {
        "message": "model 'm' not found",
        "type": "not_found_error",
        "param": None,
        "code": None,
    }
}
GEMMA = {"id": "gemma3:latest", "object": "model", "created": 1759559643, "owned_by": "library"}
TAGS = {
    "models": [
        {
            "name": "gemma3:latest",
            "model": "gemma3:latest",
            "modified_at": "2025-10-03T23:34:03.409490317-07:00",
            "size": 3338801804,
            "digest": "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55f92841195f5a",
            "details": {"format": "gguf", "family": "gemma", "families": ["gemma"]},
        }
    ]
}


@pytest.mark.parametrize(
    "has, listings",
    [
        ("gemma3:latest", [(200, {"object": "list", "data": [GEMMA]})]),
        ("no model", [(200, {"object": "list", "data": None})]),  # Go's empty list
        ("gemma3:latest", [(404, b"404 page not found"), (200, TAGS)]),  # before it had /v1/models
        ("no model", [(404, b"404 page not found"), (200, {"models": []})]),
    ],
)
def test_an_ollama_without_the_model_is_told_of_with_how_to_pull_it(has, listings):
    error, server = ask("ollama", (404, NOT_PULLED), *listings, key=None)
    assert isinstance(error, ModelNotFound)
    assert error.message == (
        f"model 'm' not found. The server has {has}. Fetch the model with: ollama pull m"
    )
    asked = [seen.head.split(b" HTTP")[0].decode() for seen in server.requests]
    paths = ["POST /v1/chat/completions", "GET /v1/models", "GET /api/tags"]
    assert asked == paths[: len(listings) + 1]


def test_a_hosted_service_is_not_asked_for_its_models():
    error, server = ask("together", (404, MISSING))
    assert isinstance(error, ModelNotFound)
    assert len(server.requests) == 1


@pytest.mark.parametrize("asked", ["generate", "models"])
@pytest.mark.parametrize(
    "provider, command",
    [
        ("ollama", "ollama serve"),
        ("vllm", "vllm serve MODEL"),
        ("sglang", "python -m sglang.launch_server --model-path MODEL"),
        ("llama-cpp-python", "python -m llama_cpp.server --model PATH"),
    ],
)
def test_a_server_that_is_not_there_is_told_by_its_address_and_how_to_start_one(
    provider, command, asked
):
    async def scene() -> None:
        made = build(row_of(provider), Connection("http://127.0.0.1:9/v1", None))
        call = Call("1", [ChatMessageUser("hi")], GenerateConfig())
        try:
            if asked == "models":
                await made.models()
            await made.generate(call, Route(provider, "m", Account(provider, None, "f")), None)
        finally:
            await made.aclose()

    with pytest.raises(ProviderUnavailable) as caught:
        asyncio.run(scene())
    assert "127.0.0.1:9" in caught.value.message
    assert f"start one ({command})" in caught.value.message
    assert f"{provider.upper().replace('-', '_')}_BASE_URL" in caught.value.message
    assert caught.value.phase == "connect"


def test_nobody_is_told_to_start_a_service_of_others():
    async def scene() -> None:
        made = build(row_of("together"), Connection("http://127.0.0.1:9/v1", "k"))
        try:
            await made.models()
        finally:
            await made.aclose()

    with pytest.raises(ProviderUnavailable, match=r"127\.0\.0\.1:9") as caught:
        asyncio.run(scene())
    assert "start" not in caught.value.message


# -- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/openai/v1", "/openai/v1/"])
def test_groqs_url_may_be_as_its_own_sdk_takes_it(path):
    _, server = ask("groq", (200, COMPLETION), path=path)
    assert server.requests[0].head.startswith(b"POST /openai/v1/chat/completions ")


# -- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["cloudflare", "moonshot"])
def test_no_capacity_is_a_rate_limit(provider):
    body = {"errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]}
    assert isinstance(error_of(provider, 503, body), RateLimited)
    assert isinstance(error_of("together", 503, body), ProviderUnavailable)


@pytest.mark.parametrize(
    "provider, status, message",
    [
        ("cloudflare", 403, "the estimated tokens exceed this model's context window limit"),
        ("cloudflare", 413, "prompt too long"),
        ("moonshot", 400, "Your request exceeded model token limit: 8192"),
        ("together", 422, "`inputs` tokens + `max_new_tokens` must be <= 8193."),
        ("vllm", 400, "This model's maximum context length is 2048 tokens."),
        ("sglang", 400, "Input length (9 tokens) exceeds the maximum allowed length (8 tokens)."),
        ("llama-cpp-python", 400, "the request exceeds the available context size."),
        ("ollama", 400, "prompt too long; exceeded max context length by 9 tokens"),
    ],
)
def test_a_prompt_that_is_too_long_is_a_result(provider, status, message):
    output, _ = ask(provider, (status, {"error": {"message": message}}))
    assert isinstance(output, ModelOutput)
    assert (output.stop_reason, output.error) == ("model_length", message)


def test_a_403_is_a_refusal_unless_it_speaks_of_length():
    body = {"errors": [{"code": 10000, "message": "blocked: wrong account"}]}
    error = error_of("cloudflare", 403, body)
    assert isinstance(error, PermissionDenied)
    assert error.message == "blocked: wrong account"


def test_openrouter_tells_what_the_provider_behind_it_said():
    error = {"code": 429, "message": "Provider returned error", "metadata": {"raw": "too many"}}
    limited = error_of("openrouter", 429, {"error": error})
    assert isinstance(limited, RateLimited)
    assert limited.message == "Provider returned error: too many"


@pytest.mark.parametrize("where", ["whole", "choice", "stream"])
def test_openrouters_error_in_a_good_answer_is_an_error(where):
    said = {"code": 502, "message": "upstream failed"}
    body: Any = {"error": said}
    if where == "choice":
        body = {**COMPLETION, "choices": [{**CHOICE, "finish_reason": "error", "error": said}]}
    elif where == "stream":
        chunk = {"error": said, "choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}
        body = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    error = error_of("openrouter", 200, body, sink=Deltas() if where == "stream" else None)
    assert isinstance(error, ProviderUnavailable)
    assert error.message == "upstream failed"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "said, reason",
    [
        ({"code": 400, "message": "maximum context length is 9"}, "model_length"),
        ({"code": "content_filter", "message": "no", "status": 400}, "content_filter"),  # Azure's
    ],
)
def test_a_prompt_refused_in_a_good_answer_is_a_result_too(said, reason, stream):
    # https://openrouter.ai/docs/api-reference/errors
    body: Any = {"error": said}
    if stream:
        body = b"data: " + json.dumps(body).encode() + b"\n\n"
    output, _ = ask("openrouter", (200, body), sink=Deltas() if stream else None)
    assert isinstance(output, ModelOutput)
    assert (output.stop_reason, output.error) == (reason, said["message"])


def test_a_model_that_calls_badly_is_the_callers_to_see():
    body = {"error": {"code": "tool_use_failed", "message": "no", "type": "invalid_request_error"}}
    assert isinstance(error_of("groq", 400, body), InvalidRequest)


# -- answers ---------------------------------------------------------------------------------


def test_perplexitys_pages_are_citations_and_its_cost_is_a_sum():
    pages = [{"title": "A", "url": "https://a", "date": "2026-01-01"}]
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    body = {**COMPLETION, "search_results": pages, "citations": ["https://a"]}
    output = output_of("perplexity", {**body, "usage": {**usage, "cost": {"total_cost": 0.5}}})
    (text,) = output.message.content_list
    assert isinstance(text, ContentText)
    assert text.citations == [UrlCitation("https://a", title="A", internal={"date": "2026-01-01"})]
    assert output.completion == "Hi"
    assert output.usage is not None
    assert output.usage.total_cost == 0.5
    bare = output_of("perplexity", {**COMPLETION, "citations": ["https://b"]})
    assert [c.url for p in bare.message.content_list for c in p.citations] == ["https://b"]  # type: ignore[union-attr]


def test_perplexitys_stream_repeats_all_that_was_said_beside_what_is_new():
    chunks: list[Any] = []
    for new, all_ in (("H", "H"), ("i", "Hi"), ("", "Hi")):
        choice = {**CHOICE, "delta": {"content": new}, "message": {**MESSAGE, "content": all_}}
        choice["finish_reason"] = None if new else "stop"
        chunks.append({**COMPLETION, "choices": [choice]})
    text = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    sink = Deltas()
    output = output_of("perplexity", text, sink=sink)
    assert (output.completion, "".join(sink.texts)) == ("Hi", "Hi")
    assert output.metadata is None


def test_togethers_log_probabilities_lie_beside_each_other():
    wire = {"tokens": ["H", "i"], "token_logprobs": [-0.1, -0.2], "top_logprobs": [{"H": -0.1}]}
    choice = {**CHOICE, "logprobs": {**wire, "top_logprobs": [{"H": -0.1}, {"i": -0.2, "o": -2}]}}
    output = output_of("together", {**COMPLETION, "choices": [choice]}, logprobs=True)
    found = output.choices[0].logprobs
    assert found is not None
    assert [(p.token, p.logprob) for p in found.content] == [("H", -0.1), ("i", -0.2)]
    assert [t.token for t in found.content[1].top_logprobs or ()] == ["i", "o"]


def test_cloudflare_answers_a_schema_with_an_object_in_place_of_its_text():
    output = output_of("cloudflare", in_words(COMPLETION, content={"name": "Ada"}))
    assert json.loads(output.completion) == {"name": "Ada"}


def test_empty_members_of_snowflake_are_nothing():
    nothing = {"audio": {"id": "", "data": ""}, "function_call": {"name": "", "arguments": ""}}
    output = output_of("openai-api/snowflake", in_words(COMPLETION, **nothing))
    assert (output.message.content, output.message.tool_calls) == ("Hi", None)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    calls = [{**call, "custom": {"name": "", "input": ""}}]
    body = in_words(COMPLETION, tool_calls=calls)
    body["choices"][0]["finish_reason"] = ""
    output = output_of("openai-api/snowflake", body)
    assert output.stop_reason == "tool_calls"
    assert [(c.function, c.type) for c in output.message.tool_calls or ()] == [("f", "function")]


@pytest.mark.parametrize("streams", [False, True])
def test_searches_of_posts_are_the_servers_own(streams):
    """https://docs.x.ai/developers/tools/x-search: they come as calls of custom tools."""
    found = {
        "type": "custom_tool_call",
        "id": "ctc_1",
        "call_id": "xs_call_1",
        "status": "completed",
    }
    search = {**found, "name": "x_keyword_search", "input": '{"query":"q"}'}
    part = {"type": "output_text", "text": "Hi", "annotations": []}
    said = {"type": "message", "id": "m_1", "role": "assistant", "content": [part]}
    response = {"id": "r", "model": "m", "status": "completed", "output": [search, said]}
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "item": {**search, "input": ""}},
        {"type": "response.custom_tool_call_input.delta", "delta": search["input"]},
        {"type": "response.output_item.done", "item": search},
        {"type": "response.output_item.added", "item": {**said, "content": []}},
        {"type": "response.output_text.delta", "content_index": 0, "delta": "Hi"},
        {"type": "response.output_item.done", "item": said},
    ]
    told = [{"output_index": i // 3, **event} for i, event in enumerate(events)]
    told.append({"type": "response.completed", "response": response})
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in told).encode()
    sink = Deltas()
    output, _ = ask("grok", (200, stream if streams else response), sink=sink)
    assert isinstance(output, ModelOutput)
    assert (output.message.tool_calls, output.stop_reason) == (None, "stop")
    (used,) = [p for p in output.message.content_list if isinstance(p, ContentToolUse)]
    assert (used.tool_type, used.name, used.id) == ("web_search", "x_keyword_search", "xs_call_1")
    assert used.arguments == search["input"]
    assert ("".join(sink.texts), sink.names) == ("Hi", {})
