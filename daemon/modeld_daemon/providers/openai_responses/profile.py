"""How OpenAI serves a model, as rows by name pattern: by which API, and whether at once.

Sources: https://platform.openai.com/docs/models (endpoints of each model) and
https://platform.openai.com/docs/guides/background (models that take minutes). What a model makes
of parameters is in `providers.profiles`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

__all__ = ["ResponsesProfile", "responses_profile"]


@dataclass(frozen=True, slots=True)
class ResponsesProfile:
    """A model of OpenAI's."""

    preferred: bool = True
    """Whether Responses is the API that it is made for."""
    encrypted_reasoning: bool = True
    """Whether it can give its thoughts encrypted; a model that does not think refuses to."""
    background: bool = False
    """Whether an answer takes so long that no connection would outlast it."""
    truncates: bool = False
    """Whether it demands `truncation: auto`."""


_NEW = ResponsesProfile()
_PLAIN = ResponsesProfile(encrypted_reasoning=False)
_CHAT = ResponsesProfile(preferred=False, encrypted_reasoning=False)
_SLOW = replace(_NEW, background=True)

# The first match counts; names as in `providers.profiles`. A name that no row knows is a new
# model's: those are made for Responses.
_ROWS: tuple[tuple[str, ResponsesProfile], ...] = (
    (r".*deep-research", _SLOW),
    (r"o1-(mini|preview)", _CHAT),
    (r"(o[1-9]\d*|gpt-[5-9](\.\d+)?)-pro", _SLOW),
    (r"computer-use", replace(_NEW, truncates=True)),
    (r".*-(search|audio|realtime|transcribe|tts)(-|$)", _CHAT),
    (r"gpt-(audio|realtime|oss)", _CHAT),
    (r"gpt-[5-9](\.\d+)?-chat", _PLAIN),
    (r"(gpt-[34]|chatgpt|davinci|babbage)", _CHAT),
)
_PATTERNS = tuple((re.compile(pattern), profile) for pattern, profile in _ROWS)


@lru_cache(maxsize=1024)
def responses_profile(model: str) -> ResponsesProfile:
    """The profile of a model name."""
    name = model.removeprefix("ft:").rpartition("/")[2].removeprefix("openai.")
    for pattern, profile in _PATTERNS:
        if pattern.match(name):
            return profile
    return _NEW
