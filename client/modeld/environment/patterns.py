"""Which variables a client may send to a daemon.

The daemon asks by name, but a name is not enough: it could ask for any secret of the process. So
the client has its own list, and what is not on it never leaves, whoever asks.
"""

from __future__ import annotations

import re

__all__ = ["is_path", "is_sendable"]

_ENDINGS = (
    "ACCOUNT_ID API_BASE API_KEY API_TOKEN API_VERSION AUTH_TOKEN BASE_URL ENDPOINT ENDPOINT_URL "
    "ORGANIZATION ORG_ID PROJECT_ID REGION"
)
_BEGINNINGS = (
    "ANTHROPIC AWS AZURE AZUREAI BEDROCK CLOUDFLARE CLOUDSDK GCLOUD GEMINI GOOGLE GROQ HF "
    "HUGGINGFACE HUGGING_FACE MISTRAL OLLAMA OPENAI OPENROUTER VERTEX"
)
_WHOLE = "GCP_PROJECT IDENTITY_HEADER REQUESTS_CA_BUNDLE SSL_CERT_DIR SSL_CERT_FILE"
_PROXIES = "ALL_PROXY FTP_PROXY HTTP_PROXY HTTPS_PROXY NO_PROXY"

_SENDABLE = re.compile(
    "|".join(
        (
            rf"(?:[A-Z][A-Z0-9_]*_)?(?:{_ENDINGS.replace(' ', '|')})",
            rf"(?:{_BEGINNINGS.replace(' ', '|')})_[A-Z0-9_]+",
            f"{_WHOLE} {_PROXIES} {_PROXIES.lower()}".replace(" ", "|"),
        )
    )
)
_OWN = "MODELD_"
_PATH = re.compile(
    r"[A-Z0-9_]+_(FILE|PATH|BUNDLE)"
    r"|GOOGLE_APPLICATION_CREDENTIALS|CLOUDSDK_CONFIG|HF_HOME|HF_HUB_CACHE"
)


def is_sendable(name: str) -> bool:
    """Whether a variable of this name belongs to providers, and may be sent when asked for."""
    return _SENDABLE.fullmatch(name) is not None and not name.startswith(_OWN)


def is_path(name: str) -> bool:
    """Whether a variable of this name holds the path of a file or folder."""
    return _PATH.fullmatch(name) is not None
