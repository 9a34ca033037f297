"""The dialects as functions: what each would send for a call, and what it warns of."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.providers import profiles as openai_profiles
from modeld_daemon.providers.anthropic import profile as anthropic_profiles
from modeld_daemon.providers.anthropic.options import Options as AnthropicOptions
from modeld_daemon.providers.anthropic.profile import anthropic_profile
from modeld_daemon.providers.anthropic.request import build_request as build_anthropic
from modeld_daemon.providers.bedrock.options import Options as BedrockOptions
from modeld_daemon.providers.bedrock.profile import bedrock_profile
from modeld_daemon.providers.bedrock.request import build_request as build_bedrock
from modeld_daemon.providers.google import profile as google_profiles
from modeld_daemon.providers.google.options import Options as GoogleOptions
from modeld_daemon.providers.google.profile import google_profile
from modeld_daemon.providers.google.request import build_request as build_google
from modeld_daemon.providers.huggingface.options import ModelArgs as HubArgs
from modeld_daemon.providers.huggingface.request import build_requests as build_hub
from modeld_daemon.providers.huggingface.request import left_out as left_out_by_hub
from modeld_daemon.providers.llama_cpp.request import build_requests as build_llama
from modeld_daemon.providers.llama_cpp.request import left_out
from modeld_daemon.providers.mistral import profile as mistral_profiles
from modeld_daemon.providers.mistral.options import Options as MistralOptions
from modeld_daemon.providers.mistral.profile import mistral_profile
from modeld_daemon.providers.mistral.request import build_request as build_mistral
from modeld_daemon.providers.openai_chat.options import Options as ChatOptions
from modeld_daemon.providers.openai_chat.quirks import Quirks
from modeld_daemon.providers.openai_chat.request import build_request as build_chat
from modeld_daemon.providers.openai_completions.request import build_request as build_completions
from modeld_daemon.providers.openai_responses import profile as serving_profiles
from modeld_daemon.providers.openai_responses.options import ResponsesOptions, ResponsesQuirks
from modeld_daemon.providers.openai_responses.request import build_request as build_responses
from modeld_daemon.providers.profiles import openai_profile

__all__ = ["PROFILES", "SPEAKERS", "Profiles", "Speaker", "Spoken"]

Spoken: TypeAlias = tuple[Any, list[str]]
"""A request's body and the warnings about what is not in it."""


@dataclass(frozen=True)
class Speaker:
    """A dialect.

    Args:
        title: Its name for people.
        package: Its folder.
        native: The name by which a tool's options allow it to be the provider's own.
        models: One model of each kind that its profile tells apart.
        speak: What is sent for a call to a model.
        counted: Whether tokens are counted by the provider.
    """

    title: str
    package: str
    native: str
    models: tuple[str, ...]
    speak: Callable[[Call, str], Spoken]

    @property
    def streams(self) -> bool:
        """Whether there is code for streams."""
        name = f"modeld_daemon.providers.{self.package}.stream"
        return importlib.util.find_spec(name) is not None

    @property
    def emulates(self) -> bool:
        """Whether there is code for tools in words."""
        name = f"modeld_daemon.providers.{self.package}.emulation"
        return importlib.util.find_spec(name) is not None

    @property
    def counts(self) -> bool:
        """Whether tokens are counted and not only estimated: there is a request for it, or a word
        of the engine's.
        """
        room = importlib.import_module(f"modeld_daemon.providers.{self.package}.request")
        names = getattr(room, "__all__", ())
        return self.package == "llama_cpp" or any("count" in name for name in names)


def _route(provider: str, model: str) -> Route:
    return Route(provider, model, Account(provider, None, "f"))


def _chat(call: Call, model: str) -> Spoken:
    route, profile = _route("openai", model), openai_profile(model)
    made = build_chat(call, route, profile, options=ChatOptions(), quirks=Quirks(), stream=False)
    return made.body, made.warnings


def _completions(call: Call, model: str) -> Spoken:
    options, route = ChatOptions(), _route("vllm-completions", model)
    made = build_completions(call, route, options=options, quirks=Quirks(), stream=False)
    return made.body, made.warnings


def _responses(call: Call, model: str) -> Spoken:
    options, quirks = ResponsesOptions(ChatOptions()), ResponsesQuirks()
    route = _route("openai", model)
    made = build_responses(call, route, options=options, quirks=quirks, stream=False)
    return made.body, made.warnings


def _anthropic(call: Call, model: str) -> Spoken:
    route, profile = _route("anthropic", model), anthropic_profile(model)
    made = build_anthropic(call, route, profile, AnthropicOptions())
    return made.body, made.warnings


def _mistral(call: Call, model: str) -> Spoken:
    route, profile = _route("mistral", model), mistral_profile(model)
    made = build_mistral(call, route, profile, options=MistralOptions(), stream=False)
    return made.body, made.warnings


def _google(call: Call, model: str) -> Spoken:
    made = build_google(call, model, google_profile(model), GoogleOptions(), vertex=False)
    return made.body, made.warnings


def _bedrock(call: Call, model: str) -> Spoken:
    made = build_bedrock(call, model, bedrock_profile(model), BedrockOptions())
    return made.body, made.warnings


def _llama(call: Call, model: str) -> Spoken:
    return build_llama(call), left_out(call.config)


def _hub(call: Call, model: str) -> Spoken:
    return build_hub(call, model, HubArgs.parse({})), left_out_by_hub(call)


_OPENAI_MODELS = (
    *("gpt-4o", "o1-mini", "o3", "o3-deep-research", "computer-use-preview", "gpt-5"),
    *("gpt-5-chat-latest", "gpt-5.1", "gpt-5.5", "gpt-5.6"),
)

SPEAKERS: Mapping[str, Speaker] = {
    "openai_chat": Speaker(
        "OpenAI Chat Completions", "openai_chat", "openai", _OPENAI_MODELS, _chat
    ),
    "openai_completions": Speaker(
        "OpenAI Completions", "openai_completions", "openai", ("davinci-002",), _completions
    ),
    "openai_responses": Speaker(
        "OpenAI Responses", "openai_responses", "openai", _OPENAI_MODELS, _responses
    ),
    "anthropic": Speaker(
        "Anthropic",
        "anthropic",
        "anthropic",
        (
            *("claude-3-5-haiku-latest", "claude-3-7-sonnet", "claude-sonnet-4-0"),
            *("claude-opus-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8"),
            *("claude-sonnet-5-5", "claude-fable-5"),
        ),
        _anthropic,
    ),
    "mistral": Speaker(
        "Mistral",
        "mistral",
        "mistral",
        (
            *("magistral-medium-latest", "mistral-small-latest", "mistral-small-2506"),
            *("mistral-large-2512", "mistral-large-2607", "codestral-latest"),
        ),
        _mistral,
    ),
    "google": Speaker(
        "Google",
        "google",
        "google",
        (
            *("gemini-1.5-pro", "gemini-2.0-flash-thinking-exp", "gemini-2.0-flash"),
            *("gemini-2.5-pro", "gemini-2.5-flash-image", "gemini-2.5-flash"),
            *("gemini-3-pro-preview", "gemini-3-flash-preview", "gemma-3-27b-it"),
        ),
        _google,
    ),
    "bedrock": Speaker(
        "Bedrock",
        "bedrock",
        "bedrock",
        (
            *("anthropic.claude-sonnet-4-5", "amazon.nova-pro-v1:0", "amazon.nova-2-lite-v1:0"),
            *("mistral.mistral-large-2402-v1:0", "openai.gpt-oss-120b-1:0", "qwen.qwen3-32b-v1:0"),
            *("amazon.titan-text-express-v1", "meta.llama3-70b-instruct-v1:0", "cohere.command-r"),
        ),
        _bedrock,
    ),
    "huggingface": Speaker("transformers", "huggingface", "hf", ("openai-community/gpt2",), _hub),
    "llama_cpp": Speaker("llama.cpp", "llama_cpp", "local", ("smollm2",), _llama),
}


@dataclass(frozen=True)
class Profiles:
    """What is said of models by patterns of their names."""

    title: str
    speakers: tuple[str, ...]
    """Dialects that ask it."""
    rows: tuple[tuple[str, Any], ...]
    find: Callable[[str], Any]


PROFILES = (
    Profiles(
        "OpenAI",
        ("openai_chat", "openai_responses"),
        openai_profiles._ROWS,
        openai_profiles.openai_profile,
    ),
    Profiles(
        "OpenAI Responses",
        ("openai_responses",),
        serving_profiles._ROWS,
        serving_profiles.responses_profile,
    ),
    Profiles("Anthropic", ("anthropic",), anthropic_profiles._ROWS, anthropic_profile),
    Profiles("Mistral", ("mistral",), mistral_profiles._ROWS, mistral_profile),
    Profiles("Google", ("google",), google_profiles._ROWS, google_profile),
)
