"""What each provider answers where there is no such model, and what a session needs to ask it.

A body is of recorded traffic ("recorded"), as users quoted it from the provider, or as the
reference writes it; the address says where it was seen. Every row of the catalog has its entry, and
an API of its own within a row (`google/vertex`) another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["UNKNOWN", "Unknown"]


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A model that its provider does not know."""

    model: str
    status: int
    body: Any
    source: str
    args: Mapping[str, Any] = field(default_factory=dict)
    """Model args, such as those that choose an API."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the row needs beside key and address."""
    key: bool = True
    """Whether it takes an API key."""


def _openai(message: str, code: object = None, type: str = "invalid_request_error") -> Any:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


def _google(message: str) -> Any:
    return {"error": {"code": 404, "message": message, "status": "NOT_FOUND"}}


_NEW = "The API deployment for this resource does not exist. If you created the deployment within \
the last 5 minutes, please wait a moment and try again."
_ANTHROPIC = {
    "type": "error",
    "error": {"type": "not_found_error", "message": "model: no-such-model"},
}
_PUBLISHER = (
    "Publisher Model `projects/p/locations/global/publishers/{}/models/no-such-model` was not found "
    "or your project does not have access to it. Please ensure you are using a valid model version."
)
_OWN = "model 'no-such-model' not found"
_BEDROCK = {"message": "The provided model identifier is invalid."}

UNKNOWN: Mapping[str, Unknown] = {
    "anthropic": Unknown(
        model="anthropic/no-such-model",
        status=404,
        body=_ANTHROPIC,
        source="recorded: anthropic.messages, client error",
    ),
    "anthropic/azure": Unknown(
        model="anthropic/azure/no-such-model",
        status=404,
        body=_openai(_NEW, "DeploymentNotFound"),
        source="recorded: azure.chat, of a resource's deployments",
    ),
    "anthropic/bedrock": Unknown(
        model="anthropic/bedrock/no-such-model",
        status=400,
        body=_BEDROCK,
        source="recorded: bedrock.converse, model name suggestion; InvokeModel says the same",
        environment={"AWS_REGION": "us-east-1"},
    ),
    "anthropic/vertex": Unknown(
        model="anthropic/vertex/no-such-model",
        status=404,
        body=_google(_PUBLISHER.format("anthropic")),
        source="https://github.com/pydantic/pydantic-ai/issues/5002",
        environment={"ANTHROPIC_VERTEX_REGION": "us-east5"},
        key=False,
    ),
    "azureai": Unknown(
        model="azureai/no-such-model",
        status=404,
        body={
            "error": {
                "code": "unknown_model",
                "message": "Unknown model: no-such-model",
                "details": "Unknown model: no-such-model",
            }
        },
        source="https://github.com/microsoft/Generative-AI-for-beginners-dotnet/issues/302",
    ),
    "bedrock": Unknown(
        model="bedrock/no-such-model",
        status=400,
        body=_BEDROCK,
        source="recorded: bedrock.converse, model name suggestion",
        environment={"AWS_REGION": "us-east-1"},
    ),
    "cloudflare": Unknown(
        model="cloudflare/@cf/no/such-model",
        status=400,
        body={
            "errors": [{"message": "No such model @cf/no/such-model or task", "code": 5007}],
            "success": False,
            "result": {},
            "messages": [],
        },
        source="https://developers.cloudflare.com/workers-ai/workers-ai-errors",
        environment={"CLOUDFLARE_ACCOUNT_ID": "a0"},
    ),
    "deepseek": Unknown(
        model="deepseek/no-such-model",
        status=400,
        body=_openai("Model Not Exist", "invalid_request_error"),
        source="https://github.com/deepwn/addi/issues/13",
    ),
    "fireworks": Unknown(
        model="fireworks/no-such-model",
        status=404,
        body={
            "error": {
                "message": "Model not found, inaccessible, and/or not deployed",
                "param": "model",
                "code": "NOT_FOUND",
                "type": "error",
            }
        },
        source="https://github.com/warpdotdev/warp/issues/15107",
    ),
    "google": Unknown(
        model="google/no-such-model",
        status=404,
        body=_google(
            "models/no-such-model is not found for API version v1beta, or is not supported for "
            "generateContent. Call ModelService.ListModels to see the list of available models."
        ),
        source="recorded: google.generate_content, model name suggestion",
    ),
    "google/vertex": Unknown(
        model="google/vertex/no-such-model",
        status=404,
        body=_google(_PUBLISHER.format("google")),
        source="https://github.com/pydantic/pydantic-ai/issues/5002",
    ),
    "grok": Unknown(
        model="grok/no-such-model",
        status=404,
        body={
            "code": "Some requested entity was not found",
            "error": "The model no-such-model does not exist or your team does not have access "
            "to it.",
        },
        source="the shape: https://github.com/iniwap/AIWriteX/issues/26",
    ),
    "groq": Unknown(
        model="groq/no-such-model",
        status=404,
        body=_openai(
            "The model `no-such-model` does not exist or you do not have access to it.",
            "model_not_found",
        ),
        source="recorded: groq.chat, regular error",
    ),
    "hf-inference-providers": Unknown(
        model="hf-inference-providers/no/such-model",
        status=400,
        body=_openai("The requested model 'no/such-model' does not exist", "model_not_found"),
        source="https://huggingface.co/docs/inference-providers/tasks/chat-completion (OpenAI's)",
    ),
    "llama-cpp-python": Unknown(
        model="llama-cpp-python/no-such-model",
        status=400,
        body={
            "error": {"code": 400, "message": "model not found", "type": "invalid_request_error"}
        },
        source="https://github.com/ggml-org/llama.cpp/issues/17968",
    ),
    "mistral": Unknown(
        model="mistral/no-such-model",
        status=400,
        body={
            "object": "error",
            "message": "Invalid model: no-such-model",
            "type": "invalid_model",
            "param": None,
            "code": "1500",
            "raw_status_code": 400,
        },
        source="https://github.com/mistralai/mistral-vibe/issues/617",
    ),
    "mistral/azure": Unknown(
        model="mistral/azure/no-such-model",
        status=404,
        body=_openai(_NEW, "DeploymentNotFound"),
        source="recorded: azure.chat, of a resource's deployments",
    ),
    "moonshot": Unknown(
        model="moonshot/no-such-model",
        status=404,
        body={
            "error": {
                "message": "Not found the model no-such-model or Permission denied",
                "type": "resource_not_found_error",
            }
        },
        source="https://github.com/langgenius/dify/issues/39778",
    ),
    "ollama": Unknown(
        model="ollama/no-such-model",
        status=404,
        body=_openai(f"{_OWN}, try pulling it first", type="not_found_error"),
        source="recorded: ollama.native_chat, error; the shape: "
        "https://docs.ollama.com/api/openai-compatibility",
    ),
    "openai": Unknown(
        model="openai/no-such-model",
        status=404,
        body=_openai(
            "The model `no-such-model` does not exist or you do not have access to it.",
            "model_not_found",
        ),
        source="recorded: openai.chat, 404",
    ),
    "openai (responses)": Unknown(
        model="openai/no-such-model",
        status=400,
        body=_openai("The requested model 'no-such-model' does not exist.", "model_not_found"),
        source="recorded: openai.responses, API error",
        args={"responses_api": True},
    ),
    "openai-api": Unknown(
        model="openai-api/acme/no-such-model",
        status=404,
        body=_openai("The model `no-such-model` does not exist", "model_not_found"),
        source="OpenAI's, which such services copy",
    ),
    "openai-api-completions": Unknown(
        model="openai-api-completions/acme/no-such-model",
        status=404,
        body=_openai("The model `no-such-model` does not exist", "model_not_found"),
        source="OpenAI's, which such services copy",
    ),
    "openai/azure": Unknown(
        model="openai/azure/no-such-model",
        status=404,
        body=_openai(_NEW, "DeploymentNotFound"),
        source="recorded: azure.chat, chat reasoning",
    ),
    "openai/bedrock": Unknown(
        model="openai/bedrock/no-such-model",
        status=404,
        body=_openai("The model 'openai.no-such-model' does not exist", "model_not_found"),
        source="https://github.com/anomalyco/opencode/issues/43514",
    ),
    "openrouter": Unknown(
        model="openrouter/no/such-model",
        status=400,
        body={"error": {"message": "no/such-model is not a valid model ID", "code": 400}},
        source="https://github.com/maxnowack/anthropic-proxy/issues/4",
    ),
    "perplexity": Unknown(
        model="perplexity/no-such-model",
        status=400,
        body={
            "error": {
                "message": "Invalid model 'no-such-model'. Permitted models can be found in the "
                "documentation at https://docs.perplexity.ai/docs/getting-started/models.",
                "type": "invalid_model",
                "code": 400,
            }
        },
        source="https://github.com/FerroxLabs/wayland/issues/603",
    ),
    "sambanova": Unknown(
        model="sambanova/no-such-model",
        status=410,
        body={
            "error": {
                "message": "The requested model (no-such-model) is not available on SambaNova "
                "Cloud. For more information, please visit "
                "https://docs.sambanova.ai/cloud/docs/resources/deprecations."
            }
        },
        source="https://github.com/mozilla-ai/any-llm/issues/976 (its status is not told there)",
    ),
    "sglang": Unknown(
        model="sglang/no-such-model",
        status=404,
        body={
            "object": "error",
            "message": "The model `no-such-model` does not exist.",
            "type": "NotFoundError",
            "param": "model",
            "code": 404,
        },
        source="https://docs.sglang.ai/basic_usage/openai_api_completions.html",
    ),
    "together": Unknown(
        model="together/no/such-model",
        status=400,
        body={
            "id": "okkMWqL-2kFHot",
            "error": {
                "message": "Unable to access non-serverless model no/such-model. Please visit "
                "https://api.together.ai/models/no/such-model to create and start a new dedicated "
                "endpoint for the model.",
                "type": "invalid_request_error",
                "param": None,
                "code": "model_not_available",
            },
        },
        source="https://github.com/HeyPuter/puter/issues/3168",
    ),
    "vllm": Unknown(
        model="vllm/no-such-model",
        status=404,
        body={
            "error": {
                "message": "The model `no-such-model` does not exist.",
                "type": "NotFoundError",
                "param": "model",
                "code": 404,
            }
        },
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    ),
    "vllm-completions": Unknown(
        model="vllm-completions/no-such-model",
        status=404,
        body={
            "error": {
                "message": "The model `no-such-model` does not exist.",
                "type": "NotFoundError",
                "param": "model",
                "code": 404,
            }
        },
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    ),
}
