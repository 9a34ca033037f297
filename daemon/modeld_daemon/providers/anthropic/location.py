"""The place and the project on Vertex AI that a session names. Pure.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from __future__ import annotations

from collections.abc import Mapping

from modeld.errors import InvalidRequest, PrerequisiteError

__all__ = ["named_location", "named_project"]

_LOCATIONS = ("ANTHROPIC_VERTEX_REGION", "CLOUD_ML_REGION")
_PROJECTS = ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")


def named_location(provider: str, environment: Mapping[str, str]) -> str:
    """The location. There is none to fall back on: not every model is everywhere."""
    location = _named(provider, _LOCATIONS, environment)
    if not location.replace("-", "").isalnum():
        raise InvalidRequest(
            f"{location!r} is no location of Google Cloud, such as us-east5: set {_LOCATIONS[0]}.",
            provider=provider,
        )
    return location


def named_project(provider: str, environment: Mapping[str, str], credentials: str | None) -> str:
    """The project; else that of the credentials."""
    return _named(provider, _PROJECTS, environment, credentials)


def _named(
    provider: str,
    variables: tuple[str, ...],
    environment: Mapping[str, str],
    otherwise: str | None = None,
) -> str:
    value = next((environment[name] for name in variables if environment.get(name)), otherwise)
    if not value:
        message = f"{provider} needs {' or '.join(variables)}: set it in the environment."
        raise PrerequisiteError(message, provider=provider)
    return value
