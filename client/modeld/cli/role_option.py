"""`--model-role NAME=…`: which model plays which role."""

from __future__ import annotations

from ..errors import ModeldError
from ..types import CONFIG_FIELDS, GenerateConfig, JsonValue, ModelConfig
from .values import yaml_value

Bound = str | ModelConfig | list[str | ModelConfig]


def model_role(text: str) -> tuple[str, Bound]:
    """Name and models of `name=provider/model`, `name=a/x,b/y`, `name={model: …, temperature: …}`
    or a list of these. A mapping without a model is the evaluated model with that config.
    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name or not value.strip():
        raise ValueError(f"Write role=provider/model, such as grader=openai/gpt-4o (got {text!r}).")
    if value.lstrip()[:1] not in "{[":
        many: list[JsonValue] = [part.strip() for part in value.split(",") if part.strip()]
    else:
        read = yaml_value(value)
        many = read if isinstance(read, list) else [read]
    bound = [_one(name, one) for one in many]
    if not bound:
        raise ValueError(f"Invalid config for model role '{name}': the list is empty.")
    return name, bound[0] if len(bound) == 1 else bound


def _one(name: str, value: JsonValue) -> str | ModelConfig:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"Invalid config for model role '{name}': expected a model or a mapping.")
    fields = dict(value)
    args = fields.pop("model_args", None) or {}
    model = fields.pop("model", None) or ""
    unknown = fields.keys() - set(CONFIG_FIELDS)
    if unknown or not isinstance(args, dict) or not isinstance(model, str):
        what = ", ".join(sorted(map(str, unknown))) or "model_args or model"
        raise ValueError(
            f"Invalid config for model role '{name}': {what} (known are model, model_args and the "
            "fields of GenerateConfig; base_url and api_key belong into model_args)."
        )
    try:
        config = GenerateConfig.from_dict(fields)
    except ModeldError as error:
        raise ValueError(f"Invalid config for model role '{name}': {error}") from None
    return ModelConfig(model, config, args.pop("base_url", None), args)
