"""`get_model`: from a name to a model that can be called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from . import types  # its names load when they are first used
from .environment import Environment
from .errors import InvalidRequest, PrerequisiteError
from .handle import Model
from .mock import ScriptedModel
from .roles import active_model, role_models
from .spec import ModelSpec, checked_args

if TYPE_CHECKING:
    from .mock import Script
    from .types import GenerateConfig, JsonObject

__all__ = ["get_model"]

_environment = Environment()
_memo: dict[str, list[Model]] = {}
"""Models by all that they were made with but their key, which no dictionary should show."""


def get_model(
    model: str | Model | None = None,
    *,
    role: str | None = None,
    required: bool = False,
    default: str | Model | None = None,
    config: GenerateConfig | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    memoize: bool = True,
    **model_args: object,
) -> Model:
    """The model of that name, ready to be called.

    Asks the daemon once (starting it if need be) for each new set of arguments; the same arguments
    give the same `Model`. Works in plain code, in tasks and in threads.

    Args:
        model: "<provider>/<model>", such as "openai/gpt-4o". None: the role's model, `default`,
            the model under evaluation, or that of MODELD_MODEL or INSPECT_EVAL_MODEL.
        role: Name under which the model is used. A model bound to the role wins over all else.
        required: Whether an unbound role is an error.
        default: Model for an unbound role, or when no model is named.
        config: How to generate, under what each call says.
        base_url: Address of the provider's API, instead of the default.
        api_key: Key, instead of the environment's.
        memoize: Whether equal arguments share one `Model`.
        **model_args: Arguments of the provider.

    Raises:
        InvalidRequest: The name or an argument is wrong (also a ValueError).
        ModelNotFound: There is no such provider or model (also a ValueError).
        PrerequisiteError: A key or a package is missing; the message says which.
        DaemonUnavailable: The daemon cannot be reached or started.
    """
    if isinstance(model, Model):
        return model
    if model == "none":
        model = "none/none"
    bound = _bound(role, config)
    if bound is not None:
        return bound
    if role is not None and required and default is None:
        raise PrerequisiteError(f"Model role '{role}' is required and was not specified.")
    if model is None:
        chosen = default if default is not None else _ambient()
        if isinstance(chosen, Model):
            return chosen.with_role(role) if role and chosen is default else chosen
        model = chosen
    _check(model, config)
    return _made(
        model, role, config or types.GenerateConfig(), base_url, api_key, memoize, model_args
    )


def _bound(role: str | None, config: GenerateConfig | None) -> Model | None:
    if role is None:
        return None
    found = role_models.get({}).get(role)
    if isinstance(found, list):
        found = found[0]
    if found is None or config is None or config == types.GenerateConfig():
        return found
    return found.with_role(role, config)


def _ambient() -> str | Model:
    active = active_model.get()
    if active is not None:
        return active
    named = _environment.model()
    if named is not None:
        return named
    raise InvalidRequest(
        "No model specified (and no model environment variable defined): name one, such as "
        "get_model('local/smollm2-135m-instruct'), or set MODELD_MODEL"
    )


def _check(model: object, config: object) -> None:
    if not isinstance(model, str):
        raise InvalidRequest(f"model must be text, not {type(model).__name__}")
    provider, _, name = model.partition("/")
    if not provider or not name:
        raise InvalidRequest(
            f"Model name '{model[:200]}' should be in the format of <api_name>/<model_name>."
        )
    if config is not None and not isinstance(config, types.GenerateConfig):
        raise InvalidRequest(f"config must be a GenerateConfig, not {type(config).__name__}")


def _made(
    name: str,
    role: str | None,
    config: GenerateConfig,
    base_url: str | None,
    api_key: str | None,
    memoize: bool,
    model_args: Mapping[str, object],
) -> Model:
    if name.startswith("mockllm/"):
        memoize = False
        outputs = model_args.get("custom_outputs")
        if isinstance(outputs, list):
            model_args = {**model_args, "custom_outputs": _dumps(outputs)}
        elif outputs is not None:
            if not callable(outputs) and not isinstance(outputs, Iterable):
                raise InvalidRequest("custom_outputs must be a list, an iterator or a function")
            scripted = ScriptedModel(cast("Script", outputs), config)
            return Model(ModelSpec(name, config=config), role, scripted)
    for what, value in (("base_url", base_url), ("api_key", api_key)):
        if value is not None and not isinstance(value, str):
            raise InvalidRequest(f"{what} must be text, not {type(value).__name__}")
    spec = ModelSpec(name, base_url, api_key, checked_args(model_args), config)
    if not memoize:
        return Model(spec, role).open()
    # No lock: setdefault and append are atomic, and a lock might be held by nobody after a fork.
    equals = _memo.setdefault(spec.memo_key(role), [])
    known = _with_key(equals, api_key)
    if known is not None:
        return known
    opened = Model(spec, role).open()
    equals.append(opened)
    first = _with_key(equals, api_key) or opened  # of threads that asked at once
    if first is not opened:
        equals.remove(opened)
        opened.close()
    return first


def _with_key(models: list[Model], api_key: str | None) -> Model | None:
    return next((model for model in models if model.has_key(api_key)), None)


def _dumps(outputs: list[object]) -> list[JsonObject]:
    dumps: list[JsonObject] = []
    for output in outputs:
        if not isinstance(output, types.ModelOutput):
            raise InvalidRequest(
                f"custom_outputs must hold ModelOutput values, not {type(output).__name__}"
            )
        dumps.append(output.to_dict())
    return dumps
