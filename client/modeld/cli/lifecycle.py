"""`modeld start`, `stop`, `restart` and `status`."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import click

from .. import daemon
from ..daemon import Status
from ..discovery import locate
from ..errors import PrerequisiteError
from ..launch import daemon_environment
from .command import Command, json_option, print_json
from .quantities import duration, size

NOT_RUNNING = 3

START_EXAMPLES = """\b
Examples:
  modeld start                # returns when the daemon answers
  modeld start --foreground   # for systemd, containers and debugging

\b
Nothing needs this command: any call starts the daemon. MODELD_AUTOSTART=0
stops calls from doing so. MODELD_HOME chooses another daemon."""

STATUS_EXAMPLES = """\b
Examples:
  modeld status
  modeld status --json | jq .in_flight

\b
Exit code 0 when the daemon runs, 3 when it does not. It is never started."""


@click.command(cls=Command, epilog=START_EXAMPLES)
@click.option("--foreground", is_flag=True, help="Be the daemon, and stay until it ends.")
@click.option("--ready-fd", type=int, hidden=True)  # a client of another Python starts us so
@json_option()
def start(foreground: bool, ready_fd: int | None, as_json: bool) -> None:
    """Start the daemon, or find the running one."""
    if foreground:
        _become_daemon(ready_fd)
    _show(daemon.start(), as_json)


def _become_daemon(ready_fd: int | None) -> None:
    """Replace this process; the variables of providers stay behind, as at any other start."""
    if find_spec("modeld_daemon") is None:
        raise PrerequisiteError(
            "The daemon is not installed. Install it with: pip install 'modeld[daemon]'"
        )
    home = locate()
    command = [sys.executable, "-P", "-m", "modeld_daemon", "--home", home.path]
    command += ["--foreground"] if ready_fd is None else ["--ready-fd", str(ready_fd)]
    sys.stdout.flush()
    environment = daemon_environment(home, own=True)
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted


@click.command(cls=Command)
@click.option("--force", is_flag=True, help="Cancel running calls instead of waiting for them.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait at most so long.")
@json_option()
def stop(force: bool, timeout: float | None, as_json: bool) -> None:
    """Stop the daemon when its calls have ended.

    New calls start a new daemon. Without one running this does nothing and is no error.
    """
    _say_what_is_awaited(force)
    stopped = daemon.stop(force=force, timeout=timeout)
    if as_json:
        print_json({"stopped": stopped})
    else:
        print("modeld has stopped." if stopped else "modeld was not running.")


@click.command(cls=Command)
@click.option("--force", is_flag=True, help="Cancel running calls instead of waiting for them.")
@click.option("--new-token", is_flag=True, help="Make a new token; the old one is void.")
@json_option()
def restart(force: bool, new_token: bool, as_json: bool) -> None:
    """Stop the daemon when its calls have ended, and start a new one.

    Programs that use it reconnect by themselves. It also starts one when none was running.
    """
    _say_what_is_awaited(force)
    _show(daemon.restart(force=force, new_token=new_token), as_json)


def _say_what_is_awaited(force: bool) -> None:
    """A stop may take as long as the longest call: say so."""
    if force or not sys.stderr.isatty():
        return
    running = daemon.status().in_flight
    if running:
        calls = "1 call" if running == 1 else f"{running} calls"
        print(f"waiting for {calls} to end; --force cancels instead …", file=sys.stderr)


@click.command(cls=Command, epilog=STATUS_EXAMPLES)
@json_option()
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show what the daemon is doing."""
    found = daemon.status()
    _show(found, as_json)
    if not found.running:
        ctx.exit(NOT_RUNNING)


def _show(status: Status, as_json: bool) -> None:
    if as_json:
        print_json(_complete(status))
        return
    if not status.running:
        print("modeld is not running. Any call starts it, or: modeld start")
        print(f"  home      {status.home}")
        return
    ending = " and is stopping" if status.draining else ""
    print(f"modeld {status.version} is running{ending}")
    for name, text in _lines(status):
        print(f"  {name:<9} {text}".rstrip())


def _complete(status: Status) -> dict[str, object]:
    """The status in which the names that programs rely on are never absent."""
    always = ("running", "pid", "version", "endpoint", "uptime_s", "in_flight")
    return {**{name: getattr(status, name) for name in always}, **status.to_dict()}


def _lines(status: Status) -> list[tuple[str, str]]:
    calls = f"{status.in_flight} now, {status.calls_total} so far, {status.calls_failed} failed"
    idle = status.idle_timeout_s
    lines = [
        ("pid", str(status.pid)),
        ("endpoint", status.endpoint or ""),
        ("up", duration(status.uptime_s or 0)),
        ("calls", calls),
        ("memory", size(status.rss_bytes)),
        ("leaves", f"after {duration(idle)} without work" if idle else "never by itself"),
        ("home", status.home),
        ("log", status.log_path),
    ]
    for session in status.sessions:
        text = f"{session.client_name} {session.client_version}, pid {session.pid}"
        lines.append(("session", f"{text}, {session.in_flight} calls, {session.leases} models"))
    for client in status.clients:
        text = f"{client.provider} {client.base_url or ''}".rstrip()
        lines.append(("client", f"{text}, {client.in_flight} calls, {client.leases} holders"))
    for engine in status.engines:
        where = f"pid {engine.pid}" if engine.pid else "not running"
        loaded = ", ".join(engine.models) or "no model in memory"
        lines.append(("engine", f"{engine.name}, {where}, {loaded}, {engine.in_flight} calls"))
    return lines
