"""APIs of others that clouds serve: the wire is the owner's, but for the place, who asks and how errors
in front of the model are told.

Amazon: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
and …/bedrock-mantle.html; Google: https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
and https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference;
Azure: https://learn.microsoft.com/azure/ai-foundry/openai/reference and
https://learn.microsoft.com/rest/api/aifoundry/modelinference/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..amazon import CHUNKS, HEADERS, TROUBLE
from ..amazon import FAILURES as OF_AMAZON
from ..column import AnswerName
from ..wire import Answer, Failure, Wire
from .anthropic import WIRE as ANTHROPIC
from .google import FAILURES as OF_GOOGLE
from .google import WIRE as GEMINI
from .mistral import WIRE as MISTRAL
from .openai_chat import WIRE as CHAT
from .openai_chat import error
from .openai_responses import WIRE as RESPONSES

CLAUDE = "us.anthropic.claude-opus-4-6-v1"
GEMINI_3 = "gemini-3-pro-preview"


def _chunked(answers: Mapping[AnswerName, Answer]) -> dict[AnswerName, Answer]:
    return {
        name: answer._replace(framing=CHUNKS, headers=HEADERS) for name, answer in answers.items()
    }


def _google(
    status: int, word: str, message: str, headers: Mapping[str, str] | None = None
) -> Failure:
    """What Google itself says no to, in front of the model."""
    return Failure(
        status, {"error": {"code": status, "message": message, "status": word}}, headers or {}
    )


_UNAUTHENTICATED = _google(401, "UNAUTHENTICATED", "Request is not authorized")
_NO_DEPLOYMENT = Failure(
    404, error("The API deployment for this resource does not exist.", "x", "DeploymentNotFound")
)
_CHAT = {"responses_api": False}

WIRES: list[Wire] = [
    replace(
        ANTHROPIC,
        name="anthropic/azure",
        of_row=True,
        provider="anthropic/azure",
        place="post /anthropic/v1/messages http/1.1",
    ),
    replace(
        ANTHROPIC,
        name="anthropic/bedrock",
        provider="anthropic/bedrock",
        model=CLAUDE,
        environment={"AWS_REGION": "us-east-1"},
        place=f"post /model/{CLAUDE}/invoke http/1.1",
        answers=_chunked(ANTHROPIC.answers),
        failures=OF_AMAZON,
        stream_error=[TROUBLE],
        missing={
            **ANTHROPIC.missing,
            "error_in_answer": "errors of Amazon's have a status of their own",
        },
    ),
    replace(
        ANTHROPIC,
        name="anthropic/vertex",
        of_row=True,
        provider="anthropic/vertex",
        key=None,
        environment={"ANTHROPIC_VERTEX_REGION": "us-east5"},
        place="post /projects/own-project/locations/us-east5/publishers/anthropic/models/"
        f"{ANTHROPIC.model}:rawpredict http/1.1",
        failures={
            **ANTHROPIC.failures,
            "unauthorized": _UNAUTHENTICATED,
            "forbidden": OF_GOOGLE["forbidden"],
            "no_model": _google(
                404,
                "NOT_FOUND",
                "Publisher Model `projects/p/locations/us-east5/publishers/anthropic/models/c-0` was "
                "not found or your project does not have access to it.",
            ),
            "rate_limit": _google(
                429,
                "RESOURCE_EXHAUSTED",
                "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_"
                "model with base model: anthropic-claude-opus.",
                {"retry-after": "7"},
            ),
        },
        missing={**ANTHROPIC.missing, "quota": "bills are Google's"},
    ),
    # https://cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/overview
    replace(
        GEMINI,
        name="google/vertex",
        of_row=True,
        model=f"vertex/{GEMINI_3}",
        place=f"post /v1beta1/publishers/google/models/{GEMINI_3}:generatecontent http/1.1",
    ),
    replace(
        GEMINI,
        name="google/vertex, by account",
        of_row=True,
        model=f"vertex/{GEMINI_3}",
        key=None,
        environment={"GOOGLE_CLOUD_LOCATION": "us-east5"},
        place="post /v1beta1/projects/own-project/locations/us-east5/publishers/google/models/"
        f"{GEMINI_3}:generatecontent http/1.1",
        failures={**GEMINI.failures, "unauthorized": _UNAUTHENTICATED},
        missing={**GEMINI.missing, "unauthorized": "a refused token is renewed first"},
    ),
    replace(
        MISTRAL,
        name="mistral/azure",
        of_row=True,
        provider="mistral/azure",
    ),
    replace(
        CHAT,
        name="openai/azure, chat",
        of_row=True,
        provider="openai/azure",
        args=_CHAT,
        base_path="",
        place=f"post /openai/deployments/{CHAT.model}/chat/completions"
        "?api-version=2025-03-01-preview http/1.1",
        failures={**CHAT.failures, "no_model": _NO_DEPLOYMENT},
    ),
    replace(
        RESPONSES,
        name="openai/azure, responses",
        of_row=True,
        provider="openai/azure",
        base_path="",
        place="post /openai/responses?api-version=2025-03-01-preview http/1.1",
        failures={**RESPONSES.failures, "no_model": _NO_DEPLOYMENT},
    ),
    replace(
        CHAT,
        name="azureai",
        of_row=True,
        provider="azureai",
        args={},
        base_path="",
        place="post /models/chat/completions?api-version=2024-05-01-preview http/1.1",
    ),
    replace(
        CHAT,
        name="openai/bedrock, chat",
        of_row=True,
        provider="openai/bedrock",
        args=_CHAT,
    ),
    replace(RESPONSES, name="openai/bedrock, responses", of_row=True, provider="openai/bedrock"),
]
