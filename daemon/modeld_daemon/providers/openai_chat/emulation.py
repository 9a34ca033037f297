"""Tool emulation, for models and servers without tools: a prompt describes them, calls are text.

The form is that of Hermes and Qwen models, `<tools>` and `<tool_call>`, which many others follow:
https://ollama.com/library/hermes3/blobs/ec20917d63ea
What the model answers is read by `written_calls`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentData,
    ContentText,
    JsonObject,
    ToolCall,
    ToolInfo,
)

from ...core.call import Call
from .internal import AUDIO_TRANSCRIPT, source_of
from .messages import tool_text
from .options import Options
from .quirks import Quirks

__all__ = ["emulate_tools", "emulates_tools"]

_PROMPT = """\
You can call functions to help with the user's request. Their signatures are within the XML tags \
<tools></tools>. To call one, write a JSON object with its name and its arguments within the XML \
tags <tool_call></tool_call>:

<tool_call>
{{"name": <function-name>, "arguments": <args-dict>}}
</tool_call>

These are the functions, with their parameters as JSON Schema:

<tools>
{tools}
</tools>

Mind these rules:
- A call has exactly the form above: it begins with <tool_call> and ends with </tool_call>.
- Call one function at a time, and write nothing after </tool_call>; the result comes next.
- Before a call you may say why you make it.
- The name must be one of those in <tools>, and all required parameters must be given. Do not make \
up values for them.
- {choice}"""
_MAY = "If no function helps, answer as usual with what you know, and do not mention the functions."
_MUST = "This time you must call a function: do not answer without a call."

_TEXT: JsonObject = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
"""What a custom tool takes."""


def emulates_tools(options: Options, quirks: Quirks) -> bool:
    """Whether tools are emulated: as the caller says, else as the row does."""
    return quirks.emulate_tools if options.emulate_tools is None else options.emulate_tools


def emulate_tools(call: Call) -> Call:
    """The call without tools: they, and all that was called before, are text."""
    names = {
        made.id: made.function
        for message in call.messages
        if isinstance(message, ChatMessageAssistant)
        for made in message.tool_calls or ()
    }
    messages = [_message(message, names) for message in call.messages]
    if call.tools:
        messages.insert(0, ChatMessageSystem(_prompt(call.tools, must=call.tool_choice != "auto")))
    return replace(call, messages=messages, tools=[], tool_choice="none")


def _prompt(tools: Sequence[ToolInfo], *, must: bool) -> str:
    described = (
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": _TEXT if "custom" in (tool.options or {}) else tool.parameters.to_dict(),
        }
        for tool in tools
    )
    texts = "\n\n".join(json.dumps(tool, indent=2, ensure_ascii=False) for tool in described)
    return _PROMPT.format(tools=texts, choice=_MUST if must else _MAY)


def _message(message: ChatMessage, names: Mapping[str, str]) -> ChatMessage:
    if isinstance(message, ChatMessageTool):
        return _result(message, message.function or names.get(message.tool_call_id or ""))
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        return _assistant(message, message.tool_calls)
    return message


def _result(message: ChatMessageTool, name: str | None) -> ChatMessageUser:
    """What a function gave, as the user's message: a server without tools knows no such role."""
    media: list[Content] = []
    text = tool_text(message, media)
    who = f"The function '{name}'" if name else "The function"
    said = f"{who} was called. The result is:\n\n{text}"
    return ChatMessageUser([ContentText(said), *media] if media else said)


def _assistant(message: ChatMessageAssistant, calls: Sequence[ToolCall]) -> ChatMessageAssistant:
    """One text, since templates of local models take no list of texts; thoughts stay apart."""
    texts: list[str] = []
    content: list[Content] = []
    for part in message.content_list:
        spoken = source_of(part) == AUDIO_TRANSCRIPT
        if isinstance(part, ContentText) and not (part.refusal or spoken):
            texts.append(part.text)
        elif not isinstance(part, ContentData):
            content.append(part)
    for call in calls:
        said = {"name": call.function, "arguments": call.arguments}
        texts.append(f"<tool_call>\n{json.dumps(said, ensure_ascii=False)}\n</tool_call>")
    content.append(ContentText("\n\n".join(text for text in texts if text)))
    return ChatMessageAssistant(content)
