"""Whether a row's quirks mean anything to its dialect: a word that nobody reads is an error.

Which quirks there are is said by the dataclasses that read them; the few that choose an address
or an API are named here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .openai_chat.options import BODY_KINDS
from .openai_chat.quirks import Quirks
from .openai_responses.options import ResponsesQuirks

__all__ = ["wrong_quirk"]

_AZURE: Mapping[str, Any] = {"own_address": bool, "entra": bool}
_ADDRESSES: Mapping[str, Any] = {
    **_AZURE,
    "azure": Literal["openai", "models"],
    "place": Literal["mantle"],
    "url_path": str,
    "list_path": str,
    "body_args": Mapping[str, Any],
}
_MISSING: Mapping[str, Any] = {"fetch_command": str, "tags_path": str}
_SERVER: Mapping[str, Any] = {"starts": Literal["sglang", "vllm"], "usual_url": str}
_CHAT = {**get_type_hints(Quirks), **_MISSING}
_RESPONSES = get_type_hints(ResponsesQuirks)
_OPENAI: Mapping[str, Any] = {
    **_RESPONSES,
    **_CHAT,
    "body_args": Mapping[str, Any],
    "usual_api": Literal["chat", "responses"],
    "start_command": str,
}
_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "openai": {**_OPENAI, **_ADDRESSES},
    "openai_server": {**_OPENAI, **_SERVER},
    "openai_chat": {**_CHAT, **_ADDRESSES},
    "openai_completions": {**_CHAT, **_ADDRESSES},
    "openai_responses": {**_RESPONSES, **_ADDRESSES},
    "anthropic": {**_AZURE, "place": Literal["azure", "bedrock", "vertex"]},
    "mistral": {**_AZURE, "place": Literal["azure"]},
    "google": {"services": Mapping[str, Mapping[str, Any]]},
}
"""By dialect; the others have no quirks."""
_BY_MODEL = (*("openai", "openai_chat", "openai_completions", "openai_responses", "openai_server"),)


def wrong_quirk(dialect: str, quirks: Mapping[str, Any]) -> str | None:
    """What is wrong with the quirks of a row of that dialect, in words; None where all is well."""
    known = _KNOWN.get(dialect, {})
    if not known and quirks:
        return f"there is no quirk {next(iter(quirks))!r:.80}; the dialect {dialect} has none"
    own = {name: value for name, value in quirks.items() if name != "models"}
    wrong = _wrong(own, known) or _wrong_body_args(own.get("body_args", {}))
    if wrong or "models" not in quirks:
        return wrong
    if dialect not in _BY_MODEL:
        return f"there is no quirk 'models' in the dialect {dialect}"
    models = quirks["models"]
    if not isinstance(models, (list, tuple)):
        return f"the quirk 'models' is {models!r:.80}, not a list of quirks of models"
    for one in models:
        if not isinstance(one, Mapping) or not isinstance(one.get("match"), str):
            return f"the quirk 'models' has {one!r:.80}, which has no pattern in 'match'"
        try:
            re.compile(one["match"])
        except re.error as error:
            return f"the quirk 'models' has the bad pattern {one['match']!r:.80}: {error}"
        rest = {name: value for name, value in one.items() if name != "match"}
        if wrong := _wrong(rest, known):
            return f"of the models {one['match']!r:.80}: {wrong}"
    return None


def _wrong(quirks: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    for name, value in quirks.items():
        if name not in known:
            return f"there is no quirk {name!r:.80}; there are {', '.join(sorted(known))}"
        if not _fits(value, known[name]):
            return f"the quirk {name!r} is {value!r:.80}, not {_words(known[name])}"
    return None


def _wrong_body_args(args: Mapping[str, Any]) -> str | None:
    for name, said in args.items():
        pair = isinstance(said, (list, tuple)) and len(said) == 2
        if not pair or said[0] not in BODY_KINDS or not isinstance(said[1], str):
            kinds = ", ".join(BODY_KINDS)
            return (
                f"the quirk 'body_args' says {said!r:.80} of {name!r}; say (kind of {kinds}; place)"
            )
    return None


def _fits(value: Any, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is tuple:
        listed = isinstance(value, (list, tuple))
        return listed and all(_fits(one, inner[0]) for one in value)
    if origin is not None:  # an object
        if not isinstance(value, Mapping):
            return False
        return all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _words(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
