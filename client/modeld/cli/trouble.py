"""Errors as people read them: one line of what happened, one of what to do."""

from __future__ import annotations

import errno
import json
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import click

from ..errors import (
    AuthenticationError,
    Cancelled,
    GenerateTimeout,
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    PrerequisiteError,
    ProviderUnavailable,
)
from .command import Run

# First match wins. Errors that carry their own hint need no row.
_HINTS: tuple[tuple[type[ModeldError], str], ...] = (
    (ModelNotFound, "'modeld models' and 'modeld providers' list what there is."),
    (PrerequisiteError, "'modeld providers' shows what each provider needs."),
    (AuthenticationError, "'modeld doctor' shows which keys were found, and where."),
    (GenerateTimeout, "Give it longer with --timeout SECONDS."),
    (ProviderUnavailable, "Check the network and --base-url; 'modeld doctor' may tell more."),
    (InvalidRequest, "'{command} --help' shows what may be said, 'modeld models' the names."),
    (Cancelled, ""),
)


@contextmanager
def reported(run: Run) -> Iterator[None]:
    """Turn a known error into its lines and exit code 1, and Ctrl-C into 130."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(130) from None
    except (ModeldError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # click ends silently
        report(error, run)
        raise click.exceptions.Exit(1) from None


def report(error: Exception, run: Run) -> None:
    """Print the error on stderr; as JSON on stdout too when a program reads that."""
    if run.debug:
        traceback.print_exception(error)
    if run.as_json:
        print(json.dumps(_error_dict(error)))
    print(f"error: {_text(error)}", file=sys.stderr)
    hint = _hint(error)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def report_unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """The hook for errors that nobody foresaw: a line instead of a traceback."""
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    print(f"error: {kind.__name__}: {error}", file=sys.stderr)
    print("hint: This is a defect of modeld; --debug shows the traceback.", file=sys.stderr)


def _text(error: Exception) -> str:
    """What happened, without the advice that `ModeldError.__str__` ends with."""
    text = str(error) or type(error).__name__
    text = text.removesuffix(getattr(error, "hint", "")).strip().removeprefix("ERROR: ")
    # Paragraphs of the reference's messages become sentences of one line.
    return re.sub(r"([.:!?])?\s*\n\s*\n\s*", lambda found: f"{found[1] or '.'} ", text)


def _hint(error: Exception) -> str:
    own: str = getattr(error, "hint", "")
    if own:
        return own
    if isinstance(error, PrerequisiteError) and error.provider is None:
        return ""  # it is a task or a file that is missing something
    context = click.get_current_context(silent=True)
    command = "modeld" if context is None else context.command_path
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")
    return hint.format(command=command)


def _error_dict(error: Exception) -> dict[str, object]:
    if isinstance(error, ModeldError):
        return {**error.to_dict()}
    return {"error": type(error).__name__, "message": str(error)}
