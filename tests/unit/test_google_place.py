"""Where requests go, and who signs them."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.google.options import read_options
from modeld_daemon.providers.google.place import DEFAULT_URL, Place, check, find_place
from modeld_daemon.providers.google.profile import google_profile
from tests.fakes.recorded_google import ROW


def place(
    model: str,
    *,
    key: str | None = None,
    url: str | None = DEFAULT_URL,
    env: Any = None,
    **args: Any,
) -> Place:
    connection = Connection(url, key, args, env or {})
    return find_place(ROW, connection, read_options(args, connection.environment), model)


GEMINI = "https://generativelanguage.googleapis.com/v1beta"
VERTEX = "https://aiplatform.googleapis.com/v1beta1"


def test_the_gemini_api_by_key():
    made = place("gemini-x", key="k")
    assert made.url("gemini-x", "generateContent") == f"{GEMINI}/models/gemini-x:generateContent"
    streamed = made.url("models/gemini-x", "streamGenerateContent")
    assert streamed == f"{GEMINI}/models/gemini-x:streamGenerateContent?alt=sse"
    assert made.url("tunedModels/t", "m") == f"{GEMINI}/tunedModels/t:m"
    assert ("x-goog-api-key", "k") in made.headers()
    assert "'k'" not in repr(made)


@pytest.mark.parametrize(
    "url, args, base",
    [
        ("http://proxy/", {}, "http://proxy/v1beta"),
        ("http://proxy/v1", {}, "http://proxy/v1"),
        ("http://proxy/v1beta/", {}, "http://proxy/v1beta"),
        ("http://proxy", {"api_version": "v1alpha"}, "http://proxy/v1alpha"),
    ],
)
def test_a_base_url_of_ones_own(url, args, base):
    assert place("g", key="k", url=url, **args).base_url == base


@pytest.mark.parametrize(
    "location, host",
    [
        (None, "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_by_project_and_location(location, host):
    made = place("vertex/g", env={"GOOGLE_CLOUD_PROJECT": "p"}, location=location)
    where = f"projects/p/locations/{location or 'global'}/publishers/google/models/g"
    assert made.signs
    assert made.url("g", "generateContent") == f"https://{host}/v1beta1/{where}:generateContent"


def test_vertex_reads_the_sessions_variables():
    env = {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "us-east5"}
    made = place("vertex/g", env=env)
    assert (made.project, made.location) == ("p", "us-east5")
    made = place("vertex/g", env=env, project="q", location="eu")
    assert (made.project, made.location) == ("q", "eu")
    assert place("g", env={"GOOGLE_GENAI_USE_VERTEXAI": "true", **env}).vertex
    assert place("g", env=env, vertexai=True).vertex


def test_vertex_names_of_models():
    made = place("vertex/g", project="p")
    full = "projects/x/locations/y/endpoints/1"
    assert made.url(full, "m") == f"{VERTEX}/{full}:m"
    assert made.url("meta/llama", "m").endswith("/publishers/meta/models/llama:m")
    assert made.url("publishers/google/models/g", "m").endswith(
        "/global/publishers/google/models/g:m"
    )


def test_vertex_in_express_mode():
    for made in (
        place("vertex/g", key="mine"),
        place("vertex/g", env={"VERTEX_API_KEY": "mine"}),
        place("vertex/g", key="gemini", env={"GOOGLE_API_KEY": "gemini", "VERTEX_API_KEY": "mine"}),
    ):
        assert (made.api_key, made.signs) == ("mine", False)
        assert made.url("g", "m") == f"{VERTEX}/publishers/google/models/g:m"


def test_a_key_of_the_gemini_api_is_one_of_vertex_where_there_is_nothing_else():
    made = place("vertex/g", key="gemini", env={"GOOGLE_API_KEY": "gemini"})
    assert (made.api_key, made.signs) == ("gemini", False)
    with pytest.raises(PrerequisiteError):
        place("g", key="vertex", env={"VERTEX_API_KEY": "vertex"})
    env = {"GOOGLE_API_KEY": "gemini", "GOOGLE_CLOUD_PROJECT": "p"}
    made = place("vertex/g", key="gemini", env=env)
    assert (made.api_key, made.signs) == (None, True)
    explicit = place("vertex/g", env={"VERTEX_API_KEY": "k"}, project="p")
    assert (explicit.api_key, explicit.signs) == (None, True)


def test_base_urls_of_the_two_services_are_two():
    env = {"GOOGLE_BASE_URL": "http://gemini", "GOOGLE_VERTEX_BASE_URL": "http://vertex"}
    assert place("g", key="k", url="http://gemini", env=env).base_url == "http://gemini/v1beta"
    made = place("vertex/g", key="k", url="http://gemini", env=env)
    assert made.base_url == "http://vertex/v1beta1"
    assert place("vertex/g", key="k", url="http://mine").base_url == "http://mine/v1beta1"


def test_the_gemini_api_by_credentials():
    made = place("g", env={"GOOGLE_USE_ADC": "1", "GOOGLE_CLOUD_QUOTA_PROJECT": "q"})
    assert (made.signs, made.vertex) == (True, False)
    assert ("x-goog-user-project", "q") in made.headers()


def test_a_missing_key_is_said():
    with pytest.raises(PrerequisiteError, match="GOOGLE_API_KEY or GEMINI_API_KEY"):
        check(ROW, "gemini-x", Connection(DEFAULT_URL))
    check(ROW, "gemini-x", Connection(DEFAULT_URL, "k"))


def test_a_missing_package_is_said(monkeypatch):
    found: list[object] = [object()]
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: found[0])
    check(ROW, "vertex/gemini-x", Connection(DEFAULT_URL))
    found[0] = None
    with pytest.raises(PrerequisiteError, match=r"modeld\[google\]"):
        check(ROW, "vertex/gemini-x", Connection(DEFAULT_URL))
    check(ROW, "vertex/gemini-x", Connection(DEFAULT_URL, "express-key"))


@pytest.mark.parametrize("model", ["foo/bar", "a?b", "../x", "vertex/", "x:y"])
def test_wrong_names_are_refused(model):
    with pytest.raises(InvalidRequest):
        check(ROW, model, Connection(DEFAULT_URL, "k"))


def test_a_wrong_location_is_refused():
    with pytest.raises(InvalidRequest):
        place("vertex/g", location="evil.com/", project="p")


@pytest.mark.parametrize(
    "model, thinking, signed",
    [
        ("gemini-1.5-pro", "none", False),
        ("gemini-2.0-flash-001", "none", False),
        ("gemini-2.5-flash-lite", "budget", False),
        ("gemini-2.5-pro-preview-05-06", "budget", False),
        ("gemini-2.5-flash-image", "none", False),
        ("publishers/google/models/gemini-3-flash-preview", "level", True),
        ("gemini-3.1-pro-preview", "level", True),
        ("gemini-10-ultra", "level", True),
        ("gemini-flash-latest", "level", True),
        ("gemma-3-27b-it", "none", False),
        ("something-else", "none", False),
    ],
)
def test_profiles_go_by_name(model, thinking, signed):
    profile = google_profile(model)
    assert (profile.thinking, profile.signed_calls) == (thinking, signed)
