"""What is asked and answered in every dialect, in modeld's values.

The fixtures of `wires/` are made of these constants, so that an answer cannot say one thing in one
dialect and another in the next.
"""

from __future__ import annotations

from modeld.types import (
    ChatMessage,
    ChatMessageUser,
    GenerateConfig,
    JSONSchema,
    ModelUsage,
    ResponseSchema,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Call

TEXT = "Hello there."
PIECES = ("Hello ", "there.")
"""The text as streams cut it."""
THOUGHTS = "Let me think: ä, 🦉."
SIGNATURE = "EqoBCkYIBBgCKkBh+/8=sig=="
CIPHER = "gAAAAABo+cipher/9=="
SCHEMA_TEXT = '{"city": "Oslo"}'

TOOL = "get_weather"
OSLO = {"city": "Oslo", "days": 3}
ROME = {"city": "Rome", "days": 1}
# Nine letters and digits: what Mistral takes as it is.
OSLO_ID, ROME_ID = "callOslo1", "callRome2"

LOGPROBS = (
    ("Hello ", -0.25, (("Hello ", -0.25), ("Hi ", -2.5))),
    ("there.", -0.5, (("there.", -0.5), ("you.", -3.0))),
)
"""Token, log probability, and the likeliest tokens with theirs."""

USAGE = ModelUsage(
    input_tokens=10,
    output_tokens=5,
    input_tokens_cache_read=4,
    input_tokens_cache_write=3,
    reasoning_tokens=2,
)
RETRY_AFTER = 7.0

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg=="
IMAGE_URI = f"data:image/png;base64,{PNG}"
PDF_URI = f"data:application/pdf;base64,{PDF}"

PARAMETERS = ToolParams(
    properties={
        "city": JSONSchema(type="string", description="Which city"),
        "days": JSONSchema(type="integer"),
    },
    required=["city", "days"],
)
TOOLS = [
    ToolInfo(TOOL, "Weather of the next days", PARAMETERS),
    ToolInfo("get_time", "The time in a city", PARAMETERS),
]
SCHEMA = ResponseSchema(
    "place",
    JSONSchema(type="object", properties={"city": JSONSchema(type="string")}, required=["city"]),
)
MAX_TOKENS = 512


def usage_of(counters: frozenset[str]) -> ModelUsage:
    """The usage that an API tells which has these counters."""
    names = ("input_tokens_cache_read", "input_tokens_cache_write", "reasoning_tokens")
    told = {name: getattr(USAGE, name) if name in counters else None for name in names}
    cached = (told["input_tokens_cache_read"] or 0) + (told["input_tokens_cache_write"] or 0)
    total = USAGE.input_tokens + cached + USAGE.output_tokens
    return ModelUsage(USAGE.input_tokens, USAGE.output_tokens, total, **told)


def call(*messages: ChatMessage, tools: list[ToolInfo] | None = None, **more: object) -> Call:
    """A call whose answer is short, so that no dialect streams on its own account."""
    choice = more.pop("tool_choice", "auto")
    config = GenerateConfig(max_tokens=MAX_TOKENS, **more)  # type: ignore[arg-type]
    said = list(messages) or [ChatMessageUser("Hi")]
    return Call("1", said, config, tools or [], tool_choice=choice)  # type: ignore[arg-type]
