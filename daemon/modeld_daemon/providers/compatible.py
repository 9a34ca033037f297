"""Rows of the servers that speak OpenAI's dialects. What differs is told as quirks, with its source.

What a quirk means is said in `openai_chat.quirks`, `openai_responses.options` and, for `usual_api`,
in `openai.choice`. Other members of a request go into `GenerateConfig.extra_body`.
"""

from __future__ import annotations

from collections.abc import Mapping

from modeld.types import JsonObject

from ..core.ports import Row

__all__ = ["COMPATIBLE"]

_CHAT: JsonObject = {"usual_api": "chat", "plain_schema": True}
_OMITTED = dict.fromkeys(("none", "minimal", "low", "medium", "high", "xhigh", "max"))
_THREE: Mapping[str, str | None] = {"none": None, "minimal": "low", "xhigh": "high", "max": "high"}
"""Efforts of servers that know low, medium and high."""
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "num_choices")

_HOSTED = (
    # https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/
    Row(
        name="cloudflare",
        dialect="openai",
        description="Cloudflare Workers AI",
        key_variables=("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"),
        base_url="https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1",
        base_url_variables=("CLOUDFLARE_BASE_URL",),
        other_variables=("CLOUDFLARE_ACCOUNT_ID",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "default_max_tokens": 2048,
            "max_tokens_name": "max_tokens",
            "list_path": "../models/search?task=Text%20Generation&per_page=100",
            "busy_statuses": (503,),  # out of capacity
            "length_statuses": (403,),
        },
    ),
    # https://api-docs.deepseek.com/guides/thinking_mode and .../json_mode
    Row(
        name="deepseek",
        dialect="openai",
        description="DeepSeek",
        key_variables=("DEEPSEEK_API_KEY",),
        base_url="https://api.deepseek.com",
        base_url_variables=("DEEPSEEK_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "json_object": True,
            "encrypted_reasoning": False,
            "efforts": {"minimal": "low", "medium": "high", "xhigh": "max"},
            "no_thinking": {"thinking": {"type": "disabled"}},
            "forced_tools": "without thinking",
            "models": ({"match": "^deepseek-chat", "forced_tools": "always"},),  # never thinks
        },
    ),
    # https://docs.fireworks.ai/api-reference/post-chatcompletions
    Row(
        name="fireworks",
        dialect="openai",
        description="Fireworks AI",
        key_variables=("FIREWORKS_API_KEY",),
        base_url="https://api.fireworks.ai/inference/v1",
        base_url_variables=("FIREWORKS_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "parameters": ("top_k",),
            "efforts": {"minimal": "low"},
            "stream_above": 16_000,
            "models": ({"match": "gpt-oss|(?i:minimax)", "efforts": _THREE},),
        },
    ),
    # https://docs.x.ai/docs/api-reference and https://docs.x.ai/docs/guides/reasoning
    Row(
        name="grok",
        dialect="openai",
        description="xAI's Grok, by Responses; by Chat Completions when asked for",
        key_variables=("XAI_API_KEY", "GROK_API_KEY"),
        base_url="https://api.x.ai/v1",
        base_url_variables=("XAI_BASE_URL", "GROK_BASE_URL"),
        packages=("openai",),
        extra="daemon",
        quirks={
            "usual_api": "responses",
            "native": "grok",
            "custom_calls": False,  # https://docs.x.ai/developers/tools/x-search
            "system_role": "system",
            "efforts": {"none": None, "minimal": "low", "max": "xhigh"},
            "models": (
                {
                    "match": r"^grok-(2|3(?!-mini)|code|4(-latest|-\d{4})?$)",
                    "efforts": _OMITTED,
                },
            ),
        },
    ),
    # https://console.groq.com/docs/openai; Groq's SDK takes a URL without the path.
    Row(
        name="groq",
        dialect="openai",
        description="Groq",
        key_variables=("GROQ_API_KEY",),
        base_url="https://api.groq.com/openai/v1",
        base_url_variables=("GROQ_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "url_path": "/openai/v1",
            "native": "groq",
            "default_max_tokens": 2048,
            "max_tokens_name": "max_completion_tokens",
            "efforts": _THREE,
            "dropped": ("logprobs", "top_logprobs", "logit_bias"),
        },
    ),
    # https://huggingface.co/docs/inference-providers/tasks/chat-completion
    Row(
        name="hf-inference-providers",
        dialect="openai",
        description="Hugging Face's router to inference providers",
        key_variables=("HF_TOKEN",),
        base_url="https://router.huggingface.co/v1",
        base_url_variables=("HF_INFERENCE_PROVIDERS_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={**_CHAT, "max_tokens_name": "max_tokens", "efforts": {}, "stream_above": 0},
    ),
    # https://platform.moonshot.ai/docs/api/chat
    Row(
        name="moonshot",
        dialect="openai",
        description="Moonshot AI's Kimi",
        key_variables=("MOONSHOT_API_KEY",),
        base_url="https://api.moonshot.ai/v1",
        base_url_variables=("MOONSHOT_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "busy_statuses": (503,),  # engine overloaded
            "efforts": _OMITTED,
            "models": (
                {
                    "match": r"^kimi-k2\.",
                    "dropped": _SAMPLING,
                    "no_thinking": {"thinking": {"type": "disabled"}},
                },
                {
                    "match": r"^kimi-k[3-9]",
                    "dropped": _SAMPLING,
                    "efforts": dict.fromkeys(_OMITTED, "max"),
                },
            ),
        },
    ),
    # https://openrouter.ai/docs/api-reference/chat-completion
    Row(
        name="openrouter",
        dialect="openai",
        description="OpenRouter: models of many providers",
        key_variables=("OPENROUTER_API_KEY",),
        base_url="https://openrouter.ai/api/v1",
        base_url_variables=("OPENROUTER_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "parameters": ("top_k",),
            "native": "openrouter",
            "merged_system": True,
            "reasoning_object": True,
            "efforts": {"none": None, "max": "xhigh"},
            "body_args": {
                "models": ("list", "models"),
                "provider": ("dict", "provider"),
                "transforms": ("list", "transforms"),
                "plugins": ("list", "plugins"),
                "reasoning_enabled": ("bool", "reasoning.enabled"),
            },
            "cache_control": True,
            "models": ({"match": "^~?anthropic/", "cache_ends": True},),
        },
    ),
    # https://docs.perplexity.ai/api-reference/chat-completions-post
    Row(
        name="perplexity",
        dialect="openai",
        description="Perplexity: answers with citations of the web",
        key_variables=("PERPLEXITY_API_KEY",),
        base_url="https://api.perplexity.ai",
        base_url_variables=("PERPLEXITY_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "efforts": {"none": None, "xhigh": "high", "max": "high"},
            "body_args": {
                "search_mode": ("str", "search_mode"),
                "search_domain_filter": ("list", "search_domain_filter"),
                "search_recency_filter": ("str", "search_recency_filter"),
                "web_search_options": ("dict", "web_search_options"),
            },
        },
    ),
    # https://docs.sambanova.ai/cloud/api-reference/endpoints/chat
    Row(
        name="sambanova",
        dialect="openai",
        description="SambaNova Cloud",
        key_variables=("SAMBANOVA_API_KEY",),
        base_url="https://api.sambanova.ai/v1",
        base_url_variables=("SAMBANOVA_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={**_CHAT, "parameters": ("top_k",), "efforts": _THREE},
    ),
    # https://docs.together.ai/reference/chat-completions-1
    Row(
        name="together",
        dialect="openai",
        description="Together AI",
        key_variables=("TOGETHER_API_KEY",),
        base_url="https://api.together.xyz/v1",
        base_url_variables=("TOGETHER_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "default_max_tokens": 2048,
            "max_tokens_name": "max_tokens",
            "parameters": ("top_k",),
            "counted_logprobs": True,
            "efforts": {"none": None},
            "models": ({"match": "gpt-oss", "efforts": _THREE},),
        },
    ),
)

_SERVERS = (
    # https://llama-cpp-python.readthedocs.io/en/latest/server/
    Row(
        name="llama-cpp-python",
        dialect="openai",
        description="a server of llama-cpp-python, or llama.cpp's own",
        key_variables=("LLAMA_CPP_PYTHON_API_KEY",),
        key_required=False,
        base_url="http://localhost:8000/v1",
        base_url_variables=("LLAMA_CPP_PYTHON_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "start_command": "python -m llama_cpp.server --model PATH",
            "max_tokens_name": "max_tokens",
            "parameters": ("top_k",),
            "efforts": {},
            "lists_models": True,
        },
    ),
    # https://docs.ollama.com/api/openai-compatibility
    Row(
        name="ollama",
        dialect="openai",
        description="an Ollama server",
        key_variables=("OLLAMA_API_KEY",),
        key_required=False,
        base_url="http://localhost:11434/v1",
        base_url_variables=("OLLAMA_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "start_command": "ollama serve",
            "fetch_command": "ollama pull {model}",
            "tags_path": "/api/tags",
            "max_tokens_name": "max_tokens",
            "efforts": _THREE,
            "lists_models": True,
        },
    ),
    # https://docs.sglang.ai/basic_usage/openai_api_completions.html
    Row(
        name="sglang",
        dialect="openai_server",
        description="an SGLang server, which the daemon may start",
        key_variables=("SGLANG_API_KEY",),
        key_required=False,
        base_url_variables=("SGLANG_BASE_URL",),
        port_args=True,
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "starts": "sglang",
            "usual_url": "http://localhost:30000/v1",
            "start_command": "python -m sglang.launch_server --model-path MODEL",
            "parameters": ("top_k",),
            "efforts": {},
            "continued": {"continue_final_message": True},
            "lists_models": True,
        },
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    Row(
        name="vllm",
        dialect="openai_server",
        description="a vLLM server, which the daemon may start",
        key_variables=("VLLM_API_KEY",),
        key_required=False,
        base_url_variables=("VLLM_BASE_URL",),
        port_args=True,
        packages=("openai",),
        extra="daemon",
        quirks={
            **_CHAT,
            "starts": "vllm",
            "usual_url": "http://localhost:8000/v1",
            "start_command": "vllm serve MODEL",
            "parameters": ("top_k",),
            "efforts": {},
            "continued": {"add_generation_prompt": False, "continue_final_message": True},
            "lists_models": True,
        },
    ),
)

_ANY = Row(
    name="openai-api",
    dialect="openai",
    description="any compatible service, as openai-api/<service>/<model>",
    key_variables=("{SERVICE}_API_KEY",),
    base_url_required=True,
    base_url_variables=("{SERVICE}_BASE_URL",),
    packages=("openai",),
    extra="daemon",
    per_service=True,
    quirks={**_CHAT, "efforts": {}},
)

_COMPLETIONS = (
    # https://platform.openai.com/docs/api-reference/completions
    Row(
        name="openai-api-completions",
        dialect="openai_completions",
        description="text completions of any service, as openai-api-completions/<service>/<model>",
        key_variables=("{SERVICE}_API_KEY",),
        base_url_required=True,
        base_url_variables=("{SERVICE}_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        per_service=True,
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#completions-api
    Row(
        name="vllm-completions",
        dialect="openai_completions",
        description="text completions of a vLLM server",
        key_variables=("VLLM_API_KEY",),
        key_required=False,
        base_url="http://localhost:8000/v1",
        base_url_variables=("VLLM_BASE_URL",),
        packages=("openai",),
        extra="daemon",
        quirks={"parameters": ("top_k",), "lists_models": True},
    ),
)

COMPATIBLE: tuple[Row, ...] = (*_HOSTED, *_SERVERS, _ANY, *_COMPLETIONS)
