"""An estimate of input tokens: for servers that cannot count them, and for lanes, which reserve
before they know.

No tokenizer is downloaded: a daemon may be offline, and the answer says that it is an estimate.
"""

from __future__ import annotations

import json

from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentVideo,
    ToolInfo,
)

__all__ = ["estimate_tokens"]

_MEDIA = {ContentImage: 1600, ContentAudio: 2000, ContentVideo: 8000, ContentDocument: 5000}
_PER_MESSAGE = 4
_ASCII_PER_TOKEN = 4.0
_OTHER_PER_TOKEN = 1.5
_MARGIN = 1.1


def estimate_tokens(messages: list[ChatMessage], tools: list[ToolInfo]) -> int:
    """About how many tokens a model sees; rather too many than too few."""
    total = 0.0
    for message in messages:
        total += _PER_MESSAGE
        for part in message.content_list:
            media = _MEDIA.get(type(part))
            total += media if media is not None else _text_tokens(getattr(part, "text", ""))
        if isinstance(message, ChatMessageAssistant):
            for call in message.tool_calls or ():
                total += _text_tokens(call.function + json.dumps(call.arguments))
    total += sum(_text_tokens(json.dumps(tool.to_dict())) for tool in tools)
    return round(total * _MARGIN)


def _text_tokens(text: str) -> float:
    ascii_count = sum(map(str.isascii, text)) if not text.isascii() else len(text)
    return ascii_count / _ASCII_PER_TOKEN + (len(text) - ascii_count) / _OTHER_PER_TOKEN
