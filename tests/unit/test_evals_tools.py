"""Functions as tools: described, called with what the model says, answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import pytest
import trio

from modeld import (
    ChatMessageAssistant,
    ModelOutput,
    ToolCall,
    ToolFunction,
    ToolInfo,
    get_model,
)
from modeld.errors import InvalidRequest
from modeld.functions import read_docstring
from modeld.model import execute_tools
from modeld.tool import ToolDef, ToolError, tool, tool_with
from tests.fakes.scripted import scripted


@dataclass
class Place:
    city: str
    zip: int = 0


@tool
def add():
    async def execute(x: int, y: int = 1) -> int:
        """Adds two numbers.

        Slowly and
        carefully.

        Args:
            x: The first
                number.
            y (int): The second: number.

        Returns:
            The sum.
        """
        return x + y

    return execute


@tool(name="weather")
def weather_tool():
    async def execute(place: Place, unit: Literal["C", "F"], days: list[int] | None = None) -> str:
        """Tells the weather.

        Args:
            place: Where.
            unit: Of degrees.
            days: Which days.
        """
        assert isinstance(place, Place)
        if place.city == "Atlantis":
            raise ToolError("There is no such city")
        if place.city == "Hell":
            raise ZeroDivisionError("a defect of the tool")
        if place.city == "Utopia":
            raise FileNotFoundError(2, "gone", "utopia.txt")
        return f"{place.city} {place.zip} {unit} {days}"

    return execute


def test_the_docstring_describes_a_tool():
    definition = ToolDef(add())
    assert definition.name == "add"
    assert definition.description == "Adds two numbers.\n\nSlowly and\ncarefully."
    properties = definition.parameters.properties
    assert properties["x"].to_dict() == {"type": "integer", "description": "The first number."}
    assert properties["y"].description == "The second: number."
    assert (properties["y"].default, definition.parameters.required) == (1, ["x"])
    assert read_docstring(lambda: 1).description == ""


def sphinx(x, y, *rest):
    """Adds two numbers.

    Slowly.

    :param x: The first
        number.
    :type x: int
    :param int y:
        The second: number.
    :param \\*rest: The others.
    :returns: The sum, see :func:`sum`.
    :raises ValueError: Never.
    """


def numpy(x, y, *rest):
    """
    Adds two numbers.

    Slowly.

    Parameters
    ----------
    x : int
        The first
        number.
    y : {1, 2}, optional
        The second: number.

    Other Parameters
    ----------------
    *rest
        The others.

    Returns
    -------
    int
        The sum, see :func:`sum`.
    """


def google(x, y, *rest):
    """Adds two numbers.

    Slowly.

    Args:
        x (int): The first
            number.
        y: The second: number.
        *rest: The others.

    Returns:
        int: The sum, see :func:`sum`.
    """


@pytest.mark.parametrize("function", [google, sphinx, numpy])
def test_docstrings_are_read_in_each_style(function):
    found = read_docstring(function)
    assert found.description == "Adds two numbers.\n\nSlowly."
    assert found.arguments == {
        "x": "The first number.",
        "y": "The second: number.",
        "rest": "The others.",
    }


def test_two_arguments_may_share_a_description():
    def both(x, y):
        """Adds.

        Parameters
        ----------
        x, y : int
            A number.
        """

    assert read_docstring(both).arguments == {"x": "A number.", "y": "A number."}


def test_what_is_not_described_is_an_error_with_tool_and_none_with_tool_def():
    @tool
    def silent():
        async def execute(x: int) -> int:
            """Does it."""
            return x

        return execute

    with pytest.raises(ValueError, match=r"Description not provided for parameter 'x' of .*silent"):
        silent()

    async def bare(x):
        return x

    assert ToolDef(bare).info() == ToolInfo("bare", "", ToolDef(bare).parameters)
    named = ToolDef(bare, "other", "Does that.", {"x": "A thing."})
    assert (named.info().name, named.parameters.properties["x"].description) == (
        "other",
        "A thing.",
    )
    with pytest.raises(ValueError, match="'z' is not a valid parameter"):
        ToolDef(bare, parameters={"z": "?"})


def test_a_tool_may_be_told_in_other_words():
    plus = tool_with(add(), "plus", "Sums.", {"x": "One."})
    defined = ToolDef(plus)
    assert (defined.name, defined.description) == ("plus", "Sums.")
    assert defined.parameters.properties["x"].description == "One."
    assert defined.parameters.properties["y"].description == "The second: number."
    assert ToolDef(add()).name == "add"
    assert asyncio.run(plus(1, 2)) == 3
    with pytest.raises(ValueError, match="'z' is not a valid parameter"):
        tool_with(add(), parameters={"z": "?"})


def answers(*calls: ToolCall, most: int | None = None, tools=None):
    asked = ChatMessageAssistant("", tool_calls=list(calls))
    tools = tools or [add(), weather_tool()]
    return asyncio.run(execute_tools([asked], tools, most)).messages


def call(function: str, parse_error: str | None = None, **arguments) -> ToolCall:
    return ToolCall(f"id-{function}", function, arguments, parse_error)


def test_calls_are_answered_in_their_order():
    first, second = answers(
        call("weather", place={"city": "Rome", "zip": 5}, unit="C", days=[1, 2]), call("add", x=2)
    )
    assert (first.text, first.tool_call_id, first.function) == (
        "Rome 5 C [1, 2]",
        "id-weather",
        "weather",
    )
    assert (second.text, second.error) == ("3", None)


@pytest.mark.parametrize(
    "asked, kind, said",
    [
        (call("add", "bad JSON"), "parsing", "bad JSON"),
        (call("nope"), "parsing", "Tool nope not found"),
        (call("add"), "parsing", "'x' is a required property"),
        (call("add", x="two"), "parsing", "'two' is not of type 'integer'"),
        (call("add", x=True), "parsing", "True is not of type 'integer'"),
        (call("add", x=1, z=2), "parsing", "'z' is not an argument"),
        (call("weather", place={"city": "Rome"}, unit="K"), "parsing", "'K' is not one of"),
        (call("weather", place={"zip": 1}, unit="C"), "parsing", "'city' is a required .*at place"),
        (
            call("weather", place={"city": "Rome"}, unit="C", days=["x"]),
            "parsing",
            "is not valid .at days",
        ),
        (call("weather", place={"city": "Atlantis"}, unit="C"), "unknown", "no such city"),
        (call("weather", place={"city": "Utopia"}, unit="C"), "file_not_found", "utopia.txt"),
    ],
)
def test_what_a_model_can_mend_it_is_told(asked, kind, said):
    (answer,) = answers(asked)
    assert answer.error.type == kind
    assert __import__("re").search(said, answer.error.message)


def meeting(parallel: bool | None):
    """A tool whose calls wait for each other, unless they are called one after the other."""
    inside = []

    @tool(parallel=parallel, viewer=print)
    def meet():
        async def execute(name: str) -> str:
            """Meets.

            Args:
                name: Who.
            """
            if name == "bad":
                raise ZeroDivisionError("a defect of the tool")
            inside.append(name)
            while parallel and len(inside) < 2:
                await asyncio.sleep(0)
            here = len(inside)
            await asyncio.sleep(0)
            if not parallel:
                inside.remove(name)
            return f"{name} {here}"

        return execute

    return meet()


def test_calls_of_parallel_tools_that_are_neighbours_run_at_once():
    calls = [call("meet", name="a"), call("meet", name="b"), call("add", x=1)]
    said = [m.text for m in answers(*calls, tools=[meeting(True), add()])]
    assert said == ["a 2", "b 2", "2"]
    for one_by_one in (None, False):
        said = [m.text for m in answers(*calls, tools=[meeting(one_by_one), add()])]
        assert said == ["a 1", "b 1", "2"]
    with pytest.raises(ZeroDivisionError):
        answers(call("meet", name="bad"), call("meet", name="b"), tools=[meeting(True)])
    assert ToolDef(tool_with(add(), parallel=True)).parallel
    assert not ToolDef(tool_with(meeting(True), parallel=False)).parallel


def test_parallel_tools_run_one_by_one_under_trio():
    asked = ChatMessageAssistant("", tool_calls=[call("add", x=1), call("add", x=2)])
    together = tool_with(add(), parallel=True)
    assert [m.text for m in trio.run(execute_tools, [asked], [together]).messages] == ["2", "3"]


def test_a_defect_of_a_tool_is_raised():
    with pytest.raises(ZeroDivisionError):
        answers(call("weather", place={"city": "Hell"}, unit="C"))
    with pytest.raises(InvalidRequest, match="ToolInfo, which cannot be run"):
        answers(call("x"), tools=[ToolInfo("x", "y")])


def test_long_answers_lose_their_middle():
    async def long() -> str:
        return "a" * 500 + "ü" * 500

    (cut,) = answers(call("long"), most=100, tools=[long])
    assert "too long" in cut.text
    assert "a" * 50 + "ü" * 25 in cut.text
    (whole,) = answers(call("long"), most=0, tools=[long])
    assert len(whole.text) == 1000


def looping(input, tools, tool_choice, config):
    assert [t.name for t in tools] == ["add"]
    results = [message.text for message in input if message.role == "tool"]
    if len(results) < 3:
        return ModelOutput.for_tool_call("mockllm/model", "add", {"x": len(results), "y": 10})
    return " ".join(results)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_generate_loop_runs_tools_until_none_is_asked_for(backend):
    model = scripted(looping)
    run = asyncio.run if backend == "asyncio" else __import__("trio").run

    async def loop():
        return await model.generate_loop("go", [add()])

    messages, output = run(loop) if backend == "trio" else run(loop())
    assert output.completion == "10 11 12"
    assert [m.role for m in messages] == ["assistant", "tool"] * 3 + ["assistant"]


@pytest.mark.parametrize(
    "choice, offered",
    [
        (None, (["add", "look"], "auto")),
        ("any", (["add", "look"], "any")),
        ("none", ([], "none")),
        (ToolFunction("look"), (["look"], ToolFunction("look"))),
        (ToolFunction("other"), ([], "none")),
    ],
)
def test_a_script_is_offered_the_tools_that_a_model_would_be(choice, offered):
    seen = []

    def script(input, tools, tool_choice, config):
        seen.append(([tool.name for tool in tools], tool_choice))
        return ModelOutput.from_content("mockllm/m", "x")

    tools = [ToolInfo("add", "Adds."), ToolInfo("look", "Looks.")]
    get_model("mockllm/m", custom_outputs=script).generate_sync("x", tools, choice)
    assert seen == [offered]


def test_tools_of_the_wrong_kind_are_refused_at_once():
    with pytest.raises(InvalidRequest, match="tools must be functions or ToolInfo, not 'add'"):
        get_model("mockllm/m", custom_outputs=iter(())).generate_sync("x", ["add"])
