"""Providers of other packages behind a real server: they serve, and harm nobody but their call."""

from __future__ import annotations

import threading
import time

import pytest

from modeld import GenerateConfig, errors, get_model
from modeld_daemon.providers.extensions import extensions, host
from modeld_daemon.providers.registry import Registry
from tests.fakes.programs import until
from tests.fakes.raw_session import RawSession, cancel, generate
from tests.fakes.serving import House

BAD = "tests.fakes.bad_extensions"
PLUGINS = {
    "bad": f"{BAD}:Bad",
    "plain": f"{BAD}:Plain",
    "shared": f"{BAD}:shared",
    "unmakeable": f"{BAD}:Unmakeable",
    "future": f"{BAD}:Future",
    "misnamed": f"{BAD}:Misnamed",
    "nosy": f"{BAD}:Nosy",
    "nested": f"{BAD}:Nested",
    "slow": "tests.fakes.slow_extension:provider",
    "number": f"{BAD}:number",
    "dialect": f"{BAD}:dialect",
    "quirky": f"{BAD}:quirky",
    "needy": f"{BAD}:needy",
    "absent": "no_such_package:provider",
    "nothing": f"{BAD}:nothing",
    "crash": "tests.fakes.crashing_extension:provider",
    "mockllm": f"{BAD}:Plain",
    "deadly": "tests.fakes.deadly_extension:Deadly",
}


@pytest.fixture
def house(modeld_home, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELD_AUTOSTART", "0")
    with House(Registry(tmp_path, plugins=PLUGINS)) as running:
        yield running


def ask(name: str, **config) -> str:
    model = get_model(name, memoize=False, config=GenerateConfig(**config))
    return model.generate_sync("hi").completion


def test_classes_objects_and_plain_functions_serve(house):
    assert ask("bad/good") == "ok"
    assert ask("plain/m") == "plain"
    assert ask("shared/m") == "shared"


def test_an_extension_does_not_stand_for_a_provider_of_modeld(house):
    assert ask("mockllm/m").startswith("Default output")


def test_calls_of_plain_functions_run_side_by_side(house):
    ask("plain/m")  # its process is there
    began = time.monotonic()
    threads = [threading.Thread(target=ask, args=("plain/m",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize(
    "model, error, words",
    [
        ("raise", errors.InternalError, "ValueError: no luck"),
        ("exit", errors.InternalError, "SystemExit"),
        ("cancel", errors.InternalError, "CancelledError"),
        ("none", errors.InternalError, "NoneType, not a ModelOutput"),
        ("shape", errors.InternalError, "cannot be used"),
        ("surrogate", errors.InternalError, "cannot be used"),
        ("usage", errors.InternalError, "input_tokens"),
        ("time", errors.InternalError, "time of its ModelOutput is nan"),
        ("empty", errors.InternalError, "no choices"),
        ("limits", errors.InvalidRequest, "so"),
        ("gone", errors.InternalError, "not the daemon"),
        ("unknown", errors.InternalError, "AttributeError"),
    ],
)
def test_what_goes_wrong_inside_is_an_error_of_that_call(house, model, error, words):
    with pytest.raises(error, match=words) as caught:
        ask(f"bad/{model}")
    assert caught.value.provider == "bad"
    assert type(caught.value) is error
    assert error is errors.InvalidRequest or "The extension 'bad'" in str(caught.value)
    assert ask("bad/good") == "ok"


@pytest.mark.parametrize("model", ["exit_later", "stop"])
def test_an_extension_that_ends_its_loop_goes_on(house, model):
    assert ask(f"bad/{model}") == "still here"


def test_a_bad_delta_fails_the_call_even_if_it_is_overlooked(house):
    model = get_model("bad/delta", memoize=False)
    with pytest.raises(errors.InternalError, match=r"bad delta: text.int"):
        list(model.stream_sync("hi"))
    texts = [e.text for e in get_model("bad/good").stream_sync("hi") if e.type == "text"]
    assert "".join(texts) == "ab"


def test_an_answer_that_comes_whole_is_streamed_too(house):
    texts = [e.text for e in get_model("plain/m").stream_sync("hi") if e.type == "text"]
    assert texts == ["plain"]


@pytest.mark.parametrize("model", ["hang", "stubborn"])
def test_a_call_that_hangs_ends_with_the_limit_of_its_attempt(house, model):
    began = time.monotonic()
    with pytest.raises(errors.GenerateTimeout, match=f"bad/{model}"):
        ask(f"bad/{model}", attempt_timeout=0.3, max_retries=0)
    assert time.monotonic() - began < 5
    assert ask("bad/good") == "ok"


def test_blocking_code_holds_up_nobody_else(house, monkeypatch):
    monkeypatch.setattr(host, "STALL_SECONDS", 1.5)
    ask("shared/m")
    caught: list[BaseException] = []

    def block() -> None:
        with pytest.raises(errors.InternalError, match="blocked its event loop") as error:
            ask("bad/block")
        caught.append(error.value)

    blocked = threading.Thread(target=block)
    blocked.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert ask("shared/m") == "shared"
    assert ask("mockllm/m")
    assert time.monotonic() - began < 1
    blocked.join()
    assert "The extension 'bad'" in str(caught[0])
    assert ask("bad/good") == "ok"  # in another process


@pytest.mark.parametrize("model", ["spin", "lock"])
def test_a_process_that_hangs_is_ended_and_calls_not_begun_move_to_the_next(
    house, monkeypatch, model
):
    monkeypatch.setattr(host, "STALL_SECONDS", 1.0)
    pids = [ask("deadly/pid")]
    caught: list[BaseException] = []

    def hang() -> None:
        with pytest.raises(errors.InternalError, match="blocked its event loop") as error:
            ask(f"deadly/{model}")
        caught.append(error.value)

    hanging = threading.Thread(target=hang)
    hanging.start()
    until(lambda: [e.in_flight for e in house.catalog.engines()] == [1])
    time.sleep(0.3)
    pids.append(ask("deadly/pid"))
    hanging.join()
    assert "did not answer for 1 s and was killed" in str(caught[0])
    assert pids[0] != pids[1]


def test_parts_without_end_are_no_sign_of_life(house, monkeypatch):
    monkeypatch.setattr(host, "STALL_SECONDS", 1.0)
    with pytest.raises(errors.InternalError, match="blocked its event loop"):
        for _ in get_model("deadly/flood", memoize=False).stream_sync("hi"):
            pass
    assert ask("deadly/pid")


@pytest.mark.parametrize(
    "name, error, words",
    [
        ("unmakeable", errors.InternalError, "cannot be made"),
        ("future", errors.PrerequisiteError, "version 2"),
        ("misnamed", errors.InternalError, "'other'"),
        ("nosy", errors.InternalError, "MY_SECRET"),
        ("nested", errors.InternalError, "os.path"),
        ("number", errors.InternalError, "of type int; it must be a Row"),
        ("dialect", errors.InternalError, "telepathy"),
        ("quirky", errors.InternalError, "quirks of its row is of type list"),
        ("absent", errors.PrerequisiteError, "no_such_package"),
        ("nothing", errors.PrerequisiteError, "nothing"),
        ("crash", errors.InternalError, "SystemExit"),
    ],
)
def test_one_that_cannot_be_used_says_why(house, name, error, words):
    for _ in range(2):  # it is no better the second time
        with pytest.raises(error, match=words) as caught:
            ask(f"{name}/m")
        assert f"'{name}'" in str(caught.value)
    assert ask("shared/m") == "shared"


def test_what_a_row_needs_is_named_and_no_extra_of_modeld(house):
    with pytest.raises(errors.PrerequisiteError, match="package no_such_package"):
        ask("needy/m")


def test_an_import_that_takes_long_holds_up_nobody(house, monkeypatch):
    ask("shared/m")
    monkeypatch.setattr(extensions, "LOAD_SECONDS", 0.3)
    with pytest.raises(errors.InternalError, match="import has not ended"):
        ask("slow/m")
    began = time.monotonic()
    assert ask("shared/m") == "shared"
    assert time.monotonic() - began < 1
    monkeypatch.setattr(extensions, "LOAD_SECONDS", 10)
    assert ask("slow/m") == "shared"  # the same import, awaited again


def test_a_call_that_names_its_model_itself_waits_for_the_import(house):
    with RawSession(house) as session:
        session.send(generate(1, "hi", model="shared/m"), generate(2, "hi", model="slow/m"))
        assert session.answer(1) == "shared"
        session.send(cancel(2))
        session.send(generate(3, "hi", model="shared/m"))
        assert session.answer(3) == "shared"


def test_a_provider_that_nobody_knows_is_not_found(house):
    for _ in range(2):
        with pytest.raises(errors.ModelNotFound, match="Model API nobody"):
            ask("nobody/m")


@pytest.mark.parametrize(
    "model, words", [("minus", "-1"), ("word", "'many'"), ("raise", "ZeroDivisionError")]
)
def test_a_bad_count_is_an_error(house, model, words):
    with pytest.raises(errors.InternalError, match=words):
        get_model(f"bad/{model}").count_tokens_sync("hi")


def test_where_nothing_is_counted_it_is_estimated(house):
    assert get_model("plain/m").count_tokens_sync("hi there") > 0
