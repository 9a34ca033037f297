"""A caller's model args, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modeld.errors import InvalidRequest
from modeld.types import JsonObject, JsonValue

__all__ = ["Options", "read_options"]

Streaming: TypeAlias = Literal["auto", "always", "never"]

_STREAMING: Mapping[JsonValue, Streaming] = {"auto": "auto", True: "always", False: "never"}
_TEXTS = ("api_version", "project", "location", "quota_project_id", "credentials_file")
_TRUE = ("1", "true", "yes", "on")

# https://ai.google.dev/api/generate-content#harmcategory
_CATEGORIES = {
    name: f"HARM_CATEGORY_{name.upper()}"
    for name in (
        "harassment", "hate_speech", "sexually_explicit", "dangerous_content", "civic_integrity"
    )
}  # fmt: skip
_THRESHOLDS = {
    "none": "BLOCK_NONE",
    "off": "OFF",
    "low": "BLOCK_LOW_AND_ABOVE",
    "medium": "BLOCK_MEDIUM_AND_ABOVE",
    "high": "BLOCK_ONLY_HIGH",
}


@dataclass(frozen=True, slots=True)
class Options:
    """Model args of a connection."""

    streaming: Streaming = "auto"
    safety: list[JsonObject] | None = None
    """`safetySettings`; None when the caller says nothing."""
    api_version: str | None = None
    project: str | None = None
    location: str | None = None
    quota_project_id: str | None = None
    credentials_file: str | None = None
    """Path of a service account's key or of other credentials of Google."""
    scopes: tuple[str, ...] = ("https://www.googleapis.com/auth/cloud-platform",)
    use_adc: bool | None = None
    vertexai: bool | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 3600.0
    """Seconds without a byte of an answer; a plain answer is silent while the model thinks."""

    @property
    def no_filters(self) -> list[JsonObject]:
        """Settings under which no filter blocks, for models whose filters do by default."""
        return [{"category": c, "threshold": "BLOCK_NONE"} for c in _CATEGORIES.values()]


def read_options(args: Mapping[str, JsonValue], environment: Mapping[str, str]) -> Options:
    """The options that model args ask for; `InvalidRequest` names what is wrong."""
    said: dict[str, object] = {}
    for name, value in args.items():
        if value is None:
            continue
        if name in _TEXTS:
            said[name] = _checked(name, value, (str,))
        elif name in ("use_adc", "vertexai"):
            said[name] = _checked(name, value, (bool,))
        elif name == "scopes":
            scopes = [value] if isinstance(value, str) else _checked(name, value, (list,))
            said[name] = tuple(str(scope) for scope in scopes)
        elif name in ("timeout", "client_timeout"):
            said["timeout"] = float(_checked(name, value, (int, float)))
        elif name == "default_headers":
            headers = _checked(name, value, (dict,))
            said["headers"] = {key: str(text) for key, text in headers.items()}
        elif name == "safety_settings":
            said["safety"] = _safety(_checked(name, value, (dict, list)))
        elif name in ("streaming", "stream"):
            if value not in _STREAMING:
                raise InvalidRequest(f"Model arg {name!r} is 'auto', true or false, not {value!r}")
            said["streaming"] = _STREAMING[value]
        else:
            raise InvalidRequest(_unknown(name))
    for name, variable in (
        ("use_adc", "GOOGLE_USE_ADC"),
        ("vertexai", "GOOGLE_GENAI_USE_VERTEXAI"),
    ):
        if name not in said and environment.get(variable):
            said[name] = environment[variable].strip().lower() in _TRUE
    return Options(**said)  # type: ignore[arg-type]  # each was checked above


def _safety(value: JsonValue) -> list[JsonObject]:
    """`safetySettings`, from the API's list or from a mapping of category to threshold."""
    if isinstance(value, list):
        return value
    settings: list[JsonObject] = []
    for category, threshold in value.items():
        settings.append(
            {
                "category": _CATEGORIES.get(category.lower(), category.upper()),
                "threshold": _THRESHOLDS.get(str(threshold).lower(), str(threshold).upper()),
            }
        )
    return settings


def _checked(name: str, value: JsonValue, types: tuple[type, ...]) -> JsonValue:
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return value
    wanted = " or ".join(kind.__name__ for kind in types)
    raise InvalidRequest(f"Model arg {name!r} must be {wanted}, got {value!r}")


def _unknown(name: str) -> str:
    if name == "max_retries":
        return "Model arg 'max_retries': use GenerateConfig.max_retries."
    known = (*_TEXTS, "use_adc", "vertexai", "scopes", "timeout", "default_headers")
    names = ", ".join(sorted((*known, "safety_settings", "streaming")))
    return f"Unknown model arg {name!r}. Known are {names}; others go in GenerateConfig.extra_body."
