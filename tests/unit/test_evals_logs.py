"""Logs: written, read, listed; sets and retries that go on from them."""

from __future__ import annotations

import asyncio
import errno
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from modeld import (
    Epochs,
    Model,
    Task,
    eval,  # noqa: A004 - the public name
    eval_retry,
    eval_set,
    task,
    task_with,
)
from modeld import log as logs
from modeld.cli.root import root
from modeld.dataset import Sample
from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.evals import log_writer
from modeld.evals.log_file import count_eval_log_samples
from modeld.evals.plan import logged_args
from modeld.log import (
    EvalLog,
    list_eval_logs,
    list_eval_logs_async,
    read_eval_log,
    read_eval_log_async,
    read_eval_log_sample,
    read_eval_log_sample_async,
    read_eval_log_samples,
    write_eval_log,
    write_eval_log_async,
)
from modeld.scorer import match
from modeld.spec import ModelSpec
from tests.contract.source import ROOT
from tests.fakes.scripted import Counting, last, scripted


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def remainder(text: str) -> str:
    return str(int(text[1:]) % 7) if int(text[1:]) % 3 else "no"


@task
def sums(count: int = 12, epochs: int = 1):
    samples = [Sample(f"q{i}", target=str(i % 7)) for i in range(count)]
    return Task(samples, scorer=match(), epochs=Epochs(epochs, ["mean", "mode"]))


def only(logs):
    (log,) = logs
    return log


def metrics(log: EvalLog) -> dict:
    return {(s.name, s.reducer): s.to_dict() for s in log.results.scores}


def scores(log: EvalLog) -> list:
    return [(s.id, s.epoch, s.scores["match"].value) for s in log.samples]


def test_a_log_reads_as_it_was_written(folder):
    log = only(eval(sums(epochs=2), model=scripted(last(remainder)), tags=["a"], metadata={"b": 1}))
    read = read_eval_log(log.location)
    assert read == log
    assert read.to_dict() == log.to_dict() == json.loads(Path(log.location).read_text())
    assert EvalLog.from_dict(log.to_dict()).to_dict() == log.to_dict()
    head = read_eval_log(log.location, header_only=True)
    assert (head.samples, head.results, head.eval.tags) == (None, log.results, ["a"])
    assert read_eval_log_sample(log.location, 3, epoch=2) == log.samples[14]
    with pytest.raises(InvalidRequest, match="no sample 99"):
        read_eval_log_sample(log.location, 99)
    (info,) = list_eval_logs()
    assert (info.task, info.task_id) == ("sums", log.eval.task_id)
    read.status = "error"
    write_eval_log(read, folder / "other.json")
    assert read_eval_log(folder / "other.json").status == "error"
    assert len(read_eval_log(folder / "other.json").samples) == 24


def test_a_log_that_is_cut_off_is_told_with_its_path(folder):
    log = only(eval(sums(), model=scripted(last(remainder))))
    text = Path(log.location).read_text()
    ends = [text.index('"samples": [\n') + 100, text.rindex("{", 0, text.rindex('"epoch"'))]
    for end in [*ends, text.rindex("]\n}")]:
        (folder / "cut.json").write_text(text[:end])
        with pytest.raises(InvalidRequest, match=r"cut\.json is cut off"):
            len(read_eval_log(folder / "cut.json").samples)


def test_a_log_of_another_writer_is_read_as_a_whole(folder):
    log = only(eval(sums(), model=scripted(last(remainder))))
    path = folder / "indented.json"
    path.write_text(json.dumps(log.to_dict(), indent=2))
    assert read_eval_log(path).samples == log.samples
    assert read_eval_log(path, header_only=True).results == log.results


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "cannot be read"),
        ("nope", "is not a log"),
        ("[]", "is not a log"),
        ('{"eval": {}}', "task"),
    ],
)
def test_what_is_no_log_is_said(folder, text, said):
    path = folder / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidRequest, match=said):
        read_eval_log(path)
    with pytest.raises(InvalidRequest, match="zipped log"):
        read_eval_log(folder / "x.eval")


KILLED = """
import asyncio, os, signal
from modeld import Task, eval, task
from modeld.dataset import Sample
from modeld.solver import solver
from tests.fakes.scripted import scripted

@solver
def dying():
    async def solve(state, generate):
        if state.sample_id == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return await generate(state)
    return solve

eval(Task([Sample(f"q{i}") for i in range(9)], solver=dying(), name="sums"), model=scripted(), max_samples=1)
"""


def test_what_a_killed_process_had_finished_is_in_its_log(folder):
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=folder,
        env={**__import__("os").environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -9
    log = read_eval_log(only(list_eval_logs()))
    assert (log.status, [s.id for s in log.samples]) == ("started", [1, 2, 3, 4, 5, 6])
    with open(only(folder.rglob(".*.part")), "a") as part:
        part.write('{"id": 7, "epo')
    assert len(list(read_eval_log_samples(log.location))) == 6
    shown = CliRunner().invoke(root, ["log"])
    assert shown.output.splitlines()[1].split()[:4] == ["sums", "mockllm/model", "started", "6/9"]


def test_samples_are_counted_without_being_read(folder):
    two = Task([Sample("a"), Sample("b")], scorer=match(), epochs=2)
    scored, unscored = eval(two, model=scripted()), eval(two, model=scripted(), score=False)
    assert [count_eval_log_samples(log.location) for log in (*scored, *unscored)] == [4, 4]
    (folder / "other.json").write_text(json.dumps(only(scored).header() | {"samples": [{}, {}]}))
    assert count_eval_log_samples("other.json") == 2
    write_eval_log(EvalLog(eval=only(scored).eval, samples=[]), "none.json")
    assert count_eval_log_samples("none.json") == 0
    shown = CliRunner().invoke(root, ["log", only(unscored).location])
    assert shown.output.splitlines()[1].split()[2:4] == ["success", "4/4"]


def test_logs_are_listed_by_their_headers(folder):
    good, bad = sums(), task_with(sums(), name="bad")
    eval([good, bad], model=scripted(last(remainder)), limit=2, log_dir="here/below")
    names = [
        info.task for info in list_eval_logs("here", filter=lambda log: log.eval.task == "bad")
    ]
    assert names == ["bad"]
    assert len(list_eval_logs("here", formats=["json", "eval"])) == 2
    assert list_eval_logs("here", formats=["eval"]) == list_eval_logs("here", recursive=False) == []


def test_a_sample_is_read_by_its_uuid_and_an_unfinished_log_is_told(folder):
    log = only(eval(sums(count=3), model=scripted(last(remainder))))
    wanted = log.samples[1]
    assert read_eval_log_sample(log.location, uuid=wanted.uuid) == wanted
    for named in ({}, {"id": 1, "uuid": "x"}):
        with pytest.raises(InvalidRequest, match="by its id or by its uuid"):
            read_eval_log_sample(log.location, **named)
    with pytest.raises(InvalidRequest, match="no sample with the uuid 'gone'"):
        read_eval_log_sample(log.location, uuid="gone")
    assert len(list(read_eval_log_samples(log.location, all_samples_required=True))) == 3
    log.status = "error"
    write_eval_log(log)
    with pytest.raises(InvalidRequest, match="its status is error"):
        list(read_eval_log_samples(log.location, all_samples_required=True))


async def written_and_read(log: EvalLog) -> list:
    await write_eval_log_async(log, "copy/2026-01-31T12-00-00-00-00_sums_abc.json")
    (info,) = await list_eval_logs_async("copy")
    read = await read_eval_log_async(info)
    Path(info.name).rename("elsewhere.json")
    sample = await read_eval_log_sample_async("elsewhere.json", 2)
    assert (await read_eval_log_async("elsewhere.json", header_only=True)).samples is None
    return [[one.id for one in read.samples], sample.id]


def test_logs_are_read_and_written_in_event_loops_too(folder):
    log = only(eval(sums(count=3), model=scripted(last(remainder))))
    assert asyncio.run(written_and_read(log)) == [[1, 2, 3], 2]
    for name in ("list_eval_logs", "read_eval_log", "read_eval_log_sample", "write_eval_log"):
        blocking, other = getattr(logs, name), getattr(logs, f"{name}_async")
        assert inspect.signature(blocking) == inspect.signature(other)


def test_attachments_of_other_writers_are_put_where_they_belong(folder):
    log = only(eval(sums(count=1), model=scripted(last(remainder))))
    data = {**log.header(), "samples": [log.samples[0].to_dict()]}
    data["samples"][0]["input"] = "attachment://abc"
    data["samples"][0]["attachments"] = {"abc": "a long text"}
    (folder / "other.json").write_text(json.dumps(data))
    assert read_eval_log("other.json").samples[0].input == "attachment://abc"
    assert read_eval_log("other.json", resolve_attachments=True).samples[0].input == "a long text"
    found = read_eval_log_sample("other.json", 1, resolve_attachments="core")
    assert found.input == "a long text"


def test_secrets_are_not_logged(folder):
    args = dict.fromkeys(("api_key", "aws_access_key_id", "location", "auth_token"), "x")
    kept = logged_args(Model(ModelSpec("mockllm/m", args=args)))
    assert kept == {"location": "x"}
    model = scripted(Counting(remainder, lambda *_: True))
    log = only(eval(sums(), model=model))
    assert "sk-abcdefghijklmnop" not in Path(log.location).read_text()


def test_a_retry_ends_as_if_nothing_had_happened(folder):
    whole = only(eval(sums(epochs=3), model=scripted(last(remainder)), log_dir="whole"))
    failing = Counting(remainder, lambda text, number: text == "q8" and number == 2)
    broken = only(eval(sums(epochs=3), model=scripted(failing), max_samples=1, log_dir="broken"))
    assert (broken.status, len(broken.samples)) == ("error", 12 + 9)
    asked = len(failing.calls)
    again = only(eval_retry(broken.location, model=scripted(failing)))
    assert (again.status, again.eval.task_id) == ("success", broken.eval.task_id)
    assert len(failing.calls) - asked == 36 - 20
    assert scores(again) == scores(whole)
    assert metrics(again) == metrics(whole)
    assert again.stats.model_usage["mockllm/model"] == whole.stats.model_usage["mockllm/model"]
    assert [s.uuid for s in again.samples[:20]] == [s.uuid for s in broken.samples[:20]]


IN_FOLDER = """
from modeld import Task, task
from modeld.dataset import csv_dataset
from modeld.scorer import includes

@task
def one():
    return Task(csv_dataset("data.csv"), scorer=includes())
"""


def test_a_task_file_in_another_folder_is_found_again(folder, monkeypatch):
    for name in ("a", "b"):
        (folder / "here" / name).mkdir(parents=True)
        (folder / "here" / name / "t.py").write_text(IN_FOLDER)
        (folder / "here" / name / "data.csv").write_text(f"input,target\nq,{name}\n")
    monkeypatch.chdir(folder / "here")
    log = only(eval("a/t.py", model=scripted("a")))
    assert log.eval.task_file == str(Path("a", "t.py"))
    assert Path(log.location).parent == folder / "here" / "logs"
    (folder / "here" / "c").mkdir()
    monkeypatch.chdir(folder / "here" / "c")
    far = only(eval("../a/t.py", model=scripted("a")))
    assert far.eval.task_file == str(folder / "here" / "a" / "t.py")
    assert only(eval_retry(far.location, model=scripted("a"))).status == "success"
    monkeypatch.chdir(folder / "here")
    assert only(eval_retry(log.location, model=scripted("a"))).status == "success"
    # Files of one name in two folders are two tasks of a set.
    done, logs = eval_set(["a/t.py", "b/t.py"], log_dir="set", model=scripted("a"))
    values = [log.results.scores[0].metrics["accuracy"].value for log in logs]
    assert (done, values) == (True, [1, 0])


def test_a_retry_needs_its_task(folder):
    log = only(eval(Task([Sample("q")], name="nowhere"), model=scripted()))
    with pytest.raises(
        PrerequisiteError, match="'nowhere' cannot be made again: it came from no file"
    ):
        eval_retry(log)


def test_a_set_is_tried_until_all_have_succeeded_and_then_left_alone(folder):
    model = Counting(remainder, lambda text, number: text in ("q3", "q8") and number < 3)
    tasks = [sums(), sums(count=5)]
    success, logs = eval_set(tasks, log_dir="set", model=scripted(model), max_samples=1)
    assert success
    assert [(log.status, log.eval.dataset.samples) for log in logs] == [
        ("success", 12),
        ("success", 5),
    ]
    assert logs[0].samples is None
    whole = only(eval(sums(), model=scripted(last(remainder)), log_dir="whole"))
    assert metrics(logs[0]) == metrics(whole)
    assert len(list_eval_logs("set")) == 2
    asked = len(model.calls)
    assert eval_set(tasks, log_dir="set", model=scripted(model))[0]
    assert len(model.calls) == asked
    # More epochs are a part of what is not there yet.
    success, logs = eval_set(tasks, log_dir="set", model=scripted(model), epochs=Epochs(2, "mean"))
    assert success
    assert len(model.calls) == asked + 17
    assert [log.results.total_samples for log in logs] == [24, 10]


def test_a_set_has_an_id_that_its_folder_keeps(folder):
    def run(**how):
        return eval_set([sums(count=2)], "set", model=scripted(last(remainder)), **how)[1]

    assert only(run(eval_set_id="mine")).eval.eval_set_id == "mine"
    assert only(run()).eval.eval_set_id == "mine"
    assert (folder / "set" / ".eval-set-id").read_text() == "mine\n"
    with pytest.raises(PrerequisiteError, match="holds the set mine, not other"):
        run(eval_set_id="other")
    logs = eval_set([sums(count=2)], "new", model=scripted(last(remainder)))[1]
    made = only(logs).eval.eval_set_id
    assert made == (folder / "new" / ".eval-set-id").read_text().strip()
    assert only(eval(sums(count=2), model=scripted(last(remainder)))).eval.eval_set_id is None


def test_a_set_gives_up_after_its_tries(folder):
    model = Counting(remainder, lambda text, _: text == "q3")
    success, logs = eval_set(
        sums(), log_dir="set", model=scripted(model), retry_attempts=2, max_samples=1
    )
    assert not success
    assert only(logs).status == "error"
    assert model.calls.count("q3") == 3
    assert model.calls.count("q2") == 1
    assert len(list_eval_logs("set")) == 3


def test_variants_of_a_task_are_two_tasks_and_equal_ones_are_refused(folder):
    roles = [{"red": scripted(name="mockllm/a")}, {"red": scripted(name="mockllm/b")}]
    success, logs = eval_set(
        [task_with(sums(), model_roles=roles[0]), task_with(sums, model_roles=roles[1])],
        log_dir="set",
        model=scripted(last(remainder)),
    )
    assert success
    assert [log.eval.model_roles["red"].model for log in logs] == ["mockllm/a", "mockllm/b"]
    with pytest.raises(PrerequisiteError, match="'sums' is not distinct"):
        eval_set([sums(), sums], log_dir="other", model=scripted())
    with pytest.raises(PrerequisiteError, match="holds logs of tasks that are not in this set"):
        eval_set(sums(count=3), log_dir="set", model=scripted())
    assert eval_set(sums(count=3), log_dir="set", model=scripted(), log_dir_allow_dirty=True)[0]


REFERENCE = """
import json, sys
from inspect_ai.log import list_eval_logs, read_eval_log
(info,) = list_eval_logs(sys.argv[1])
head = read_eval_log(info, header_only=True)
log = read_eval_log(info)
print(json.dumps([head.status, log.eval.model, sorted(log.eval.model_roles), len(log.samples),
    log.results.scores[0].metrics["accuracy"].value, log.samples[0].events[0].model,
    log.samples[0].messages[-1].text, log.stats.model_usage["mockllm/model"].total_tokens,
    log.reductions[0].reducer]))
"""


def test_a_full_disk_loses_nothing(folder, monkeypatch):
    write = log_writer.write_lines

    def full(path, header, samples):
        if header["status"] != "started":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, header, samples)

    monkeypatch.setattr(log_writer, "write_lines", full)
    with pytest.raises(PrerequisiteError, match=r"No space left on device.*modeld eval-retry"):
        eval(sums(), model=scripted(last(remainder)))
    (path,) = (folder / "logs").glob("*.json")
    assert len(read_eval_log(path).samples) == len(sums().dataset)


def test_a_log_without_samples_is_read(folder):
    log = only(eval(sums(), model=scripted()))
    log.samples = []
    write_eval_log(log, folder / "empty.json")
    assert read_eval_log(folder / "empty.json").samples == []


def test_the_reference_reads_it(folder):
    pytest.importorskip("inspect_ai", reason="inspect_ai is not here")
    log = only(eval(sums(epochs=2), model=scripted(last(remainder)), model_roles={"g": scripted()}))
    done = subprocess.run(
        [sys.executable, "-c", REFERENCE, str(folder / "logs")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [
        "success",
        "mockllm/model",
        ["g"],
        24,
        log.results.scores[0].metrics["accuracy"].value,
        "mockllm/model",
        log.samples[0].messages[-1].text,
        48,
        "mean",
    ]
