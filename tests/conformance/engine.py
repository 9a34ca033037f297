"""What a dialect of engines says of itself: the table that `engines/<dialect>.py` fills in.

The engine is the real one, in its process, with a model that says what `CHAIN` has written down. For
what no engine can be brought to when one wants it, such as to go deaf, a program stands in its place
that speaks to the daemon as engines do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import Any, Literal, TypeAlias

from modeld.types import ModelUsage
from modeld_daemon.core.ports import Connection, Provider, Row
from modeld_daemon.providers.engine.watchdog import Limits
from tests.fakes.chain import Chain

from .column import Column, FailureName
from .script import LOGPROBS, OSLO, PIECES, ROME, SCHEMA_TEXT, THOUGHTS, TOOL

__all__ = ["CHAIN", "CONTEXT", "ENDLESS", "NO_SERVER", "REFUSE", "Engine", "Trouble"]

CONTEXT = 32_768
ENDLESS, REFUSE = "endless", "refuse"
"""Further scripts: an answer without an end, and a template that does not take the conversation."""

Trouble: TypeAlias = Literal[
    "is killed", "ends", "goes deaf", "sends garbage", "sends half a frame", "sends nonsense",
    "has no memory", "has a defect", "dies with the load", "has no memory to load", "has nothing to load",
    "may not load",
]  # fmt: skip
"""What `tests.fakes.troubled_engine` does."""

NO_SERVER: Mapping[str, str] = {
    "http": "no server is at the other end: test_engines.py has what engines do instead",
    "error_in_answer": "an engine answers or fails",
    "content_filter": "an engine filters nothing",
    "media": "its models take text",
    "unauthorized": "an engine asks for no key",
    "rate_limit": "calls queue for a place in the engine",
    "server": "an engine that has trouble ends: test_engines.py",
    "overloaded": "calls queue for a place in the engine",
    "quota": "nobody pays",
}
"""What no engine has."""


@dataclass(frozen=True, kw_only=True)
class Engine(Column):
    """A dialect whose models run in a process of this machine."""

    dialect: str
    """Its folder in `modeld_daemon.providers`."""
    write: Callable[[Chain, Path], Path]
    """Writes a model at that path, with a suffix where one is usual; returns what is loaded."""
    house: Callable[[Path, Limits], Any]
    """What the daemon keeps for all callers of the dialect; with a folder of data."""
    build: Callable[[Row, Connection, Any], Provider]
    usage: ModelUsage
    """Of the answer "text" to a call that says "Hi"."""
    failures: Mapping[FailureName, Trouble]
    """Those that a program in the engine's place brings about; the others are the engine's own."""


# -- what the model says ---------------------------------------------------------------------

_SCRIPTS = ("text", "tool", "parallel", "thoughts", "thoughts_and_tool", "structured", ENDLESS)
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
_TEMPLATE = """\
{%- if script == 'refuse' %}{{ raise_exception('an answer cannot begin here') }}{% endif %}
{%- if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}
{%- for message in messages %}<|{{ message.role }}|>
{%- if message.reasoning_content %}<think>
{{ message.reasoning_content }}
</think>

{% endif %}{{ message.content }}
{%- for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}<|end|>
{%- endfor %}
{%- if add_generation_prompt %}<|script:{{ script or 'text' }}|>{% endif %}"""


def _begins(script: str) -> str:
    return f"<|script:{script}|>"


def _line(*pieces: str) -> dict[str, dict[str, float]]:
    """Each leads to the next."""
    return {one: {next: 0.99} for one, next in pairwise(pieces)}


def _likely() -> dict[str, dict[str, float]]:
    """The text, and what could stand in its place, as its log probabilities tell."""
    places = (_begins("text"), *PIECES[:-1])
    return {
        place: {word: exp(logprob) for word, logprob in tops}
        for place, (_, _, tops) in zip(places, LOGPROBS, strict=True)
    }


def _written(arguments: object) -> str:
    return f'<tool_call>\n{{"name": "{TOOL}", "arguments": {json.dumps(arguments)}}}'


def _follows() -> dict[str, dict[str, float]]:
    """No piece of one script leads elsewhere in another."""
    head, city, tail = SCHEMA_TEXT.partition("Oslo")
    oslo, rome = _written(OSLO), _written(ROME)
    thoughts = (f"<think>\n{THOUGHTS[:9]}", THOUGHTS[9:], "\n</think>\n\n")
    return {
        **_likely(),
        **_line(_begins("tool"), oslo[:20], oslo[20:], "\n</tool_call>"),
        **_line(_begins("parallel"), f"{oslo}\n</tool_call>\n", rome, "</tool_call>"),
        **_line(_begins("thoughts"), *thoughts, PIECES[0]),
        **_line(_begins("thoughts_and_tool"), "".join(thoughts), oslo, "\n</tool_call>"),
        # Who does not hold the model to the schema gets the text.
        _begins("structured"): {PIECES[0]: 0.6, head: 0.3},
        **_line(head, city, tail),
        **_line(_begins(ENDLESS), "la ", "la "),
    }


CHAIN = Chain((*_ROLES, *map(_begins, _SCRIPTS)), _follows(), _TEMPLATE, CONTEXT)
