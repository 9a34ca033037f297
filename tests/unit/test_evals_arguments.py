"""The keywords of `eval` and its kin: what signatures show is what is taken."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import get_type_hints

import pytest

from modeld import GenerateConfig, Task, eval, eval_async, eval_retry, eval_set, task_with  # noqa: A004
from modeld.errors import InvalidRequest
from modeld.evals import run
from modeld.evals.arguments import EvalArgs
from modeld.evals.options import EvalOptions
from modeld.evals.task import TaskFields
from modeld.types import CONFIG_FIELDS, GenerateConfigArgs


def test_the_keywords_are_the_fields_with_their_types():
    config = get_type_hints(GenerateConfig)
    assert get_type_hints(GenerateConfigArgs) == {name: config[name] for name in CONFIG_FIELDS}
    shown = set(EvalArgs.__annotations__) - set(CONFIG_FIELDS)
    beside = {"display", *run._ONLY, *run._SILENT}
    assert shown >= {field.name for field in fields(EvalOptions)}
    assert shown - {field.name for field in fields(EvalOptions)} <= beside


@pytest.mark.parametrize("function", [eval, eval_async, eval_set, eval_retry])
def test_signatures_show_each_keyword_with_its_default(function):
    shown = inspect.signature(function).parameters
    assert all(p.kind is not p.VAR_KEYWORD for p in shown.values())
    assert set(CONFIG_FIELDS) <= shown.keys()
    assert {"model", "log_dir", "limit", "epochs", "fail_on_error", "display"} <= shown.keys()
    assert (shown["score"].default, shown["limit"].default) == (True, None)
    assert shown["task_args"].default == {}
    assert shown["temperature"].annotation == "float | None"
    assert not any(repr(p.default).startswith("<modeld") for p in shown.values())


def test_fields_of_a_task_are_the_keywords_of_its_copy():
    own, copied = inspect.signature(Task).parameters, inspect.signature(task_with).parameters
    assert [*own] == [*copied][1:]
    types = get_type_hints(Task.__init__)
    assert get_type_hints(TaskFields) == {name: types[name] for name in own}
    assert repr(copied["name"].default) == "NOT_GIVEN"
    assert task_with(Task(), sandbox=None, display_name="Sums").display_name == "Sums"


@pytest.mark.parametrize("name", sorted({*run._ONLY, *run._SILENT} - {"log_level"}))
def test_what_there_is_one_way_of_may_be_said_and_nothing_else(name):
    assert run.read_options({name: None}) == EvalOptions()
    if name in run._SILENT:
        assert run.read_options({name: 3}) == EvalOptions()
        return
    values, why = run._ONLY[name]
    assert all(run.read_options({name: value}) == EvalOptions() for value in values)
    with pytest.raises(InvalidRequest, match=f"{name}='other' is not there: .*leave it out or say"):
        run.read_options({name: "other"})
    assert why
