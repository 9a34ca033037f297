"""`modeld session` and its commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from .. import sessions
from ..errors import InvalidRequest
from ..types import (
    CONFIG_FIELDS,
    GenerateConfig,
    JsonObject,
    ModelConfig,
    NamedSession,
    SessionSettings,
    SessionUsage,
)
from .command import Command, json_option, print_json
from .options import ModelChoice, config_options, model_options
from .quantities import count, duration
from .role_option import model_role
from .tables import print_table

F = TypeVar("F", bound=Callable[..., object])

EXAMPLES = """\b
Examples:
  modeld session create dev --model openai/gpt-4o-mini --role grader=openai/gpt-4o
  export MODELD_SESSION=dev               # in any shell, for programs of any language
  modeld generate "Say hello"             # asks the session's model
  modeld session list
  modeld session show dev                 # what it says, and what was used
  modeld session set dev --temperature 0 --role critic="{model: openai/gpt-4o, seed: 1}"
  modeld session set dev --unset temperature --remove-role critic
  modeld session delete dev

\b
A session lasts until it is deleted, whatever becomes of the processes that
joined it and of the daemon. It holds no keys: each process brings its own.
What is named on a command line or in a program wins over the session, and
the session over MODELD_MODEL and INSPECT_EVAL_MODEL."""


def _settings(command: F) -> F:
    decorated: Any = config_options()(command)
    decorated = click.option(
        "--role",
        "roles",
        multiple=True,
        metavar="ROLE=MODEL",
        help="Model of a role, such as grader=openai/gpt-4o; several with commas, or a mapping "
        '"{model: openai/gpt-4o, temperature: 0}". May be repeated.',
    )(decorated)
    return model_options(decorated)  # type: ignore[no-any-return]


@click.command("session create", cls=Command, epilog=EXAMPLES)
@click.argument("name")
@_settings
@json_option()
def create(
    name: str, choice: ModelChoice, roles: tuple[str, ...], config: GenerateConfig, as_json: bool
) -> None:
    """Make a session."""
    made = sessions.create_session(name, _changed(SessionSettings(), choice, roles, config))
    if as_json:
        print_json(made.to_dict())
    else:
        print(f"Session {name} is there. Join it with: export MODELD_SESSION={name}")


@click.command("session set", cls=Command, epilog=EXAMPLES)
@click.argument("name")
@_settings
@click.option("--remove-role", "removed", multiple=True, metavar="ROLE", help="Forget a role.")
@click.option(
    "--unset",
    multiple=True,
    metavar="NAME",
    help="Forget the model, or an option such as temperature. May be repeated.",
)
@json_option()
def change(
    name: str,
    choice: ModelChoice,
    roles: tuple[str, ...],
    config: GenerateConfig,
    removed: tuple[str, ...],
    unset: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change what a session says. What is not named stays as it is."""

    def other(old: SessionSettings) -> SessionSettings:
        new = _changed(_without(old, removed, unset), choice, roles, config)
        if new == old:
            raise click.UsageError("Nothing would change: name what the session is to say.")
        return new

    changed = sessions.change_session(name, other)
    if as_json:
        print_json(changed.to_dict())
    else:
        print(f"Session {name} is changed. Models that are open stay as they are.")


@click.command("session delete", cls=Command, epilog=EXAMPLES)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@json_option()
def delete(names: tuple[str, ...], as_json: bool) -> None:
    """Delete sessions and what was counted in them."""
    for name in names:
        sessions.delete_session(name)
        if not as_json:
            print(f"Session {name} is deleted.")
    if as_json:
        print_json({"deleted": list(names)})


def _list(as_json: bool) -> None:
    """List the named sessions."""
    found = sessions.list_sessions()
    if as_json:
        print_json([session.to_dict() for session in found])
        return
    if not found:
        print("There are no sessions. 'modeld session create NAME --model …' makes one.")
        return
    now = time.time()
    rows = []
    for session in found:
        used = sum(session.model_usage.values(), SessionUsage())
        model, roles = session.settings.model, sorted(session.settings.roles)
        tokens = count(used.usage.total_tokens)
        age = duration(max(0.0, now - session.created))
        about = ("" if model is None else model.model, ", ".join(roles))
        rows.append((session.name, *about, count(used.calls), tokens, age))
    print_table(("SESSION", "MODEL", "ROLES", "CALLS", "TOKENS", "AGE"), rows)


overview = click.command("session", cls=Command, epilog=EXAMPLES)(json_option()(_list))
list_ = click.command("session list", cls=Command, epilog=EXAMPLES)(json_option()(_list))


@click.command("session show", cls=Command, epilog=EXAMPLES)
@click.argument("name")
@json_option()
def show(name: str, as_json: bool) -> None:
    """Show what a session says, and what was used in it by model and by role."""
    found = sessions.get_session(name)
    if as_json:
        print_json(found.to_dict())
        return
    _print_settings(found)
    for heading, usage in (("MODEL", found.model_usage), ("ROLE", found.role_usage)):
        if usage:
            print()
            print_table((heading, "CALLS", "INPUT", "CACHED", "OUTPUT", "COST"), _rows(usage))
    if not found.model_usage:
        print("\nNothing was used yet.")


def _print_settings(found: NamedSession) -> None:
    settings = found.settings
    lines = [("session", found.name), ("model", _said(settings.model))]
    for role, models in sorted(settings.roles.items()):
        lines.append((f"role {role}", ", ".join(map(_said, models))))
    for name, value in settings.config.to_dict().items():
        lines.append((name, str(value)))
    width = max(len(name) for name, _ in lines) + 2
    for name, value in lines:
        print(f"{name:<{width}}{value}")


def _said(model: ModelConfig | None) -> str:
    if model is None:
        return "that of MODELD_MODEL or INSPECT_EVAL_MODEL"
    further: JsonObject = {**model.config.to_dict(), **model.args}
    if model.base_url is not None:
        further["base_url"] = model.base_url
    extra = ", ".join(f"{name}={value}" for name, value in further.items())
    return f"{model.model or 'the same model'}{f' ({extra})' if extra else ''}"


def _rows(usage: dict[str, SessionUsage]) -> list[tuple[str, ...]]:
    rows = []
    for name, used in usage.items():
        tokens = used.usage
        cached = (tokens.input_tokens_cache_read or 0) + (tokens.input_tokens_cache_write or 0)
        cost = "" if tokens.total_cost is None else f"${tokens.total_cost:.4f}"
        counts = (used.calls, tokens.input_tokens, cached, tokens.output_tokens)
        rows.append((name, *map(count, counts), cost))
    return rows


def _changed(
    settings: SessionSettings, choice: ModelChoice, roles: tuple[str, ...], config: GenerateConfig
) -> SessionSettings:
    """The settings with what the options say."""
    model = settings.model
    if choice.name is not None:  # another model has other arguments
        model = ModelConfig(choice.name, base_url=choice.base_url, args=choice.args)
    elif choice.base_url is not None or choice.args:
        if model is None:
            raise click.UsageError("--base-url and -M belong to a model: name it with --model.")
        base_url = choice.base_url or model.base_url
        model = ModelConfig(model.model, model.config, base_url, {**model.args, **choice.args})
    bound = dict(settings.roles)
    for text in roles:
        role, models = model_role(text)
        many = models if isinstance(models, list) else [models]
        bound[role] = [ModelConfig(one) if isinstance(one, str) else one for one in many]
    return SessionSettings(model, bound, settings.config.merge(config))


def _without(
    settings: SessionSettings, removed: tuple[str, ...], unset: tuple[str, ...]
) -> SessionSettings:
    names = {name.replace("-", "_") for name in unset}
    unknown = names - {"model", *CONFIG_FIELDS}
    missing = set(removed) - settings.roles.keys()
    if unknown:
        raise InvalidRequest(f"--unset {min(unknown)}: there is no such option")
    if missing:
        raise InvalidRequest(f"--remove-role {min(missing)}: the session has no such role")
    kept = {name: value for name, value in settings.roles.items() if name not in removed}
    said = {n: getattr(settings.config, n) for n in CONFIG_FIELDS if n not in names}
    model = None if "model" in names else settings.model
    return SessionSettings(model, kept, GenerateConfig(**said))
