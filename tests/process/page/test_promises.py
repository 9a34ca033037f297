"""What the page says beside its code: providers, and what its last section names."""

from __future__ import annotations

import base64
import json

import pytest

import modeld
from modeld import (
    CachePolicy,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ResponseSchema,
    Task,
    get_model,
)
from modeld.dataset import Sample
from modeld.lanes import limits
from modeld.types import JSONSchema
from tests.fakes.recorded_by_model import said

from .checks import LOCAL, MINI
from .page import page

pytestmark = [pytest.mark.timeout(60), pytest.mark.beside]

# Each provider of the page's table, with a model of the recordings; below, how it is reached.
PROVIDERS = {
    "OpenAI": "openai/gpt-4o",
    "Anthropic": "anthropic/claude-3-5-haiku-latest",
    "Google": "google/gemini-2.0-flash",
    "Grok": "grok/grok-4.3",
    "Mistral": "mistral/mistral-small-latest",
    "DeepSeek": "deepseek/deepseek-chat",
    "AWS Bedrock": "bedrock/amazon.nova-lite-v1:0",
    "Azure AI": "azureai/gpt-4o",
    "Vertex AI": "google/vertex/gemini-2.0-flash",
    "Groq": "groq/llama-3.3-70b-versatile",
    "Together AI": "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "Cloudflare": "cloudflare/@cf/meta/llama-3.3-70b-instruct-fp8-fast",
    "Hugging Face": "hf/openai-community/gpt2",
    "vLLM": "vllm/qwen3",
    "Ollama": "ollama/qwen3",
    "Lllama-cpp-python": "llama-cpp-python/qwen3",  # as the page spells it
    "SGLang": "sglang/qwen3",
}
OTHERS = {
    "OpenAI compatible": "openai-api/perplexity/sonar",
    "OpenRouter": "openrouter/openai/gpt-4o",
}
COMPATIBLE = ("VLLM", "LLAMA_CPP_PYTHON", "SGLANG")
"""Servers without recordings: they speak as the recorded Ollama does."""
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPj/HwADAgH/p3gGfQAAAABJRU5ErkJg"
    "gg=="
)


def test_every_provider_of_the_table_is_tested():
    rows = [line for line in page().splitlines() if line.endswith("|")]
    named = [name.strip() for row in rows for name in row.split("|")[1].split(",")]
    assert sorted(name for name in named if name) == sorted(PROVIDERS)
    assert "OpenAI compatible API endpoint" in page()
    assert "available via OpenRouter" in page()


@pytest.mark.parametrize("name", [*PROVIDERS, *OTHERS])
def test_a_provider_answers_as_recorded(name, answers, monkeypatch, request):
    model = {**PROVIDERS, **OTHERS}[name]
    for server in COMPATIBLE:
        monkeypatch.setenv(f"{server}_BASE_URL", answers.url("ollama") + "/v1")
    if name == "Vertex AI":
        monkeypatch.setenv("VERTEX_API_KEY", "a-key-of-vertex")
    if name == "Hugging Face":
        small = get_model(request.getfixturevalue("hub_model"))
        assert small.generate_sync("Say it").completion == "One two"
        return
    asked = get_model(model, config=GenerateConfig(max_tokens=2000, timeout=20))
    if name == "Cloudflare":  # recorded as streams only
        (*_, last) = asked.stream_sync("Say hello")
        assert last.output.completion
        assert answers.requests[0]["stream"]
        return
    output = asked.generate_sync("Say hello")
    (request,) = answers.requests
    assert output.completion.strip() == said(answers.recorded(request)).strip() != ""
    assert output.usage.output_tokens > 0


def test_an_unlisted_provider_comes_with_a_package():
    """tests/process/test_extensions.py installs one and uses it."""
    assert "Model API Extensions" in page()


def test_connections_follow_the_provider_unless_told(answers):
    """The page's fixed 10 is where the limit of today begins."""
    assert "max_connections\nvalue of 10" in page()
    modeld.eval("arc.py", model=MINI)
    lanes = [lane for lane in limits() if lane.model == MINI]
    assert {lane.limit_reason for lane in lanes} == {"adaptive"}
    assert all(lane.limit >= 10 for lane in lanes)


def test_cached_outputs_spare_calls(logs, answers):
    assert "cache model output to reduce the number of API calls made" in page()
    for _ in range(2):
        modeld.eval(Task([Sample("A question for the cache")]), model=MINI, cache=True)
    first, second = (log.samples[0] for log in logs())
    assert len(answers.requests) == 1
    assert first.output.completion == second.output.completion
    assert [sample.output.metadata["modeld"]["cache"] for sample in (first, second)] == [
        "miss",
        "hit",
    ]


def test_a_cached_output_has_an_end_and_a_scope(answers):
    model = get_model(MINI)

    def kept(**policy: object) -> str:
        output = model.generate_sync("Another one for the cache", cache=CachePolicy(**policy))
        return output.metadata["modeld"]["cache"]

    assert [kept(expiry="1W"), kept(expiry="1W")] == ["miss", "hit"]
    assert [kept(scopes={"user": "a"}), kept(scopes={"user": "a"})] == ["miss", "hit"]
    assert kept(scopes={"user": "b"}) == "miss"
    assert [kept(expiry="1s"), kept(expiry="1W")] == ["miss", "hit"]
    assert len(answers.requests) == 4


def test_images_reach_the_model(answers):
    assert "including images, audio, and video" in page()
    picture = "data:image/png;base64," + base64.b64encode(PNG).decode()
    asked = [ChatMessageUser([ContentText("What is this?"), ContentImage(picture)])]
    modeld.eval(Task([Sample(asked)]), model=["openai/gpt-4o", "google/gemini-2.0-flash"])
    bodies = answers.bodies("gpt-4o") + answers.bodies("gemini-2.0-flash")
    assert len(bodies) == 2
    assert all(base64.b64encode(PNG).decode() in json.dumps(body) for body in bodies)


@pytest.mark.parametrize(
    "variable, place, model",
    [
        ("DEEPSEEK_BASE_URL", "deepseek", "deepseek/deepseek-reasoner"),
        ("ANTHROPIC_BASE_URL", "anthropic", "anthropic/claude-sonnet-4-0"),
    ],
)
def test_reasoning_has_options_and_data(answers, monkeypatch, variable, place, model):
    assert "additional options and data available for reasoning models" in page()
    monkeypatch.setenv(variable, answers.url(place, "reasoning"))
    config = GenerateConfig(reasoning_effort="high", reasoning_tokens=1024, max_tokens=1100)
    output = get_model(model, config=config).generate_sync("How much is 5 + 3?")
    thoughts = [c for c in output.message.content if isinstance(c, ContentReasoning)]
    (body,) = answers.answered(model.partition("/")[2])
    assert thoughts
    assert all(
        part.reasoning and json.dumps(part.reasoning)[1:-1] in json.dumps(body) for part in thoughts
    )
    (sent,) = answers.bodies(model.partition("/")[2])
    assert "high" in str(sent) or "1024" in str(sent)


PET = JSONSchema(
    type="object",
    properties={"name": JSONSchema(type="string"), "age": JSONSchema(type="integer")},
    required=["name", "age"],
)


def test_structured_output_has_the_schema(answers):
    assert "constrain model output to a particular JSON schema" in page()
    config = GenerateConfig(
        response_schema=ResponseSchema("pet", PET), max_tokens=80, temperature=0, seed=1
    )
    output = get_model(LOCAL, config=config).generate_sync("Tell me of the cat Loki of 3 years.")
    pet = json.loads(output.completion)
    assert set(pet) == {"name", "age"}
    assert isinstance(pet["name"], str)
    assert isinstance(pet["age"], int)
    get_model("openai/gpt-4o", config=config).generate_sync("Tell me of a cat.")
    (sent,) = answers.bodies("gpt-4o")
    assert sent["response_format"]["json_schema"]["name"] == "pet"
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "age"]
