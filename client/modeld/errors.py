"""Everything modeld can raise: one tree under `ModeldError`.

A failure carries a machine-readable `reason`; `ERROR_BY_REASON` maps every reason to its class.
Sad results (refusal, length, content filter) are no errors but a `stop_reason` of the output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

# Shapes of credentials that a provider may echo in an error. Only the letters before the
# ellipsis are kept, so that a person can still tell which key it was.
_SECRETS: tuple[tuple[str, str], ...] = (
    (r"\b((?:(?:sk|pk|rk|xai|fw|pplx|nvapi)[-_]|(?:gsk|hf|r8|ghp)_))[A-Za-z0-9_-]{6,}", r"\1…"),
    (r"\b(AIza|AKIA|ASIA|ya29\.|eyJ)[A-Za-z0-9_.-]{12,}", r"\1…"),
    (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9_.~+/=-]{6,}", r"\1 …"),
    (
        r"(?i)((?:api[-_ ]?key|token|secret|password|authorization)[\"']?\s*[:=]\s*[\"']?)[\w.~+/=-]{12,}",
        r"\1…",
    ),
    (
        r"(?i)([?&](?:key|(?:[a-z]+[-_])*api[-_]?key|subscription[-_]key|token|sig|signature)=)[^&\s\"']+",
        r"\1…",
    ),
    (r"://[^/\s@]+@", "://…@"),
)


def redact(text: str) -> str:
    """The text without anything that looks like a key, token or password."""
    for pattern, replacement in _SECRETS:
        text = re.sub(pattern, replacement, text)
    return text


class ModeldError(Exception):
    """Base of all errors of modeld.

    Args:
        message: What happened and what to do, for people. Secrets are cut out.
        provider: Provider such as "openai".
        status: HTTP status of the provider.
        request_id: The provider's id of the request.
        retry_after: Seconds after which a retry may succeed.
        attempts: Attempts made.
        phase: Where the call was: queue, connect, first_token, stream, back_off.
        model: Full model name such as "openai/gpt-4o".
        reason: Machine word; the class's own when not given.
    """

    default_reason: ClassVar[str] = "internal"
    hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str = "",
        *,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: int | None = None,
        phase: str | None = None,
        model: str | None = None,
        reason: str | None = None,
    ) -> None:
        self.message = redact(message)
        super().__init__(self.message)
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts
        self.phase = phase
        self.model = model
        self.reason = reason or self.default_reason
        self.call: dict[str, Any] | None = None
        """The last exchange with the provider, as a `ModelCall` has it, if the call has asked for it."""

    def cut(self, secret: str) -> None:
        """Takes a secret out of the message and the details, wherever it came from."""
        self.message = self.message.replace(secret, "…")
        self.args = (self.message,)
        for name in ("provider", "request_id", "model"):
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, value.replace(secret, "…"))

    def to_dict(self) -> dict[str, str | int | float]:
        """JSON shape: class name, message, reason and every detail that is known."""
        known = {name: value for name, value in self._details().items() if value is not None}
        return {"error": type(self).__name__, "message": self.message, **known}

    def _details(self) -> dict[str, str | int | float | None]:
        return {
            "reason": self.reason,
            "provider": self.provider,
            "model": self.model,
            "status": self.status,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
            "attempts": self.attempts,
            "phase": self.phase,
        }

    def __str__(self) -> str:
        text = self.message or (type(self).__doc__ or type(self).__name__).splitlines()[0]
        context = [part for part in self._context() if part not in text]
        if context:
            text = f"{text.removesuffix('.')} ({', '.join(context)})"
        advice = [part for part in (self._wait_advice(), self.hint) if part and part not in text]
        if advice:
            text = f"{text}{'' if text.endswith(('.', '!', '?')) else '.'} {' '.join(advice)}"
        return text

    def _context(self) -> list[str]:
        name = self.model or self.provider
        parts = [name] if name else []
        if self.status is not None:
            parts.append(f"status {self.status}")
        if self.request_id:
            parts.append(f"request {self.request_id}")
        if self.attempts and self.attempts > 1:
            parts.append(f"{self.attempts} attempts")
        if self.phase:
            parts.append(f"during {self.phase}")
        return parts

    def _wait_advice(self) -> str:
        return "" if self.retry_after is None else f"Try again in {self.retry_after:g} s."

    def __repr__(self) -> str:
        details = {n: v for n, v in self._details().items() if v is not None}
        if details["reason"] == self.default_reason:
            del details["reason"]
        shown = "".join(f", {name}={value!r}" for name, value in details.items())
        return f"{type(self).__name__}({self.message!r}{shown})"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.message, self._details()), {"call": self.call}


def _restore(
    cls: type[ModeldError], message: str, details: Mapping[str, str | int | float | None]
) -> ModeldError:
    return cls(message, **details)  # type: ignore[arg-type]  # the dict is made by _details()


class DaemonUnavailable(ModeldError):
    """The modeld daemon cannot be reached or started."""

    default_reason = "unavailable"
    hint = "Run 'modeld doctor' to see why."


class PrerequisiteError(ModeldError):
    """A key or a package is missing; the message says which."""

    default_reason = "prerequisite"


class ModelNotFound(ModeldError, ValueError):
    """There is no such provider, model, handle or kept call."""

    default_reason = "not_found"


class SessionNotFound(ModeldError):
    """There is no named session of that name."""

    default_reason = "session_not_found"
    hint = "'modeld session list' shows those that there are."


class InvalidRequest(ModeldError, ValueError):
    """The request is wrong; sending it again unchanged does not help."""

    default_reason = "invalid_request"


class UnresolvedMediaError(InvalidRequest):
    """An image, sound, film or document is a path or URL and not an inline data: URI."""

    default_reason = "unresolved_media"


class AuthenticationError(ModeldError):
    """The provider does not accept the key."""

    default_reason = "authentication"
    hint = "Check the provider's key."


class PermissionDenied(ModeldError):
    """The key is valid but may not do this."""

    default_reason = "permission"


class RateLimited(ModeldError):
    """The provider's rate limit is reached; `retry_after` says when to try again."""

    default_reason = "rate_limited"


class ResourceExhausted(ModeldError):
    """A bound of the daemon itself is reached, such as a full queue."""

    default_reason = "overloaded"
    hint = "Try again later or with fewer calls at once."


class ProviderError(ModeldError):
    """The provider answered with an error that a retry does not mend."""

    default_reason = "provider_error"


class ProviderUnavailable(ProviderError):
    """The provider cannot be reached or is failing for a while."""

    default_reason = "provider_unavailable"
    hint = "Try again later."


class QuotaExhausted(ProviderError):
    """The account at the provider has no credit or quota left; waiting does not help."""

    default_reason = "quota_exhausted"


class EngineError(ProviderError):
    """A local engine died or failed during the call; the next call starts it again."""

    default_reason = "engine_died"


class ModelRefusalError(ModeldError):
    """The model refused, and `fail_on_refusal` asks for an error."""

    default_reason = "refused"


class GenerateTimeout(ModeldError, TimeoutError):
    """The time given to the call ran out; `phase` says where."""

    default_reason = "timeout"


class Cancelled(ModeldError):
    """The caller, or a forced stop of the daemon, ended the call."""

    default_reason = "cancelled"


class Conflict(ModeldError):
    """The request id belongs to a different request."""

    default_reason = "conflict"
    hint = "Use a new request_id for a new request."


class InternalError(ModeldError):
    """A defect of modeld or of an extension; the daemon's log says more."""

    hint = "Run 'modeld logs' to see more."


ERROR_BY_REASON: Mapping[str, type[ModeldError]] = {
    "invalid_request": InvalidRequest,
    "prerequisite": PrerequisiteError,
    "not_found": ModelNotFound,
    "authentication": AuthenticationError,
    "permission": PermissionDenied,
    "rate_limited": RateLimited,
    "quota_exhausted": QuotaExhausted,
    "overloaded": ResourceExhausted,
    "provider_unavailable": ProviderUnavailable,
    "provider_error": ProviderError,
    "timeout": GenerateTimeout,
    "cancelled": Cancelled,
    "conflict": Conflict,
    "engine_died": EngineError,
    "draining": DaemonUnavailable,
    "unauthenticated": DaemonUnavailable,
    "internal": InternalError,
    "refused": ModelRefusalError,
    "unresolved_media": UnresolvedMediaError,
    "session_not_found": SessionNotFound,
}
