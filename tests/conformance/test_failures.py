"""What a dialect makes of servers and networks that fail: the class of the error, and what the
pipeline may do about it.
"""

from __future__ import annotations

import socket
from typing import get_args

import pytest

from modeld.errors import (
    AuthenticationError,
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    PermissionDenied,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from modeld_daemon.core.failure import FailureKind, kind_of
from tests.fakes.exact_server import Seen

from .column import Column, FailureName
from .scene import (
    JSON,
    beginning,
    failing,
    response,
    saying,
    unreached,
    writing,
)
from .script import RETRY_AFTER, call
from .wire import KEY, Answer, as_json

MEANINGS: dict[FailureName, tuple[type[ModeldError], FailureKind]] = {
    "unauthorized": (AuthenticationError, "final"),
    "forbidden": (PermissionDenied, "final"),
    "no_model": (ModelNotFound, "final"),
    "bad_request": (InvalidRequest, "final"),
    "rate_limit": (RateLimited, "rate_limit"),
    "server": (ProviderUnavailable, "transient"),
    "overloaded": (ProviderUnavailable, "transient"),
    "quota": (QuotaExhausted, "final"),
}


def check(column: Column, error: ModeldError, kind: type[ModeldError], may: FailureKind) -> None:
    """The class and what it means; an error names its provider and never the key."""
    public = (one for one in type(error).__mro__ if one.__module__ == ModeldError.__module__)
    assert next(public) is kind
    assert kind_of(error) == may
    assert error.provider == column.provider
    assert error.message
    assert KEY not in f"{error} {error!r}"


@pytest.mark.parametrize("name", get_args(FailureName))
def test_a_failure_has_its_class(stage, stream, name):
    error = stage.fail(name, call(), stream=stream)
    check(stage.column, error, *MEANINGS[name])
    assert error.status == stage.status_of(name)
    assert error.model == stage.model
    assert error.retry_after == (RETRY_AFTER if name == "rate_limit" else None)


@pytest.mark.dialect
def test_a_server_that_hangs_up_is_unavailable(wire, stream):
    error = failing(wire, writing(b"", close=True), call(), stream=stream)
    check(wire, error, ProviderUnavailable, "transient")


@pytest.mark.dialect
def test_a_stream_that_breaks_is_unavailable(wire):
    async def drop(seen: Seen) -> None:
        seen.writer.close()

    error = failing(wire, beginning(wire.answer("text"), drop), call(), stream=True)
    check(wire, error, ProviderUnavailable, "transient")
    assert error.phase == "stream"


@pytest.mark.dialect
def test_a_stream_that_ends_early_is_unavailable(wire):
    async def end(seen: Seen) -> None:
        seen.writer.write(b"0\r\n\r\n")
        await seen.writer.drain()

    error = failing(wire, beginning(wire.answer("text"), end), call(), stream=True)
    check(wire, error, ProviderUnavailable, "transient")
    assert error.phase == "stream"


@pytest.mark.dialect
def test_a_plain_answer_that_breaks_is_unavailable(wire):
    whole = response(as_json(wire.answer("text").body), JSON)
    error = failing(wire, writing(whole[:-9], close=True), call(), stream=False)
    check(wire, error, ProviderUnavailable, "transient")


@pytest.mark.dialect
@pytest.mark.parametrize(
    "garbage",
    ["{oops", "[]", "42", '{"strange": 1}', "", "null"],
    ids=["half", "list", "number", "strange", "empty", "null"],
)
def test_garbage_is_the_providers_error(wire, stream, garbage):
    error = failing(wire, writing(response(garbage.encode(), JSON)), call(), stream=stream)
    check(wire, error, ProviderError, "final")


@pytest.mark.dialect
def test_garbage_in_a_stream_is_the_providers_error(wire):
    answer = wire.answer("text")
    kind, written, garbage = answer.framing
    events = b"".join([*written(answer.events)[:2], garbage])
    error = failing(wire, writing(response(events, kind)), call(), stream=True)
    check(wire, error, ProviderError, "final")


@pytest.mark.dialect
def test_a_page_is_the_providers_error(wire, stream):
    page = writing(response(b"<html><body>Welcome</body></html>", "text/html"))
    check(wire, failing(wire, page, call(), stream=stream), ProviderError, "final")


@pytest.mark.dialect
@pytest.mark.parametrize("status", [404, 502])
def test_a_page_with_a_bad_status_is_no_answer_of_the_apis(wire, stream, status):
    page = response(b"<html><body>nginx</body></html>", "text/html", status)
    error = failing(wire, writing(page), call(), stream=stream)
    if status == 404:
        check(wire, error, ProviderError, "final")
    else:
        check(wire, error, ProviderUnavailable, "transient")


def test_an_error_in_a_good_answer_has_its_class(wire, stream):
    wire.offers("error_in_answer")
    body = wire.failure("server").body
    error = failing(wire, writing(response(as_json(body), JSON)), call(), stream=stream)
    check(wire, error, ProviderUnavailable, "transient")


@pytest.mark.parametrize("begun", [False, True], ids=["at-once", "later"])
def test_an_error_in_a_stream_has_its_class(wire, begun):
    good = wire.answer("text")
    before = good.events[: len(good.events) // 2] if begun else []
    answer = Answer({}, [*before, *wire.stream_error], framing=good.framing)
    error = failing(wire, saying(answer), call(), stream=True)
    check(wire, error, ProviderUnavailable, "transient")


def test_nobody_at_home_is_unavailable_before_anything_was_said(wire):
    with socket.socket() as taken:  # bound and not listening: nobody else gets it either
        taken.bind(("127.0.0.1", 0))
        error = unreached(wire, taken.getsockname()[1])
    check(wire, error, ProviderUnavailable, "transient")
    assert error.phase == "connect"
