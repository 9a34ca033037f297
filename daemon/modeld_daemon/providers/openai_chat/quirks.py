"""Where a server that speaks this dialect differs from OpenAI. All of it is data of its row.

`models` in a row's quirks are quirks of some of its models only: the first of them whose `match` is
found in the model's name is put over the row's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modeld.types import JsonObject, JsonValue, ReasoningEffort

from ..profiles import OpenAIProfile, sent_effort

__all__ = ["Efforts", "Quirks", "effort_to_send", "quirks_of_model", "read_quirks"]

Efforts: TypeAlias = Mapping[str, str | None]
"""What each reasoning effort is sent as; None leaves it out."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """The quirks of a row, for one model."""

    # -- what is sent
    strict_tools: bool | None = None
    """What every function tool says for `strict`; None says nothing."""
    emulate_tools: bool = False
    """Whether tools are described in a prompt and called by text, unless the caller says."""
    native: str | None = None
    """The member of a tool's options that is one of the server's own tools, as its API has it."""
    plain_schema: bool = False
    """Leave out the JSON Schema keywords that not every server knows."""
    json_object: bool = False
    """A schema can only be asked for in words, beside the mode that gives some JSON object."""
    default_max_tokens: int | None = None
    max_tokens_name: str | None = None
    """Name of the token limit, whatever the model's profile says."""
    system_role: str | None = None
    """The role of system messages, whatever the model's profile says."""
    merged_system: bool = False
    """Neighbouring system messages are put into one."""
    cache_control: bool = False
    """Whether a mark in the text says up to where the prompt is cached, as Anthropic has it."""
    cache_ends: bool = False
    """Whether nothing is cached without such marks, so that the ends of turns are marked."""
    parameters: tuple[str, ...] = ()
    """Fields of `GenerateConfig` that this server knows by their own name and OpenAI does not."""
    counted_logprobs: bool = False
    """Whether `logprobs` is the number of likely tokens, not whether there are any."""
    dropped: tuple[str, ...] = ()
    """Fields of `GenerateConfig` that the server refuses; they are left out with a warning."""
    efforts: Efforts | None = None
    """None leaves efforts to the model's profile."""
    no_thinking: JsonObject = field(default_factory=dict)
    """Members of a body that say that the model shall not think."""
    reasoning_object: bool = False
    """Whether effort and budget of thoughts are members of `reasoning`."""
    forced_tools: Literal["always", "without thinking", "never"] = "always"
    """When a tool can be demanded; otherwise the choice is "auto", with a warning."""
    continued: JsonObject = field(default_factory=dict)
    """Members of a body whose last message is the assistant's, to be gone on with."""
    stream_usage: bool = True
    """Whether the server knows `stream_options.include_usage`."""
    stream_above: int | None = None
    """Limit of tokens above which the server only streams; 0 prefers streams for all calls."""
    # -- what is answered
    busy_statuses: tuple[int, ...] = ()
    """Statuses that mean a rate limit, beside 429."""
    length_statuses: tuple[int, ...] = ()
    """Statuses of a prompt that is too long, beside the usual ones."""
    lists_models: bool = False
    """Whether a model that is missing is answered with what the server has."""


def quirks_of_model(quirks: Mapping[str, JsonValue], model: str) -> Mapping[str, JsonValue]:
    """A row's quirks with those of one model put over them."""
    for one in quirks.get("models") or ():
        if re.search(one["match"], model):
            return {**quirks, **one}
    return quirks


def read_quirks(quirks: Mapping[str, JsonValue], model: str = "") -> Quirks:
    """The quirks of a row and model; those of other dialects' concern are not read."""
    known = Quirks.__dataclass_fields__
    said = quirks_of_model(quirks, model)
    return Quirks(**{name: value for name, value in said.items() if name in known})


def effort_to_send(
    efforts: Efforts | None, profile: OpenAIProfile, effort: ReasoningEffort | None
) -> str | None:
    """The effort in the server's words; None is left out."""
    if efforts is None or effort is None:
        return sent_effort(profile, effort)
    return efforts.get(effort, effort)
