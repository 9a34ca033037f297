"""What a sample's solvers work on and its scorers look at."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, KeysView, ValuesView
from contextvars import ContextVar
from typing import Any

from ..spec import ModelName
from ..types import ChatMessage, ChatMessageUser, ModelOutput, ToolChoice, new_id
from ..types.jsonable import JsonObject
from .choices import Choices
from .limits import Limits
from .sample import M, Target, as_class
from .score import Score


class Store:
    """What solvers and tools of a sample tell each other."""

    def __init__(self, data: JsonObject | None = None) -> None:
        self._data: JsonObject = dict(data or {})

    def get(self, key: str, default: Any = None) -> Any:
        """The value; with a default, that is kept when there is none."""
        if default is not None:
            self._data.setdefault(key, default)
        return self._data.get(key)

    def set(self, key: str, value: Any) -> None:
        """Keeps a value."""
        self._data[key] = value

    def delete(self, key: str) -> None:
        """Forgets a value."""
        self._data.pop(key, None)

    def keys(self) -> KeysView[str]:
        """Names of the values."""
        return self._data.keys()

    def values(self) -> ValuesView[Any]:
        """The values."""
        return self._data.values()

    def items(self) -> ItemsView[str, Any]:
        """Names and values."""
        return self._data.items()

    def __contains__(self, key: str) -> bool:
        return key in self._data


_sample_store: ContextVar[Store | None] = ContextVar("modeld_sample_store", default=None)


def store() -> Store:
    """The store of the sample that runs: that of its `TaskState`, for tools, which do not get it.
    Outside of a sample it is an empty one.
    """
    return _sample_store.get() or Store()


def use_store(of: TaskState) -> None:
    """Makes the store of a sample that of the tasks and tools that run from here on."""
    _sample_store.set(of.store)


class TaskState:
    """State of one sample in one epoch."""

    def __init__(
        self,
        model: ModelName,
        sample_id: int | str,
        epoch: int,
        input: str | list[ChatMessage],
        messages: list[ChatMessage],
        target: Target | None = None,
        choices: list[str] | None = None,
        output: ModelOutput | None = None,
        message_limit: int | None = None,
        token_limit: int | None = None,
        completed: bool = False,
        metadata: JsonObject | None = None,
        store: JsonObject | None = None,
        scores: dict[str, Score] | None = None,
        sample_uuid: str | None = None,
    ) -> None:
        self.model = model
        self.sample_id = sample_id
        self.epoch = epoch
        self.input = input
        """As the dataset has it; not to be changed."""
        self.messages = messages
        """The conversation so far."""
        self.target = target or Target("")
        self.choices = Choices(choices or [])
        self.output = output or ModelOutput(model=str(model))
        """The model's last answer."""
        self.metadata: JsonObject = metadata or {}
        self.store = Store(store)
        self.scores = scores
        """Scores so far, by scorer."""
        self.completed = completed
        """Whether no further solver shall run."""
        self.tools: list[Callable[..., Any]] = []
        self.tool_choice: ToolChoice | None = None
        self.limits = Limits(message_limit, token_limit)
        """What ends the sample early, from its next call of a model on."""
        self.uuid = sample_uuid or new_id()

    @property
    def message_limit(self) -> int | None:
        """Most messages of the conversation. It may be changed."""
        return self.limits.messages

    @message_limit.setter
    def message_limit(self, messages: int | None) -> None:
        self.limits.messages = messages

    @property
    def token_limit(self) -> int | None:
        """Most tokens of the sample. It may be changed."""
        return self.limits.tokens

    @token_limit.setter
    def token_limit(self, tokens: int | None) -> None:
        self.limits.tokens = tokens

    def metadata_as(self, cls: type[M]) -> M:
        """The metadata as a pydantic class has it."""
        return as_class(self.metadata, cls)

    @property
    def input_text(self) -> str:
        """The input as text; of a conversation the last message of the user."""
        if isinstance(self.input, str):
            return self.input
        last = _last_user(self.input)
        if last is None:
            raise ValueError("input_text requested from TaskState but none available")
        if last.text or isinstance(last.content, str):
            return last.text
        return " ".join(f"[{part.type}]" for part in last.content)

    @property
    def user_prompt(self) -> ChatMessageUser:
        """The last message of the user, which may be changed."""
        last = _last_user(self.messages)
        if last is None:
            raise ValueError("User prompt requested from TaskState but none available")
        return last


def _last_user(messages: Iterable[ChatMessage]) -> ChatMessageUser | None:
    users = [message for message in messages if isinstance(message, ChatMessageUser)]
    return users[-1] if users else None
