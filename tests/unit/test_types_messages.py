from __future__ import annotations

import copy
import dataclasses
import os
import pickle

import pydantic
import pytest

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    ContentVideo,
    ToolCall,
    ToolCallError,
    UrlCitation,
    chat_message_from_dict,
    citation_from_dict,
    content_from_dict,
)


def test_a_message_made_by_code_has_a_short_random_id():
    one, two = ChatMessageUser("hi"), ChatMessageUser("hi")
    assert one.id != two.id
    assert one.id is not None
    assert 8 <= len(one.id) <= 32


def test_a_loaded_message_keeps_its_id_or_its_lack_of_one():
    assert ChatMessageUser.from_dict({"content": "hi"}).id is None
    assert chat_message_from_dict({"role": "user", "content": "hi"}).id is None
    assert chat_message_from_dict({"role": "user", "content": "hi", "id": "x"}).id == "x"


def test_ids_differ_in_forked_children():
    read, write = os.pipe()
    children = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os.write(write, (ChatMessageUser("hi").id or "").encode() + b"\n")
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    os.close(write)
    with os.fdopen(read) as lines:
        assert len(set(lines)) == 2


def test_a_message_dumps_as_the_reference_does():
    message = ChatMessageUser("hi", id="1", source="input")
    assert message.to_dict() == {"id": "1", "role": "user", "content": "hi", "source": "input"}
    assert list(message.to_dict())[:2] == ["id", "role"]
    call = ToolCall("c", "add", {"x": 1})
    assert ChatMessageAssistant("", id="2", tool_calls=[call]).to_dict() == {
        "id": "2",
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c", "function": "add", "arguments": {"x": 1}, "type": "function"}],
    }


@pytest.mark.parametrize(
    "message",
    [
        ChatMessageSystem("Be kind."),
        ChatMessageUser([ContentText("a"), ContentImage("data:,")], tool_call_id=["1"]),
        ChatMessageAssistant("hi", model="gpt-4o", tool_calls=[ToolCall("1", "f", {})]),
        ChatMessageTool(
            "3", tool_call_id="1", function="f", error=ToolCallError("timeout", "slow")
        ),
    ],
)
def test_a_message_comes_back_as_its_class(message):
    back = chat_message_from_dict(message.to_dict())
    assert back == message
    assert type(back) is type(message)


def test_text_joins_the_text_parts():
    parts: list[Content] = [ContentText("one"), ContentImage("data:,"), ContentText("two")]
    assert ChatMessageUser(parts).text == "one\ntwo"
    assert ChatMessageUser("plain").text == "plain"
    assert ChatMessageUser([ContentReasoning("hm")]).text == ""


def test_setting_text_replaces_text_parts_and_keeps_others():
    image = ContentImage("data:,")
    message = ChatMessageUser([image, ContentText("one"), ContentText("two")])
    message.text = "new"
    assert message.content == [image, ContentText("new")]
    plain = ChatMessageUser("old")
    plain.text = "new"
    assert plain.content == "new"
    only_image = ChatMessageUser([image])
    only_image.text = "new"
    assert only_image.content == [image, ContentText("new")]


def test_content_list_is_always_a_list():
    assert ChatMessageUser("hi").content_list == [ContentText("hi")]
    parts: list[Content] = [ContentText("hi")]
    assert ChatMessageUser(parts).content_list is parts


@dataclasses.dataclass
class Point:
    x: int
    y: int = 2


class Model(pydantic.BaseModel):
    x: int


def test_metadata_can_be_any_class():
    message = ChatMessageUser("hi", metadata={"x": 1})
    assert message.metadata_as(Point) == Point(1, 2)
    assert message.metadata_as(Model) == Model(x=1)
    with pytest.raises(ValueError, match="does not have metadata"):
        ChatMessageUser("hi").metadata_as(Point)


def test_messages_are_plain_values():
    message = ChatMessageUser([ContentText("hi", citations=[UrlCitation("http://x")])])
    assert pickle.loads(pickle.dumps(message)) == message
    assert copy.deepcopy(message) == message
    assert dataclasses.replace(message, source="input").id == message.id
    assert not hasattr(message, "__dict__")
    assert "role='user'" in repr(message)
    match message:
        case ChatMessageUser(content=[ContentText(text=text)]):
            assert text == "hi"


def test_messages_of_different_roles_are_not_equal():
    assert ChatMessageUser("hi", id="1") != ChatMessageSystem("hi", id="1")
    assert ChatMessageUser("hi", id="1") != "hi"


CONTENTS = {
    "text": ContentText("hi", refusal=True),
    "reasoning": ContentReasoning("hm", summary="s", signature="sig", redacted=True),
    "image": ContentImage("data:image/png;base64,AA==", detail="high"),
    "audio": ContentAudio("data:,", format="wav"),
    "video": ContentVideo("data:,", format="mov"),
    "document": ContentDocument("notes.txt"),
    "data": ContentData({"a": [1, None]}),
    "tool_use": ContentToolUse(
        tool_type="web_search", id="1", name="search", arguments="{}", result="[]"
    ),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_content_is_told_apart_by_its_type(kind):
    dump = CONTENTS[kind].to_dict()
    assert dump["type"] == kind
    assert content_from_dict(dump) == CONTENTS[kind]


def test_text_content_dumps_without_nulls():
    assert ContentText("hi").to_dict() == {"type": "text", "text": "hi"}


def test_nulls_inside_free_json_are_kept():
    assert ContentData({"a": None}).to_dict() == {"type": "data", "data": {"a": None}}


def test_reasoning_shows_thoughts_or_their_summary():
    assert ContentReasoning("hm").text == "<think>hm</think>"
    assert (
        ContentReasoning("x", redacted=True, summary="in short").text == "<think>in short</think>"
    )
    assert ContentReasoning("x", redacted=True).text == "<think></think>"


@pytest.mark.parametrize(
    "document, filename, mime_type",
    [
        ("data:application/pdf;base64,AA==", "document.pdf", "application/pdf"),
        ("papers/old.PDF", "old.PDF", "application/pdf"),
        ("https://x.org/a/notes.txt", "notes.txt", "text/plain"),
        ("thing", "thing", "application/octet-stream"),
    ],
)
def test_a_document_knows_its_name_and_type(document, filename, mime_type):
    content = ContentDocument(document)
    assert (content.filename, content.mime_type) == (filename, mime_type)


def test_a_documents_name_and_type_can_be_given():
    content = ContentDocument("data:,", filename="a.b", mime_type="x/y")
    assert (content.filename, content.mime_type) == ("a.b", "x/y")


def test_a_range_of_cited_text_is_a_pair():
    citation = citation_from_dict({"type": "content", "cited_text": [1, 5]})
    assert citation.cited_text == (1, 5)
    assert citation.to_dict() == {"type": "content", "cited_text": [1, 5]}


@pytest.mark.parametrize(
    "data, problem",
    [
        ({"role": "user"}, "ChatMessage.content: is required"),
        ({"role": "user", "content": 5}, "ChatMessage.content: expected str or list, got int"),
        ({"role": "user", "content": None}, "ChatMessage.content: expected str or list, got null"),
        ({"role": "robot", "content": ""}, "ChatMessage.role: expected one of 'system', 'user'"),
        ({"content": ""}, "ChatMessage.role: expected one of"),
        ("hi", "ChatMessage: expected object, got str"),
        (
            {"role": "user", "content": [{"type": "text", "text": 1}]},
            "ChatMessage.content[0].text: expected str, got int",
        ),
        (
            {"role": "user", "content": [{"type": "film"}]},
            "ChatMessage.content[0].type: expected one of",
        ),
        ({"role": "user", "content": "", "source": "x"}, "ChatMessage.source: expected one of"),
        ({"role": "user", "content": "", "metadata": []}, "ChatMessage.metadata: expected object"),
    ],
)
def test_a_wrong_shape_is_named(data, problem):
    with pytest.raises(InvalidRequest) as caught:
        chat_message_from_dict(data)
    assert str(caught.value).startswith(problem)


def test_keys_of_a_newer_version_are_ignored():
    data = {"role": "user", "content": "hi", "mood": "good"}
    assert chat_message_from_dict(data).text == "hi"


def test_what_is_not_json_is_named():
    with pytest.raises(InvalidRequest, match=r"^ChatMessageUser\.metadata\['a'\]\[0\]: set is not"):
        ChatMessageUser("hi", metadata={"a": [{1}]}).to_dict()
    with pytest.raises(InvalidRequest, match="JSON keys are strings, got 1"):
        ChatMessageUser("hi", metadata={1: 2}).to_dict()
