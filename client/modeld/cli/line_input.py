"""Lines that a person types: edited with readline, remembered in a file of the user's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import readline
except ImportError:  # a Python without it still reads lines
    readline = None  # type: ignore[assignment]

_LINES_KEPT = 1000
_QUOTES = '"""'


class LineInput:
    """Reads messages from a terminal with editing and history, from anything else plainly.

    Args:
        history: File of earlier lines; None remembers nothing.
        words: Words that the tab key completes.
    """

    def __init__(self, history: Path | None, words: Sequence[str] = ()) -> None:
        self.interactive = sys.stdin is not None and sys.stdin.isatty()
        self._prompted = self.interactive and sys.stdout.isatty()
        self._history = history if self._prompted and readline is not None else None
        self._words = list(words)
        if self._prompted and readline is not None:
            self._set_up()

    def read(self) -> str:
        """The next message. Between two lines of three quotes it may have many lines.

        Raises:
            EOFError: There are no more.
        """
        first = self._line(">>> ")
        if not first.lstrip().startswith(_QUOTES):
            return first
        text = first.lstrip()[len(_QUOTES) :]
        while not text.rstrip().endswith(_QUOTES):
            text += "\n" + self._line("... ")
        return text.rstrip()[: -len(_QUOTES)].strip("\n")

    def close(self) -> None:
        """Write the history, readable by its owner alone."""
        if self._history is None:
            return
        try:
            self._history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._history, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
            self._history.chmod(0o600)
            readline.set_history_length(_LINES_KEPT)
            readline.write_history_file(self._history)
        except OSError as error:
            print(f"note: the history was not kept: {error}", file=sys.stderr)

    def _line(self, prompt: str) -> str:
        if self._prompted:
            return input(prompt)
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def _set_up(self) -> None:
        libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
        readline.set_completer_delims(" ")
        readline.set_completer(self._complete)
        if self._history is not None and self._history.is_file():
            try:
                readline.read_history_file(self._history)
            except (OSError, ValueError) as error:
                print(f"note: the history was not read: {error}", file=sys.stderr)

    def _complete(self, text: str, state: int) -> str | None:
        found = [word for word in self._words if word.startswith(text)]
        return found[state] if text and state < len(found) else None
