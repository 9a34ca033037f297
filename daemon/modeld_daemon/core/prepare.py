"""What is done to every call before it goes to a provider, whichever that is."""

from __future__ import annotations

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

__all__ = ["add_warning", "cut", "deadline", "own_deadline", "prepare", "refusal", "warn"]


def deadline(call: Call) -> float | None:
    """The clock time after which nobody waits: the caller's, or that of `config.timeout`."""
    limits = [limit for limit in (call.deadline, own_deadline(call)) if limit is not None]
    return min(limits) if limits else None


def own_deadline(call: Call) -> float | None:
    """The clock time that `config.timeout` gives the call, however long its caller waits."""
    timeout = call.config.timeout
    return None if timeout is None else anyio.current_time() + timeout


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
    if config.batch:
        add_warning(output, "config.batch is not there yet: the call was made without it")


def add_warning(output: ModelOutput, warning: str) -> None:
    """Says something with an output, in `metadata["warnings"]`."""
    metadata = output.metadata or {}
    output.metadata = {**metadata, "warnings": [*(metadata.get("warnings") or []), warning]}


def cut(output: ModelOutput, secret: str | None) -> None:
    """Takes a secret out of an answer that tells what a provider has complained of."""
    if not secret or not output.error:
        return
    said = json.dumps(output.to_dict(), ensure_ascii=False)
    if secret in said:
        clean = ModelOutput.from_dict(json.loads(said.replace(secret, "…")))
        for name in ModelOutput.__dataclass_fields__:
            setattr(output, name, getattr(clean, name))


def refusal(call: Call, route: Route, output: ModelOutput) -> ModelRefusalError | None:
    """The error that a refusal is to a caller who asked for one."""
    if not call.config.fail_on_refusal or output.stop_reason != "content_filter":
        return None
    role = f", role {call.role}" if call.role else ""
    said = output.completion[:200]
    return ModelRefusalError(f"Model refusal ({route.name}{role}): {said}", model=route.name)
