"""From a conversation to the tokens of a prompt, by the model's own chat template. Runs in the
engine's process.

https://huggingface.co/docs/transformers/chat_templating
"""

from __future__ import annotations

import threading
from typing import Any, TypeAlias

from jinja2 import TemplateError

from .trouble import refused

JsonObject: TypeAlias = dict[str, Any]

_THINK = "<think>"


class Prompts:
    """Writes prompts.

    Args:
        tokenizer: The model's; used under a lock.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()

    def encode(self, body: JsonObject) -> tuple[list[int], str]:
        """The tokens, and what the prompt holds already of the answer: a tag that opens thoughts.

        Args:
            body: `messages`, `tools`, `variables` of the template; the caller's `chat_template`,
                `use_chat_template` and `tokenizer_call_args`, if any.
        """
        given = body.get("tokenizer_call_args") or {}
        with self._lock:
            known = body.get("chat_template") or self._tokenizer.chat_template
            if not known or not body.get("use_chat_template", True):
                return self._tokenize(_plain(body), given), ""
            text = self._render(body)
            # The template has written the special tokens.
            ids = self._tokenize(text, {"add_special_tokens": False, **given})
        return ids, f"{_THINK}\n" if text.rstrip().endswith(_THINK) else ""

    def _render(self, body: JsonObject) -> str:
        tools = body.get("tools") or None
        template = body.get("chat_template")
        if tools:
            self._check_tools(template, tools)
        try:
            text: str = self._tokenizer.apply_chat_template(
                body["messages"],
                tools=tools,
                chat_template=template,
                add_generation_prompt=True,
                tokenize=False,
                **body["variables"],
            )
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise refused(
                f"The model's chat template does not take this conversation: {error}",
                "invalid_request",
            ) from None
        return text

    def _check_tools(self, template: str | None, tools: list[JsonObject]) -> None:
        if "tools" not in self._tokenizer.get_chat_template(template, tools):
            raise refused(
                "The model's chat template has no place for tools: leave them out, set tool_choice "
                "to 'none', or give a chat_template that has one.",
                "invalid_request",
            )

    def _tokenize(self, text: str, args: JsonObject) -> list[int]:
        try:
            ids = self._tokenizer(text, **args)["input_ids"]
        except (TypeError, KeyError, ValueError) as error:
            raise refused(f"tokenizer_call_args: {error}", "invalid_request") from None
        if not isinstance(ids, list) or not all(isinstance(id, int) for id in ids):
            raise refused(
                "tokenizer_call_args must leave the tokenizer's answer a list of numbers",
                "invalid_request",
            )
        return ids


def _plain(body: JsonObject) -> str:
    """For a model without a template: one line for each message."""
    if body.get("tools"):
        raise refused(
            "This model has no chat template, and so no place for tools.", "invalid_request"
        )
    return "".join(f"{message['role']}: {message['content']}\n" for message in body["messages"])
