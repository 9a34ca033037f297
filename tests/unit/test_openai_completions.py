"""Text completions: the prompt that a call is, and what is read of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
    ToolInfo,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.providers.openai_chat.options import read_options
from modeld_daemon.providers.openai_chat.quirks import read_quirks
from modeld_daemon.providers.openai_chat.request import WireRequest
from modeld_daemon.providers.openai_chat.response import output_from
from modeld_daemon.providers.openai_completions.request import build_request
from modeld_daemon.providers.openai_completions.stream import TextFold
from tests.fakes.deltas import Deltas
from tests.fakes.recorded_rows import row_of

ROUTE = Route("vllm-completions", "m", Account("vllm-completions", None, "f"))


def request(
    *messages: Any,
    tools: list[ToolInfo] | None = None,
    args: dict[str, Any] | None = None,
    stream: bool = False,
    row: str = "openai-api-completions/x",
    **config: Any,
) -> WireRequest:
    said = list(messages) or [ChatMessageUser("Once")]
    return build_request(
        Call("1", said, GenerateConfig(**config), tools or []),
        ROUTE,
        options=read_options(args or {}, {}),
        quirks=read_quirks(row_of(row).quirks),
        stream=stream,
    )


def test_a_text_is_gone_on_with():
    made = request()
    assert made.body == {"model": "m", "prompt": "Once", "max_tokens": 1, "temperature": 0.0}
    assert made.warnings == []
    assert request(ChatMessageUser([ContentText("a"), ContentText("b")])).body["prompt"] == "a\nb"


def test_ids_of_tokens_are_sent_in_place_of_the_text():
    message = ChatMessageUser("", metadata={"prompt_token_ids": [1, 2], "mine": "secret"})
    assert request(message).body["prompt"] == [1, 2]


@pytest.mark.parametrize(
    "messages, words",
    [
        ([ChatMessageSystem("a"), ChatMessageUser("b")], "one message"),
        ([ChatMessageAssistant("a")], "one message"),
        ([ChatMessageUser([ContentImage("data:image/png;base64,aGk=")])], "no media"),
        ([ChatMessageUser("")], "no text"),
        ([ChatMessageUser("a", metadata={"prompt_token_ids": []})], "list of ids"),
        ([ChatMessageUser("a", metadata={"prompt_token_ids": "1"})], "list of ids"),
        ([ChatMessageUser("a", metadata={"prompt_token_ids": [True]})], "list of ids"),
    ],
)
def test_what_is_no_prompt_is_refused(messages, words):
    with pytest.raises(InvalidRequest, match=words):
        request(*messages)


def test_tools_are_refused():
    with pytest.raises(InvalidRequest, match="takes no tools"):
        request(tools=[ToolInfo("f", "does")])


def test_what_the_api_knows_is_sent_and_the_rest_is_told():
    made = request(
        args={"user": "me"},
        stream=True,
        max_tokens=5,
        temperature=0.5,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=7,
        stop_seqs=["x"],
        num_choices=2,
        best_of=3,
        logprobs=True,
        top_logprobs=4,
        prompt_logprobs=2,
        logit_bias={5: 1},
        extra_body={"echo": True},
        reasoning_effort="low",
        top_k=3,
    )
    assert made.body == {
        "model": "m",
        "prompt": "Once",
        "user": "me",
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.5,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "seed": 7,
        "stop": ["x"],
        "n": 2,
        "best_of": 3,
        "logprobs": 4,
        "prompt_logprobs": 2,
        "logit_bias": {"5": 1},
        "echo": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert [warning.split()[4] for warning in made.warnings] == ["top_k:", "reasoning_effort:"]
    assert request(row="vllm-completions", top_k=3).body["top_k"] == 3
    assert request(logprobs=True).body["logprobs"] == 1
    assert "without logprobs" in request(top_logprobs=2).warnings[0]


# https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#completions-api
CHOICE = {
    "index": 0,
    "text": " upon",
    "finish_reason": "length",
    "stop_reason": None,
    "logprobs": {
        "tokens": [" upon"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{" upon": -0.5, " more": -1.5}],
        "text_offset": [0],
    },
    "prompt_logprobs": [
        None,
        {
            "9": {"logprob": -3.0, "rank": 7, "decoded_token": "Once"},
            "4": {"logprob": -1.0, "rank": 1, "decoded_token": "The"},
        },
        {"5": {"logprob": -2.0, "rank": 1, "decoded_token": None}},
    ],
}
BODY = {"id": "c", "model": "m", "choices": [CHOICE], "usage": {"prompt_tokens": 2}}


def test_an_answer_has_its_log_probabilities_and_the_prompts():
    output = output_from(BODY)
    assert (output.completion, output.stop_reason) == (" upon", "max_tokens")
    (choice,) = output.choices
    assert choice.logprobs is not None
    assert [(p.token, p.logprob) for p in choice.logprobs.content] == [(" upon", -0.5)]
    assert choice.prompt_logprobs is not None
    assert [
        (p.token, p.logprob, [(top.token, top.logprob) for top in p.top_logprobs or ()])
        for p in choice.prompt_logprobs.content
    ] == [
        ("Once", -3.0, [("Once", -3.0), ("The", -1.0)]),
        ("5", -2.0, [("5", -2.0)]),
    ]
    assert output.metadata is None


def test_vllms_chat_tells_those_of_the_prompt_beside_its_choices():
    message = {"role": "assistant", "content": "Hi"}
    body = {"choices": [{"message": message}], "prompt_logprobs": CHOICE["prompt_logprobs"]}
    output = output_from(body)
    assert output.choices[0].prompt_logprobs == output_from(BODY).choices[0].prompt_logprobs
    assert output.metadata is None
    assert output_from({**body, "prompt_logprobs": None}).choices[0].prompt_logprobs is None


def test_a_stream_is_the_same_answer():
    deltas = Deltas()
    fold = TextFold(deltas)
    probabilities: Any = CHOICE["logprobs"]
    halves = [{name: [value[0]] for name, value in probabilities.items()}, None]
    for text, half in zip((" up", "on"), halves, strict=True):
        fold.feed(
            {"id": "c", "model": "m", "choices": [{"index": 0, "text": text, "logprobs": half}]}
        )
    end = {"index": 0, "text": "", "finish_reason": "length"}
    fold.feed({"choices": [{**end, "prompt_logprobs": CHOICE["prompt_logprobs"]}]})
    fold.feed({"choices": [], "usage": BODY["usage"]})
    assert fold.finished
    streamed, plain = output_from(fold.body()), output_from(BODY)
    assert deltas.texts == [" up", "on"]
    streamed.message.id = plain.message.id
    assert streamed == plain
