"""`--model-role NAME=…` and `--model-spec …`: models as mappings, and which one plays which role."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ModeldError
from ..texts import yaml_value
from ..types import CONFIG_FIELDS, GenerateConfig, JsonObject, JsonValue, ModelConfig

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
    return name, bound_models(name, many)


def bound_models(name: str, many: Sequence[JsonValue]) -> Bound:
    """The models of a role, each a name or a mapping; one that is alone is no list."""
    bound = [_role_model(name, one) for one in many]
    if not bound:
        raise ValueError(f"Invalid config for model role '{name}': the list is empty.")
    return bound[0] if len(bound) == 1 else bound


def _role_model(name: str, value: JsonValue) -> str | ModelConfig:
    if isinstance(value, str):
        return value
    try:
        return _described(value, "base_url and api_key belong into model_args")
    except ValueError as error:
        raise ValueError(f"Invalid config for model role '{name}': {error}") from None


def model_specs(texts: Sequence[str]) -> list[ModelConfig]:
    """The models of `--model-spec` texts. Errors tell which one, and nothing of what is in it: it may
    hold a key.
    """
    specs = []
    for number, text in enumerate(texts, 1):
        try:
            value = yaml_value(text)
            base_url = value.pop("base_url", None) if isinstance(value, dict) else None
            spec = _described(value, "base_url")
            specs.append(ModelConfig(spec.model, spec.config, base_url or spec.base_url, spec.args))
            named = bool(spec.model) and isinstance(base_url, str | None)
        except ValueError:
            named = False
        if not named:
            raise ValueError(
                f"--model-spec number {number} is no mapping of model, base_url, model_args and "
                'fields of GenerateConfig, such as "{model: openai/gpt-4o, temperature: 0}".'
            )
    return specs


def _described(value: JsonValue, further: str) -> ModelConfig:
    if not isinstance(value, dict):
        raise ValueError("expected a model or a mapping.")  # a value that is wrong
    fields: JsonObject = dict(value)
    args = fields.pop("model_args", None) or {}
    model = fields.pop("model", None) or ""
    unknown = fields.keys() - set(CONFIG_FIELDS)
    if unknown or not isinstance(args, dict) or not isinstance(model, str):
        what = ", ".join(sorted(map(str, unknown))) or "model_args or model"
        raise ValueError(
            f"{what} (known are model, model_args and the fields of GenerateConfig; {further})."
        )
    try:
        config = GenerateConfig.from_dict(fields)
    except ModeldError as error:
        raise ValueError(str(error)) from None
    args = dict(args)
    return ModelConfig(model, config, args.pop("base_url", None), args)
