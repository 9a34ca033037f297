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
    Epochs,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    StreamEvent,
    Task,
    ToolFunction,
    ToolInfo,
    ToolParam,
    ToolParams,
    errors,
    eval,  # noqa: A004 - the public name
    eval_set,
    get_model,
    task,
    task_with,
)
from modeld.dataset import Sample
from modeld.log import EvalLog, read_eval_log
from modeld.model import get_model as same_get_model
from modeld.scorer import Score, Scorer, Target, accuracy, includes, scorer, stderr
from modeld.solver import Generate, Solver, TaskState, generate, solver, system_message, use_tools
from modeld.tool import Tool, tool
from modeld.util import JSONSchema, json_schema


def plain() -> str:
    model: Model = get_model("openai/gpt-4o", config=GenerateConfig(temperature=0.9), timeout=30)
    messages: list[ChatMessage] = [
        ChatMessageSystem(content="Be brief."),
        ChatMessageUser(content=[ContentText(text="What is it?"), ContentImage(image="data:,")]),
    ]
    add = ToolInfo(
        name="add",
        description="Adds.",
        parameters=ToolParams(properties={"x": ToolParam(type="integer")}, required=["x"]),
    )
    output: ModelOutput = model.generate_sync(
        messages,
        tools=[add],
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


@task
def small(count: int = 3) -> Task:
    samples = [Sample(input=f"{n} + 1?", target=str(n + 1)) for n in range(count)]
    return Task(
        dataset=samples,
        solver=[system_message("Answer with a number."), use_tools(adder()), echo(), generate()],
        scorer=[includes(), fair()],
        config=GenerateConfig(temperature=0),
        epochs=Epochs(2, "mode"),
    )


@tool
def adder() -> Tool:
    async def execute(x: int, y: int) -> int:
        """Adds.

        Args:
            x: One number.
            y: Another one.
        """
        return x + y

    return execute


@solver
def echo() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.user_prompt.text = f"{state.input_text}!"
        return await generate(state, temperature=0.5)

    return solve


@scorer(metrics=[accuracy(), stderr()])
def fair() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        output = await get_model(role="grader").generate(state.output.completion)
        return Score(value="C" if output.completion == target.text else "I")

    return score


def evaluated() -> float:
    logs: list[EvalLog] = eval(small(2), model="openai/gpt-4o", max_samples=5, temperature=0.5)
    eval(small(2), max_sampels=5)  # type: ignore[call-arg]
    eval(small(2), limit="all")  # type: ignore[arg-type]
    task_with(small, epoch=2)  # type: ignore[call-arg]
    success, headers = eval_set([small, task_with(small, name="other")], log_dir="set")
    read: EvalLog = read_eval_log(headers[0].location)
    assert read.results is not None
    values = [metric.value for score in read.results.scores for metric in score.metrics.values()]
    return sum(values) + len(logs[0].samples or []) + success
