"""What is done to every call before it goes to a provider, whichever that is."""

from __future__ import annotations

import hashlib
import json

import anyio

from modeld.errors import InvalidRequest, ModelRefusalError, UnresolvedMediaError
from modeld.types import (
    ChatMessageSystem,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentVideo,
    ModelOutput,
    ToolFunction,
)

from .call import Call, Route

__all__ = ["deadline", "fingerprint", "prepare", "refuse", "warn"]


def deadline(call: Call) -> float | None:
    """The clock time after which nobody waits: the caller's, or that of `config.timeout`."""
    limits = [] if call.deadline is None else [call.deadline]
    if call.config.timeout is not None:
        limits.append(anyio.current_time() + call.config.timeout)
    return min(limits) if limits else None


def fingerprint(call: Call, route: Route) -> bytes:
    """Names what is asked: equal for the same request under the same request id."""
    messages = [message.to_dict() for message in call.messages]
    for message in messages:
        message.pop("id", None)
    asked = [
        route.name,
        messages,
        [tool.to_dict() for tool in call.tools],
        call.tool_choice if isinstance(call.tool_choice, str) else [call.tool_choice.name],
        call.config.to_dict(),
    ]
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def prepare(call: Call) -> None:
    """Puts the call into the form that providers see. Raises what no provider would take."""
    if not call.messages:
        raise InvalidRequest("a call needs at least one message")
    if call.config.system_message is not None:
        call.messages = [ChatMessageSystem(content=call.config.system_message), *call.messages]
    _choose_tools(call)
    for message in call.messages:
        if not isinstance(message.content, str):
            for part in message.content:
                _check_media(part)


def _choose_tools(call: Call) -> None:
    """A forced function leaves only itself; without tools the choice is "none"."""
    if isinstance(call.tool_choice, ToolFunction):
        forced = call.tool_choice.name
        call.tools = [tool for tool in call.tools if tool.name == forced]
    if not call.tools or call.tool_choice == "none":
        call.tools, call.tool_choice = [], "none"
    names = [tool.name for tool in call.tools]
    if len(set(names)) != len(names):
        raise InvalidRequest("two tools have the same name")


def _check_media(part: object) -> None:
    match part:
        case ContentImage(image=media) | ContentAudio(audio=media):
            pass
        case ContentVideo(video=media) | ContentDocument(document=media):
            pass
        case _:
            return
    if not media.startswith("data:"):
        raise UnresolvedMediaError(
            f"media must be inline data: URIs, not '{media[:80]}'; make them inline first"
        )


def warn(call: Call, output: ModelOutput) -> None:
    """Says with the output what the config asks for and the daemon has not yet."""
    config = call.config
    asked = [name for name in ("cache", "batch") if getattr(config, name)]
    if asked:
        metadata = output.metadata or {}
        warnings = metadata.get("warnings") or []
        more = [f"config.{name} is not there yet: the call was made without it" for name in asked]
        output.metadata = {**metadata, "warnings": [*warnings, *more]}


def refuse(call: Call, route: Route, output: ModelOutput) -> None:
    """Raises `ModelRefusalError` for a refusal when the caller asked for an error."""
    if not call.config.fail_on_refusal or output.stop_reason != "content_filter":
        return
    role = f", role {call.role}" if call.role else ""
    said = output.completion[:200]
    raise ModelRefusalError(f"Model refusal ({route.name}{role}): {said}", model=route.name)
