"""What users write, held to strict types: this file is checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from modeld import (
    CachePolicy,
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    StreamEvent,
    ToolFunction,
    ToolInfo,
    ToolParam,
    ToolParams,
    errors,
    get_model,
)
from modeld.model import get_model as same_get_model
from modeld.util import JSONSchema, json_schema


def plain() -> str:
    model: Model = get_model("openai/gpt-4o", config=GenerateConfig(temperature=0.9), timeout=30)
    messages: list[ChatMessage] = [
        ChatMessageSystem(content="Be brief."),
        ChatMessageUser(content=[ContentText(text="What is it?"), ContentImage(image="data:,")]),
    ]
    tool = ToolInfo(
        name="add",
        description="Adds.",
        parameters=ToolParams(properties={"x": ToolParam(type="integer")}, required=["x"]),
    )
    output: ModelOutput = model.generate_sync(
        messages,
        tools=[tool],
        tool_choice=ToolFunction("add"),
        cache=CachePolicy(expiry="3h"),
        priority="batch",
    )
    usage: ModelUsage | None = output.usage
    tokens: int = 0 if usage is None else usage.total_tokens
    schema: JSONSchema = json_schema(int)
    return f"{output.completion} {output.stop_reason} {tokens} {schema.type}"


def streamed(model: Model) -> Iterator[str]:
    event: StreamEvent
    for event in model.stream_sync("Count."):
        if event.type == "text":
            yield event.text
        elif event.type == "finished":
            yield event.output.completion


async def in_a_task(model: Model) -> AsyncIterator[str]:
    async with same_get_model(model) as held:
        count: int = await held.count_tokens("How many?")
        yield str(count)
        async for event in held.stream("Count."):
            if event.type == "tool_call":
                yield event.arguments


def careful(model: Model) -> float | None:
    try:
        with model:
            model.generate_sync("Hi", request_id="once")
    except errors.RateLimited as limited:
        return limited.retry_after
    except (errors.ProviderError, errors.GenerateTimeout) as failed:
        return float(failed.status or 0)
    return None
