"""What a call asks for, as a name: equal requests have equal names.

The name goes over what can change the answer. What only changes how the answer is waited for is
left out, and so is what a client numbers anew each time. `tests/contract/test_cache_key.py` holds
the two lists against the contract: each new field must be declared.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from modeld.types import JsonValue, cache_policy

from .call import Call, Route

__all__ = ["LARGE_BYTES", "Claim", "claim"]

SCHEMA = 1
"""Rises when equal requests get other names, or when what is kept under them means something else."""

CONFIG_OUT = frozenset({
    "adaptive_connections", "attempt_timeout", "batch", "cache", "cache_prompt", "fail_on_refusal",
    "max_connections", "max_retries", "stream_idle_timeout", "timeout",
})  # fmt: skip
"""Fields of the config that change how an answer is waited or paid for."""
LARGE_BYTES = 256 * 1024
"""A call of that size is named apart from the event loop."""
_LONG, _SLICE = 4 * 1024, 64 * 1024
_MARK = f"{secrets.token_hex(16)}-"  # in no text but by intent of this process
_MARKS = re.compile(f"({_MARK}[0-9]+[.])")
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
MESSAGE_OUT = ("id",)
CONTENT_OUT = ("cache_breakpoint",)


@dataclass(frozen=True, slots=True)
class Claim:
    """Under which name a call can be shared."""

    key: Hashable
    """Of the flight."""
    body: bytes
    """Names what is asked; the key of the answer in the cache."""
    request_id: str | None = None
    """Given by the caller: the call is lasting, and its answer is none for the cache."""
    seconds: int | None = None
    """Life of the answer in the cache; None is for ever."""


def claim(call: Call, route: Route, args: Mapping[str, JsonValue]) -> Claim | None:
    """How the call can be shared; None when it is a sample of its own."""
    if call.request_id is not None:
        body = _digest(_asked(call, route, args), call.size)
        return Claim((route.account, call.request_id), body, request_id=call.request_id)
    policy = cache_policy(call.config.cache)
    if policy is None:
        return None
    asked = _asked(call, route, args)
    epoch = call.epoch if policy.per_epoch else None
    key = _digest([SCHEMA, asked, policy.seconds, policy.scopes, epoch], call.size)
    return Claim(key, key, seconds=policy.seconds)


def _asked(call: Call, route: Route, args: Mapping[str, JsonValue]) -> list[JsonValue]:
    account = route.account
    return [
        route.name,
        [account.provider, account.base_url, account.fingerprint],
        dict(args),
        [_message(message.to_dict()) for message in call.messages],
        [tool.to_dict() for tool in call.tools],
        call.tool_choice if isinstance(call.tool_choice, str) else [call.tool_choice.name],
        {name: v for name, v in call.config.to_dict().items() if name not in CONFIG_OUT},
    ]


def _message(message: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for name in MESSAGE_OUT:
        message.pop(name, None)
    if isinstance(message.get("content"), list):
        for part in message["content"]:
            for name in CONTENT_OUT:
                part.pop(name, None)
    return message


def _digest(value: JsonValue, size: int = 0) -> bytes:
    """SHA-256 of the value as JSON. Long texts are written a slice at a time: one step over tens of
    megabytes would hold Python's lock, and so the event loop, however far away it is made. A call
    whose `size` is known to be small has none.
    """
    if 0 < size <= _LONG:
        return hashlib.sha256(_encode(value).encode("utf-8", "surrogatepass")).digest()
    long: dict[str, str] = {}
    text = _encode(_cut_out(value, long))
    digest = hashlib.sha256()
    for piece in _MARKS.split(text) if long else (text,):
        whole = long.get(piece)
        if whole is None:
            digest.update(piece.encode("utf-8", "surrogatepass"))
            continue
        for start in range(0, len(whole), _SLICE):
            said = json.dumps(whole[start : start + _SLICE], ensure_ascii=False)
            digest.update(said[1:-1].encode("utf-8", "surrogatepass"))
    return digest.digest()


def _cut_out(value: JsonValue, long: dict[str, str]) -> JsonValue:
    """The value with a mark in place of each long text."""
    if isinstance(value, str):
        if len(value) <= _LONG:
            return value
        mark = f"{_MARK}{len(long)}."
        long[mark] = value
        return mark
    if isinstance(value, list):
        return [_cut_out(item, long) for item in value]
    if isinstance(value, dict):
        return {name: _cut_out(item, long) for name, item in value.items()}
    return value
