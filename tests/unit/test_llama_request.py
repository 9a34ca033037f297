"""What goes to llama.cpp and what is made of its answers: pure functions."""

from __future__ import annotations

import pytest

from modeld.errors import EngineError, InvalidRequest, ProviderError
from modeld.types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolCall,
    ToolCallError,
    ToolInfo,
)
from modeld_daemon.core.call import Call
from modeld_daemon.providers.engine.engine import LoadFailed
from modeld_daemon.providers.engine.words import CallFailed
from modeld_daemon.providers.llama_cpp.errors import call_error, is_overflow, load_error
from modeld_daemon.providers.llama_cpp.options import ModelArgs, default_threads
from modeld_daemon.providers.llama_cpp.request import build_messages, build_requests, left_out
from modeld_daemon.providers.llama_cpp.response import build_output, overflow_output
from modeld_daemon.providers.llama_cpp.stream import Chunks


def request_of(**config):
    (request,) = build_requests(Call("c", [ChatMessageUser("Hi")], GenerateConfig(**config)))
    return request


def result_of(text="Hello", finish="stop", made=2, **more):
    usage = {"prompt_tokens": 10, "completion_tokens": made}
    result = {"text": text, "reasoning": "", "finish": finish, "usage": usage, "logprobs": []}
    return {**result, "id": "r", "seconds": 0.5, **more}


def test_what_is_not_said_is_left_to_the_engine():
    assert request_of() == {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 2048,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "cache_prompt": True,
    }


def test_every_field_that_is_honoured_is_sent():
    schema = ResponseSchema("answer", JSONSchema(type="object"))
    request = request_of(
        max_tokens=5, temperature=0.5, top_p=0.9, top_k=3, frequency_penalty=1,
        presence_penalty=-1, stop_seqs=["a", ""], seed=7, logit_bias={5: -100.0},
        logprobs=True, response_schema=schema, extra_body={"min_p": 0.1},
    )  # fmt: skip
    assert request | {
        "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "frequency_penalty": 1,
        "presence_penalty": -1, "stop": ["a"], "seed": 7, "logit_bias": [[5, -100.0]],
        "logprobs": True, "top_logprobs": 1, "min_p": 0.1, "cache_prompt": False,
    } == request  # fmt: skip
    assert request["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_a_clean_slot_is_asked_for_where_the_answer_should_repeat():
    assert not request_of(temperature=0)["cache_prompt"]
    assert not request_of(seed=1)["cache_prompt"]


def test_seeds_of_any_size_fit_and_differ_by_choice():
    assert request_of(seed=-1)["seed"] == 2**32 - 2
    asked = Call("c", [ChatMessageUser("Hi")], GenerateConfig(seed=3, num_choices=3))
    assert [request["seed"] for request in build_requests(asked)] == [3, 4, 5]


@pytest.mark.parametrize(
    "config, said",
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"num_choices": 0}, "num_choices"),
        ({"extra_body": {"stream": False}}, "'stream'"),
        ({"extra_body": {"id_slot": 3}}, "'id_slot'"),
    ],
)
def test_values_that_make_no_sense_are_refused(config, said):
    with pytest.raises(InvalidRequest, match=said):
        request_of(**config)


def test_tools_are_refused_unless_they_are_not_to_be_called():
    tools = [ToolInfo("add", "Adds.")]
    with pytest.raises(InvalidRequest, match="tool calls"):
        build_requests(Call("c", [ChatMessageUser("Hi")], tools=tools))
    assert build_requests(Call("c", [ChatMessageUser("Hi")], tools=tools, tool_choice="none"))


def test_a_conversation_becomes_text():
    messages = [
        ChatMessageSystem("Be brief."),
        ChatMessageUser([ContentText("one"), ContentText("two")]),
        ChatMessageAssistant(
            [ContentReasoning("hm"), ContentText("I add.")],
            tool_calls=[ToolCall("1", "add", {"a": 1})],
        ),
        ChatMessageTool("3"),
        ChatMessageTool("", error=ToolCallError("timeout", "too slow")),
    ]
    assert build_messages(messages) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one\ntwo"},
        {
            "role": "assistant",
            "content": 'I add.\n{"name": "add", "arguments": {"a": 1}}',
            "reasoning_content": "hm",
        },
        {"role": "tool", "content": "3"},
        {"role": "tool", "content": "Error: too slow"},
    ]
    assert "reasoning_content" not in build_messages(messages, "none")[2]


def test_media_are_refused_by_name():
    with pytest.raises(InvalidRequest, match=r"user message holds 'image' content"):
        build_messages([ChatMessageUser([ContentImage("data:image/png;base64,AA==")])])
    with pytest.raises(InvalidRequest, match="at least one message"):
        build_messages([])


def test_model_args_have_defaults_and_limits():
    args = ModelArgs.parse({})
    assert (args.options.n_parallel, args.options.n_threads) == (4, default_threads())
    assert args.options.context(8192) == 4096
    assert args.options.context(2048) == 2048
    assert ModelArgs.parse({"n_ctx": 8000}).options.context(None) == 8000
    assert ModelArgs.parse({"n_parallel": 32, "n_batch": 8}).options.n_batch == 32
    assert ModelArgs.parse({"model_path": "/m.gguf"}).model_path == "/m.gguf"


@pytest.mark.parametrize(
    "args, said",
    [
        ({"n_gpu_layers": 1}, "unknown model arg 'n_gpu_layers'"),
        ({"n_ctx": 0}, "'n_ctx' must be"),
        ({"n_ctx": True}, "'n_ctx' must be"),
        ({"n_threads": "4"}, "'n_threads' must be"),
        ({"model_path": 3}, "'model_path' must be text"),
    ],
)
def test_wrong_model_args_are_named(args, said):
    with pytest.raises(InvalidRequest, match=said):
        ModelArgs.parse(args)


def test_chunks_become_events_and_one_result():
    chunks = Chunks()
    first = {"choices": [{"delta": {"role": "assistant", "content": None}}], "id": "x"}
    assert chunks.take({**first, "prompt_progress": {"total": 9, "processed": 3}}) == {
        "progress": [3, 9]
    }
    assert chunks.take(first) is None
    assert chunks.take({"choices": [{"delta": {"reasoning_content": "hm"}}]}) == {"reasoning": "hm"}
    logprob = {"token": "A", "logprob": -0.5, "bytes": [65]}
    told = {"delta": {"content": "A"}, "logprobs": {"content": [logprob]}}
    assert chunks.take({"choices": [told]}) == {"text": "A"}
    assert chunks.take({"choices": [{"delta": {"content": "b"}}]}) == {"text": "b"}
    assert chunks.take({"choices": [{"delta": {}, "finish_reason": "stop"}]}) is None
    assert chunks.take({"choices": [], "usage": {"completion_tokens": 2}}) is None
    assert chunks.result() == {
        "text": "Ab",
        "reasoning": "hm",
        "finish": "stop",
        "usage": {"completion_tokens": 2},
        "logprobs": [logprob],
        "id": "x",
    }
    chunks.take({"error": {"code": 400, "message": "no"}})
    assert chunks.error == {"code": 400, "message": "no"}


def test_thoughts_come_without_the_white_space_around_them():
    chunks = Chunks()
    pieces = ["\n ", "hm", " \n", "yes ", "\n\n"]
    events = [chunks.take({"choices": [{"delta": {"reasoning_content": p}}]}) for p in pieces]
    assert events == [None, {"reasoning": "hm"}, None, {"reasoning": " \nyes"}, None]
    assert chunks.result()["reasoning"] == "hm \nyes"


@pytest.mark.parametrize(
    "finish, made, limit, reason",
    [
        ("stop", 2, None, "stop"),
        ("length", 5, 5, "max_tokens"),
        ("length", 90, 200, "model_length"),
        ("length", 50, None, "max_tokens"),
        (None, 1, None, "unknown"),
    ],
)
def test_both_limits_are_told_apart(finish, made, limit, reason):
    config = GenerateConfig(max_tokens=limit)
    output = build_output("m", [result_of(finish=finish, made=made)], config, 100)
    assert output.stop_reason == reason


def test_choices_share_the_prompt_and_add_their_tokens():
    cached = {"prompt_tokens_details": {"cached_tokens": 8}}
    one, two = result_of("a"), result_of("b", made=3, seconds=0.75)
    one["usage"] |= cached
    output = build_output("m", [one, two], GenerateConfig(), 100)
    assert output.usage is not None
    assert output.usage.to_dict() == {
        "input_tokens": 2,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_cache_read": 8,
    }
    assert [choice.message.text for choice in output.choices] == ["a", "b"]
    assert (output.time, output.completion, output.message.source) == (0.75, "a", "generate")


def test_reasoning_and_logprobs_are_kept():
    top = {"token": "A", "logprob": -0.5, "bytes": [65]}
    result = result_of(reasoning="hm", logprobs=[{**top, "top_logprobs": [top]}])
    output = build_output("m", [result], GenerateConfig(top_logprobs=1), 100)
    assert [part.type for part in output.message.content_list] == ["reasoning", "text"]
    assert output.completion == "Hello"
    assert output.choices[0].logprobs.content[0].top_logprobs[0].token == "A"
    plain = build_output("m", [result], GenerateConfig(logprobs=True), 100)
    assert plain.choices[0].logprobs.content[0].top_logprobs is None
    assert build_output("m", [result], GenerateConfig(), 100).choices[0].logprobs is None


def test_a_prompt_that_is_too_long_is_a_result():
    detail = {"type": "exceed_context_size_error", "code": 400}
    assert is_overflow(CallFailed("engine", "too long", detail))
    assert not is_overflow(CallFailed("engine", "other", {"code": 400}))
    output = overflow_output("m", "too long", 5000, 0.5)
    assert (output.stop_reason, output.completion, output.error) == ("model_length", "", "too long")
    assert (output.input_context_tokens, output.time) == (5000, 0.5)


@pytest.mark.parametrize(
    "failure, kind",
    [
        (CallFailed("invalid", "no"), InvalidRequest),
        (CallFailed("engine", "no", {"code": 400}), InvalidRequest),
        (CallFailed("engine", "no", {"code": 500}), ProviderError),
        (CallFailed("memory", "full"), EngineError),
        (CallFailed("defect", "KeyError"), ProviderError),
    ],
)
def test_failures_become_errors(failure, kind):
    error = call_error(failure, "local/m")
    assert type(error) is kind
    assert (error.provider, error.model) == ("local", "local/m")


def test_a_load_that_failed_is_told_with_llama_cpps_reason():
    lines = [
        "0.00.024.589 E llama_model_load: error loading model: unknown architecture 'x'",
        "0.00.024.639 E srv    load_model: failed to load model",
    ]
    error = load_error(LoadFailed(CallFailed("engine", "failed"), lines), "/m.gguf", "local/m")
    assert type(error) is InvalidRequest
    assert error.message == "llama.cpp cannot load '/m.gguf': unknown architecture 'x'"
    lines = ["0.0 E ggml_aligned_malloc: insufficient memory (attempted to allocate 9 MB)"]
    error = load_error(LoadFailed(CallFailed("engine", "failed"), lines), "/m.gguf", "local/m")
    assert type(error) is EngineError


def test_what_local_models_have_not_is_said():
    assert left_out(GenerateConfig(temperature=0.5, seed=1)) == []
    (warning,) = left_out(GenerateConfig(reasoning_effort="low"))
    assert "reasoning_effort" in warning
