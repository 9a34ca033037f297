"""What a user reads who forgot a key, a package, a region, a model's name or to start a server.

Every row of the registry is asked through a running daemon, as a program asks it; each error must
name what to set, what to install or which address it is about. A new row needs an entry in
`tests/fakes/unknown_models.py`, and in `REGIONS` if it has no address of its own.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modeld import GenerateConfig, Model, api, get_model, rpc
from modeld.environment import Environment
from modeld.errors import (
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    PrerequisiteError,
    ProviderUnavailable,
)
from modeld.rpc.hub import Hub
from modeld_daemon.core.ports import Row
from modeld_daemon.core.services import service_row
from modeld_daemon.providers.aws.place import AWS_VARIABLES
from modeld_daemon.providers.registry import Registry
from tests.conftest import short_folder
from tests.fakes.google_account import service_account
from tests.fakes.serving import House
from tests.fakes.telling import Upstream
from tests.fakes.unknown_models import UNKNOWN, Unknown

for _package in ("botocore", "google.auth", "azure.identity"):
    pytest.importorskip(_package, reason="an extra is not installed")

REGISTRY = Registry(Path("no-data"))
ROWS = {row.name: row for row in REGISTRY.rows()}
NETWORK = [name for name, row in ROWS.items() if row.network]
LOCAL = [name for name, row in ROWS.items() if not row.network]
KEY = "k0-of-nobody"
ONCE = GenerateConfig(max_retries=0)
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


def is_aws(row: Row) -> bool:
    return set(AWS_VARIABLES) <= set(row.other_variables)


def is_google(row: Row) -> bool:
    return "GOOGLE_APPLICATION_CREDENTIALS" in row.other_variables


def has_credentials(row: Row) -> bool:
    """Whether a cloud's credentials do instead of a key."""
    return bool(row.quirks.get("entra")) or is_aws(row) or is_google(row)


def of_api(name: str) -> tuple[Row, Unknown]:
    """The row of an entry in `UNKNOWN`, as the caller's model names it."""
    asked = UNKNOWN[name]
    row = ROWS.get(name) or ROWS[asked.model.partition("/")[0]]
    return service_row(row, asked.model.removeprefix(f"{row.name}/"))[0], asked


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A running daemon with the rows as they are, and a client that knows no other."""
    with pytest.MonkeyPatch.context() as patch:
        home = short_folder()
        folder = tmp_path_factory.mktemp("empty")
        patch.setenv("MODELD_HOME", str(home))
        patch.setenv("MODELD_AUTOSTART", "0")
        patch.setenv("HOME", str(folder))
        patch.chdir(folder)  # there is no .env
        patch.setattr(api, "_memo", {})
        hub = Hub(Environment())
        patch.setattr(rpc, "_hubs", [hub])
        with House(Registry(folder)):
            yield
            hub.close()


@pytest.fixture
def session(daemon: None, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A session with none of the variables of providers, on a machine of no cloud."""
    for row in ROWS.values():
        for variable in (*row.key_variables, *row.base_url_variables, *row.other_variables):
            monkeypatch.delenv(variable, raising=False)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setattr("google.auth.compute_engine._metadata.is_on_gce", lambda *_: False)
    return monkeypatch


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def give(session: pytest.MonkeyPatch, tmp_path: Path, asked: Unknown, upstream: Upstream) -> None:
    """What the API needs beside key and address."""
    for name, value in asked.environment.items():
        session.setenv(name, value)
    if not asked.key:
        file = service_account(tmp_path / "account.json", f"http://{upstream.address}/token")
        session.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


def model_of(asked: Unknown, url: str | None, key: str | None = KEY) -> Model:
    key = key if asked.key else None
    return get_model(asked.model, base_url=url, api_key=key, memoize=False, **asked.args)


def error_of(act: Callable[[], object]) -> ModeldError:
    with pytest.raises(ModeldError) as caught:
        act()
    assert KEY not in f"{caught.value} {caught.value!r}"
    return caught.value


def ask(asked: Unknown, url: str | None, key: str | None = KEY) -> ModeldError:
    """The error of opening a model, or of the first call."""
    return error_of(lambda: model_of(asked, url, key).generate_sync("hi", config=ONCE))


def names_only_its_own(error: ModeldError, row: Row) -> None:
    """A variable that the row does not read would not help."""
    read = {*row.key_variables, *row.base_url_variables, *row.other_variables}
    assert set(_VARIABLE.findall(str(error))) <= read


# -- every row is asked ----------------------------------------------------------------------


def test_every_row_has_a_model_that_it_does_not_know():
    rows = {of_api(name)[0].name.partition("/acme")[0] for name in UNKNOWN}
    assert rows == set(NETWORK)


# -- missing keys ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_missing_key_names_its_variables(name, session, upstream):
    row, asked = of_api(name)
    upstream.told = (asked.status, asked.body)
    for variable, value in asked.environment.items():
        session.setenv(variable, value)
    opening: list[Model] = []

    def act() -> None:
        opening.append(
            get_model(
                asked.model, base_url=f"http://{upstream.address}", memoize=False, **asked.args
            )
        )
        opening[0].generate_sync("hi", config=ONCE)

    error = error_of(act)
    if not row.key_required and not has_credentials(row):
        assert isinstance(error, ModelNotFound)  # the server was asked without one
        return
    assert isinstance(error, PrerequisiteError)
    assert error.provider == row.name
    keys = [key for key in row.key_variables if name == "google/vertex" or key != "VERTEX_API_KEY"]
    assert all(key in error.message for key in keys or ["GOOGLE_APPLICATION_CREDENTIALS"])
    names_only_its_own(error, row)
    # Only credentials of clouds, which may be far away, are looked for at the first call.
    assert bool(opening) == (has_credentials(row) and name != "google")


# -- missing packages ------------------------------------------------------------------------

CLOUD = {"aws": "botocore", "azure": "azure.identity", "google": "google.auth"}


def packages() -> Iterator[tuple[str, str]]:
    for name in UNKNOWN:
        row, _ = of_api(name)
        needed = set(row.packages)
        if is_aws(row):
            needed.add(CLOUD["aws"])
        if row.quirks.get("entra"):
            needed.add(CLOUD["azure"])
        if is_google(row) and name != "google":
            needed.add(CLOUD["google"])
        yield from ((name, package) for package in sorted(needed))


def local_packages() -> Iterator[tuple[str, str]]:
    yield from ((name, package) for name in LOCAL for package in ROWS[name].packages)


@pytest.mark.parametrize("name, package", [*packages(), *local_packages()])
def test_a_missing_package_names_what_to_install(name, package, session, monkeypatch):
    row, asked = (ROWS[name], None) if name in LOCAL else of_api(name)
    model = asked.model if asked else f"{name}/some-model"
    for variable, value in (asked.environment if asked else {}).items():
        session.setenv(variable, value)
    key = KEY if asked and package in row.packages and asked.key else None
    monkeypatch.setitem(sys.modules, package, None)
    url = "http://127.0.0.1:9" if row.network else None
    error = error_of(lambda: get_model(model, base_url=url, api_key=key, memoize=False))
    assert isinstance(error, PrerequisiteError)
    assert error.provider == row.name
    assert package.replace(".", "-") in error.message.replace(".", "-")
    assert f"pip install 'modeld[{row.extra}]'" in error.message


# -- regions and addresses -------------------------------------------------------------------

REGIONS: dict[str, tuple[str, str, str]] = {
    "anthropic/bedrock": ("AWS_REGION", "us-moon-1", "bedrock-runtime.us-moon-1.amazonaws.com"),
    "bedrock": ("AWS_REGION", "us-moon-1", "bedrock-runtime.us-moon-1.amazonaws.com"),
    "openai/bedrock": ("AWS_REGION", "us-moon-1", "bedrock-mantle.us-moon-1.api.aws"),
    "anthropic/vertex": (
        "ANTHROPIC_VERTEX_REGION",
        "moon-west1",
        "moon-west1-aiplatform.googleapis.com",
    ),
    "google/vertex": (
        "GOOGLE_CLOUD_LOCATION",
        "moon-west1",
        "moon-west1-aiplatform.googleapis.com",
    ),
}
"""The variable, a region that is not there, and the host that it would have."""
ADDRESSES = (
    *("anthropic/azure", "azureai", "mistral/azure", "openai/azure"),
    *("openai-api", "openai-api-completions"),
)
"""Rows whose address is the caller's own."""
PLACED = [name for name in UNKNOWN if name in REGIONS]


@pytest.fixture
def no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name has an address."""
    found = socket.getaddrinfo

    def find(host: Any, *more: Any, **said: Any) -> Any:
        if host in ("127.0.0.1", "localhost", None):
            return found(host, *more, **said)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find)


def test_every_row_without_an_address_of_its_own_is_here():
    own = {name for name in NETWORK if ROWS[name].quirks.get("starts")}  # the daemon starts them
    without = {name for name in NETWORK if ROWS[name].base_url is None} - own
    assert without | {"google/vertex"} == {*REGIONS, *ADDRESSES}


def placed(name: str, session: pytest.MonkeyPatch, tmp_path: Path, upstream: Upstream) -> Unknown:
    """An API of a region whose credentials are there."""
    _, asked = of_api(name)
    if is_google(of_api(name)[0]):
        asked = replace(asked, key=False)
    give(session, tmp_path, asked, upstream)
    return asked


@pytest.mark.parametrize("name", PLACED)
def test_a_region_that_is_none_names_its_variable(name, session, tmp_path, upstream):
    asked = placed(name, session, tmp_path, upstream)
    variable, _, _ = REGIONS[name]
    session.setenv(variable, "the moon")
    error = error_of(lambda: model_of(asked, None))
    assert isinstance(error, InvalidRequest)
    assert error.provider == of_api(name)[0].name
    assert variable in error.message
    assert "'the moon'" in error.message
    names_only_its_own(error, of_api(name)[0])


@pytest.mark.parametrize("name", PLACED)
def test_a_region_that_is_not_there_names_its_address(
    name, session, tmp_path, upstream, no_such_host
):
    asked = placed(name, session, tmp_path, upstream)
    variable, region, host = REGIONS[name]
    session.setenv(variable, region)
    error = ask(asked, None)
    assert isinstance(error, ProviderUnavailable)
    assert f"cannot find the address of {host}:443".lower() in str(error).lower()
    assert error.provider == of_api(name)[0].name


@pytest.mark.parametrize("name", ["bedrock", "anthropic/bedrock", "anthropic/vertex"])
def test_no_region_names_its_variable(name, session, tmp_path, upstream):
    asked = placed(name, session, tmp_path, upstream)
    variable, _, _ = REGIONS[name]
    session.delenv(variable)
    error = ask(asked, None)
    assert isinstance(error, PrerequisiteError)
    assert variable in error.message
    names_only_its_own(error, of_api(name)[0])


@pytest.mark.parametrize("name", ADDRESSES)
def test_no_address_names_its_variables(name, session):
    row, asked = of_api(name)
    error = error_of(lambda: model_of(asked, None))
    assert isinstance(error, PrerequisiteError)
    assert error.provider == row.name
    assert all(variable in error.message for variable in row.base_url_variables)
    names_only_its_own(error, row)


NO_ADDRESSES = (
    *("localhost:8000", "ftp://host/v1", "http://", "//host/v1", "http://host:99999/v1"),
    *("me:k0-of-nobody@host", "ftp://me:k0-of-nobody@host"),
    *("http://host/v1 ", "http://host/v1?api-version=1&key=k0-of-nobody", "http://host/v1#top"),
)
"""What dialects would put their paths behind, and ask for something else than was meant."""


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_address_that_is_none_names_where_it_is_said(name, session, tmp_path, upstream):
    row, asked = of_api(name)
    give(session, tmp_path, asked, upstream)
    for url in NO_ADDRESSES:
        error = error_of(lambda url=url: model_of(asked, url))
        assert isinstance(error, InvalidRequest)
        assert error.provider == row.name
        assert "base_url=" in error.message
        assert all(variable in error.message for variable in row.base_url_variables)
        names_only_its_own(error, row)


def test_an_address_with_a_name_in_it_names_the_variable(session):
    asked = UNKNOWN["cloudflare"]
    assert [name for name, row in ROWS.items() if "{" in (row.base_url or "")] == ["cloudflare"]
    error = error_of(lambda: model_of(asked, None))
    assert isinstance(error, PrerequisiteError)
    assert "CLOUDFLARE_ACCOUNT_ID" in error.message


# -- unknown models --------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_model_is_named_with_its_provider(name, session, tmp_path, upstream):
    row, asked = of_api(name)
    give(session, tmp_path, asked, upstream)
    upstream.told = (asked.status, asked.body)
    error = ask(asked, f"http://{upstream.address}")
    assert isinstance(error, ModelNotFound)
    assert (error.provider, error.model, error.status) == (row.name, asked.model, asked.status)
    assert asked.model in str(error)
    if row.quirks.get("lists_models"):
        assert "The server has another-model." in error.message


def test_an_unknown_provider_is_answered_with_those_that_there_are(session):
    error = error_of(lambda: get_model("nobody/model", memoize=False))
    assert isinstance(error, ModelNotFound)
    assert [name for name in ROWS if name not in error.message] == []


# -- servers that are not reached ------------------------------------------------------------


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_server_that_does_not_listen_is_named_by_its_address(name, session, tmp_path, upstream):
    row, asked = of_api(name)
    give(session, tmp_path, asked, upstream)
    address = f"127.0.0.1:{closed_port()}"
    error = ask(asked, f"http://{address}")
    assert isinstance(error, ProviderUnavailable)
    assert f"connect to {address}" in error.message
    assert (error.provider, error.phase) == (row.name, "connect")
    if command := row.quirks.get("start_command"):  # a server of one's own
        assert command in error.message
        assert row.base_url_variables[0] in error.message


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_host_that_is_not_there_is_named(name, session, tmp_path, upstream, no_such_host):
    row, asked = of_api(name)
    give(session, tmp_path, asked, upstream)
    error = ask(asked, "https://nowhere.example")
    assert isinstance(error, ProviderUnavailable)
    assert "nowhere.example" in error.message
    assert error.provider == row.name
