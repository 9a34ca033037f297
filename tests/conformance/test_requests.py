"""What a dialect sends for the same call."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentDocument,
    ContentImage,
    ContentText,
    ModelOutput,
    ToolCall,
    ToolFunction,
)

from .column import AnswerName, Piece
from .scene import Heard, ask, saying
from .script import (
    IMAGE_URI,
    LOGPROBS,
    MAX_TOKENS,
    OSLO,
    OSLO_ID,
    PARAMETERS,
    PDF_URI,
    ROME,
    ROME_ID,
    SCHEMA,
    TEXT,
    TOOL,
    TOOLS,
    call,
)
from .wire import KEY, Wire

HI = ChatMessageUser("Hi")
OSLO_CALL = Piece("call", "", OSLO_ID, TOOL, OSLO)
ROME_CALL = Piece("call", "", ROME_ID, TOOL, ROME)


def heard(wire: Wire, *messages: ChatMessage, **more: Any) -> Heard:
    """What comes of a call that is answered with a text."""
    return ask(wire, saying(wire.answer("text")), call(*messages, **more))


def first(wire: Wire, answer: AnswerName) -> ModelOutput:
    """The output of a first turn."""
    return ask(wire, saying(wire.answer(answer)), call(HI, tools=TOOLS), model=wire.thinker).output


def answer_to(made: ToolCall, text: str) -> ChatMessageTool:
    return ChatMessageTool(text, tool_call_id=made.id, function=made.function)


def test_a_call_goes_to_its_place_with_its_key(wire):
    line, *headers = heard(wire).heads[0].split("\r\n")
    assert line == wire.place
    assert [header for header in headers if header.endswith(KEY)]


def test_the_length_of_an_answer_is_limited(wire):
    assert wire.readers.max_tokens_of(heard(wire).body) == MAX_TOKENS


def test_a_system_message_is_one(wire):
    wire.offers("conversation")
    body = heard(wire, ChatMessageSystem("Be brief."), HI).body
    assert wire.readers.system_of(body) == "Be brief."
    assert wire.readers.said(body) == [Piece("user", "Hi")]


def test_turns_go_in_their_order(wire):
    wire.offers("conversation")
    turns = [HI, ChatMessageAssistant("Hello."), ChatMessageUser("Why?")]
    body = heard(wire, *turns).body
    assert wire.readers.said(body) == [
        Piece("user", "Hi"),
        Piece("assistant", "Hello."),
        Piece("user", "Why?"),
    ]


def test_tools_are_offered_with_their_schemas(wire):
    wire.offers("tool")
    body = heard(wire, tools=TOOLS).body
    assert wire.readers.tools_of(body) == {tool.name: PARAMETERS.to_dict() for tool in TOOLS}
    assert wire.readers.choice_of(body) in ("auto", None)


def test_a_call_without_tools_offers_none(wire):
    body = heard(wire).body
    assert wire.readers.tools_of(body) == {}
    assert wire.readers.choice_of(body) is None


@pytest.mark.parametrize("choice", [ToolFunction(TOOL), "any", "none"], ids=["one", "any", "none"])
def test_a_choice_of_tools_is_said(wire, choice):
    wire.offers("tool")
    if choice == "none":
        wire.offers("choice_none")
    body = heard(wire, tools=TOOLS, tool_choice=choice).body
    assert wire.readers.choice_of(body) == choice
    assert len(wire.readers.tools_of(body)) == len(TOOLS)


def test_a_tools_answer_goes_back_to_its_call(wire):
    output = first(wire, "tool")
    (made,) = output.message.tool_calls or ()
    body = heard(wire, HI, output.message, answer_to(made, "Sunny"), tools=TOOLS).body
    assert wire.readers.said(body) == [
        Piece("user", "Hi"),
        OSLO_CALL,
        Piece("answer", "Sunny", OSLO_ID),
    ]


def test_answers_of_parallel_tools_go_back_to_their_calls(wire):
    output = first(wire, "parallel")
    oslo, rome = output.message.tool_calls or ()
    answers = [answer_to(oslo, "Sunny"), answer_to(rome, "Rain")]
    thanks = ChatMessageUser("Thanks")
    body = heard(wire, HI, output.message, *answers, thanks, tools=TOOLS).body
    assert wire.readers.said(body) == [
        Piece("user", "Hi"),
        OSLO_CALL,
        ROME_CALL,
        Piece("answer", "Sunny", OSLO_ID),
        Piece("answer", "Rain", ROME_ID),
        Piece("user", "Thanks"),
    ]


def test_a_picture_goes_as_it_is(wire):
    wire.offers("conversation")
    message = ChatMessageUser([ContentText("See"), ContentImage(IMAGE_URI)])
    assert wire.readers.said(heard(wire, message).body) == [
        Piece("user", "See"),
        Piece("image", IMAGE_URI),
    ]


def test_a_document_goes_as_it_is(wire):
    wire.offers("conversation")
    message = ChatMessageUser([ContentText("Read"), ContentDocument(PDF_URI)])
    assert wire.readers.said(heard(wire, message).body) == [
        Piece("user", "Read"),
        Piece("document", PDF_URI),
    ]


def test_thoughts_go_back_byte_for_byte(wire, stream):
    answer = saying(wire.answer("thoughts"))
    output = ask(wire, answer, call(HI), stream=stream, model=wire.thinker).output
    history = [HI, output.message, ChatMessageUser("Go on")]
    again = ask(wire, saying(wire.answer("text")), call(*history), model=wire.thinker)
    assert wire.readers.thoughts_of(again.body) == wire.thoughts["thoughts"]
    if wire.signature is not None:
        assert wire.signature.encode() in again.raw[0]
    said = wire.readers.said(again.body)
    assert [piece for piece in said if piece.text != TEXT] == [
        Piece("user", "Hi"),
        Piece("user", "Go on"),
    ]


def test_thoughts_go_back_with_the_call_that_they_led_to(wire, stream):
    asked = call(HI, tools=TOOLS)
    answer = saying(wire.answer("thoughts_and_tool"))
    output = ask(wire, answer, asked, stream=stream, model=wire.thinker).output
    (made,) = output.message.tool_calls or ()
    history = [HI, output.message, answer_to(made, "Sunny")]
    follow = call(*history, tools=TOOLS)
    again = ask(wire, saying(wire.answer("text")), follow, model=wire.thinker)
    assert wire.readers.thoughts_of(again.body) == wire.thoughts["thoughts_and_tool"]
    assert wire.readers.said(again.body) == [
        Piece("user", "Hi"),
        OSLO_CALL,
        Piece("answer", "Sunny", OSLO_ID),
    ]


def test_a_schema_of_the_answer_is_sent(wire):
    wire.offers("structured")
    body = heard(wire, response_schema=SCHEMA).body
    schema = wire.readers.schema_of(body)
    assert schema["properties"] == {"city": {"type": "string"}}
    assert schema["required"] == ["city"]


def test_log_probabilities_are_asked_for(wire):
    wire.offers("logprobs")
    assert wire.readers.top_logprobs_of is not None
    body = heard(wire, logprobs=True, top_logprobs=len(LOGPROBS)).body
    assert wire.readers.top_logprobs_of(body) == len(LOGPROBS)
