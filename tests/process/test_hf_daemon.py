"""`hf/` through a real daemon, for programs of users: they share a model and its steps."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.programs import Program, until

pytest.importorskip("torch", reason="pip install 'modeld[hf]'")
pytest.importorskip("transformers", reason="pip install 'modeld[hf]'")

from tests.fakes.tiny_models import endless

pytestmark = [pytest.mark.timeout(180), pytest.mark.beside]


def engines(home: Path) -> list[dict]:
    """The daemon's engines, as it says itself."""
    done = subprocess.run(
        [sys.executable, "-m", "modeld", "status", "--json"],
        env={**os.environ, "MODELD_HOME": str(home)},
        capture_output=True,
        check=True,
    )
    found: list[dict] = json.loads(done.stdout)["engines"]
    return found


TALK = """
import asyncio, json, sys
from modeld import GenerateConfig, get_model

folder, texts = sys.argv[1], sys.argv[2:]
model = get_model(f"hf/{folder}", device="cpu")
print("ready", flush=True)
sys.stdin.readline()

async def main():
    config = GenerateConfig(temperature=0, max_tokens=120)
    asked = [model.generate(text, config=config) for text in texts]
    return [output.completion for output in await asyncio.gather(*asked)]

print(json.dumps(asyncio.run(main())))
"""


def test_two_processes_share_one_model_and_its_steps(modeld_home: Path, tmp_path: Path):
    noise = endless(tmp_path)
    texts = [["alpha", "beta beta"], ["gamma " * 9, "delta"]]
    programs = [Program(TALK, noise, *one) for one in texts]
    try:
        assert [program.hear(60) for program in programs] == ["ready", "ready"]
        for program in programs:
            program.tell()
        together = [json.loads(program.hear(60)) for program in programs]
        for program in programs:
            program.end()
    finally:
        for program in programs:
            program.__exit__(None)
    alone = []
    for text in [text for one in texts for text in one]:
        with Program(TALK, noise, text) as program:
            program.hear(60)
            program.tell()
            alone += json.loads(program.hear(60))
            program.end()
    assert [text for one in together for text in one] == alone
    assert len(set(alone)) == 4
    (engine,) = engines(modeld_home)
    assert (engine["name"], engine["starts"]) == ("transformers", 1)


LONG = """
import sys
from modeld import GenerateConfig, get_model

model = get_model(f"hf/{sys.argv[1]}", device="cpu", do_sample=False)
begun = False
for event in model.stream_sync("A story", config=GenerateConfig(max_tokens=60_000)):
    if event.type == "text" and not begun:
        begun = True
        print("begun", flush=True)
print("done", flush=True)
"""
SHORT = """
import sys
from modeld import GenerateConfig, get_model

model = get_model(f"hf/{sys.argv[1]}", device="cpu", do_sample=False)
for _ in sys.stdin:
    print(model.generate_sync("Hi", config=GenerateConfig(max_tokens=20)).usage.output_tokens)
"""


def test_a_short_call_is_answered_beside_a_long_one_of_another_process(
    modeld_home: Path, tmp_path: Path
):
    folder = endless(tmp_path, 100_000)
    with Program(LONG, folder) as long, Program(SHORT, folder) as short:
        assert long.hear(90) == "begun"
        short.tell()
        assert short.hear(90) == "20"
        assert select.select([long.process.stdout], [], [], 0)[0] == []  # it is not done
        long.process.kill()
        until(lambda: engines(modeld_home)[0]["in_flight"] == 0, 30)
        short.tell()
        assert short.hear(90) == "20"
    assert engines(modeld_home)[0]["starts"] == 1
