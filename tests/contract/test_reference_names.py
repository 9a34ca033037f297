"""Names, fields and defaults that users of the reference know. The table is the contract.

Where inspect_ai is installed, the table itself is compared with it.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib.util

import pytest

from modeld import types

from .source import ROOT

REQUIRED = dataclasses.MISSING


def words(text: str) -> list[str]:
    return text.split()


def none(names: str) -> dict[str, object]:
    """Fields that are None by default."""
    return dict.fromkeys(words(names))


MESSAGE = {"id": "auto", "content": REQUIRED, "source": None, "metadata": None}
CITATION = {"cited_text": None, "title": None, "internal": None}

FIELDS: dict[str, dict[str, object]] = {
    "ChatMessageSystem": {**MESSAGE, "role": "system"},
    "ChatMessageUser": {**MESSAGE, "role": "user", "tool_call_id": None},
    "ChatMessageAssistant": {**MESSAGE, "role": "assistant", "tool_calls": None, "model": None},
    "ChatMessageTool": {
        **MESSAGE,
        "role": "tool",
        "tool_call_id": None,
        "function": None,
        "error": None,
    },
    "ContentText": {
        "internal": None,
        "type": "text",
        "text": REQUIRED,
        "refusal": None,
        "citations": None,
        "cache_breakpoint": None,
    },
    "ContentReasoning": {
        "internal": None,
        "type": "reasoning",
        "reasoning": REQUIRED,
        "summary": None,
        "signature": None,
        "redacted": False,
    },
    "ContentImage": {"internal": None, "type": "image", "image": REQUIRED, "detail": "auto"},
    "ContentAudio": {"internal": None, "type": "audio", "audio": REQUIRED, "format": REQUIRED},
    "ContentVideo": {"internal": None, "type": "video", "video": REQUIRED, "format": REQUIRED},
    "ContentDocument": {
        "internal": None,
        "type": "document",
        "document": REQUIRED,
        "filename": "",
        "mime_type": "",
        "citations": False,
    },
    "ContentData": {"internal": None, "type": "data", "data": REQUIRED},
    "ContentToolUse": {
        "internal": None,
        "type": "tool_use",
        "tool_type": REQUIRED,
        "id": REQUIRED,
        "name": REQUIRED,
        "context": None,
        "arguments": REQUIRED,
        "result": REQUIRED,
        "error": None,
    },
    "ContentCitation": {**CITATION, "type": "content"},
    "DocumentCitation": {**CITATION, "type": "document", "range": None},
    "UrlCitation": {**CITATION, "type": "url", "url": REQUIRED},
    "DocumentRange": {"type": REQUIRED, "start_index": REQUIRED, "end_index": REQUIRED},
    "ToolInfo": {
        "name": REQUIRED,
        "description": REQUIRED,
        "parameters": types.ToolParams(),
        "options": None,
    },
    "ToolParams": {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    },
    "JSONSchema": none(
        "type format description default enum items properties additionalProperties anyOf "
        "required pattern minLength maxLength minimum maximum examples"
    ),
    "ToolCall": {
        "id": REQUIRED,
        "function": REQUIRED,
        "arguments": REQUIRED,
        "parse_error": None,
        "view": None,
        "type": "function",
    },
    "ToolCallContent": {"title": None, "format": "text", "content": ""},
    "ToolCallError": {"type": REQUIRED, "message": REQUIRED},
    "ToolFunction": {"name": REQUIRED},
    "ModelOutput": {
        "model": "",
        "choices": [],
        "completion": "",
        "usage": None,
        "input_context_tokens": None,
        "fallback": None,
        "time": None,
        "metadata": None,
        "error": None,
        "response_id": None,
    },
    "ChatCompletionChoice": {
        "message": REQUIRED,
        "stop_reason": "unknown",
        "stop_details": None,
        "logprobs": None,
        "prompt_logprobs": None,
    },
    "StopDetails": {"type": None, "category": None, "explanation": None, "categories": []},
    "StopCategory": {"category": REQUIRED, "level": None},
    "ModelUsage": {
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
        "input_tokens_cache_write": None,
        "input_tokens_cache_read": None,
        "reasoning_tokens": None,
        "total_cost": None,
    },
    "ModelFallback": {
        "model": REQUIRED,
        "fallback_model": REQUIRED,
        "count": 1,
        "metadata": None,
    },
    "Logprobs": {"content": REQUIRED},
    "Logprob": {"token": REQUIRED, "logprob": REQUIRED, "bytes": None, "top_logprobs": None},
    "TopLogprob": {"token": REQUIRED, "logprob": REQUIRED, "bytes": None},
    "ServedModelUsage": {"model": REQUIRED, "usage": REQUIRED, "cost": None},
    "ModelCall": {
        "request": REQUIRED,
        "response": None,
        "error": None,
        "time": None,
        "call_refs": None,
        "call_key": None,
    },
    "ModelRequestId": {"id": REQUIRED, "header": None, "status": None},
    "ResponseSchema": {
        "name": REQUIRED,
        "json_schema": REQUIRED,
        "description": None,
        "strict": None,
    },
    "CachePolicy": {"expiry": "1W", "per_epoch": True, "scopes": {}},
    "BatchConfig": none("size max_size send_delay tick max_batches max_consecutive_check_failures"),
    "ImageOutput": {"options": None},
    "ModelConfig": {
        "model": REQUIRED,
        "config": types.GenerateConfig(),
        "base_url": None,
        "args": {},
    },
    "ModelRole": {"name": REQUIRED, "required": False},
    "GenerateConfig": none(
        "max_retries timeout attempt_timeout stream_idle_timeout max_connections "
        "adaptive_connections system_message max_tokens temperature top_p top_k stop_seqs "
        "frequency_penalty presence_penalty logit_bias seed best_of num_choices logprobs "
        "top_logprobs prompt_logprobs parallel_tool_calls internal_tools max_tool_output "
        "cache_prompt fallback_models fail_on_refusal verbosity effort reasoning_effort "
        "reasoning_mode reasoning_tokens reasoning_summary reasoning_history response_schema "
        "extra_headers extra_body modalities cache batch"
    ),
}
NAMES_ONLY = {
    "AdaptiveConcurrency": "min start max cooldown_seconds decrease_factor scale_up_percent",
    "GenerateInput": "input tools tool_choice config",
    "ModelEvent": "uuid span_id timestamp working_start metadata pending event model role "
    "requested_model input input_refs tools tool_choice config output retries request_ids error "
    "traceback traceback_ansi cache call completed working_time",
}
ALIASES = words(
    "ChatMessage Content Citation ToolParam ToolChoice StopReason OutputModality json_schema "
    "StreamEvent ChatMessageBase"
)


def fields_of(name: str) -> dict[str, object]:
    """Public fields with their defaults; REQUIRED where there is none."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(getattr(types, name)):
        if field.name == "id" and field.default_factory is types.new_id:
            found["id"] = "auto"
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        elif not field.name.startswith("_"):
            found[field.name] = field.default
    return found


@pytest.mark.parametrize("name", FIELDS)
def test_fields_and_defaults_are_the_references(name):
    assert fields_of(name) == FIELDS[name]


@pytest.mark.parametrize("name", NAMES_ONLY)
def test_field_names_are_the_references(name):
    assert set(fields_of(name)) == set(words(NAMES_ONLY[name]))


@pytest.mark.parametrize("name", ALIASES)
def test_other_names_of_the_vocabulary_exist(name):
    assert hasattr(types, name)


def test_every_name_is_in_both_lists_of_the_vocabulary():
    tree = ast.parse((ROOT / "client" / "modeld" / "types" / "__init__.py").read_text())
    imported = [
        (alias.asname, node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    ]
    assert all(asname == name for asname, _, name in imported)
    assert sorted(name for name, _, _ in imported) == types.__all__
    assert {name: module for name, module, _ in imported} == types._HOME
    assert all(hasattr(types, name) for name in types.__all__)
    with pytest.raises(AttributeError, match="Nonsense"):
        types.Nonsense  # noqa: B018


@pytest.mark.skipif(not importlib.util.find_spec("inspect_ai"), reason="inspect_ai is not here")
@pytest.mark.parametrize("name", [*FIELDS, *NAMES_ONLY])
def test_the_table_is_true_of_the_reference(name):
    modules = ("model", "tool", "util", "event", "log")
    homes = (importlib.import_module(f"inspect_ai.{module}") for module in modules)
    cls = next((getattr(home, name) for home in homes if hasattr(home, name)), None)
    if cls is None:
        pytest.skip("not public in the reference")
    kinds = ("model_fields", "__dataclass_fields__", "_fields")
    known = next(getattr(cls, kind) for kind in kinds if hasattr(cls, kind))
    ours = FIELDS.get(name) or words(NAMES_ONLY[name])
    assert set(ours) <= set(known)
