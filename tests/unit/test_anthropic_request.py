"""Calls as requests to Anthropic."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolCall,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.anthropic.options import check, read_options
from modeld_daemon.providers.anthropic.profile import anthropic_profile
from modeld_daemon.providers.anthropic.request import WireRequest, build_request, counting_body
from modeld_daemon.providers.anthropic.response import output_from
from tests.fakes.anthropic_wire import body, text

HAIKU = "claude-haiku-4-5"
WEATHER = ToolInfo(
    "weather", "Tells it", ToolParams(properties={"city": JSONSchema(type="string")})
)
ROW = Row("anthropic", "anthropic", "", key_variables=("ANTHROPIC_API_KEY",))


def request(
    *messages: Any,
    model: str = HAIKU,
    args: dict[str, Any] | None = None,
    tools: list[ToolInfo] | None = None,
    tool_choice: Any = "auto",
    counts: bool = False,
    **config: Any,
) -> WireRequest:
    call = Call(
        "1",
        list(messages) or [ChatMessageUser("hi")],
        GenerateConfig(**config),
        tools or [],
        tool_choice,
    )
    route = Route("anthropic", model, Account("anthropic", None, "f"))
    return build_request(
        call, route, anthropic_profile(model), read_options(args or {}), counts=counts
    )


def test_a_plain_call_is_a_small_body():
    made = request(model="claude-3-5-haiku-latest")
    assert made.body == {
        "model": "claude-3-5-haiku-latest",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert (made.warnings, made.betas, made.version) == ([], [], None)


@pytest.mark.parametrize(
    "model, config, tokens",
    [
        (HAIKU, {}, 32_000),
        (HAIKU, {"max_tokens": 5}, 5),
        (HAIKU, {"reasoning_effort": "high"}, 48_000),
        (HAIKU, {"reasoning_tokens": 40_000}, 64_000),
        ("claude-opus-4-1", {"reasoning_effort": "low"}, 32_000),
        ("claude-opus-4-6", {"reasoning_effort": "medium"}, 42_000),
        ("claude-opus-4-8", {"effort": "max"}, 64_000),
    ],
)
def test_the_answers_limit_has_room_for_thoughts(model, config, tokens):
    assert request(model=model, **config).body["max_tokens"] == tokens


@pytest.mark.parametrize(
    "model, effort, thinking, said",
    [
        (HAIKU, "low", {"type": "enabled", "budget_tokens": 4096}, None),
        (HAIKU, "none", None, None),
        ("claude-3-7-sonnet-20250219", "max", {"type": "enabled", "budget_tokens": 32_000}, None),
        ("claude-sonnet-4-6", "minimal", {"type": "adaptive"}, "low"),
        ("claude-sonnet-4-6", "xhigh", {"type": "adaptive"}, "high"),
        ("claude-sonnet-4-6", "none", {"type": "disabled"}, None),
        ("claude-opus-4-7", "xhigh", {"type": "adaptive"}, "xhigh"),
        ("claude-opus-5-5", "none", None, "low"),
        ("claude-fable-5", "none", None, "low"),
        ("us.anthropic.claude-opus-4-6-v1:0", "max", {"type": "adaptive"}, "max"),
    ],
)
def test_effort_is_a_budget_or_a_level(model, effort, thinking, said):
    body = request(model=model, reasoning_effort=effort).body
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == said


def test_thinking_that_a_model_has_not_is_told():
    made = request(model="claude-3-haiku-20240307", reasoning_effort="low", effort="low")
    assert made.body.keys() == {"model", "max_tokens", "messages"}
    assert len(made.warnings) == 2
    with pytest.raises(PrerequisiteError, match="reasoning_effort"):
        request(model="claude-opus-4-7", reasoning_tokens=2000)


def test_a_small_answer_leaves_a_small_budget():
    made = request(reasoning_effort="high", max_tokens=8000)
    assert made.body["thinking"] == {"type": "enabled", "budget_tokens": 4000}
    assert made.warnings


def test_how_thoughts_are_shown_is_the_callers():
    shown = request(model="claude-opus-4-8", reasoning_effort="low", reasoning_summary="auto")
    assert shown.body["thinking"] == {"type": "adaptive", "display": "summarized"}
    hidden = request(model="claude-opus-4-8", reasoning_effort="low", reasoning_summary="none")
    assert hidden.body["thinking"]["display"] == "omitted"


def test_sampling_goes_where_it_is_taken_and_needs_the_older_version():
    made = request(temperature=0.5, top_k=3)
    assert (made.body["temperature"], made.body["top_k"]) == (0.5, 3)
    assert made.version == "2023-06-01"
    newer = request(model="claude-opus-4-7", temperature=0.5)
    assert "temperature" not in newer.body
    assert newer.version is None
    assert newer.warnings == ["claude-opus-4-7 takes no temperature: left out."]
    thinking = request(reasoning_tokens=2000, temperature=0.5, top_p=0.99, top_k=1)
    assert thinking.body.get("temperature") is None
    assert thinking.body["top_p"] == 0.99
    assert len(thinking.warnings) == 2
    assert request(reasoning_tokens=2000, temperature=1.0).body["temperature"] == 1


def test_what_the_api_has_not_is_told():
    made = request(seed=1, logprobs=True, num_choices=2, reasoning_history="none")
    assert made.body.keys() == {"model", "max_tokens", "messages"}
    assert len(made.warnings) == 4


def test_schema_stops_and_effort_are_sent():
    schema = JSONSchema(type="object", properties={"a": JSONSchema(type="string")})
    made = request(
        model="claude-opus-4-5",
        response_schema=ResponseSchema("a", schema),
        stop_seqs=["END"],
        effort="low",
    )
    assert made.body["stop_sequences"] == ["END"]
    assert made.body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": schema.to_dict()},
    }


def test_tools_and_choices():
    made = request(tools=[WEATHER], tool_choice="any", parallel_tool_calls=False)
    assert made.body["tools"] == [
        {
            "name": "weather",
            "description": "Tells it",
            "input_schema": WEATHER.parameters.to_dict(),
        }
    ]
    assert made.body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert "tool_choice" not in request(tools=[WEATHER]).body
    forced = request(tools=[WEATHER], tool_choice=ToolFunction("weather"))
    assert forced.body["tool_choice"] == {"type": "tool", "name": "weather"}


@pytest.mark.parametrize(
    "model, config", [(HAIKU, {"reasoning_tokens": 2000}), ("claude-opus-5-5", {})]
)
def test_a_tool_that_cannot_be_forced_is_offered(model, config):
    made = request(model=model, tools=[WEATHER], tool_choice="any", **config)
    assert "tool_choice" not in made.body
    assert made.metadata == {"tool_choice_degraded": True}
    assert made.warnings


def test_options_are_members_of_a_tool():
    strict = ToolInfo("a", "", options={"strict": True, "openai": {"x": 1}})
    native = ToolInfo("web_search", "", options={"anthropic": {"max_uses": 2}})
    typed = ToolInfo("memory", "", options={"anthropic": {"type": "memory_20250818"}})
    tools = request(tools=[strict, native, typed]).body["tools"]
    assert tools[0] == {"name": "a", "input_schema": strict.parameters.to_dict(), "strict": True}
    assert tools[1] == {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    assert tools[2] == {"type": "memory_20250818", "name": "memory"}
    server = {"type": "mcp_toolset", "mcp_server_name": "docs"}
    toolset = ToolInfo("docs", "", options={"anthropic": server})
    assert request(tools=[toolset]).body["tools"] == [server]  # has no name of its own
    own = request(tools=[typed], internal_tools=False).body["tools"]
    assert own == [{"name": "memory", "input_schema": typed.parameters.to_dict()}]


def test_a_history_with_calls_keeps_their_tools_declared():
    made = request(
        ChatMessageUser("hi"),
        ChatMessageAssistant("", tool_calls=[ToolCall("t1", "weather", {})]),
        ChatMessageTool("rain", tool_call_id="t1"),
        tool_choice="none",
    )
    assert made.body["tools"] == [{"name": "weather", "input_schema": {"type": "object"}}]
    assert made.body["tool_choice"] == {"type": "none"}


LONG = ChatMessageUser("word " * 2000)


def test_the_ends_of_a_long_prompt_are_marked():
    mark = {"type": "ephemeral"}
    made = request(
        ChatMessageSystem("be brief"), LONG, ChatMessageAssistant("ok"), LONG, tools=[WEATHER]
    )
    assert made.body["tools"][-1]["cache_control"] == mark
    assert made.body["system"] == [{"type": "text", "text": "be brief", "cache_control": mark}]
    assert [m["content"][-1]["cache_control"] for m in made.body["messages"][::2]] == [mark, mark]
    assert made.body["messages"][1]["content"] == "ok"
    hour = request(LONG, args={"cache_ttl": "1h"}).body["messages"][0]["content"][0]
    assert hour["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_short_prompts_and_those_that_the_caller_marks_are_left_alone():
    assert request().body["messages"] == [{"role": "user", "content": "hi"}]
    assert request(LONG, cache_prompt=False).body["messages"][0]["content"] == LONG.content
    assert request(LONG, counts=True).body["messages"][0]["content"] == LONG.content
    marked = ChatMessageUser([ContentText("a", cache_breakpoint=True), ContentText("b")])
    made = request(marked, LONG, cache_prompt="auto")
    kept = [b for b in made.body["messages"][0]["content"] if "cache_control" in b]
    assert kept == [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]


def test_extra_body_and_model_args():
    made = request(
        args={"service_tier": "auto", "betas": "a, b"},
        tools=[WEATHER],
        model="claude-opus-4-8",
        effort="low",
        extra_body={
            "output_config": {"task_budget": {"type": "tokens", "total": 1}},
            "tools": [{"type": "code_execution_20250522", "name": "code_execution"}],
            "mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}],
        },
        fallback_models=["claude-opus-4-8"],
    )
    assert made.body["service_tier"] == "auto"
    assert made.body["output_config"].keys() == {"effort", "task_budget"}
    assert [tool["name"] for tool in made.body["tools"]] == ["weather", "code_execution"]
    assert made.body["fallbacks"] == [{"model": "claude-opus-4-8"}]
    assert set(made.betas) == {
        "server-side-fallback-2026-07-01",
        "mcp-client-2025-11-20",
        "code-execution-2025-05-22",
        "task-budgets-2026-03-13",
    }
    with pytest.raises(InvalidRequest, match="stream"):
        request(extra_body={"stream": True})


def test_what_is_no_part_of_the_api_for_all_is_asked_for():
    """https://platform.claude.com/docs/en/api/beta-headers; also for what an answer said before."""
    edits = [{"type": "compact_20260112"}]
    made = request(
        extra_body={
            "context_management": {"edits": edits},
            "container": {"skills": [{"type": "anthropic", "skill_id": "xlsx"}]},
            "thinking": {"type": "adaptive", "block_binding": {"x": "y"}},
        }
    )
    assert set(made.betas) == {
        "context-management-2025-06-27",
        "compact-2026-01-12",
        "skills-2025-10-02",
        "thinking-binding-controls-2026-08-01",
    }
    said = [{"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}, text("x")]
    said += [{"type": "mcp_tool_use", "id": "m1", "name": "f", "server_name": "s", "input": {}}]
    said += [{"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": False, "content": []}]
    before = output_from(body(*said)).message
    made = request(ChatMessageUser("hi"), before, ChatMessageUser("go on"))
    assert made.body["messages"][1]["content"] == said
    assert set(made.betas) == {"server-side-fallback-2026-07-01", "mcp-client-2025-11-20"}


def test_a_count_says_only_what_counts():
    body = counting_body(request(tools=[WEATHER], temperature=1.0, stop_seqs=["x"], counts=True))
    assert body.keys() == {"model", "messages", "tools"}


@pytest.mark.parametrize(
    "args, message",
    [
        ({"cache_ttl": "2h"}, "5m"),
        ({"streaming": "sometimes"}, "auto"),
        ({"max_retries": 3}, "max_retries"),
        ({"nonsense": 1}, "Known are"),
        ({"betas": 3}, "list of names"),
        ({"timeout": "long"}, "int or float"),
        ({"extra_body": {"stream": True}}, "stream"),
    ],
)
def test_model_args_are_checked_when_a_model_is_opened(args, message):
    with pytest.raises(InvalidRequest, match=message):
        check(ROW, HAIKU, Connection(None, "key", args))


def test_a_missing_key_is_told_at_once():
    with pytest.raises(PrerequisiteError, match="ANTHROPIC_API_KEY"):
        check(ROW, HAIKU, Connection(None))
