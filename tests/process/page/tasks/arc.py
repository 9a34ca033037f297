"""Questions with one answer each."""

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes


@task
def arc() -> Task:
    return Task(json_dataset("arc.jsonl"), scorer=includes(), epochs=5)
