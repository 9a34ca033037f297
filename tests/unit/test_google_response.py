"""Google's answers as outputs, and outputs as history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modeld.types import (
    ContentAudio,
    ContentData,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    DocumentCitation,
    ModelOutput,
    UrlCitation,
)
from modeld_daemon.providers.google.messages import contents_to_wire
from modeld_daemon.providers.google.profile import google_profile
from modeld_daemon.providers.google.response import output_from


def body(*parts: Any, finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate | more],
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
        "modelVersion": "gemini-x",
        "responseId": "r1",
    }


def output(*parts: Any, **more: Any) -> ModelOutput:
    return output_from(body(*parts, **more), "asked")


def replayed(out: ModelOutput) -> list[dict[str, Any]]:
    """The answer as the history of a next request, by way of JSON."""
    again = ModelOutput.from_dict(json.loads(json.dumps(out.to_dict())))
    contents = contents_to_wire([again.message], google_profile("gemini-3-flash"), None).contents
    parts: list[dict[str, Any]] = contents[0]["parts"]
    return parts


def call(name: str, args: Any = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args or {}, **more}}


def test_a_plain_answer():
    out = output({"text": "hi"})
    assert (out.completion, out.message.content) == ("hi", "hi")
    assert (out.model, out.response_id, out.stop_reason) == ("gemini-x", "r1", "stop")
    assert (out.message.source, out.message.model, out.metadata) == ("generate", "gemini-x", None)


@pytest.mark.parametrize(
    "finish, reason",
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "max_tokens"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "unknown"),
        ("OTHER", "unknown"),
        ("BRAND_NEW", "unknown"),
        (None, "unknown"),
    ],
)
def test_finish_reasons_have_their_words(finish, reason):
    out = output({"text": "x"}, finish=finish, finishMessage="because")
    assert out.stop_reason == reason
    details = out.choices[0].stop_details
    if finish in ("STOP", "MAX_TOKENS", None):
        assert details is None
    else:
        assert details is not None
        assert (details.type, details.explanation) == (finish, "because")


def test_enums_may_be_numbers():
    # https://cloud.google.com/apis/docs/system-parameters: `$alt=json;enum-encoding=int`
    assert output({"text": "x"}, finish=1).stop_reason == "stop"
    assert output(call("f"), finish=1).stop_reason == "tool_calls"
    assert output({"text": "x"}, finish=3).stop_reason == "content_filter"
    unknown = output({"text": "x"}, finish=17)
    assert unknown.stop_reason == "unknown"
    details = unknown.choices[0].stop_details
    assert details is not None
    assert details.type == "17"


def test_calls_end_a_turn():
    assert output(call("f")).stop_reason == "tool_calls"
    assert output(call("f"), finish="MAX_TOKENS").stop_reason == "max_tokens"
    assert output(call("f"), finish="UNEXPECTED_TOOL_CALL").stop_reason == "tool_calls"


def test_a_filtered_answer_says_what_was_filtered():
    ratings = [
        {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW", "blocked": True},
        {"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"},
    ]
    out = output(finish="SAFETY", safetyRatings=ratings)
    details = out.choices[0].stop_details
    assert details is not None
    assert [(c.category, c.level) for c in details.categories] == [
        ("HARM_CATEGORY_HATE_SPEECH", "LOW")
    ]
    assert out.metadata == {"candidates": {"0": {"safetyRatings": ratings}}}


def test_a_blocked_prompt_is_a_sad_result():
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}
    out = output_from({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4}}, "m")
    assert (out.stop_reason, out.completion, out.model) == ("content_filter", "no", "m")
    assert out.metadata == {"promptFeedback": feedback}
    assert out.usage is not None
    assert out.usage.input_tokens == 4


def test_usage_is_complete():
    wire = body({"text": "x"})
    wire["usageMetadata"] = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 5,
        "toolUsePromptTokenCount": 7,
        "totalTokenCount": 132,
        "trafficType": "ON_DEMAND",
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
    }
    out = output_from(wire, "m")
    usage = out.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (47, 25, 132)
    assert (usage.input_tokens_cache_read, usage.reasoning_tokens) == (60, 5)
    assert out.input_context_tokens == 100
    assert out.metadata == {
        "usage": {
            "toolUsePromptTokenCount": 7,
            "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
        }
    }


def test_absent_counters_are_not_zero():
    usage = output({"text": "x"}).usage
    assert usage is not None
    assert (usage.input_tokens_cache_read, usage.reasoning_tokens) == (None, None)


SIGNED = [
    {"text": "hm", "thought": True},
    {"text": "Let me look.", "thoughtSignature": "sig0"},
    {**call("f", {"x": 1}, id="c1"), "thoughtSignature": "sig1"},
    call("g", {}, id="c2"),
    {"text": "", "thoughtSignature": "sig2"},
]


def test_parts_go_back_byte_for_byte():
    out = output(*SIGNED)
    assert [(c.id, c.function, c.arguments) for c in out.message.tool_calls or []] == [
        ("c1", "f", {"x": 1}),
        ("c2", "g", {}),
    ]
    assert out.completion == "Let me look."
    assert replayed(out) == SIGNED


def test_a_call_without_an_id_goes_back_without_one():
    out = output(call("f"), call("f", {"a": 1}))
    calls = out.message.tool_calls or []
    assert [c.id for c in calls] == ["call_r1_0", "call_r1_1"]
    assert replayed(out) == [call("f"), call("f", {"a": 1})]


def test_what_the_caller_changes_is_sent_as_changed():
    out = output(*SIGNED)
    calls = out.message.tool_calls
    assert calls is not None
    calls[0].arguments = {"x": 2}
    del calls[1]
    assert replayed(out)[2]["functionCall"] == {"name": "f", "args": {"x": 2}, "id": "c1"}
    assert sum("functionCall" in part for part in replayed(out)) == 1


def test_adjacent_texts_are_one_text():
    parts = [{"text": "a"}, {"text": "b", "thoughtSignature": "s"}, {"text": ""}, {"text": "c"}]
    out = output(*parts)
    assert out.completion == "abc"
    assert len(out.message.content_list) == 1
    assert replayed(out) == [parts[0], parts[1], parts[3]]
    out.message.text = "changed"
    assert replayed(out) == [{"text": "changed"}]


def test_signed_thoughts_are_kept():
    out = output({"text": "hm", "thought": True, "thoughtSignature": "s"}, {"text": "yes"})
    thoughts = out.message.content_list[0]
    assert isinstance(thoughts, ContentReasoning)
    assert (thoughts.reasoning, thoughts.signature) == ("hm", "s")
    assert replayed(out)[0] == {"text": "hm", "thought": True, "thoughtSignature": "s"}


def test_code_that_google_ran_is_a_tool_use():
    code = {"executableCode": {"language": "PYTHON", "code": "1/0", "id": "e"}}
    bad = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "oh", "id": "e"}}
    out = output(code, {"text": ""}, bad, {"text": "no"})
    use, text = out.message.content_list
    assert isinstance(use, ContentToolUse)
    assert isinstance(text, ContentText)
    assert (use.tool_type, use.arguments, use.result, use.error) == (
        "code_execution",
        "1/0",
        "oh",
        "oh",
    )
    assert replayed(out) == [code, bad, {"text": "no"}]


def test_a_search_that_google_ran_is_a_tool_use():
    asked = {
        "toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "s", "args": {"queries": ["q"]}},
        "thoughtSignature": "s1",
    }
    found = {
        "toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "s", "response": {"a": 1}},
        "thoughtSignature": "s2",
    }
    lone = {"toolResponse": {"toolType": "URL_CONTEXT", "id": "t"}}
    out = output(asked, found, lone)
    use, other = out.message.content_list
    assert isinstance(use, ContentToolUse)
    assert isinstance(other, ContentToolUse)
    assert (use.tool_type, use.name, use.id) == ("web_search", "GOOGLE_SEARCH_WEB", "s")
    assert (json.loads(use.arguments), json.loads(use.result)) == ({"queries": ["q"]}, {"a": 1})
    assert replayed(out) == [asked, found, lone]


def test_media_are_kept_and_go_back():
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thoughtSignature": "s"}
    sound = {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}
    other = {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AAAA"}}
    out = output(image, sound, other)
    made = out.message.content_list
    assert isinstance(made[0], ContentImage)
    assert made[0].image == "data:image/png;base64,iVBO"
    assert isinstance(made[1], ContentAudio)
    assert isinstance(made[2], ContentData)
    assert replayed(out) == [image, sound, other]


def test_what_is_not_modelled_is_kept_and_goes_back():
    new = {"hologram": {"a": 1}}
    wire = body({"text": "x"}, new, novelty=1)
    wire["createTime"] = "now"
    out = output_from(wire, "m")
    assert out.metadata == {"createTime": "now", "candidates": {"0": {"novelty": 1}}}
    assert replayed(out)[1] == new


def test_candidates_are_choices_in_order():
    wire = body({"text": "a"})
    other = body({"text": "b"}, finish="MAX_TOKENS")["candidates"][0] | {"index": 1}
    wire["candidates"].insert(0, other)
    out = output_from(wire, "m")
    assert [c.message.content for c in out.choices] == ["a", "b"]
    assert [c.stop_reason for c in out.choices] == ["stop", "max_tokens"]


def test_grounding_becomes_citations():
    text = "Größe: 5 m. Laut Lexikon."
    raw = text.encode()
    start = raw.index(b"Laut")
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A", "domain": "a"}},
            {"retrievedContext": {"title": "D", "text": "t"}},
        ],
        "groundingSupports": [
            {
                "groundingChunkIndices": [0, 1, 7],
                "segment": {"startIndex": start, "endIndex": len(raw), "text": "Laut Lexikon."},
            },
            {"groundingChunkIndices": [0], "segment": {"endIndex": 3, "text": "elsewhere"}},
        ],
    }
    out = output({"text": "hm", "thought": True}, {"text": text}, groundingMetadata=grounding)
    part = out.message.content_list[1]
    assert isinstance(part, ContentText)
    span = (12, 25)
    assert text[slice(*span)] == "Laut Lexikon."
    assert part.citations == [
        UrlCitation("https://a", title="A", cited_text=span, internal={"domain": "a"}),
        DocumentCitation(
            title="D",
            cited_text=span,
            internal={"retrievedContext": {"title": "D", "text": "t"}},
        ),
        UrlCitation("https://a", title="A", cited_text="elsewhere", internal={"domain": "a"}),
    ]
    assert out.metadata == {"candidates": {"0": {"groundingMetadata": grounding}}}
    assert replayed(out)[1] == {"text": text}


@pytest.mark.parametrize("name", ["citationSources", "citations"])
def test_recitations_become_citations(name):
    source = {"startIndex": 0, "endIndex": 2, "uri": "https://a", "license": "MIT"}
    out = output({"text": "hi there"}, citationMetadata={name: [source]})
    part = out.message.content_list[0]
    assert isinstance(part, ContentText)
    assert part.citations == [
        UrlCitation("https://a", cited_text=(0, 2), internal={"license": "MIT"})
    ]


def test_logprobs_are_read():
    result = {
        "chosenCandidates": [{"token": "hi", "logProbability": -0.5}, {"token": "!"}],
        "topCandidates": [{"candidates": [{"token": "ho", "logProbability": -2.5}]}],
    }
    (choice,) = output({"text": "hi!"}, logprobsResult=result).choices
    assert choice.logprobs is not None
    one, two = choice.logprobs.content
    assert (one.token, one.logprob, two.logprob, two.top_logprobs) == ("hi", -0.5, 0.0, None)
    assert one.top_logprobs is not None
    assert one.top_logprobs[0].token == "ho"


@pytest.mark.parametrize("wire", [{}, {"candidates": 3}, {"candidates": ["x"]}, [], "x", None])
def test_another_shape_is_an_error(wire):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        output_from(wire, "m")
