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
from .scene import ask, saying
from .script import (
    IMAGE_URI,
    LOGPROBS,
    MAX_TOKENS,
    OSLO,
    PARAMETERS,
    PDF_URI,
    ROME,
    SCHEMA,
    TEXT,
    TOOL,
    TOOLS,
    call,
)
from .stage import Heard, Stage
from .wire import KEY

HI = ChatMessageUser("Hi")
OSLO_CALL = Piece("call", "", "", TOOL, OSLO)
ROME_CALL = Piece("call", "", "", TOOL, ROME)


def heard(stage: Stage, *messages: ChatMessage, **more: Any) -> Heard:
    """What comes of a call that is answered with a text."""
    return stage.say("text", call(*messages, **more))


def first(stage: Stage, answer: AnswerName) -> ModelOutput:
    """The output of a first turn."""
    return stage.say(answer, call(HI, tools=TOOLS), thinking=True).output


def answer_to(made: ToolCall, text: str) -> ChatMessageTool:
    return ChatMessageTool(text, tool_call_id=made.id, function=made.function)


def test_a_call_goes_to_its_place_with_its_key(wire):
    line, *headers = ask(wire, saying(wire.answer("text")), call()).heads[0].split("\r\n")
    assert line == wire.place
    assert [header for header in headers if header.endswith(KEY)]


def test_the_length_of_an_answer_is_limited(stage):
    assert stage.readers.max_tokens_of(heard(stage).body) == MAX_TOKENS


def test_a_system_message_is_one(stage):
    stage.offers("conversation")
    body = heard(stage, ChatMessageSystem("Be brief."), HI).body
    assert stage.readers.system_of(body) == "Be brief."
    assert stage.readers.said(body) == [Piece("user", "Hi")]


def test_turns_go_in_their_order(stage):
    stage.offers("conversation")
    turns = [HI, ChatMessageAssistant("Hello."), ChatMessageUser("Why?")]
    body = heard(stage, *turns).body
    assert stage.readers.said(body) == [
        Piece("user", "Hi"),
        Piece("assistant", "Hello."),
        Piece("user", "Why?"),
    ]


def test_tools_are_offered_with_their_schemas(stage):
    stage.offers("tool")
    body = heard(stage, tools=TOOLS).body
    assert stage.readers.tools_of(body) == {tool.name: PARAMETERS.to_dict() for tool in TOOLS}
    assert stage.readers.choice_of(body) in ("auto", None)


def test_a_call_without_tools_offers_none(stage):
    body = heard(stage).body
    assert stage.readers.tools_of(body) == {}
    assert stage.readers.choice_of(body) is None


@pytest.mark.parametrize("choice", [ToolFunction(TOOL), "any", "none"], ids=["one", "any", "none"])
def test_a_choice_of_tools_is_said(stage, choice):
    stage.offers("tool")
    stage.offers("choice")
    if choice == "none":
        stage.offers("choice_none")
    body = heard(stage, tools=TOOLS, tool_choice=choice).body
    assert stage.readers.choice_of(body) == choice
    assert len(stage.readers.tools_of(body)) == len(TOOLS)


def test_a_tools_answer_goes_back_to_its_call(stage):
    output = first(stage, "tool")
    (made,) = output.message.tool_calls or ()
    body = heard(stage, HI, output.message, answer_to(made, "Sunny"), tools=TOOLS).body
    assert stage.readers.said(body) == [
        Piece("user", "Hi"),
        OSLO_CALL._replace(id=made.id),
        Piece("answer", "Sunny", made.id),
    ]


def test_answers_of_parallel_tools_go_back_to_their_calls(stage):
    output = first(stage, "parallel")
    oslo, rome = output.message.tool_calls or ()
    answers = [answer_to(oslo, "Sunny"), answer_to(rome, "Rain")]
    thanks = ChatMessageUser("Thanks")
    body = heard(stage, HI, output.message, *answers, thanks, tools=TOOLS).body
    assert stage.readers.said(body) == [
        Piece("user", "Hi"),
        OSLO_CALL._replace(id=oslo.id),
        ROME_CALL._replace(id=rome.id),
        Piece("answer", "Sunny", oslo.id),
        Piece("answer", "Rain", rome.id),
        Piece("user", "Thanks"),
    ]


def test_a_picture_goes_as_it_is(stage):
    stage.offers("conversation")
    stage.offers("media")
    message = ChatMessageUser([ContentText("See"), ContentImage(IMAGE_URI)])
    assert stage.readers.said(heard(stage, message).body) == [
        Piece("user", "See"),
        Piece("image", IMAGE_URI),
    ]


def test_a_document_goes_as_it_is(stage):
    stage.offers("conversation")
    stage.offers("media")
    message = ChatMessageUser([ContentText("Read"), ContentDocument(PDF_URI)])
    assert stage.readers.said(heard(stage, message).body) == [
        Piece("user", "Read"),
        Piece("document", PDF_URI),
    ]


def test_thoughts_go_back_byte_for_byte(stage, stream):
    output = stage.say("thoughts", call(HI), stream=stream, thinking=True).output
    history = [HI, output.message, ChatMessageUser("Go on")]
    again = stage.say("text", call(*history), thinking=True)
    assert stage.readers.thoughts_of(again.body) == stage.column.thoughts["thoughts"]
    if stage.column.signature is not None:
        assert stage.column.signature.encode() in again.raw[0]
    said = stage.readers.said(again.body)
    assert [piece for piece in said if piece.text != TEXT] == [
        Piece("user", "Hi"),
        Piece("user", "Go on"),
    ]


def test_thoughts_go_back_with_the_call_that_they_led_to(stage, stream):
    asked = call(HI, tools=TOOLS)
    output = stage.say("thoughts_and_tool", asked, stream=stream, thinking=True).output
    (made,) = output.message.tool_calls or ()
    history = [HI, output.message, answer_to(made, "Sunny")]
    follow = call(*history, tools=TOOLS)
    again = stage.say("text", follow, thinking=True)
    assert stage.readers.thoughts_of(again.body) == stage.column.thoughts["thoughts_and_tool"]
    assert stage.readers.said(again.body) == [
        Piece("user", "Hi"),
        OSLO_CALL._replace(id=made.id),
        Piece("answer", "Sunny", made.id),
    ]


def test_a_schema_of_the_answer_is_sent(stage):
    stage.offers("structured")
    body = heard(stage, response_schema=SCHEMA).body
    schema = stage.readers.schema_of(body)
    assert schema["properties"] == {"city": {"type": "string"}}
    assert schema["required"] == ["city"]


def test_log_probabilities_are_asked_for(stage):
    stage.offers("logprobs")
    assert stage.readers.top_logprobs_of is not None
    body = heard(stage, logprobs=True, top_logprobs=len(LOGPROBS)).body
    assert stage.readers.top_logprobs_of(body) == len(LOGPROBS)
