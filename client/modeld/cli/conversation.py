"""A conversation: its model, settings and messages, and how a question changes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from .. import ChatMessageAssistant, ChatMessageUser, GenerateConfig, Model
from ..types import ChatMessage, JsonObject
from .answer import new_printer, open_model, stream_answer
from .fields import READERS, choices, read_field
from .options import ModelChoice

_NOTHING = frozenset(("", "none", "default"))


class Conversation:
    """What `modeld chat` holds between two questions."""

    def __init__(self, choice: ModelChoice, config: GenerateConfig) -> None:
        self.choice = choice
        self.config = config
        self.model: Model = open_model(choice)
        self.messages: list[ChatMessage] = []
        self.tokens = 0
        self._question: str | None = None
        self._before: list[ChatMessage] = []  # the messages before the last question

    def ask(self, question: str) -> None:
        """Print the answer and remember it. An answer stopped by Ctrl-C is kept as it is.

        After an error the conversation is as it was before, and `retry` asks again.
        """
        self._question, self._before = question, list(self.messages)
        asked: list[ChatMessage] = [*self.messages, ChatMessageUser(question)]
        printer = new_printer()
        try:
            output = stream_answer(self.model, asked, self.config, printer)
        except KeyboardInterrupt:
            printer.note("stopped; /retry asks again")
            if printer.text:
                self.messages = [*asked, ChatMessageAssistant(printer.text)]
            raise
        if output is None or not output.choices:
            return
        self.messages = [*asked, output.message]
        self.tokens += output.usage.total_tokens if output.usage else 0

    def retry(self) -> None:
        """Ask the last question again, without the answer that it had."""
        if self._question is None:
            raise ValueError("There is no question to ask again.")
        self.messages = self._before
        self.ask(self._question)

    def clear(self) -> None:
        """Forget all messages; model and settings stay."""
        self.messages, self._before, self._question = [], [], None

    def use_model(self, name: str) -> None:
        """Go on with another model. Provider arguments stay with the same provider only."""
        choice = ModelChoice(name)
        if name.partition("/")[0] == str(self.model).partition("/")[0]:
            choice = replace(self.choice, name=name)
        self.model = open_model(choice)
        self.choice = choice

    def set_field(self, name: str, text: str) -> None:
        """Set a field of the config; "default" unsets it, and "none" where it is no value."""
        name = name.lstrip("-").replace("-", "_")
        if name not in READERS:
            raise ValueError(f"There is no setting {name!r}; /set alone lists them.")
        word = text.strip().lower()
        if word in _NOTHING and word not in choices(name):
            self._unset(name)
            return
        value = read_field(name, text)
        if name == "timeout" and value <= 0:
            self._unset(name)
            return
        self.config = self.config.merge({name: value})

    def _unset(self, name: str) -> None:
        config = self.config.merge({})
        setattr(config, name, None)
        self.config = config

    def save(self, file: str) -> Path:
        """Write model, config and messages as JSON; the path that it wrote."""
        path = Path(file).expanduser()
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        return path

    def to_dict(self) -> JsonObject:
        """JSON shape of the conversation."""
        return {
            "model": str(self.model),
            "config": self.config.to_dict(),
            "messages": [message.to_dict() for message in self.messages],
        }
