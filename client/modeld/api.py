"""`get_model`: from a name to a model that can be called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from . import types  # its names load when they are first used
from .environment import Environment
from .errors import InvalidRequest, PrerequisiteError
from .handle import Model
from .mock import ScriptedModel
from .roles import active_model, role_models
from .sessions import joined_session, resolve_model
from .spec import ModelSpec, checked_args

if TYPE_CHECKING:
    from .mock import Script
    from .rpc.named import ChosenModel
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
            the model under evaluation, that of the session which MODELD_SESSION names, or that of
            MODELD_MODEL or INSPECT_EVAL_MODEL.
        role: Name under which the model is used. A model bound to the role, by the running task or
            else by the session, wins over all else.
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
        SessionNotFound: There is no session that MODELD_SESSION names.
        DaemonUnavailable: The daemon cannot be reached or started.
    """
    if isinstance(model, Model):
        return model
    if model == "none":
        model = "none/none"
    bound = _bound(role, config)
    if bound is not None:
        return bound
    said = config or types.GenerateConfig()
    spec = ModelSpec("", base_url, api_key, dict(model_args), said, joined_session())
    chosen = _chosen(spec, role, model, default, required=required and default is None)
    if chosen is not None and chosen.bound:
        return _as_chosen(chosen, ModelSpec("", session=spec.session), memoize)
    if model is None:
        model = default if default is not None else active_model.get()
        if isinstance(model, Model):
            return model.with_role(role) if role and model is default else model
    if model is None and chosen is not None and chosen.model.model:
        return _as_chosen(chosen, spec, memoize)
    if model is None:
        model, config = _named_by_environment(), chosen.model.config if chosen else config
    _check(model, config)
    return _made(replace(spec, name=model, config=config or spec.config), role, memoize)


def _chosen(
    spec: ModelSpec,
    role: str | None,
    model: str | None,
    default: str | Model | None,
    *,
    required: bool,
) -> ChosenModel | None:
    """What the session says of it, where it has a say: a task's roles are known already, with those
    of the session, and a model that is named without a role is that one.
    """
    if spec.session is None or role_models.get(None) is not None:
        if role is not None and required:
            raise PrerequisiteError(f"Model role '{role}' is required and was not specified.")
        return None
    named = model if model is not None else default
    if role is None and named is not None:
        return None
    if isinstance(named, Model):
        named = None
    if named is not None:
        _check(named, spec.config)
    return resolve_model(spec.session, role, named, spec.config, required=required)


def _as_chosen(chosen: ChosenModel, said: ModelSpec, memoize: bool) -> Model:
    """The session's model; what the caller says beside its name wins."""
    model = chosen.model
    args = {**model.args, **said.args}
    base_url = said.base_url or model.base_url
    spec = replace(said, name=model.model, base_url=base_url, args=args, config=model.config)
    return _made(spec, chosen.role, memoize)


def _bound(role: str | None, config: GenerateConfig | None) -> Model | None:
    if role is None:
        return None
    found = role_models.get({}).get(role)
    if isinstance(found, list):
        found = found[0]
    if found is None or config is None or config == types.GenerateConfig():
        return found
    return found.with_role(role, config)


def _named_by_environment() -> str:
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


def _made(spec: ModelSpec, role: str | None, memoize: bool) -> Model:
    if spec.name.startswith("mockllm/"):
        memoize = False
        outputs = spec.args.get("custom_outputs")
        if isinstance(outputs, list):
            spec = replace(spec, args={**spec.args, "custom_outputs": _dumps(outputs)})
        elif outputs is not None:
            if not callable(outputs) and not isinstance(outputs, Iterable):
                raise InvalidRequest("custom_outputs must be a list, an iterator or a function")
            scripted = ScriptedModel(cast("Script", outputs))
            return Model(ModelSpec(spec.name, config=spec.config), role, scripted)
    for what, value in (("base_url", spec.base_url), ("api_key", spec.api_key)):
        if value is not None and not isinstance(value, str):
            raise InvalidRequest(f"{what} must be text, not {type(value).__name__}")
    spec = replace(spec, args=checked_args(spec.args))
    if not memoize:
        return Model(spec, role).open()
    # No lock: setdefault and append are atomic, and a lock might be held by nobody after a fork.
    equals = _memo.setdefault(spec.memo_key(role), [])
    known = _with_key(equals, spec.api_key)
    if known is not None:
        return known
    opened = Model(spec, role).open()
    equals.append(opened)
    first = _with_key(equals, spec.api_key) or opened  # of threads that asked at once
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
