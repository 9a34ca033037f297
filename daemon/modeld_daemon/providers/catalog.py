"""The providers as data: one row each. A provider that is only configuration is a row here."""

from __future__ import annotations

from ..core.ports import Row
from ..core.resolve import PROXY_VARIABLES
from .aws.place import AWS_CREDENTIALS, AWS_VARIABLES, BEARER_VARIABLE
from .azure.entra import ENTRA_CREDENTIALS, ENTRA_VARIABLES
from .compatible import COMPATIBLE

__all__ = ["ROWS"]

ROWS: tuple[Row, ...] = (
    *COMPATIBLE,
    Row(
        name="anthropic",
        dialect="anthropic",
        description="Anthropic, by Messages",
        key_variables=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        base_url="https://api.anthropic.com",
        base_url_variables=("ANTHROPIC_BASE_URL",),
        packages=("anthropic",),
        extra="daemon",
    ),
    Row(
        name="anthropic/azure",
        dialect="anthropic",
        description="Anthropic's models on Azure, by Messages",
        key_variables=("AZUREAI_ANTHROPIC_API_KEY", "AZURE_ANTHROPIC_API_KEY"),
        key_required=False,  # without one, Microsoft Entra ID gives tokens
        credential_variables=ENTRA_CREDENTIALS,
        base_url_variables=("AZUREAI_ANTHROPIC_BASE_URL", "AZURE_ANTHROPIC_BASE_URL"),
        other_variables=ENTRA_VARIABLES,
        packages=("anthropic",),
        extra="azure",
        quirks={"place": "azure", "own_address": True, "entra": True},
    ),
    Row(
        name="anthropic/bedrock",
        dialect="anthropic",
        description="Anthropic's models on Amazon Bedrock, by Messages",
        key_variables=(BEARER_VARIABLE,),
        key_required=False,  # without one, requests are signed by AWS credentials
        credential_variables=AWS_CREDENTIALS,
        base_url_variables=("ANTHROPIC_BEDROCK_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        other_variables=AWS_VARIABLES,
        extra="bedrock",
        quirks={"place": "bedrock"},
    ),
    Row(
        name="anthropic/vertex",
        dialect="anthropic",
        description="Anthropic's models on Vertex AI, by Messages",
        key_required=False,  # there are Google Cloud credentials instead
        credential_variables=("GOOGLE_APPLICATION_CREDENTIALS",),
        base_url_variables=("ANTHROPIC_VERTEX_BASE_URL",),
        other_variables=(
            *("ANTHROPIC_VERTEX_REGION", "CLOUD_ML_REGION", "ANTHROPIC_VERTEX_PROJECT_ID"),
            *("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"),
            *("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"),
        ),
        packages=("google.auth",),
        extra="google",
        quirks={"place": "vertex"},
    ),
    Row(
        name="bedrock",
        dialect="bedrock",
        description="models of Amazon Bedrock, by Converse",
        key_variables=(BEARER_VARIABLE,),
        key_required=False,  # without one, requests are signed by AWS credentials
        credential_variables=AWS_CREDENTIALS,
        base_url_variables=("BEDROCK_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        other_variables=AWS_VARIABLES,
        extra="bedrock",
    ),
    Row(
        name="google",
        dialect="google",
        description="Google's Gemini API, and Vertex AI as google/vertex/<model>",
        key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY", "VERTEX_API_KEY"),
        key_required=False,  # Vertex has credentials instead; the dialect asks for one or the other
        credential_variables=("GOOGLE_APPLICATION_CREDENTIALS",),
        base_url="https://generativelanguage.googleapis.com",
        base_url_variables=("GOOGLE_BASE_URL", "GOOGLE_GEMINI_BASE_URL"),
        other_variables=(
            *("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_USE_ADC"),
            *("GOOGLE_VERTEX_BASE_URL", "VERTEX_BASE_URL", "GOOGLE_VERTEX_LOCATION"),
            *("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_CLOUD_QUOTA_PROJECT"),
            *("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"),
            *("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"),
        ),
        extra="google",
        # The model args that say what the service's name in a model's name says.
        quirks={"services": {"vertex": {"vertexai": True}}},
    ),
    Row(
        name="hf",
        dialect="huggingface",
        description="models of the Hugging Face hub on this machine, by transformers",
        key_variables=("HF_TOKEN",),
        key_required=False,  # most repositories are open to everyone
        other_variables=(
            *("HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE"),
            *PROXY_VARIABLES,  # of the network only the engine needs to know
        ),
        packages=("torch", "transformers"),
        extra="hf",
        network=False,
    ),
    Row(
        name="local",
        dialect="llama_cpp",
        description="models on this machine, by llama.cpp in a process of its own",
        key_required=False,
        packages=("xllamacpp",),
        extra="local",
        network=False,
    ),
    Row(
        name="mistral",
        dialect="mistral",
        description="Mistral, by Chat Completions",
        key_variables=("MISTRAL_API_KEY",),
        base_url="https://api.mistral.ai",
        base_url_variables=("MISTRAL_BASE_URL",),
        packages=("mistralai",),
        extra="daemon",
    ),
    Row(
        name="mistral/azure",
        dialect="mistral",
        description="Mistral's models on Azure, by Chat Completions",
        key_variables=("AZUREAI_MISTRAL_API_KEY", "AZURE_MISTRAL_API_KEY"),
        key_required=False,  # without one, Microsoft Entra ID gives tokens
        credential_variables=ENTRA_CREDENTIALS,
        base_url_variables=("AZUREAI_MISTRAL_BASE_URL", "AZURE_MISTRAL_BASE_URL"),
        other_variables=ENTRA_VARIABLES,
        packages=("mistralai",),
        extra="azure",
        quirks={"place": "azure", "own_address": True, "entra": True},
    ),
    Row(
        name="mockllm",
        dialect="mock",
        description="scripted answers, offline",
        key_required=False,
        network=False,
        shared=False,
    ),
    Row(
        name="none",
        dialect="none",
        description="no model: calls say that one must be named",
        key_required=False,
        network=False,
    ),
    Row(
        name="openai",
        dialect="openai",
        description="OpenAI, by Responses or Chat Completions, as the model is made for",
        key_variables=("OPENAI_API_KEY",),
        base_url="https://api.openai.com/v1",
        base_url_variables=("OPENAI_BASE_URL",),
        other_variables=("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_SAFETY_IDENTIFIER"),
        packages=("openai",),
        extra="daemon",
    ),
    Row(
        name="openai/azure",
        dialect="openai",
        description="OpenAI's models on Azure, by deployment",
        key_variables=("AZUREAI_OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"),
        key_required=False,  # without one, Microsoft Entra ID gives tokens
        credential_variables=ENTRA_CREDENTIALS,
        base_url_variables=(
            *("AZUREAI_OPENAI_BASE_URL", "AZURE_OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"),
        ),
        other_variables=("AZUREAI_OPENAI_API_VERSION", "OPENAI_API_VERSION", *ENTRA_VARIABLES),
        packages=("openai",),
        extra="azure",
        quirks={"azure": "openai", "own_address": True, "entra": True},
    ),
    Row(
        name="openai/bedrock",
        dialect="openai",
        description="models of Amazon Bedrock that speak OpenAI's APIs",
        key_variables=("BEDROCK_OPENAI_API_KEY", BEARER_VARIABLE),
        key_required=False,  # without one, requests are signed by AWS credentials
        credential_variables=AWS_CREDENTIALS,
        base_url_variables=("BEDROCK_OPENAI_BASE_URL", "AWS_BEDROCK_BASE_URL"),
        other_variables=AWS_VARIABLES,
        packages=("openai",),
        extra="bedrock",
        quirks={"place": "mantle"},
    ),
    Row(
        name="azureai",
        dialect="openai_chat",
        description="models of Azure AI, by Chat Completions",
        key_variables=("AZURE_API_KEY", "AZUREAI_API_KEY"),
        key_required=False,  # without one, Microsoft Entra ID gives tokens
        credential_variables=ENTRA_CREDENTIALS,
        base_url_variables=("AZURE_ENDPOINT_URL", "AZUREAI_ENDPOINT_URL", "AZUREAI_BASE_URL"),
        other_variables=("AZUREAI_API_VERSION", *ENTRA_VARIABLES),
        packages=("openai",),
        extra="azure",
        quirks={
            "azure": "models",
            "own_address": True,
            "entra": True,
            "models": ({"match": "(?i)llama", "emulate_tools": True},),
        },
    ),
)
