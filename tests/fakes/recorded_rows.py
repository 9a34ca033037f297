"""Which row the recordings of an API belong to, and what its quirks change in what is sent."""

from __future__ import annotations

from typing import Any

from modeld.types import JSON_SCHEMA_EXTENDED_FIELDS
from modeld_daemon.core.ports import Row
from modeld_daemon.core.services import service_row
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.openai_chat.quirks import Quirks, read_quirks
from modeld_daemon.providers.profiles import dropped_parameters, openai_profile

CHAT_ROWS = {
    "openai.chat": "openai",
    "azure.chat": "openai-api/azure",
    "bedrock.mantle_chat": "openai/bedrock",
    "cerebras.chat": "openai-api/cerebras",
    "cloudflare.chat": "cloudflare",
    "crusoe.chat": "openai-api/crusoe",
    "databricks.chat": "openai-api/databricks",
    "deepseek.chat": "deepseek",
    "google.openai_chat": "openai-api/google",
    "gpustack.chat": "openai-api/gpustack",
    "groq.chat": "groq",
    "heroku.chat": "openai-api/heroku",
    "huggingface.chat": "hf-inference-providers",
    "ollama.chat": "ollama",
    "openrouter.chat": "openrouter",
    "perplexity.chat": "perplexity",
    "snowflake.chat": "openai-api/snowflake",
    "together.chat": "together",
    "zai.chat": "openai-api/z-ai",
}
RESPONSES_ROWS = {
    "openai.responses": "openai",
    "azure.responses": "openai/azure",
    "bedrock.mantle_responses": "openai/bedrock",
    "deepseek.responses": "deepseek",
    "openrouter.responses": "openrouter",
    "xai.responses": "grok",
}
_BY_NAME = {row.name: row for row in ROWS}


def row_of(name: str) -> Row:
    """The row of a provider, or of a service as `openai-api/<service>`."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    provider, _, service = name.partition("/")
    return service_row(_BY_NAME[provider], f"{service}/model" if service else "model")[0]


def expected(wanted: dict[str, Any], row: Row, model: str) -> dict[str, Any]:
    """A recorded request in its normal form, as this row would have made it."""
    quirks, profile = read_quirks(row.quirks, model), openai_profile(model)
    dropped = dropped_parameters(profile, wanted.get("reasoning_effort"))
    for name in (*dropped, *quirks.dropped):  # left out with a warning
        wanted.pop(name, None)
    if quirks.default_max_tokens:
        wanted.setdefault("max_tokens", quirks.default_max_tokens)
    _expect_effort(wanted, quirks)
    if profile.system_role == "user":
        for message in wanted["messages"]:
            message["role"] = "user" if message["role"] == "system" else message["role"]
    wanted["messages"] = _moved(wanted["messages"])
    if quirks.merged_system:
        wanted["messages"] = _merged(wanted["messages"])
    if quirks.plain_schema:
        for tool in wanted.get("tools", ()):
            if tool["type"] != "function":
                continue
            tool["function"]["parameters"] = _plain(tool["function"]["parameters"])
        schema = wanted.get("response_format", {}).get("json_schema")
        if schema:
            schema["schema"] = _plain(schema["schema"])
    return wanted


def _expect_effort(wanted: dict[str, Any], quirks: Quirks) -> None:
    effort = wanted.get("reasoning_effort")
    if effort is None or quirks.efforts is None:
        return
    sent = quirks.efforts.get(effort, effort)
    if sent is None:
        del wanted["reasoning_effort"]
    else:
        wanted["reasoning_effort"] = sent


def _moved(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with pictures of tools in a message of the user's after them."""
    out: list[dict[str, Any]] = []
    for message in messages:
        out.append(message)
        if message["role"] == "tool" and isinstance(message["content"], list):
            kinds = {"text": lambda part: part["text"]}
            said = [
                kinds.get(part["type"], lambda _: "Image content is included below.")(part)
                for part in message["content"]
            ]
            moved = [part for part in message["content"] if part["type"] != "text"]
            out[-1] = {**message, "content": "\n".join(said)}
            if moved:
                out.append({"role": "user", "content": moved})
    return out


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for message in messages:
        if out and message["role"] == "system" == out[-1]["role"]:
            out[-1] = {"role": "system", "content": f"{out[-1]['content']}\n\n{message['content']}"}
        else:
            out.append(message)
    return out


def _plain(schema: Any, *, names: bool = False) -> Any:
    """The schema without extended keywords; `names` says that its keys are names of properties."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value
        if key in ("enum", "required", "default")
        else _plain(value, names=key == "properties")
        for key, value in schema.items()
        if names or key not in JSON_SCHEMA_EXTENDED_FIELDS
    }
