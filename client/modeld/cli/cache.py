"""`modeld cache` and its commands."""

from __future__ import annotations

import time

import click

from .. import cache as generation_cache
from ..errors import InvalidRequest
from ..types.policy import expiry_seconds
from .command import Command, json_option, print_json
from .quantities import count, duration, size
from .tables import print_table

EXAMPLES = """\b
Examples:
  modeld cache stats                      # how much there is, and of what use
  modeld cache path                       # where
  modeld cache list --pruneable           # what has expired, by model
  modeld cache clear --model openai       # all models of a provider
  modeld cache clear --older 30D
  modeld cache prune

\b
Calls are cached that ask for it: 'generate --cache', CachePolicy in Python.
Its size is bounded by the daemon's config.toml:
  [cache]
  max_size = "2GB" """

_models = click.option(
    "--model",
    "models",
    metavar="NAME",
    multiple=True,
    help="A model, or a provider for all its models; may be given several times.",
)


def _older(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    try:
        return expiry_seconds(text)
    except InvalidRequest:
        raise click.BadParameter(
            f"{text!r} is no age. Write an integer and one of s m h D W M Y, such as 30D."
        ) from None


@click.command("cache path", cls=Command, epilog=EXAMPLES)
@json_option()
def path(as_json: bool) -> None:
    """Print the database of the generation cache.

    It may not be there yet: it is made with the first call that is cached. No daemon is started.
    """
    found = str(generation_cache.cache_path())
    if as_json:
        print_json({"path": found})
    else:
        print(found)


def _stats(as_json: bool) -> None:
    """Show how much the generation cache holds, and of what use it was."""
    found = generation_cache.cache_statistics()
    if as_json:
        print_json(found.to_dict())
        return
    most = size(found.max_size) if found.max_size else "no limit"
    asked = found.hits + found.misses
    share = f" ({100 * found.hits / asked:.0f} %)" if asked else ""
    lines = [
        ("path", found.path or "in memory"),
        ("entries", f"{count(found.entries)} ({count(found.expired)} expired)"),
        ("size", f"{size(found.size)} of {most}"),
        ("hits", f"{count(found.hits)} of {count(asked)}{share} since the daemon's start"),
        ("stored", count(found.stored)),
        ("evicted", count(found.evicted)),
    ]
    if found.trouble:
        lines.append(("trouble", found.trouble))
    for name, value in lines:
        print(f"{name:<9}{value}")


overview = click.command("cache", cls=Command, epilog=EXAMPLES)(json_option()(_stats))
stats = click.command("cache stats", cls=Command, epilog=EXAMPLES)(json_option()(_stats))


@click.command("cache list", cls=Command, epilog=EXAMPLES)
@click.option("--pruneable", is_flag=True, help="Count only what has expired.")
@_models
@json_option()
def list_(pruneable: bool, models: tuple[str, ...], as_json: bool) -> None:
    """List what the generation cache holds of each model."""
    found = generation_cache.cache_models(models)
    if pruneable:
        found = [model for model in found if model.expired]
    if as_json:
        print_json([model.to_dict() for model in found])
        return
    if not found:
        print("Nothing has expired." if pruneable else "Nothing is cached.")
        return
    if pruneable:
        rows = [(m.model, count(m.expired), size(m.expired_size)) for m in found]
        print_table(("MODEL", "EXPIRED", "SIZE"), rows)
        return
    now = time.time()
    print_table(
        ("MODEL", "ENTRIES", "SIZE", "EXPIRED", "OLDEST", "NEWEST"),
        [
            (
                m.model,
                count(m.entries),
                size(m.size),
                count(m.expired),
                duration(max(0.0, now - m.oldest)),
                duration(max(0.0, now - m.newest)),
            )
            for m in found
        ],
    )


@click.command("cache clear", cls=Command, epilog=EXAMPLES)
@click.option("--all", "everything", is_flag=True, help="Delete the entries of all models.")
@_models
@click.option(
    "--older", metavar="AGE", callback=_older, help="Delete only what is older, such as 30D."
)
@json_option()
def clear(everything: bool, models: tuple[str, ...], older: float | None, as_json: bool) -> None:
    """Delete entries of the generation cache. Calls go on meanwhile.

    With --older alone, those of all models that are older.
    """
    if everything and models:
        raise click.UsageError("Specify either --all or --model, not both.")
    if not everything and not models and older is None:
        raise click.UsageError("Need to specify either --all or --model.")
    _print_swept(generation_cache.clear_cache(models, older=older), as_json)


@click.command("cache prune", cls=Command, epilog=EXAMPLES)
@_models
@json_option()
def prune(models: tuple[str, ...], as_json: bool) -> None:
    """Delete entries of the generation cache that have expired. Calls go on meanwhile."""
    _print_swept(generation_cache.prune_cache(models), as_json)


def _print_swept(swept: generation_cache.Swept, as_json: bool) -> None:
    if as_json:
        print_json(swept.to_dict())
    else:
        noun = "entry" if swept.entries == 1 else "entries"
        print(f"Deleted {count(swept.entries)} {noun}, {size(swept.size)}.")
