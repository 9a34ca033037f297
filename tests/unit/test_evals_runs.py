"""Evaluations run: what is asked of which model, what is counted, what becomes of errors."""

from __future__ import annotations

import asyncio
import math
import random
import re
import threading
import time
import tracemalloc
from types import SimpleNamespace

import pytest

from modeld import (
    Epochs,
    GenerateConfig,
    ModelOutput,
    Task,
    eval,  # noqa: A004 - the public name
    eval_async,
    get_model,
    model_roles,
    task,
    task_with,
)
from modeld.dataset import Sample
from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.evals import transcript
from modeld.evals.limits import LimitExceeded, Limits
from modeld.evals.progress import TaskProgress
from modeld.log import list_eval_logs, read_eval_log
from modeld.scorer import Score, accuracy, choice, includes, match, model_graded_qa, scorer, stderr
from modeld.solver import (
    generate,
    multiple_choice,
    prompt_template,
    solver,
    system_message,
    use_tools,
)
from modeld.tool import tool
from modeld.types import (
    CallInfo,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateInput,
    ModelEvent,
)
from modeld.util import store
from tests.fakes.scripted import Counting, last, scripted


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def questions(count: int) -> list[Sample]:
    return [Sample(f"q{i}", target=str(i % 7)) for i in range(count)]


def remainder(text: str) -> str:
    return str(int(text[1:]) % 7)


def only(logs):
    (log,) = logs
    return log


def test_a_conversation_goes_through_its_solvers():
    seen = []

    def answer(input, tools, tool_choice, config):
        seen.append([(m.role, m.text) for m in input])
        return "yes"

    sample = Sample("hi", target="yes", metadata={"name": "Ada"})
    solvers = [
        system_message("You are {name}. {unknown}"),
        prompt_template("<{prompt}>"),
        generate(),
    ]
    log = only(eval(Task([sample], solver=solvers, scorer=match()), model=scripted(answer)))
    assert seen == [[("system", "You are Ada. {unknown}"), ("user", "<hi>")]]
    assert [m.role for m in log.samples[0].messages] == ["system", "user", "assistant"]
    assert [step.solver for step in log.plan.steps] == [
        "system_message",
        "prompt_template",
        "generate",
    ]
    assert (log.status, log.samples[0].scores["match"].value) == ("success", "C")


def test_tools_are_run_in_the_loop():
    @tool
    def double():
        async def execute(x: int) -> int:
            """Doubles.

            Args:
                x: A number.
            """
            return 2 * x

        return execute

    def answer(input, tools, tool_choice, config):
        if input[-1].role == "tool":
            return f"It is {input[-1].text}"
        return ModelOutput.for_tool_call("mockllm/m", "double", {"x": 21})

    task = Task(
        [Sample("?", target="42")], solver=[use_tools(double()), generate()], scorer=includes()
    )
    log = only(eval(task, model=scripted(answer)))
    assert log.samples[0].scores["includes"].value == "C"
    assert [m.role for m in log.samples[0].messages] == ["user", "assistant", "tool", "assistant"]
    single = only(
        eval(task, model=scripted(answer), solver=[use_tools(double()), generate("single")])
    )
    assert [m.role for m in single.samples[0].messages] == ["user", "assistant", "tool"]


def test_tools_have_the_store_of_their_sample():
    @tool
    def note():
        async def execute(word: str) -> str:
            """Notes a word.

            Args:
                word: The word.
            """
            store().set("words", [*store().get("words", []), word])
            return word

        return execute

    def answer(input, tools, tool_choice, config):
        if input[-1].role == "tool":
            return "done"
        return ModelOutput.for_tool_call("m", "note", {"word": input[-1].text})

    solvers = [use_tools(note()), generate()]
    log = only(eval(Task(questions(3), solver=solvers), model=scripted(answer)))
    assert [sample.store for sample in log.samples] == [{"words": [f"q{i}"]} for i in range(3)]
    assert list(store().items()) == []


def test_choices_are_asked_and_marked():
    sample = Sample("Which?", choices=["red", "blue"], target="B")
    asked = []

    def answer(text: str) -> str:
        asked.append(text)
        return "ANSWER: B"

    task = Task([sample], solver=multiple_choice(), scorer=choice())
    log = only(eval(task, model=scripted(last(answer))))
    assert "A) red\nB) blue" in asked[0]
    assert "one of A,B." in asked[0]
    assert log.results.scores[0].metrics["accuracy"].value == 1


def test_roles_are_bound_counted_and_logged():
    @scorer(metrics=[accuracy(), stderr()])
    def graded():
        async def score(state, target):
            grader = get_model(role="grader")
            assert sorted(model_roles()) == ["critic", "grader"]
            output = await grader.generate(f"grade {state.output.completion}")
            return Score("C" if output.completion == "good" else "I")

        return score

    task = Task(
        questions(3),
        scorer=graded(),
        model_roles={"critic": scripted("c"), "grader": scripted("bad")},
    )
    roles = {"grader": scripted("good", "mockllm/grader")}
    log = only(eval(task, model=scripted(last(remainder)), model_roles=roles))
    assert log.results.scores[0].metrics["accuracy"].value == 1
    assert {name: role.model for name, role in log.eval.model_roles.items()} == {
        "critic": "mockllm/model",
        "grader": "mockllm/grader",
    }
    assert log.stats.role_usage["grader"].total_tokens == 6
    assert log.stats.model_usage["mockllm/model"].total_tokens == 6
    assert log.samples[0].role_usage["grader"].total_tokens == 2
    assert [(e.model, e.role, e.input[-1].text) for e in log.samples[1].events] == [
        ("mockllm/model", None, "q1"),
        ("mockllm/grader", "grader", "grade 1"),
    ]
    unbound = only(
        eval(
            task_with(task, model_roles={"critic": scripted("c"), "grader": scripted("x")}),
            model=scripted("good"),
        )
    )
    assert unbound.results.scores[0].metrics["accuracy"].value == 0
    assert model_roles() == {}


def test_a_model_grades_under_its_role():
    said = []

    def grade(text: str) -> str:
        said.append(text)
        return "GRADE: I\nI think again. GRADE: C" if "[Submission]: right" in text else "GRADE: I"

    task = Task([Sample("q", target="crit"), Sample("r", target="crit")], scorer=model_graded_qa())
    answers = last(lambda text: "right [END DATA]" if text == "q" else "wrong")
    log = only(eval(task, model=scripted(answers), model_roles={"grader": scripted(last(grade))}))
    assert log.results.scores[0].metrics["accuracy"].value == 0.5
    assert "right [END-DATA]" in said[0]
    panel = [scripted("GRADE: C"), scripted("GRADE: C"), scripted("GRADE: I")]
    voted = only(eval(task, model=scripted(answers), model_roles={"grader": panel}))
    assert voted.results.scores[0].metrics["accuracy"].value == 1
    none = only(eval(task, model=scripted(answers), model_roles={"grader": scripted("GRADE: P")}))
    assert none.results.scores[0].unscored_samples == 2
    assert none.samples[0].scores["model_graded_qa"].reason == "grader_failed"


def test_configs_are_laid_over_each_other():
    seen = {}

    def remember(name):
        def answer(input, tools, tool_choice, config):
            seen[name] = config
            return "x"

        return answer

    @solver
    def ask_all():
        async def solve(state, generate):
            await get_model(role="other").generate("x")
            return await generate(state, top_p=0.4)

        return solve

    main = scripted(remember("main"), config=GenerateConfig(temperature=0.1, seed=1, top_k=1))
    other = scripted(remember("other"), config=GenerateConfig(seed=9, max_retries=9))
    task = Task(
        questions(1), solver=ask_all(), config=GenerateConfig(temperature=0.2, seed=2, top_p=0.2)
    )
    log = only(eval(task, model=main, model_roles={"other": other}, temperature=0.3, max_retries=3))
    config = seen["main"]
    assert (config.top_k, config.seed, config.temperature, config.top_p) == (1, 2, 0.3, 0.4)
    # Of the task's config another model takes only how to reach it, and that wins.
    config = seen["other"]
    assert (config.seed, config.temperature, config.top_p, config.max_retries) == (9, None, None, 3)
    assert log.plan.config.to_dict() == {
        "temperature": 0.3,
        "seed": 2,
        "top_p": 0.2,
        "max_retries": 3,
    }
    assert log.eval.model_generate_config.seed == 1


def test_epochs_are_reduced_and_each_is_a_sample():
    lock, counts = threading.Lock(), {}

    def every_second(text: str) -> str:
        with lock:
            counts[text] = counts.get(text, 0) + 1
            return remainder(text) if counts[text] % 2 else "wrong"

    task = Task(questions(4), scorer=match(), epochs=Epochs(4, ["mean", "at_least_3", "mode"]))
    log = only(eval(task, model=scripted(last(every_second))))
    values = {s.reducer: s.metrics["accuracy"].value for s in log.results.scores}
    assert values["mean"] == 0.5
    assert values["at_least_3"] == 0
    assert [(s.id, s.epoch) for s in log.samples] == [
        (i, e) for e in (1, 2, 3, 4) for i in (1, 2, 3, 4)
    ]
    assert [r.reducer for r in log.reductions] == ["mean", "at_least_3", "mode"]
    assert only(eval(task, model=scripted("0"), epochs=3)).results.total_samples == 12


def test_the_first_error_ends_a_task_and_keeps_what_is_finished():
    model = scripted(Counting(remainder, lambda text, _: text == "q5"))
    log = only(eval(Task(questions(10), scorer=match()), model=model, max_samples=1))
    assert (log.status, len(log.samples)) == ("error", 6)
    assert "made to fail at q5" in log.error.message
    assert "Counting" not in log.error.message
    assert "abcdefghijklmnop" not in log.error.message + log.error.traceback
    assert log.results.completed_samples == 5
    assert log.results.scores[0].metrics["accuracy"].value == 1
    assert log.samples[5].error.message == log.error.message


def test_errors_may_be_allowed():
    def half(text, number):
        return int(text[1:]) % 2 == 0

    model = scripted(Counting(remainder, half))
    task = Task(questions(10), scorer=match())
    log = only(eval(task, model=model, fail_on_error=False))
    assert (log.status, log.results.completed_samples, log.results.total_samples) == (
        "success",
        5,
        10,
    )
    assert [s.error is not None for s in log.samples] == [True, False] * 5
    assert log.results.scores[0].scored_samples == 5
    assert only(eval(task, model=model, fail_on_error=0.9)).status == "success"
    assert only(eval(task, model=model, fail_on_error=5)).status == "error"


def test_a_sample_may_be_tried_again():
    model = scripted(Counting(remainder, lambda _, number: number < 3))
    log = only(eval(Task(questions(5), scorer=match()), model=model, retry_on_error=2))
    assert (log.status, log.results.scores[0].metrics["accuracy"].value) == ("success", 1)
    assert [len(s.error_retries) for s in log.samples] == [2] * 5


def test_a_scorer_that_raises_is_an_error_of_the_sample():
    @scorer(metrics=[accuracy()])
    def broken():
        async def score(state, target):
            raise ZeroDivisionError("a defect of the scorer")

        return score

    log = only(
        eval(Task(questions(2), scorer=[match(), broken()]), model=scripted("0"), max_samples=1)
    )
    assert (log.status, "a defect of the scorer" in log.error.message) == ("error", True)
    assert "test_evals_runs" in log.error.traceback
    assert log.samples[0].messages[-1].text == "0"
    assert log.samples[0].scores["match"].value == "C"


def test_the_error_of_a_grader_is_the_error_of_the_sample():
    def broken(input, tools, tool_choice, config):
        raise ZeroDivisionError("a defect of the grader")

    graders = [scripted(broken), scripted(broken)]
    for model in (graders, graders[0]):
        task = Task(questions(1), scorer=model_graded_qa(model=model))
        log = only(eval(task, model=scripted("0")))
        assert "defect of the grader" in log.error.message
        assert "Group" not in log.error.message


def test_messages_of_a_dataset_are_marked_as_input():
    asked = [ChatMessageSystem("s"), ChatMessageUser("q")]
    log = only(eval(Task([Sample(asked)]), model=scripted("0")))
    assert [m.source for m in log.samples[0].messages] == ["input", "input", "generate"]
    assert [m.source for m in asked] == [None, None]


def put(name, value):
    """Changes the state when the model has answered."""

    def change(state):
        if name == "messages":
            state.messages.append(value)
        elif name.startswith("output."):
            setattr(state.output, name.removeprefix("output."), value)
        else:
            setattr(state, name, value)

    return change


@pytest.mark.parametrize(
    "change, said",
    [
        (put("messages", "hi"), "a message is a str"),
        (put("messages", ChatMessageUser(5)), "ChatMessageUser.content: expected str or list"),
        (put("messages", ChatMessageUser("x", metadata={"o": object()})), "object is not JSON"),
        (put("output", "text"), "the output is a str"),
        (put("output.completion", 5), "expected str, got int"),
        (put("output.metadata", {"o": object()}), "object is not JSON"),
        (put("metadata", [1]), "EvalSample.metadata: expected object"),
        (put("scores", {"x": 1}), r"EvalSample.scores\['x'\]"),
    ],
)
def test_what_a_task_puts_into_its_state_does_not_make_the_log_unreadable(change, said):
    @solver
    def changing():
        async def solve(state, generate):
            state = await generate(state)
            if state.sample_id == 2:
                change(state)
            return state

        return solve

    task = Task(questions(3), solver=changing())
    log = only(eval(task, model=scripted("0"), fail_on_error=False))
    read = read_eval_log(log.location)
    assert [s.error is None for s in read.samples] == [True, False, True]
    assert re.search(said, read.samples[1].error.message)
    assert [m.text for m in read.samples[0].messages][1:] == ["0"]


def test_a_score_of_the_wrong_types_is_an_error_of_its_sample():
    @scorer(metrics=[accuracy()])
    def odd():
        async def score(state, target):
            return Score("C", answer=5 if state.sample_id == 2 else "5")

        return score

    log = only(eval(Task(questions(2), scorer=odd()), model=scripted("0"), fail_on_error=False))
    first, second = read_eval_log(log.location).samples
    assert first.scores["odd"].answer == "5"
    assert "Score.answer: expected str, got int" in second.error.message
    for fields in ({"value": None}, {"value": 1, "reason": 3}, {"value": 1, "metadata": [1]}):
        with pytest.raises(InvalidRequest, match="Score"):
            Score(**fields)


@pytest.mark.parametrize("fields", [{"tags": [1]}, {"version": 1.5}, {"name": 5}])
def test_a_task_that_no_log_can_describe_is_not_run(fields):
    asked = []
    with pytest.raises(InvalidRequest, match=r"EvalSpec\.t"):
        eval(Task(questions(1), **fields), model=scripted(lambda *_: asked.append(1)))
    assert asked == []


def test_a_task_may_have_a_long_name():
    log = only(eval(Task(questions(1), name="n" * 300), model=scripted("0")))
    assert (log.status, read_eval_log(log.location).eval.task) == ("success", "n" * 300)


def test_limits_end_samples_and_are_no_errors():
    @solver
    def endless():
        async def solve(state, generate):
            while True:
                state = await generate(state)

        return solve

    task = Task(questions(2), solver=endless(), scorer=includes())
    log = only(eval(task, model=scripted("0"), message_limit=5))
    assert (log.status, log.samples[0].limit.type, len(log.samples[0].messages)) == (
        "success",
        "message",
        5,
    )
    assert log.samples[0].scores["includes"].value == "C"
    log = only(eval(task, model=scripted("0"), token_limit=10))
    assert log.samples[0].limit.type == "token"
    assert log.samples[0].model_usage["mockllm/model"].total_tokens > 10

    @solver
    def limited(**limits):
        async def solve(state, generate):
            for name, value in limits.items():
                setattr(state, name, value)
            return await endless()(state, generate)

        return solve

    for limits, kind in (({"message_limit": 3}, "message"), ({"token_limit": 5}, "token")):
        log = only(eval(task_with(task, solver=limited(**limits)), model=scripted("0")))
        assert [s.limit.type for s in log.samples] == [kind, kind]
        assert {s.limit.limit for s in log.samples} == set(limits.values())

    @solver
    def asleep():
        async def solve(state, generate):
            await asyncio.Event().wait()

        return solve

    log = only(eval(task_with(task, solver=asleep(), time_limit=0.05), model=scripted("0")))
    assert [s.limit.type for s in log.samples] == ["time", "time"]

    @solver
    def slow():
        async def solve(state, generate):
            while True:
                state = await generate(state)
                await asyncio.sleep(0.01)

        return solve

    at_work = task_with(task, solver=slow(), working_limit=0.05)
    log = only(eval(at_work, model=scripted("0")))
    assert [s.limit.type for s in log.samples] == ["working", "working"]
    assert log.eval.config.working_limit == 0.05
    assert (log.eval.task_display_name, log.eval.task) == ("task", "task")
    shown = Task(questions(1), name="sums", display_name="Sums of all")
    assert only(eval(shown, model=scripted("0"))).eval.task_display_name == "Sums of all"
    log = only(eval(at_work, model=scripted("0"), working_limit=0.02))
    assert log.samples[0].limit.limit == log.eval.config.working_limit == 0.02


def test_what_calls_wait_is_no_working_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr(transcript, "time", SimpleNamespace(monotonic=lambda: now))
    told = TaskProgress("t", "m/m", 1)
    watching = transcript.Transcript(
        scripted(), GenerateConfig(), 1, told, limits=Limits(working=4)
    )

    def called(seconds: float, **info) -> ModelEvent:
        nonlocal now
        note = watching.begin(scripted(), GenerateInput([ChatMessageUser("q")]))
        now += seconds
        note.finished(
            ModelOutput("m", metadata={"modeld": CallInfo(**info).to_dict()} if info else None)
        )
        return watching.events[-1]

    waited = called(10, attempts=2, queue_time=3, provider_time=2)
    assert (waited.working_time, watching.working_time()) == (2, 2)
    of_the_cache = called(1, cache="hit")
    assert (of_the_cache.working_start, of_the_cache.working_time) == (2, 1)
    assert called(0.5).working_time == 0.5  # of a model that says nothing of it
    with pytest.raises(LimitExceeded, match="the working limit of 4 is reached"):
        called(9, attempts=1, provider_time=8)


def test_refusals_are_told_to_who_asks_for_it(caplog):
    refusing = scripted(lambda *_: ModelOutput.from_content("m", "I won't.", "content_filter"))
    task = Task(questions(1))
    for log_refusals in (None, False, True):
        assert only(eval(task, model=refusing, log_refusals=log_refusals)).status == "success"
    assert [r.getMessage() for r in caplog.records if r.name == "modeld.evals"] == [
        "Model refusal (mockllm/model): I won't."
    ]


def test_each_task_runs_with_each_model(monkeypatch):
    tasks = [
        Task(questions(1), name="one"),
        Task(questions(1), name="two", model=scripted("x", "mockllm/own")),
    ]
    logs = eval(tasks, model=[scripted("0", "mockllm/a"), scripted("0", "mockllm/b")])
    assert [(log.eval.task, log.eval.model) for log in logs] == [
        ("one", "mockllm/a"),
        ("two", "mockllm/own"),
        ("one", "mockllm/b"),
    ]
    with pytest.raises(InvalidRequest, match="empty list"):
        eval(tasks, model=[])


def test_some_samples_may_be_chosen():
    task = Task(questions(10), scorer=match())
    ids = lambda **how: [s.id for s in only(eval(task, model=scripted("0"), **how)).samples]  # noqa: E731
    assert ids(limit=2) == [1, 2]
    assert ids(limit=(3, 5)) == [4, 5]
    assert ids(sample_id=["7", 9]) == [7, 9]
    assert ids(sample_id=["?0", "3*"]) == [3, 10]
    with pytest.raises(InvalidRequest, match="id 'a' is there twice"):
        eval(Task([Sample("q", id="a"), Sample("r", id="a")]), model=scripted("0"))


@pytest.mark.parametrize(
    "how, samples, said",
    [
        ({"sample_id": "x*"}, 10, r"has the id x\*. Its ids are 1, 2, 3, 4, 5, 6, 7, 8 …"),
        ({"limit": (10, 12)}, 10, "no samples from 11 to 12: the dataset has 10"),
        ({}, 0, "The dataset is empty"),
    ],
)
def test_a_choice_of_no_samples_is_told(how, samples, said):
    with pytest.raises(PrerequisiteError, match=said):
        eval(Task(questions(samples)), model=scripted("0"), **how)


def test_samples_may_be_in_another_order():
    asked: list[str] = []

    def answer(input, *_):
        asked.append(input[-1].text)
        return "0"

    task = Task(questions(10))

    def order(**how):
        asked.clear()
        log = only(eval(task, model=scripted(answer), max_samples=1, **how))
        return list(asked), log.eval.config.sample_shuffle

    plain = [f"q{i}" for i in range(10)]
    expected = list(plain)
    random.Random(3).shuffle(expected)
    assert order() == (plain, None)
    assert order(sample_shuffle=3) == (expected, 3)
    assert order(sample_shuffle=3, limit=4) == (expected[:4], 3)
    made, seed = order(sample_shuffle=True)
    assert order(sample_shuffle=seed) == (made, seed)
    assert sorted(made) == plain
    assert only(eval(task, model=scripted(), sample_shuffle=3)).samples[0].input == expected[0]


def test_tools_whose_results_have_no_place_do_not_run():
    ran = []

    @tool
    def look():
        async def execute() -> str:
            """Looks."""
            ran.append(1)
            return "seen"

        return execute

    call = lambda *_: ModelOutput.for_tool_call("mockllm/model", "look", {})  # noqa: E731
    task = Task([Sample("q")], solver=[use_tools(look()), generate()])
    (sample,) = only(eval(task, model=scripted(call), message_limit=4)).samples
    assert [message.role for message in sample.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert (sample.limit.type, len(ran)) == ("message", 1)


@pytest.mark.parametrize(
    "how, error, said",
    [
        ({"temprature": 1}, InvalidRequest, "no argument temprature"),
        ({"max_samples": 0}, InvalidRequest, "max_samples must be at least 1"),
        ({"fail_on_error": "x"}, InvalidRequest, "fail_on_error must be True, False or a number"),
        ({"model_roles": {"grader": []}}, PrerequisiteError, "'grader' was assigned an empty list"),
        (
            {"model_roles": {"grader": {"model": "x"}}},
            PrerequisiteError,
            "'grader' has an invalid value",
        ),
        ({"log_format": "eval"}, InvalidRequest, "logs are JSON"),
        ({"log_samples": False}, InvalidRequest, "with samples"),
        ({"display": "wild"}, InvalidRequest, "display='wild'"),
    ],
)
def test_wrong_arguments_are_named_before_anything_runs(how, error, said, folder):
    with pytest.raises(error, match=said):
        eval(Task(questions(1)), model=scripted("0"), **how)
    assert not list(folder.rglob("*.json"))


def test_it_works_in_a_running_loop_in_threads_and_several_at_once():
    task = Task(questions(20), scorer=match())
    model = scripted(last(remainder))

    async def inside():
        async with model as entered:
            first = only(eval(task, model=entered))
        second = only(await eval_async(task, model=model))
        both = await asyncio.gather(*(eval_async(task, model=model) for _ in range(2)))
        return [first, second, *map(only, both)]

    logs = asyncio.run(inside())
    threads = [
        threading.Thread(target=lambda: logs.append(only(eval(task, model=model))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [log.results.scores[0].metrics["accuracy"].value for log in logs] == [1] * 7


def test_thousands_of_samples_have_the_right_scores_and_stay_out_of_memory(folder):
    chance = random.Random(5)
    right = {f"q{i}": chance.random() < 0.3 for i in range(5000)}
    filler = "x" * 2000
    answer = lambda text: f"{filler} {remainder(text) if right[text] else 'no'}"  # noqa: E731
    tracemalloc.start()
    began = time.monotonic()
    log = only(
        eval(
            Task(questions(5000), scorer=includes_free()),
            model=scripted(last(answer)),
            max_samples=5000,
        )
    )
    took, (now, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    share = sum(right.values()) / 5000
    metrics = log.results.scores[0].metrics
    assert metrics["accuracy"].value == pytest.approx(share, abs=1e-12)
    assert metrics["stderr"].value == pytest.approx(
        math.sqrt(share * (1 - share) / 4999), abs=1e-12
    )
    assert log.stats.model_usage["mockllm/model"].total_tokens == 10_000
    assert "samples" not in log.__dict__
    size = sum(path.stat().st_size for path in folder.rglob("*.json"))
    assert size > 20e6
    assert now < size / 3, f"{now} bytes are kept of {size} (peak {peak}, {took:.1f} s)"


def includes_free():
    """A scorer that keeps no text: what is measured is what the run keeps."""

    @scorer(metrics=[accuracy(), stderr()])
    def last_word():
        async def score(state, target):
            return Score("C" if state.output.completion.split()[-1] == target.text else "I")

        return score

    return last_word()


def test_what_is_cancelled_has_a_log_of_what_is_finished(folder):
    stuck = threading.Event()

    @solver
    def sometimes_stuck():
        async def solve(state, generate):
            if state.sample_id == 5:
                stuck.set()
                await asyncio.Event().wait()
            return await generate(state)

        return solve

    async def run():
        work = asyncio.create_task(
            eval_async(
                Task(questions(8), solver=sometimes_stuck(), scorer=match()),
                model=scripted("0"),
                max_samples=1,
            )
        )
        while not stuck.is_set():
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(run())
    log = read_eval_log(only(list_eval_logs()))
    assert (log.status, [s.id for s in log.samples]) == ("cancelled", [1, 2, 3, 4])
    assert not list(folder.rglob(".*.part"))


def test_arguments_come_from_files_and_the_variable(folder, monkeypatch):
    """As the reference: a path for a mapping, and the variable when no model args are given."""
    from modeld.evals import resolve  # noqa: PLC0415

    asked = []

    def get(name, **how):
        asked.append({key: value for key, value in how.items() if key in ("x", "y")})
        return scripted("0")

    @task
    def counted(n: int = 1):
        return Task(questions(n))

    monkeypatch.setattr(resolve, "get_model", get)
    (folder / "args.yaml").write_text("x: 1\n")
    (folder / "task.json").write_text('{"n": 3}')
    log = only(eval(counted, model="a/b", model_args="args.yaml", task_args=folder / "task.json"))
    assert (asked.pop(), len(log.samples)) == ({"x": 1}, 3)
    monkeypatch.setenv("INSPECT_EVAL_MODEL_ARGS", "x=5 y={a: 1}")
    eval(counted, model="a/b")
    assert asked.pop() == {"x": 5, "y": {"a": 1}}
    eval(counted, model="a/b", model_args={"y": 2})
    assert asked.pop() == {"y": 2}
    monkeypatch.setenv("MODELD_EVAL_MODEL_ARGS", "x={a")
    with pytest.raises(InvalidRequest, match="variable of model args is wrong: x: The value"):
        eval(counted, model="a/b")
    with pytest.raises(InvalidRequest, match=r"config file gone.yaml does not exist"):
        eval(counted, model="a/b", model_args="gone.yaml")
