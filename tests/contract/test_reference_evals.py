"""The same task in the reference and here: the same scores, errors, messages and usage.

Skipped where inspect_ai is not installed.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .source import ROOT

pytest.importorskip("inspect_ai", reason="inspect_ai is not here")

PROGRAM = """
import json, random, sys
sys.path.insert(0, {root!r})
from {package} import Task, eval
from {package}.dataset import Sample
from {package}.model import ChatMessageSystem, ChatMessageUser, ModelOutput, ModelUsage, get_model
from {package}.scorer import {scorers}
from {package}.solver import chain_of_thought, generate, multiple_choice, prompt_template, system_message, use_tools
from {package}.tool import tool

chance = random.Random(11)
WORDS = ["42", "$1,234.50.", "the answer is 7", "Paris", "", "ANSWER: B", "½", "it was (3.14)!", "no idea", "a cat"]
TARGETS = ["42", "1234.5", "7", "paris", "x", "B", "0.5", "3.14", "the", "cat"]
def pick():
    i = chance.randrange(10)
    said = WORDS[i] if chance.random() < 0.7 else chance.choice(WORDS)
    return said, TARGETS[i]
PAIRS = [pick() for _ in range(100)]

@tool
def look():
    async def execute(what: str, count: int = 1) -> str:
        '''Looks something up.

        Args:
            what: The thing.
            count: How often.
        '''
        return f"found {{what}} {{count}}"
    return execute

def said(input, tools, tool_choice, config):
    index = next(int(m.text.split("#")[1].split()[0]) for m in input if m.role == "user")
    if tools and index % 5 == 0 and input[-1].role != "tool":
        output = ModelOutput.for_tool_call("mockllm/model", "look", {{"what": "x"}} if index % 2 else {{"count": "?"}})
    else:
        output = ModelOutput.from_content("mockllm/model", PAIRS[index][0])
    output.usage = ModelUsage(input_tokens=len(input), output_tokens=index, total_tokens=len(input) + index)
    return output

def sample(i):
    text = f"question #{{i}} ?"
    full = [ChatMessageSystem(content="s"), ChatMessageUser(content=text)]
    return Sample(full if i % 7 == 0 else text, target=PAIRS[i][1], metadata={{"name": f"n{{i}}"}})

task = Task(
    [sample(i) for i in range(100)],
    solver=[system_message("You are {{name}}"), prompt_template("{{prompt}} for {{name}} {{odd}}"), use_tools(look()), generate()],
    scorer=[{calls}],
    epochs=2,
)
log = eval(task, model=get_model("mockllm/model", custom_outputs=said), log_dir=sys.argv[1],
    log_format="json", display="none", max_samples=10, temperature=0.5)[0]
assert log.status == "success", log.error
def told(m):
    calls = [[c.function, c.arguments] for c in getattr(m, "tool_calls", None) or []]
    error = getattr(m, "error", None)
    return [m.role, m.text, calls, error.type if error else None]
print(json.dumps([
    [[s.name, s.scored_samples, {{k: v.value for k, v in s.metrics.items()}}] for s in log.results.scores],
    [[s.id, s.epoch, {{n: [x.value, x.answer] for n, x in s.scores.items()}}, [told(m) for m in s.messages],
      {{k: [u.input_tokens, u.output_tokens, u.total_tokens] for k, u in s.model_usage.items()}}] for s in log.samples],
    {{k: [u.input_tokens, u.output_tokens, u.total_tokens] for k, u in log.stats.model_usage.items()}},
    [[r.scorer, [[s.sample_id, s.value] for s in r.samples]] for r in log.reductions],
    [[s.solver, s.params] for s in log.plan.steps],
    [log.results.total_samples, log.results.completed_samples, log.plan.config.temperature],
]))
"""
SCORERS = ["match", "includes", "exact", "pattern", "answer", "f1"]
CALLS = (
    "match(), match(numeric=True), match('any', numeric=True), match('begin'), includes(), exact(), "
    "pattern(r'(\\d+)'), answer('letter'), f1()"
)


def outcome(package: str, folder) -> list:
    program = PROGRAM.format(
        root=str(ROOT / "client"), package=package, scorers=", ".join(SCORERS), calls=CALLS
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / package)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(120)
def test_a_hundred_samples_have_the_same_outcome(tmp_path):
    ours, theirs = outcome("modeld", tmp_path), outcome("inspect_ai", tmp_path)
    for mine, other in zip(ours[0], theirs[0], strict=True):
        assert mine[:2] == other[:2]
        assert mine[2] == pytest.approx(other[2], abs=1e-12)
    for mine, other in zip(ours[1], theirs[1], strict=True):
        assert mine == other
    assert ours[2:] == theirs[2:]
