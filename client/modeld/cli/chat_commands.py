"""What may be typed in a chat besides text: /help and the like."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from .conversation import Conversation
from .fields import READERS


class ChatCommand(NamedTuple):
    """A command: what follows its name, what it does, and the function that does it."""

    argument: str
    help: str
    run: Callable[[Conversation, str], None]


def _help(_conversation: Conversation, _argument: str) -> None:
    for name, command in CHAT_COMMANDS.items():
        print(f"  {f'{name} {command.argument}':<22}{command.help}")
    print('\n  """ starts and ends a text of many lines. Ctrl-C stops an answer, Ctrl-D leaves.')


def _exit(_conversation: Conversation, _argument: str) -> None:
    raise EOFError


def _clear(conversation: Conversation, _argument: str) -> None:
    conversation.clear()
    print("The conversation starts anew.")


def _system(conversation: Conversation, text: str) -> None:
    conversation.set_field("system_message", text)
    print("The system message is set." if text else "There is no system message now.")


def _model(conversation: Conversation, name: str) -> None:
    if name:
        conversation.use_model(name)
    print(f"The model is {conversation.model}.")


def _save(conversation: Conversation, file: str) -> None:
    if not file:
        raise ValueError("Write /save FILE.")
    print(f"Saved to {conversation.save(file)}.")


def _retry(conversation: Conversation, _argument: str) -> None:
    conversation.retry()


def _set(conversation: Conversation, argument: str) -> None:
    name, _, text = argument.partition(" ")
    if not name:
        print("Settings: " + ", ".join(READERS))
        return
    conversation.set_field(name, text.strip())
    name = name.lstrip("-").replace("-", "_")
    print(f"{name}: {conversation.config.to_dict().get(name, 'not set')}")


def _show(conversation: Conversation, _argument: str) -> None:
    print(f"model: {conversation.model}")
    for name, value in conversation.config.to_dict().items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        print(f"{name}: {shown}")
    print(f"messages: {len(conversation.messages)}, tokens used: {conversation.tokens}")


CHAT_COMMANDS: dict[str, ChatCommand] = {
    "/help": ChatCommand("", "this list", _help),
    "/exit": ChatCommand("", "leave (also Ctrl-D)", _exit),
    "/clear": ChatCommand("", "forget the conversation", _clear),
    "/system": ChatCommand("TEXT", "instructions to the model; without TEXT: none", _system),
    "/model": ChatCommand("NAME", "go on with another model", _model),
    "/retry": ChatCommand("", "ask the last question again", _retry),
    "/set": ChatCommand("NAME VALUE", "a setting, such as temperature 0.5; none unsets it", _set),
    "/show": ChatCommand("", "model, settings and size of the conversation", _show),
    "/save": ChatCommand("FILE", "write the conversation as JSON", _save),
}
_ALIASES = {"/?": "/help", "/quit": "/exit", "/bye": "/exit"}


def is_command(line: str) -> bool:
    """Whether the line is a command and not a text for the model."""
    return line.startswith("/")


def run_command(conversation: Conversation, line: str) -> None:
    """Do what the line says; ValueError when there is no such command."""
    name, _, argument = line.strip().partition(" ")
    command = CHAT_COMMANDS.get(_ALIASES.get(name, name))
    if command is None:
        raise ValueError(
            f"There is no {name}; /help lists what there is. "
            "A space before it makes it a text for the model."
        )
    command.run(conversation, argument.strip())
