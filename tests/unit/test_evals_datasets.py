"""Datasets: files to samples, and what is said about a broken one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

from modeld.dataset import FieldSpec, MemoryDataset, Sample, csv_dataset, json_dataset
from modeld.errors import InvalidRequest
from modeld.solver import TaskState
from modeld.types import ChatMessageUser


def test_a_csv_file_has_the_default_fields(tmp_path):
    path = tmp_path / "arc.csv"
    path.write_text(
        'input,target,choices,id,metadata\n"2+2?",B,"3,4",x,"{""a"": 1}"\n\n"3+3?",A,6 7,y,\n'
    )
    data = csv_dataset(path)
    assert (data.name, data.location, len(data)) == ("arc", str(path), 2)
    assert data[0] == Sample("2+2?", ["3", "4"], "B", "x", {"a": 1})
    assert data[1] == Sample("3+3?", ["6", "7"], "A", "y")


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_json_and_json_lines_are_told_by_the_ending(tmp_path, ending):
    records = [
        {"question": "q1", "answer": 4, "level": "hard"},
        {"question": [{"role": "user", "content": "q2"}], "answer": ["a", "b"], "level": "easy"},
    ]
    path = tmp_path / f"d.{ending}"
    text = json.dumps(records) if ending == "json" else "\n".join(map(json.dumps, records))
    path.write_text(text)
    data = json_dataset(str(path), FieldSpec("question", "answer", metadata=["level"]))
    assert (data[0].input, data[0].target, data[0].metadata) == ("q1", "4", {"level": "hard"})
    (message,) = data[1].input
    assert isinstance(message, ChatMessageUser)
    assert (message.text, message.source, data[1].target) == ("q2", "input", ["a", "b"])


@pytest.mark.parametrize(
    "name, text", [("d.json", '[{"input": "q"}]'), ("d.jsonl", '{"input": "q"}')]
)
def test_a_byte_order_mark_is_no_part_of_json(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig")
    assert [s.input for s in json_dataset(path)] == ["q"]


def test_a_sample_has_the_types_that_it_should():
    class Word(str):
        __slots__ = ()

    said = Sample([{"role": "user", "content": "q"}], target=("a", "b"))  # type: ignore[arg-type]
    assert isinstance(said.input[0], ChatMessageUser)
    assert (said.target, Sample("q", target=Word("a")).target) == (["a", "b"], "a")
    for fields, what in (
        ({"input": 5}, "input: expected str or list, got int"),
        ({"input": ["q"]}, r"input\[0\]"),
        ({"input": "q", "target": 5}, "target: expected str or list, got int"),
        ({"input": "q", "id": 1.5}, "id: expected int or str, got float"),
        ({"input": "q", "choices": [1]}, r"choices\[0\]: expected str, got int"),
        ({"input": "q", "metadata": "x"}, "metadata: expected object"),
    ):
        with pytest.raises(InvalidRequest, match=rf"Sample\.{what}"):
            Sample(**fields)


def test_metadata_is_read_as_a_class():
    @dataclass
    class Level:  # what is asked of a pydantic class, without pydantic
        model_fields: ClassVar = {"level": int}
        level: int

    sample = Sample("q", metadata={"level": 3, "more": 1})
    state = TaskState("mockllm/model", 1, 1, "q", [], metadata=sample.metadata)
    assert sample.metadata_as(Level) == state.metadata_as(Level) == Level(3)
    with pytest.raises(InvalidRequest, match="no metadata"):
        Sample("q").metadata_as(Level)
    with pytest.raises(InvalidRequest, match="a pydantic class, not <class 'int'>"):
        sample.metadata_as(int)


def test_a_function_may_make_several_samples_of_a_record(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text('{"n": 2}\n{"n": 1}\n')
    data = json_dataset(path, lambda r: [Sample(f"q{i}") for i in range(r["n"])], auto_id=True)
    assert [(s.id, s.input) for s in data] == [(1, "q0"), (2, "q1"), (3, "q0")]


def test_a_seed_gives_one_order_and_the_limit_cuts_after_it(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("input,target\n" + "".join(f"q{i},{i}\n" for i in range(50)))
    first, second = (csv_dataset(path, shuffle=True, seed=7) for _ in range(2))
    assert [s.input for s in first] == [s.input for s in second] != [f"q{i}" for i in range(50)]
    assert sorted(s.input for s in first) == sorted(f"q{i}" for i in range(50))
    assert [s.input for s in csv_dataset(path, shuffle=7, limit=5)] == [s.input for s in first[:5]]
    assert [s.input for s in csv_dataset(path, limit=5)] == [f"q{i}" for i in range(5)]


def test_shuffled_choices_take_the_target_with_them():
    data = MemoryDataset([Sample(f"q{i}", ["w", "x", "y", "z"], ["A", "C"]) for i in range(20)])
    data.shuffle_choices(seed=1)
    assert len({tuple(s.choices) for s in data}) > 5
    for sample in data:
        assert [sample.choices["ABCD".index(letter)] for letter in sample.target] == ["w", "y"]


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("d.csv", "input,target\nq,1\nq,1,2\n", "line 3 has 3 fields, the header has 2"),
        ("d.csv", "input,target\nq,1\nq\n", "line 3 has 1 fields, the header has 2"),
        ("d.csv", "question,target\nq,1\n", "line 2.*no input.*'input'"),
        ("d.json", "[{]", "d.json is not JSON"),
        ("d.json", '[{"input": "q"}, 5]', "record 2 is a int"),
        ("d.jsonl", '{"input": "q"}\nnope\n', "line 2 is not JSON"),
        ("d.jsonl", '{"input": "q", "metadata": 5}', "line 1.*metadata is a int"),
        ("d.jsonl", '{"input": [{"role": "wizard", "content": "q"}]}', "line 1.*wizard"),
    ],
)
def test_a_broken_row_is_named(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=said):
        (csv_dataset if name.endswith("csv") else json_dataset)(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match=r"no dataset file .*gone.csv"):
        csv_dataset(tmp_path / "gone.csv")
    with pytest.raises(InvalidRequest, match="holds Sample values, not str"):
        MemoryDataset(["q"])
