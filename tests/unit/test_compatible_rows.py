"""Rows on OpenAI's dialects: where keys and URLs come from, and what each server is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modeld.environment import is_sendable
from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolInfo,
)
from modeld_daemon.core.accounts import Accounts
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Row
from modeld_daemon.core.resolve import ModelSpec, Resolution, Resolver
from modeld_daemon.core.sessions import ACCEPTED
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.compatible import COMPATIBLE
from modeld_daemon.providers.openai.choice import choose_api, usual_api
from modeld_daemon.providers.openai_chat.options import read_options
from modeld_daemon.providers.openai_chat.quirks import read_quirks
from modeld_daemon.providers.openai_chat.request import WireRequest, build_request
from modeld_daemon.providers.openai_responses.options import (
    read_responses_options,
    read_responses_quirks,
)
from modeld_daemon.providers.openai_responses.request import build_request as build_response
from modeld_daemon.providers.profiles import openai_profile
from modeld_daemon.providers.registry import Registry
from tests.fakes.watching import FakeSource

BY_NAME = {row.name: row for row in ROWS}
TOOL = ToolInfo("dice", "Rolls")
ANSWER = ResponseSchema("answer", JSONSchema(type="object"))


class Unconfigured:
    def api_key(self, provider: str) -> str | None:
        return None

    def base_url(self, provider: str) -> str | None:
        return None


def resolve(name: str, environment: dict[str, str], **said: Any) -> Resolution:
    source = FakeSource()
    source.row = Registry(Path("/nowhere"), BY_NAME.values()).row  # type: ignore[method-assign]
    return Resolver(source, Accounts(b"0" * 32), Unconfigured()).resolve(
        ModelSpec(name, **said), environment
    )


def asked(
    provider: str,
    model: str = "m",
    *messages: Any,
    args: dict[str, Any] | None = None,
    tools: list[ToolInfo] | None = None,
    tool_choice: Any = "auto",
    **config: Any,
) -> WireRequest:
    row: Row = BY_NAME[provider]
    told = list(messages) or [ChatMessageUser("hi")]
    return build_request(
        Call("1", told, GenerateConfig(**config), tools or [], tool_choice),
        Route(provider, model, Account(provider, None, "f")),
        openai_profile(model),
        options=read_options(args or {}, {}, row.quirks),
        quirks=read_quirks(row.quirks, model),
        stream=False,
    )


# -- keys and URLs ---------------------------------------------------------------------------


@pytest.mark.parametrize("row", [r for r in COMPATIBLE if not r.per_service], ids=lambda r: r.name)
def test_clients_may_send_what_a_row_asks_for_and_sessions_take_it(row):
    for name in (*row.key_variables, *row.base_url_variables, *row.other_variables):
        assert is_sendable(name)
        assert ACCEPTED.fullmatch(name)


@pytest.mark.parametrize("row", [r for r in COMPATIBLE if r.key_required], ids=lambda r: r.name)
def test_a_missing_key_is_told_by_the_name_of_its_variable(row):
    name = "openai-api/my-service/m" if row.per_service else f"{row.name}/m"
    variable = row.key_variables[0].replace("{SERVICE}", "MY_SERVICE")
    ids = {"CLOUDFLARE_ACCOUNT_ID": "a", "MY_SERVICE_BASE_URL": "http://x/v1"}
    with pytest.raises(PrerequisiteError, match=variable):
        resolve(name, ids)


def test_a_service_has_the_variables_of_its_name():
    environment = {"MY_SERVICE_API_KEY": "k", "MY_SERVICE_BASE_URL": "https://my.example/v1"}
    found = resolve("openai-api/my-service/org/model", environment)
    assert (found.route.provider, found.route.model) == ("openai-api/my-service", "org/model")
    assert found.route.name == "openai-api/my-service/org/model"
    assert found.connection.base_url == "https://my.example/v1"
    assert found.connection.api_key == "k"
    assert found.connection.environment == environment
    assert found.row.quirks == BY_NAME["openai-api"].quirks


def test_services_are_accounts_of_their_own_even_with_one_key_and_url():
    one, two = (
        resolve(f"openai-api/{name}/m", {}, api_key="k", base_url="http://x/v1")
        for name in ("one", "two")
    )
    assert one.route.account != two.route.account
    assert one.key != two.key


def test_a_service_without_a_url_asks_for_it_and_sends_its_key_nowhere():
    with pytest.raises(PrerequisiteError, match=r"MINE_BASE_URL.*base_url="):
        resolve("openai-api/mine/m", {"MINE_API_KEY": "k", "OPENAI_BASE_URL": "http://x"})


@pytest.mark.parametrize("name", ["m", "a b/m", "/m", "service/", "../x/m", "{x}/m", "1st/m"])
def test_a_service_is_a_word(name):
    with pytest.raises(InvalidRequest, match="<service>"):
        resolve(f"openai-api/{name}", {})


def test_cloudflares_url_has_the_account_in_it():
    environment = {"CLOUDFLARE_API_TOKEN": "k", "CLOUDFLARE_ACCOUNT_ID": "0a1b"}
    found = resolve("cloudflare/@cf/meta/llama", environment)
    assert (found.connection.base_url or "").endswith("/accounts/0a1b/ai/v1")
    with pytest.raises(PrerequisiteError, match="CLOUDFLARE_ACCOUNT_ID"):
        resolve("cloudflare/m", {"CLOUDFLARE_API_KEY": "k"})
    with pytest.raises(PrerequisiteError, match="CLOUDFLARE_ACCOUNT_ID"):
        resolve("cloudflare/m", {**environment, "CLOUDFLARE_ACCOUNT_ID": "x/../../evil"})
    own = resolve("cloudflare/m", {"CLOUDFLARE_API_KEY": "k"}, base_url="http://gateway/v1")
    assert own.connection.base_url == "http://gateway/v1"


@pytest.mark.parametrize("name", ["ollama", "vllm", "sglang", "llama-cpp-python"])
def test_servers_of_ones_own_need_no_key_and_are_reached_over_the_network(name):
    found = resolve(f"{name}/m", {})
    assert found.connection.api_key is None
    if name in ("vllm", "sglang"):
        assert found.connection.base_url is None  # the daemon may start one
    else:
        assert (found.connection.base_url or "").startswith("http://localhost:")
    assert found.row.network
    variable = f"{name.upper().replace('-', '_')}_BASE_URL"
    elsewhere = resolve(f"{name}/m", {variable: "http://gpu:1/v1"})
    assert elsewhere.connection.base_url == "http://gpu:1/v1"
    assert elsewhere.route.account != found.route.account


def test_a_port_is_an_address_which_a_base_url_goes_before_and_a_variable_after():
    environment = {"VLLM_BASE_URL": "http://gpu:1/v1"}

    def url(base_url: str | None = None, **args: Any) -> str | None:
        return resolve("vllm/m", environment, base_url=base_url, args=args).connection.base_url

    assert url(port=8001) == "http://localhost:8001/v1"
    assert url(port=8001, host="10.0.0.7") == "http://10.0.0.7:8001/v1"
    assert url(port=8001, host="::1") == "http://[::1]:8001/v1"
    assert url("http://given/v1", port=8001) == "http://given/v1"
    assert url() == "http://gpu:1/v1"
    for wrong in ({"port": 0}, {"port": True}, {"host": "a"}, {"host": "a/b", "port": 1}):
        with pytest.raises(InvalidRequest, match=r"Model arg '(port|host)'"):
            url(**wrong)


# -- which API -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row", [row for row in COMPATIBLE if row.dialect == "openai"], ids=lambda row: row.name
)
def test_grok_takes_responses_and_the_others_chat_whatever_the_model(row):
    usual = usual_api(row)
    for model in ("gpt-5", "m"):
        api = choose_api(model, GenerateConfig(), [], asked=None, own=True, usual=usual)
        assert api == ("responses" if row.name == "grok" else "chat")
    config = GenerateConfig(num_choices=2)
    assert choose_api("m", config, [], asked=None, own=True, usual=usual) == "chat"
    assert choose_api("m", config, [], asked=True, own=False, usual=usual) == "responses"


def response(model: str, **config: Any) -> Any:
    row = BY_NAME["grok"]
    tools = [ToolInfo("web_search", "", options={"grok": {}, "openai": {"no": 1}})]
    return build_response(
        Call("1", [ChatMessageUser("hi")], GenerateConfig(**config), tools),
        Route("grok", model, Account("grok", None, "f")),
        options=read_responses_options({}, {}, row.quirks),
        quirks=read_responses_quirks(row.quirks, model),
        stream=False,
    ).body


def test_grok_has_tools_and_efforts_of_its_own():
    body = response("grok-4.5", reasoning_effort="max")
    assert body["tools"] == [{"type": "web_search"}]
    assert body["reasoning"] == {"effort": "xhigh"}
    assert body["include"] == ["reasoning.encrypted_content"]
    assert response("grok-3-mini", reasoning_effort="minimal")["reasoning"] == {"effort": "low"}
    for model in ("grok-4", "grok-3", "grok-4-0709", "grok-code-fast-1"):
        assert "reasoning" not in response(model, reasoning_effort="high")


# -- requests --------------------------------------------------------------------------------

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
THREE = (None, "low", "low", "medium", "high", "high", "high")


@pytest.mark.parametrize(
    "provider, model, sent",
    [
        ("groq", "openai/gpt-oss-20b", THREE),
        ("ollama", "qwen3", THREE),
        ("sambanova", "DeepSeek-R1", THREE),
        ("together", "openai/gpt-oss-120b", THREE),
        ("together", "zai-org/GLM-5", (None, *EFFORTS[1:])),
        ("fireworks", "accounts/fireworks/models/gpt-oss-20b", THREE),
        ("fireworks", "accounts/fireworks/models/minimax-m2", THREE),
        ("fireworks", "accounts/fireworks/models/qwen3", ("none", "low", *EFFORTS[2:])),
        ("perplexity", "sonar", (None, "minimal", "low", "medium", "high", "high", "high")),
        ("deepseek", "deepseek-v4", (None, "low", "low", "high", "high", "max", "max")),
        ("moonshot", "kimi-k3", ("max",) * 7),
        ("moonshot", "kimi-k2-0905-preview", (None,) * 7),
        ("vllm", "m", EFFORTS),
    ],
)
def test_efforts_are_said_in_the_servers_words(provider, model, sent):
    bodies = [asked(provider, model, reasoning_effort=effort).body for effort in EFFORTS]
    assert [body.get("reasoning_effort") for body in bodies] == list(sent)


def test_deepseek_stops_thinking_when_told_to_and_only_then_can_be_made_to_call():
    off = asked("deepseek", "deepseek-v4", reasoning_effort="none", tools=[TOOL], tool_choice="any")
    assert off.body["thinking"] == {"type": "disabled"}
    assert (off.body["tool_choice"], off.warnings) == ("required", [])
    thinks = asked("deepseek", "deepseek-v4", tools=[TOOL], tool_choice="any")
    assert thinks.body["tool_choice"] == "auto"
    assert "tool_choice is auto" in thinks.warnings[0]
    never = asked("deepseek", "deepseek-chat", tools=[TOOL], tool_choice="any")
    assert never.body["tool_choice"] == "required"


def test_deepseek_is_asked_for_json_in_words():
    body = asked(
        "deepseek",
        "m",
        ChatMessageSystem("Be kind."),
        ChatMessageUser("hi"),
        response_schema=ANSWER,
    ).body
    assert body["response_format"] == {"type": "json_object"}
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert '"type":"object"' in body["messages"][0]["content"]
    assert body["messages"][0]["content"].endswith("\n\nBe kind.")


def test_openrouter_has_routing_and_thoughts_as_objects():
    args = {
        "provider": {"order": ["a"]},
        "models": ["b"],
        "transforms": ["middle-out"],
        "reasoning_enabled": True,
    }
    body = asked("openrouter", "x/y", args=args, reasoning_effort="max", top_k=3).body
    assert body["provider"] == {"order": ["a"]}
    assert (body["models"], body["transforms"], body["top_k"]) == (["b"], ["middle-out"], 3)
    assert body["reasoning"] == {"enabled": True, "effort": "xhigh"}
    budget = asked("openrouter", "x/y", reasoning_effort="low", reasoning_tokens=99)
    assert (budget.body["reasoning"], budget.warnings) == ({"max_tokens": 99}, [])
    assert "reasoning" not in asked("openrouter", "x/y").body


@pytest.mark.parametrize("args", [{"provider": ["a"]}, {"models": "b"}, {"reasoning_enabled": 1}])
def test_arguments_of_a_row_have_types(args):
    with pytest.raises(InvalidRequest, match=next(iter(args))):
        asked("openrouter", args=args)
    with pytest.raises(InvalidRequest, match="Unknown model arg"):
        asked("groq", args=args)


def test_openrouter_gets_one_system_message_and_marks_for_claude():
    told = [ChatMessageSystem("a"), ChatMessageSystem("b"), ChatMessageUser("long " * 2000)]
    messages = asked("openrouter", "anthropic/claude-5", *told).body["messages"]
    mark = {"cache_control": {"type": "ephemeral"}}
    assert messages[0]["content"] == [{"type": "text", "text": "a\n\nb", **mark}]
    assert messages[1]["content"][0]["cache_control"] == mark["cache_control"]
    plain = asked("openrouter", "anthropic/claude-5", *told, cache_prompt=False).body["messages"]
    assert plain[0] == {"role": "system", "content": "a\n\nb"}
    assert "cache_control" not in str(asked("openrouter", "google/gemini", *told).body)
    marked = ChatMessageUser([ContentText("x", cache_breakpoint=True), ContentText("long " * 2000)])
    parts = asked("openrouter", "google/gemini", marked).body["messages"][0]["content"]
    assert [("cache_control" in part) for part in parts] == [True, False]


def test_native_tools_of_openrouter_and_groq_go_as_their_apis_have_them():
    search = {"type": "openrouter:web_search", "parameters": {"max_results": 1}}
    tool = ToolInfo("web_search", "", options={"openrouter": search})
    assert asked("openrouter", tools=[tool]).body["tools"] == [search]
    assert asked("together", tools=[tool]).body["tools"][0]["type"] == "function"


def test_groq_is_spared_what_it_refuses():
    made = asked("groq", logprobs=True, top_logprobs=2, logit_bias={1: 2.0}, temperature=0.5)
    assert made.body.keys() == {"model", "messages", "temperature", "max_completion_tokens"}
    assert made.body["max_completion_tokens"] == 2048
    assert len(made.warnings) == 3


def test_kimi_takes_no_sampling_parameters_and_stops_thinking_its_own_way():
    made = asked("moonshot", "kimi-k2.5", temperature=0.5, top_p=0.5, reasoning_effort="none")
    assert made.body.keys() == {"model", "messages", "thinking"}
    assert len(made.warnings) == 2
    assert asked("moonshot", "moonshot-v1-8k", temperature=0.5).body["temperature"] == 0.5


def test_together_counts_the_log_probabilities_it_is_asked_for():
    body = asked("together", logprobs=True, top_logprobs=3, max_tokens=5).body
    assert (body["logprobs"], body["max_tokens"], "top_logprobs" in body) == (3, 5, False)
    assert asked("together", logprobs=True).body["logprobs"] == 1


def test_servers_of_ones_own_go_on_with_the_assistants_message():
    told = [ChatMessageUser("hi"), ChatMessageAssistant("Well,")]
    body = asked("vllm", "m", *told, top_k=5).body
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert body["top_k"] == 5
    assert asked("sglang", "m", *told).body["continue_final_message"]
    assert "continue_final_message" not in asked("vllm").body
    assert "continue_final_message" not in asked("together", "m", *told).body


def test_strict_tools_and_schemas_are_plain_unless_asked_for():
    assert "strict" not in asked("together", tools=[TOOL]).body["tools"][0]["function"]
    made = asked("together", tools=[TOOL], args={"strict_tools": True})
    assert made.body["tools"][0]["function"]["strict"] is True


@pytest.mark.parametrize(
    "provider, config, streams",
    [
        ("fireworks", {"max_tokens": 16_001}, True),
        ("fireworks", {"max_tokens": 16_000}, False),
        ("fireworks", {}, False),
        ("hf-inference-providers", {}, True),
        ("together", {"max_tokens": 99_999}, False),
    ],
)
def test_some_servers_stream_though_nobody_listens(provider, config, streams):
    above = read_quirks(BY_NAME[provider].quirks).stream_above
    assert read_options({}, {}).streams(GenerateConfig(**config), False, above) is streams
    assert not read_options({"stream": False}, {}).streams(GenerateConfig(**config), False, above)
