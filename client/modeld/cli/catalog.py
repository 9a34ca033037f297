"""`modeld models` and `modeld providers`."""

from __future__ import annotations

import sys

import click

from .. import daemon
from ..errors import ModelNotFound
from .command import Command, json_option, print_json
from .quantities import size
from .tables import fits_terminal, print_records, print_table

MODELS_EXAMPLES = """\b
Examples:
  modeld models               # all that can be named without asking a server
  modeld models local         # the local ones, with their sizes
  modeld models openai        # what the provider's server lists for your key
  modeld models --json | jq -r '.[].name'"""

PROVIDERS_EXAMPLES = """\b
Examples:
  modeld providers
  modeld providers --json | jq '.[] | select(.installed) | .name'

\b
A provider reads its key from the first of its variables that is set, in the
environment or in a .env file; one in the daemon's config.toml comes last. KEY
shows where it was found, and never the key. Credentials of clouds may do
instead; those that lie in files of the user are looked for at the first call."""


@click.command(cls=Command, epilog=MODELS_EXAMPLES)
@click.argument("provider", required=False, default="")
@json_option()
def models(provider: str, as_json: bool) -> None:
    """List models that can be named.

    With PROVIDER, those of one provider: its server is asked, with your key. Some have no list,
    and many accept more names than they list.
    """
    found = daemon.list_models(provider.rstrip("/"), ask=True)
    if as_json:
        print_json([model.to_dict() for model in found])
        return
    if not found:
        _check_provider(provider.rstrip("/"))
        print("No models are listed here; a hosted provider takes any name it knows.")
        return
    rows = [
        (
            model.name,
            size(model.size_bytes),
            _state(model.available, model.loaded),
            model.description,
        )
        for model in found
    ]
    print_table(("MODEL", "SIZE", "STATE", "DESCRIPTION"), rows)
    if not all(model.available for model in found) and sys.stdout.isatty():
        print("\n'modeld pull NAME' downloads a model that is not here yet.")


def _check_provider(provider: str) -> None:
    if provider and all(known.name != provider for known in daemon.list_providers()):
        raise ModelNotFound(f"There is no provider {provider!r}.")


def _state(available: bool, loaded: bool) -> str:
    if loaded:
        return "in memory"
    return "ready" if available else "to pull"


@click.command(cls=Command, epilog=PROVIDERS_EXAMPLES)
@json_option()
def providers(as_json: bool) -> None:
    """List providers, with the keys that were found."""
    found = daemon.list_providers()
    if as_json:
        print_json([provider.to_dict() for provider in found])
        return
    rows = [
        (
            provider.name,
            "yes" if provider.installed else provider.install_hint or "no",
            _key(provider),
            _address(provider),
            " ".join(provider.features) or "-",
            provider.description,
        )
        for provider in found
    ]
    headings = ("PROVIDER", "INSTALLED", "KEY", "BASE URL", "FEATURES", "DESCRIPTION")
    if fits_terminal(headings, rows):
        print_table(headings, rows)
    else:
        print_records(headings, rows)


def _key(provider: daemon.ProviderDescription) -> str:
    if provider.key_variable is not None:
        return f"{provider.key_variable} from {provider.key_from}"
    if provider.key_from is not None:
        return f"from {provider.key_from}"
    if provider.credential_variable is not None:
        return f"{provider.credential_variable} from {provider.credential_from}"
    names = " or ".join((*provider.key_variables, *provider.credential_variables))
    if not names:
        return "none needed"
    return f"missing: {names}" if provider.key_required else f"not set: {names}"


def _address(provider: daemon.ProviderDescription) -> str:
    names = " or ".join(provider.base_url_variables)
    if provider.base_url or not names:
        return provider.base_url
    return f"missing: {names}" if provider.base_url_required else f"not set: {names}"
