"""Each row of the registry is asked for its models where its API has them, and nowhere else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from modeld import daemon, errors
from modeld_daemon.core.ports import Row
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.registry import Registry
from tests.fakes.serving import House

KEY = "listing-key-0123456789"
FORBIDDEN: Any = {"message": "not authorized to perform: bedrock:ListInferenceProfiles"}
OPENAI: Any = {"data": [{"id": "one"}]}
BEDROCK = "/foundation-models?byOutputModality=TEXT"
PROFILES = "/inference-profiles?type=SYSTEM_DEFINED&maxResults=1000"

# What each API answers, by what is asked for below the row's own base URL (or below none).
LISTS: dict[str, dict[str, Any]] = {
    "cloudflare": {
        "/client/v4/accounts/acc/ai/models/search?task=Text%20Generation&per_page=100": {
            "result": [{"id": "uuid", "name": "@cf/meta/one", "description": "One"}],
            "result_info": {"page": 1, "per_page": 100, "total_count": 101},
            "success": True,
        },
        "/client/v4/accounts/acc/ai/models/search?task=Text%20Generation&per_page=100&page=2": {
            "result": [{"id": "uuid", "name": "@cf/meta/two"}],
            "result_info": {"page": 2, "per_page": 100, "total_count": 101},
        },
    },
    "deepseek": {"/models": OPENAI},
    "fireworks": {"/inference/v1/models": OPENAI},
    "grok": {"/v1/models": OPENAI},
    "groq": {"/openai/v1/models": OPENAI},
    "hf-inference-providers": {"/v1/models": OPENAI},
    "moonshot": {"/v1/models": OPENAI},
    "openrouter": {"/api/v1/models": OPENAI},
    "sambanova": {"/v1/models": OPENAI},
    "together": {"/v1/models": OPENAI["data"]},
    "llama-cpp-python": {"/v1/models": OPENAI},
    "ollama": {"/v1/models": OPENAI},
    "sglang": {"/v1/models": OPENAI},
    "vllm": {"/v1/models": OPENAI},
    "openai-api/acme": {"/models": OPENAI},
    "openai-api-completions/acme": {"/models": OPENAI},
    "vllm-completions": {"/v1/models": OPENAI},
    "openai": {"/v1/models": OPENAI},
    "openai/azure": {"/openai/models?api-version=2025-03-01-preview": OPENAI},
    "openai/bedrock": {"/models": OPENAI},
    "anthropic": {"/v1/models": OPENAI},
    "anthropic/bedrock": {
        BEDROCK: {"modelSummaries": [
            {"modelId": "anthropic.one", "inferenceTypesSupported": ["ON_DEMAND"]},
            {"modelId": "amazon.nova", "inferenceTypesSupported": ["ON_DEMAND"]},
        ]},
        PROFILES: {"inferenceProfileSummaries": [
            {"inferenceProfileId": "us.anthropic.two"}, {"inferenceProfileId": "us.amazon.nova"},
        ]},
    },
    "anthropic/vertex": {
        "/v1beta1/publishers/anthropic/models": {
            "publisherModels": [{"name": "publishers/anthropic/models/one"}],
            "nextPageToken": "p/2",
        },
        "/v1beta1/publishers/anthropic/models?pageToken=p/2": {
            "publisherModels": [{"name": "publishers/anthropic/models/two"}]
        },
    },
    "bedrock": {
        BEDROCK: {"modelSummaries": [
            {"modelId": "amazon.one", "inferenceTypesSupported": ["ON_DEMAND"]},
            {"modelId": "amazon.not-so", "inferenceTypesSupported": ["INFERENCE_PROFILE"]},
        ]},
        PROFILES: {
            "inferenceProfileSummaries": [{"inferenceProfileId": "us.amazon.two"}],
            "nextToken": "n/2",
        },
        f"{PROFILES}&nextToken=n%2F2": {
            "inferenceProfileSummaries": [{"inferenceProfileId": "us.amazon.not-so"}]
        },
    },
    "google": {"/v1beta/models": {"models": [{"name": "models/one"}]}},
    "mistral": {"/v1/models": OPENAI},
    "mistral/azure": {"/v1/models": OPENAI},
}  # fmt: skip
NAMES = {
    "cloudflare": ["@cf/meta/one", "@cf/meta/two"],
    "anthropic/bedrock": ["anthropic.one", "us.anthropic.two"],
    "anthropic/vertex": ["one", "two"],
    "bedrock": ["amazon.one", "us.amazon.not-so", "us.amazon.two"],
}
# Their APIs have no list, says their reference.
NONE = {
    "anthropic/azure": "https://platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry",
    "azureai": "https://learn.microsoft.com/rest/api/aifoundry/modelinference/",
    "perplexity": "https://docs.perplexity.ai/api-reference",
}
HOSTED = [row for row in ROWS if row.network]


class Server:
    """Answers what it is told to, to whoever has a credential."""

    def __enter__(self) -> Self:
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                said = " ".join(self.headers.values())
                proven = KEY in said or "AWS4-HMAC-SHA256 Credential=AKIALISTING" in said
                known = self.path in server.pages
                body = server.pages.get(self.path, {"error": {"message": "no such page"}})
                forbidden = body is FORBIDDEN
                self._say(401 if not proven else 403 if forbidden else 200 if known else 404, body)

            def do_POST(self) -> None:  # Google's tokens
                self.rfile.read(int(self.headers["content-length"]))
                self._say(200, {"access_token": KEY, "expires_in": 3600})

            def _say(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server(modeld_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("MODELD_AUTOSTART", "0")
    monkeypatch.chdir(tmp_path)
    with Server() as listing, House(Registry(tmp_path)):
        yield listing


def provider_of(row: Row) -> str:
    return f"{row.name}/acme" if row.per_service else row.name


def test_of_each_row_it_is_said_whether_there_is_a_list():
    assert sorted((*LISTS, *NONE)) == sorted(map(provider_of, HOSTED))


def connect(row: Row, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables with which the row's API is the test's server."""
    service = {"{SERVICE}": "ACME"}
    for name in (*row.key_variables[:1], *row.base_url_variables[:1]):
        for mark, value in service.items():
            name = name.replace(mark, value)  # noqa: PLW2901
        # Of servers that modeld may start, what they usually have.
        usual = row.base_url or str(row.quirks.get("usual_url") or "")
        path = urlsplit(usual).path.replace("{CLOUDFLARE_ACCOUNT_ID}", "acc")
        monkeypatch.setenv(name, server.url + path if "URL" in name or "ENDPOINT" in name else KEY)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "acc")
    if "BEARER" in "".join(row.key_variables):
        monkeypatch.setenv("AWS_REGION", "us-east-1")
    if row.name == "anthropic/vertex":
        rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
        coding = pytest.importorskip("cryptography.hazmat.primitives.serialization")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            coding.Encoding.PEM, coding.PrivateFormat.PKCS8, coding.NoEncryption()
        )
        account = {
            "type": "service_account",
            "project_id": "p",
            "client_email": "a@b",
            "private_key": key.decode(),
            "token_uri": f"{server.url}/token",
        }
        (tmp_path / "account.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        monkeypatch.setenv("ANTHROPIC_VERTEX_REGION", "us-east5")


@pytest.mark.parametrize("row", HOSTED, ids=lambda row: row.name)
def test_the_list_of_a_row(row, server, tmp_path, monkeypatch):
    provider = provider_of(row)
    connect(row, server, tmp_path, monkeypatch)
    if provider in NONE:
        with pytest.raises(errors.InvalidRequest, match="no list of models"):
            daemon.list_models(provider, ask=True)
        assert len(server.asked) == 1
        return
    server.pages = LISTS[provider]
    listed = [model.name for model in daemon.list_models(provider, ask=True)]
    assert listed == [f"{provider}/{name}" for name in NAMES.get(provider, ["one"])]
    assert server.asked == list(LISTS[provider])


@pytest.mark.parametrize("provider", ["bedrock", "anthropic/bedrock", "openai/bedrock"])
def test_amazon_is_asked_with_a_signature(provider, server, tmp_path, monkeypatch):
    pytest.importorskip("botocore", reason="the extra bedrock is not installed")
    row = next(row for row in HOSTED if row.name == provider)
    connect(row, server, tmp_path, monkeypatch)
    for name in row.key_variables:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIALISTING")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-session")
    server.pages = LISTS[provider]
    assert daemon.list_models(provider, ask=True)
    assert server.asked == list(LISTS[provider])


def test_whoever_may_not_see_profiles_sees_models(server, tmp_path, monkeypatch):
    row = next(row for row in HOSTED if row.name == "bedrock")
    connect(row, server, tmp_path, monkeypatch)
    server.pages = {BEDROCK: LISTS["bedrock"][BEDROCK], PROFILES: FORBIDDEN}
    assert [model.name for model in daemon.list_models("bedrock", ask=True)] == [
        "bedrock/amazon.one"
    ]


@pytest.mark.parametrize("named", ["google", "google/vertex"])
def test_vertex_lists_googles_models(named, server, monkeypatch):
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true" if named == "google" else "")
    monkeypatch.setenv("VERTEX_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", server.url)
    server.pages = {
        "/v1beta1/publishers/google/models": {
            "publisherModels": [{"name": "publishers/google/models/one", "versionId": "default"}]
        }
    }
    assert [model.name for model in daemon.list_models(named, ask=True)] == ["google/vertex/one"]
