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
        opening: How the model was opened: `chat_template`, `use_chat_template` and
            `tokenizer_call_args` count.
    """

    def __init__(self, tokenizer: Any, opening: JsonObject) -> None:
        self._tokenizer = tokenizer
        self._template: str | None = opening.get("chat_template")
        self._call_args: JsonObject = opening.get("tokenizer_call_args") or {}
        self._lock = threading.Lock()
        known = self._template or tokenizer.chat_template
        self._templated = bool(known) and opening.get("use_chat_template", True)

    def encode(self, body: JsonObject) -> tuple[list[int], str]:
        """The tokens, and what the prompt holds already of the answer: a tag that opens thoughts.

        Args:
            body: `messages`, `tools` and `template` (variables of the template).
        """
        with self._lock:
            if not self._templated:
                return self._plain(body), ""
            text = self._render(body)
            # The template has written the special tokens.
            ids = self._tokenize(text, add_special_tokens=False)
        return ids, f"{_THINK}\n" if text.rstrip().endswith(_THINK) else ""

    def _render(self, body: JsonObject) -> str:
        tools = body.get("tools") or None
        if tools:
            self._check_tools(tools)
        try:
            text: str = self._tokenizer.apply_chat_template(
                body["messages"],
                tools=tools,
                chat_template=self._template,
                add_generation_prompt=True,
                tokenize=False,
                **(body.get("template") or {}),
            )
        except TemplateError as error:
            raise refused(
                f"The model's chat template does not take this conversation: {error}",
                "invalid_request",
            ) from None
        return text

    def _check_tools(self, tools: list[JsonObject]) -> None:
        template = self._tokenizer.get_chat_template(self._template, tools)
        if "tools" not in template:
            raise refused(
                "The model's chat template has no place for tools: leave them out, set tool_choice "
                "to 'none', or give a chat_template that has one.",
                "invalid_request",
            )

    def _plain(self, body: JsonObject) -> list[int]:
        if body.get("tools"):
            raise refused(
                "This model has no chat template, and so no place for tools.", "invalid_request"
            )
        lines = [f"{message['role']}: {message['content']}\n" for message in body["messages"]]
        return self._tokenize("".join(lines))

    def _tokenize(self, text: str, **args: Any) -> list[int]:
        try:
            ids = self._tokenizer(text, **(args | self._call_args))["input_ids"]
        except (TypeError, KeyError) as error:
            raise refused(f"tokenizer_call_args: {error}", "invalid_request") from None
        if not isinstance(ids, list) or not all(isinstance(id, int) for id in ids):
            raise refused(
                "tokenizer_call_args must leave the tokenizer's answer a list of numbers",
                "invalid_request",
            )
        return ids
