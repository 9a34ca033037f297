"""What `hf/` makes of calls, model args and the engine's failures, without the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modeld.errors import (
    EngineError,
    InvalidRequest,
    ModelNotFound,
    PermissionDenied,
    PrerequisiteError,
    ProviderError,
)
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ToolCall,
    ToolCallError,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Call
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.engine.engine import LoadFailed
from modeld_daemon.providers.engine.words import CallFailed
from modeld_daemon.providers.huggingface.errors import call_error, is_overflow, load_error
from modeld_daemon.providers.huggingface.models import (
    HubModels,
    HubSettings,
    cached_models,
    find_source,
)
from modeld_daemon.providers.huggingface.options import ModelArgs
from modeld_daemon.providers.huggingface.request import build_count, build_requests, left_out
from modeld_daemon.providers.huggingface.response import overflow_output
from modeld_daemon.providers.registry import Registry

ARGS = ModelArgs.parse({})
ADD = ToolInfo(
    "add", "Adds.", ToolParams(properties={"a": JSONSchema(type="integer")}, required=["a"])
)
LOOK = ToolInfo("look", "Looks.", ToolParams(properties={"at": JSONSchema(type="string")}))


def a_call(messages: list[ChatMessage] | None = None, *tools: ToolInfo, **config: Any) -> Call:
    return Call("c", messages or [ChatMessageUser("Hi")], GenerateConfig(**config), list(tools))


def one(call: Call, model: str = "a/b", **args: Any) -> dict[str, Any]:
    (request,) = build_requests(call, model, ModelArgs.parse(args))
    return request


# -- requests ------------------------------------------------------------------------------------


def test_a_plain_call():
    assert one(a_call()) == {
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [],
        "variables": {},
        "max_tokens": 2048,
        "stop": [],
        "logprobs": None,
        "sampling": {"do_sample": True},
    }


def test_every_field_that_means_something():
    request = one(
        a_call(
            max_tokens=7, temperature=0.5, top_p=0.9, top_k=40, seed=11, stop_seqs=["END", ""],
            logprobs=True, top_logprobs=3,
            extra_body={"min_p": 0.1, "repetition_penalty": 1.2, "no_repeat_ngram_size": 3},
        )
    )  # fmt: skip
    assert request["sampling"] == {
        "do_sample": True, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 11, "min_p": 0.1,
        "repetition_penalty": 1.2, "no_repeat_ngram_size": 3,
    }  # fmt: skip
    assert (request["max_tokens"], request["stop"], request["logprobs"]) == (7, ["END"], 3)


def test_greedy_by_temperature_or_by_a_model_arg():
    assert one(a_call(temperature=0))["sampling"]["do_sample"] is False
    assert one(a_call(temperature=1), do_sample=False)["sampling"]["do_sample"] is False


def test_each_choice_has_its_own_seed():
    several = build_requests(a_call(num_choices=3, seed=5), "a/b", ARGS)
    assert [request["sampling"]["seed"] for request in several] == [5, 6, 7]
    unsaid = build_requests(a_call(num_choices=2), "a/b", ARGS)
    assert ["seed" in request["sampling"] for request in unsaid] == [False, False]


@pytest.mark.parametrize(
    "config, said",
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -1.0}, "temperature must be from 0 to 100"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"num_choices": 65}, "num_choices"),
        ({"extra_body": {"num_beams": 4}}, "'num_beams'; they know min_p"),
        ({"extra_body": {"min_p": "high"}}, "min_p must be a number"),
        ({"extra_body": {"no_repeat_ngram_size": 1.5}}, "no_repeat_ngram_size must be a number"),
        ({"extra_body": {"chat_template_kwargs": []}}, "must be an object"),
    ],
)
def test_bad_values_are_named(config: dict[str, Any], said: str):
    with pytest.raises(InvalidRequest, match=said):
        one(a_call(**config))


def test_what_is_left_out_is_said():
    call = a_call(None, ADD, frequency_penalty=0.5, logit_bias={1: 2.0}, parallel_tool_calls=False)
    call.tool_choice = "any"
    said = "\n".join(left_out(call))
    for word in (
        "frequency_penalty",
        "logit_bias",
        "cannot be made to call",
        "parallel_tool_calls",
    ):
        assert word in said
    assert left_out(a_call(temperature=1)) == []


def test_a_conversation_as_templates_take_it():
    history: list[ChatMessage] = [
        ChatMessageSystem("Be brief."),
        ChatMessageUser("1+"),
        ChatMessageUser([ContentText("2?")]),
        ChatMessageAssistant(
            [ContentReasoning("a sum"), ContentText("Let me see.")],
            tool_calls=[ToolCall("call_0123456789", "add", {"a": 1})],
        ),
        ChatMessageTool("3", tool_call_id="call_0123456789", function="add"),
        ChatMessageTool("", function="add", error=ToolCallError("timeout", "too slow")),
    ]
    messages = build_count(a_call(history), "a/b", ARGS)["messages"]
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+\n2?"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "reasoning_content": "a sum",
            "tool_calls": [
                {
                    "id": "call_0123456789",
                    "type": "function",
                    "function": {"name": "add", "arguments": {"a": 1}},
                }
            ],
        },
        {"role": "tool", "content": "3", "name": "add", "tool_call_id": "call_0123456789"},
        {"role": "tool", "content": "Error: too slow", "name": "add", "tool_call_id": ""},
    ]
    short = build_count(a_call(history), "mistralai/Mistral-7B", ARGS)["messages"]
    assert short[2]["tool_calls"][0]["id"] == short[3]["tool_call_id"] == "123456789"
    bare = build_count(a_call(history, reasoning_history="none"), "a/b", ARGS)["messages"]
    assert "reasoning_content" not in bare[2]
    with pytest.raises(InvalidRequest, match=r"text only.*'image'"):
        one(a_call([ChatMessageUser([ContentImage("data:image/png;base64,AAAA")])]))
    with pytest.raises(InvalidRequest, match="at least one message"):
        one(Call("c", []))


def test_tools_that_the_model_is_told_of():
    call = a_call(None, ADD, LOOK)
    assert [tool["function"]["name"] for tool in one(call)["tools"]] == ["add", "look"]
    assert one(call)["tools"][0] == {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Adds.",
            "parameters": ADD.parameters.to_dict(),
        },
    }
    call.tool_choice = ToolFunction("look")
    assert [tool["function"]["name"] for tool in one(call)["tools"]] == ["look"]
    call.tool_choice = "none"
    assert one(call)["tools"] == []


def test_variables_of_the_template():
    assert one(a_call(), enable_thinking=False)["variables"] == {"enable_thinking": False}
    more = a_call(extra_body={"chat_template_kwargs": {"enable_thinking": True, "date": "now"}})
    assert one(more, enable_thinking=False)["variables"] == {"enable_thinking": True, "date": "now"}
    assert one(a_call(), chat_template="x", use_chat_template=True)["chat_template"] == "x"


# -- model args ----------------------------------------------------------------------------------


def test_model_args_and_what_they_open():
    args = ModelArgs.parse(
        {
            "device": "cuda:1", "torch_dtype": "torch.bfloat16", "batch_size": 8, "revision": "v1",
            "tokenizer": "x/y", "attn_implementation": "sdpa", "do_sample": False,
        }
    )  # fmt: skip
    assert args.opening == {
        "device": "cuda:1", "dtype": "bfloat16", "auto_model_class": "AutoModelForCausalLM",
        "trust_remote_code": False, "revision": "v1", "extra": {"attn_implementation": "sdpa"},
    }  # fmt: skip
    assert (args.batch_size, args.do_sample, args.tokenizer) == (8, False, "x/y")
    assert (ARGS.opening["device"], ARGS.opening["dtype"], ARGS.batch_size) == ("auto", "auto", 32)


@pytest.mark.parametrize(
    "args, said",
    [
        ({"gpu": 1}, "unknown model arg 'gpu'"),
        ({"weights_only": False}, "unknown model arg 'weights_only'"),
        ({"device": "tpu"}, "'device' must be auto, cpu"),
        ({"device": 0}, "'device' must be text"),
        ({"dtype": "float3"}, "'dtype' must be one of auto, float32"),
        ({"batch_size": 0}, "'batch_size' must be from 1 to 512"),
        ({"batch_size": True}, "'batch_size' must be a whole number"),
        ({"model_path": "weights"}, "'model_path' must be an absolute path"),
        ({"tokenizer": "../x"}, "is no name of a repository"),
        ({"hidden_states": True}, "hidden_states"),
        ({"auto_model_class": "Trainer"}, "'auto_model_class' must be one of"),
        ({"attn_implementation": "kernels-community/flash-attn"}, "'attn_implementation' must be"),
        ({"tokenizer_call_args": "x"}, "'tokenizer_call_args' must be an object"),
    ],
)
def test_bad_model_args_are_named(args: dict[str, Any], said: str):
    with pytest.raises(InvalidRequest, match=said):
        ModelArgs.parse(args)


def test_code_of_repositories_needs_the_daemons_leave():
    asked = {"trust_remote_code": True}
    with pytest.raises(PrerequisiteError, match="trust_remote_code = true"):
        HubModels(HubSettings()).check("a/b", Connection(None, None, asked))
    HubModels(HubSettings(trusting=True)).check("a/b", Connection(None, None, asked))
    assert ModelArgs.parse({"trust_remote_code": False}).opening["trust_remote_code"] is False


def test_without_the_packages_the_error_says_how_to_get_them(tmp_path: Path, monkeypatch):
    registry = Registry(tmp_path)
    row = registry.row("hf")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PrerequisiteError, match=r"torch and transformers.*'modeld\[hf\]'"):
        registry.check(row, "a/b", Connection(None))


def test_names_and_folders(tmp_path: Path):
    assert find_source("openai-community/gpt2", ARGS) == "openai-community/gpt2"
    assert find_source("gpt2", ARGS) == "gpt2"
    for bad in ("../x", "a/b/c", "a b", ".hidden/x", "a--b"):
        with pytest.raises(InvalidRequest, match="no name of a repository"):
            find_source(bad, ARGS)
    with pytest.raises(ModelNotFound, match="no folder"):
        find_source(f"{tmp_path}/none", ARGS)
    with pytest.raises(InvalidRequest, match=r"no config\.json"):
        find_source(str(tmp_path), ARGS)
    (tmp_path / "config.json").write_text("{}")
    assert find_source(str(tmp_path), ARGS) == str(tmp_path)
    assert find_source("mine", ModelArgs.parse({"model_path": str(tmp_path)})) == str(tmp_path)


def test_models_in_the_hubs_cache_are_listed(tmp_path: Path):
    for name, file in (("models--a--b", "config.json"), ("models--c", "x"), ("datasets--d", "x")):
        folder = tmp_path / "hub" / name / "snapshots" / "0123"
        folder.mkdir(parents=True)
        (folder / file).touch()
    assert cached_models({"HF_HOME": str(tmp_path)}) == ["a/b"]
    assert cached_models({"HF_HUB_CACHE": str(tmp_path / "hub")}) == ["a/b"]
    assert cached_models({"HF_HOME": str(tmp_path / "none")}) == []


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, reason, expected",
    [
        ("invalid", "not_found", ModelNotFound),
        ("invalid", "permission", PermissionDenied),
        ("invalid", "prerequisite", PrerequisiteError),
        ("invalid", "", InvalidRequest),
        ("memory", "", EngineError),
        ("defect", "", ProviderError),
    ],
)
def test_failures_of_the_engine(kind: str, reason: str, expected: type[Exception]):
    failure = CallFailed(kind, "It is so", {"reason": reason})
    for error in (call_error(failure, "hf/a/b"), load_error(LoadFailed(failure, []), "hf/a/b")):
        assert type(error) is expected
        assert "It is so" in str(error)
        assert (error.provider, error.model) == ("hf", "hf/a/b")


def test_a_prompt_that_is_too_long_is_a_result():
    failure = CallFailed("engine", "too long", {"type": "context_overflow", "prompt_tokens": 9})
    assert is_overflow(failure)
    output = overflow_output("a/b", "too long", 9, 0.5)
    assert (output.stop_reason, output.error, output.usage.input_tokens) == (
        "model_length", "too long", 9,
    )  # fmt: skip
    assert (output.input_context_tokens, output.time) == (9, 0.5)
