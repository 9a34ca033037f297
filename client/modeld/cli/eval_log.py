"""`modeld log`: a run that is over, sample by sample."""

from __future__ import annotations

import click

from ..evals.log import EvalLog, EvalSample
from ..evals.log_file import (
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample,
    read_eval_log_samples,
)
from ..types import ChatMessage, ChatMessageAssistant, ChatMessageTool, ModelEvent
from .command import Command, json_option, print_json
from .eval_board import logs_as_json, print_summary
from .render import printable
from .tables import print_table

EXAMPLES = """\b
Examples:
  modeld log                                  # which logs there are
  modeld log logs/2026-…_arc_a1b2c3.json      # results, and a line per sample
  modeld log LOG --sample 7 --epoch 2         # the conversation, scores, calls of models
  modeld log LOG --errors                     # samples that failed
  modeld log LOG --json | jq .results         # for programs; with --sample that sample"""

_WIDTH = 60


@click.command("log", cls=Command, epilog=EXAMPLES)
@click.argument("log", required=False)
@click.option("--sample", metavar="ID", help="Show this sample.")
@click.option(
    "--epoch", type=click.IntRange(min=1), default=1, help="Of this epoch; 1 if not given."
)
@click.option("--errors", is_flag=True, help="List only samples that failed.")
@click.option(
    "--log-dir",
    envvar="INSPECT_LOG_DIR",
    metavar="DIR",
    help="Folder to list when no log is named [./logs].",
)
@json_option("Print JSON: the log without samples, the sample, or the list of logs.")
def show_log(
    log: str | None,
    sample: str | None,
    epoch: int,
    errors: bool,
    log_dir: str | None,
    as_json: bool,
) -> None:
    """Look at the log of an evaluation.

    LOG is its path; without it the logs of the folder are listed, newest first.
    """
    if log is None:
        _list_logs(log_dir, as_json)
    elif sample is not None:
        found = read_eval_log_sample(log, sample, epoch)
        if as_json:
            print_json(found.to_dict())
        else:
            _show_sample(found)
    else:
        read = read_eval_log(log, header_only=True)
        if as_json:
            print_json(logs_as_json([read])[0])
        else:
            _show(read, errors)


def _list_logs(log_dir: str | None, as_json: bool) -> None:
    logs = [read_eval_log(info, header_only=True) for info in list_eval_logs(log_dir)]
    if as_json:
        print_json(logs_as_json(logs))
    elif logs:
        print_summary(logs)
    else:
        print(f"There are no logs in {log_dir or './logs'}.")


def _show(log: EvalLog, errors: bool) -> None:
    print_summary([log])
    for role, usage in (*log.stats.model_usage.items(), *log.stats.role_usage.items()):
        print(f"{role}: {usage.input_tokens} tokens in, {usage.output_tokens} out")
    rows = [
        _row(sample)
        for sample in read_eval_log_samples(log.location)
        if sample.error is not None or not errors
    ]
    print()
    print_table(("sample", "epoch", "target", "answer", "scores", "s"), rows)


def _row(sample: EvalSample) -> list[str]:
    target = sample.target if isinstance(sample.target, str) else ", ".join(sample.target)
    scores = [f"{name} {score.value}" for name, score in (sample.scores or {}).items()]
    if sample.error is not None:
        scores = [f"error: {sample.error.message}"]
    if sample.limit is not None:
        scores.append(f"{sample.limit.type} limit")
    return [
        str(sample.id),
        str(sample.epoch),
        _cut(target),
        _cut(sample.output.completion),
        _cut(", ".join(scores)),
        f"{sample.total_time or 0:.1f}",
    ]


def _cut(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _show_sample(sample: EvalSample) -> None:
    print(f"Sample {sample.id}, epoch {sample.epoch}")
    target = sample.target if isinstance(sample.target, str) else ", ".join(sample.target)
    print(f"Target: {printable(target)}")
    for message in sample.messages:
        print(f"\n{_who(message)}\n{printable(message.text)}")
        for call in getattr(message, "tool_calls", None) or []:
            print(printable(f"calls {call.function}({call.arguments})"))
    print()
    for name, score in (sample.scores or {}).items():
        why = f": {score.explanation}" if score.explanation != sample.output.completion else ""
        print(printable(f"Score {name}: {score.value}{why if score.explanation else ''}"))
    if sample.limit is not None:
        print(f"Ended by the {sample.limit.type} limit of {sample.limit.limit:g}")
    if sample.error is not None:
        print(printable(f"Error: {sample.error.message}\n{sample.error.traceback}"))
    for event in sample.events:
        if isinstance(event, ModelEvent):
            print(printable(_call_line(event)))


def _who(message: ChatMessage) -> str:
    if isinstance(message, ChatMessageTool):
        problem = f" failed: {message.error.message}" if message.error else ""
        return f"-- tool {message.function}{problem}"
    if isinstance(message, ChatMessageAssistant) and message.model:
        return f"-- assistant ({message.model})"
    return f"-- {message.role}"


def _call_line(event: ModelEvent) -> str:
    parts = [f"Call of {event.model}"]
    parts += [f"as {event.role}"] if event.role else []
    parts += [f"{event.working_time:.2f} s"] if event.working_time is not None else []
    usage = event.output.usage
    parts += [f"{usage.input_tokens} + {usage.output_tokens} tokens"] if usage else []
    parts += [f"cache {event.cache}"] if event.cache else []
    parts += [f"{event.retries} retries"] if event.retries else []
    parts += [f"failed: {event.error}"] if event.error else []
    return ", ".join(parts)
