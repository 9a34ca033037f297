"""Where requests go and who signs them: the Gemini API or Vertex AI. Imports no SDK.

https://ai.google.dev/api, https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
A connection serves `google/<model>` (Gemini API, by key) and `google/vertex/<model>`: Vertex with
the credentials of Google Cloud, or in express mode with an API key.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from modeld.errors import InvalidRequest, PrerequisiteError

from ...core.ports import Connection, Row
from .options import Options, read_options

__all__ = ["DEFAULT_URL", "Place", "check", "find_place", "split_service"]

DEFAULT_URL = "https://generativelanguage.googleapis.com"
_VERTEX = "vertex/"
_FOLDERS = ("models/", "tunedModels/", "publishers/", "projects/", "endpoints/")
_MULTI_REGIONS = ("us", "eu")
_PROJECTS = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
_VERTEX_KEY = "VERTEX_API_KEY"
_VERSIONS = ("/v1", "/v1beta", "/v1beta1", "/v1alpha")


@dataclass(frozen=True, slots=True)
class Place:
    """One of the two services, as one connection reaches it."""

    vertex: bool
    base_url: str
    """With the API's version, without a slash at its end."""
    api_key: str | None = field(default=None, repr=False)
    signs: bool = False
    """Whether requests carry a token of Google Cloud credentials."""
    project: str | None = None
    location: str | None = None
    quota_project: str | None = None

    @property
    def whole(self) -> bool:
        """Whether URLs can be made; else the credentials must name the project."""
        return not (self.vertex and self.signs) or self.project is not None

    def resource(self, model: str) -> str:
        """The model's name as the API's requests have it."""
        if not self.vertex:
            return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
        if model.startswith(("publishers/", "projects/", "models/", "endpoints/")):
            return model
        publisher, slash, name = model.partition("/")
        return (
            f"publishers/{publisher}/models/{name}"
            if slash
            else f"publishers/google/models/{model}"
        )

    def url(self, model: str, method: str) -> str:
        """The URL of a method of a model."""
        path = quote(self.resource(model), safe="/-._~@")
        if self.vertex and self.signs and not path.startswith("projects/"):
            path = f"projects/{self.project}/locations/{self.location}/{path}"
        query = "?alt=sse" if method.startswith("stream") else ""
        return f"{self.base_url}/{path}:{method}{query}"

    def headers(self) -> list[tuple[str, str]]:
        """Headers of all requests but the token."""
        headers = [
            ("content-type", "application/json"),
            ("accept", "*/*"),
            ("user-agent", "modeld"),
        ]
        if self.api_key is not None:
            headers.append(("x-goog-api-key", self.api_key))
        if self.signs and self.quota_project:
            headers.append(("x-goog-user-project", self.quota_project))
        return headers

    def of_project(self, project: str | None, provider: str) -> Place:
        """The place with the project that the credentials name."""
        if project is None:
            raise PrerequisiteError(
                f"No project for {provider}: set GOOGLE_CLOUD_PROJECT or the model arg project.",
                provider=provider,
            )
        return replace(self, project=project)


def split_service(model: str) -> tuple[bool, str]:
    """Whether the model is named as one of Vertex, and its name there."""
    vertex = model.startswith(_VERTEX)
    name = model.removeprefix(_VERTEX)
    if not name or ".." in name or any(letter in name for letter in "?&#:"):
        raise InvalidRequest(f"'{model[:200]}' is no name of a model of Google.")
    if not vertex and name == _VERTEX.rstrip("/"):
        raise InvalidRequest(
            "Model name 'google/vertex' should be in the format of google/vertex/<model>."
        )
    if not vertex and "/" in name and not name.startswith(_FOLDERS):
        raise InvalidRequest(
            f"'{name.partition('/')[0][:100]}' is no service of google: use google/<model> or "
            "google/vertex/<model>."
        )
    return vertex, name


def find_place(row: Row, connection: Connection, options: Options, model: str) -> Place:
    """The place of a model; raises what would make every call fail."""
    vertex, _ = split_service(model)
    if vertex or options.vertexai:
        return _vertex(row, connection, options)
    base_url = _versioned(connection.base_url or row.base_url or DEFAULT_URL, options, "v1beta")
    if options.use_adc or (options.credentials_file and connection.api_key is None):
        quota = _quota_project(connection, options)
        return Place(vertex=False, base_url=base_url, signs=True, quota_project=quota)
    if connection.api_key in (None, connection.environment.get(_VERTEX_KEY)):
        names = " or ".join(name for name in row.key_variables if name != _VERTEX_KEY)
        raise PrerequisiteError(f"No API key for {row.name}: set {names}.", provider=row.name)
    return Place(vertex=False, base_url=base_url, api_key=connection.api_key)


def _vertex(row: Row, connection: Connection, options: Options) -> Place:
    environment = connection.environment
    project = options.project or _first(environment, *_PROJECTS)
    location = options.location or _first(
        environment, "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION", "GOOGLE_VERTEX_LOCATION"
    )
    own_url = _own_vertex_url(row, connection)
    key = _express_key(row, connection, options)
    if key is not None:
        base_url = own_url or "https://aiplatform.googleapis.com"
        return Place(vertex=True, base_url=_versioned(base_url, options, "v1beta1"), api_key=key)
    location = location or "global"
    base_url = own_url or _regional_url(location)
    return Place(
        vertex=True,
        base_url=_versioned(base_url, options, "v1beta1"),
        signs=True,
        project=project,
        location=location,
        quota_project=_quota_project(connection, options),
    )


def _express_key(row: Row, connection: Connection, options: Options) -> str | None:
    """The API key of Vertex in express mode, with the precedence of Google's SDK: the caller's own
    key, a project or credentials that the caller names, Vertex's key of the environment, a project
    or credentials of the environment, the environment's key of the Gemini API.
    """
    environment, key = connection.environment, connection.api_key
    implicit = {environment.get(name) for name in row.key_variables}
    if key is not None and key not in implicit:
        return key
    if options.project or options.credentials_file or options.use_adc:
        return None
    if environment.get(_VERTEX_KEY):
        return environment[_VERTEX_KEY]
    return None if _first(environment, *_PROJECTS, "GOOGLE_APPLICATION_CREDENTIALS") else key


def _own_vertex_url(row: Row, connection: Connection) -> str | None:
    """A base URL that is meant for Vertex: the caller's own, or that of Vertex's variables."""
    environment = connection.environment
    gemini = {row.base_url, *(environment.get(name) for name in row.base_url_variables)}
    if connection.base_url is not None and connection.base_url not in gemini:
        return connection.base_url
    return _first(environment, "GOOGLE_VERTEX_BASE_URL", "VERTEX_BASE_URL")


def _regional_url(location: str) -> str:
    if not location.replace("-", "").isalnum():
        raise InvalidRequest(
            f"{location!r} is no location of Google Cloud, such as us-east5: set "
            "GOOGLE_CLOUD_LOCATION, or give the model arg location=."
        )
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _versioned(base_url: str, options: Options, version: str) -> str:
    base_url = base_url.rstrip("/")
    if options.api_version is None and base_url.endswith(_VERSIONS):
        return base_url
    return f"{base_url}/{options.api_version or version}"


def _quota_project(connection: Connection, options: Options) -> str | None:
    return options.quota_project_id or connection.environment.get("GOOGLE_CLOUD_QUOTA_PROJECT")


def _first(environment: Mapping[str, str], *names: str) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def check(row: Row, model: str, connection: Connection, shared: object = None) -> None:  # noqa: ARG001
    """Raises what would make every call fail. Imports no SDK."""
    options = read_options(connection.args, connection.environment)
    place = find_place(row, connection, options, model)
    if place.signs and importlib.util.find_spec("google.auth") is None:
        raise PrerequisiteError(
            f"{row.name} requires the optional package google-auth for Google Cloud credentials. "
            "Install with: pip install 'modeld[google]'",
            provider=row.name,
        )
