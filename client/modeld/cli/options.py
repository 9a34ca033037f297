"""The fields of GenerateConfig as options, and the options that choose a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ModeldError
from ..texts import evaluation_variables, mapping_file, model_argument
from ..types import GenerateConfig, JsonObject, JsonValue
from .fields import choices, is_switch, read_field
from .option_table import FLAGS, ROWS
from .variables import VariableOption

F = TypeVar("F", bound=Callable[..., object])

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # not generic before click 8.2

TIMEOUT = 600.0
"""Seconds that a call of the command line may take when nothing else is said."""

_BARE = {"cache": "true", "batch": "true"}
_RESERVED = frozenset(("config", "default", "memoize", "model", "required", "role"))


class FieldType(_ParamType):
    """The text of one GenerateConfig field."""

    def __init__(self, field_name: str) -> None:
        self.field_name = field_name
        self.name = field_name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> JsonValue:
        """The field's value; a wrong text is a wrong usage."""
        if not isinstance(value, str):
            return value
        try:
            return read_field(self.field_name, value)
        except (ValueError, TypeError, ModeldError) as error:
            self.fail(str(error), param, ctx)


def field_option(
    name: str, *, variables: bool = False, default: float | None = None
) -> click.Option:
    """The option of one field, and whether it may come from the variables of evaluations."""
    row = ROWS[name]
    help = row.help if default is None else f"{row.help} [default: {default:g}]"
    flag = "--" + name.replace("_", "-")
    declared = [*FLAGS.get(name, (flag,)), name]
    arguments: dict[str, Any] = {"type": FieldType(name), "metavar": row.metavar}
    if is_switch(name):
        declared = [f"{flag}/--no-{name.replace('_', '-')}", name]
        arguments = {"type": click.BOOL, "is_flag": True, "default": None}
    elif choices(name):
        arguments = {"type": click.Choice(choices(name))}
    if variables:
        arguments["envvar"] = evaluation_variables(name)
    return VariableOption(
        declared, help=help, section=row.section, bare=_BARE.get(name, ""), **arguments
    )


def config_options(*, timeout: float | None = None, variables: bool = False) -> Callable[[F], F]:
    """Every field of GenerateConfig as an option; the command receives `config`.

    Args:
        timeout: Seconds for a call when neither an option nor a file says so.
        variables: Whether options may come from the variables of evaluations too.
    """

    def decorate(command: F) -> F:
        @wraps(command)
        def wrapper(*args: Any, **values: Any) -> object:
            given = {name: values.pop(name) for name in ROWS}
            values["config"] = build_config(given, values.pop("generate_config"), timeout)
            return command(*args, **values)

        option = click.option(
            "--generate-config",
            cls=VariableOption,
            envvar=evaluation_variables("generate-config") if variables else None,
            metavar="FILE",
            help="JSON or YAML file with any of these options; an option here wins over it.",
        )
        decorated = option(wrapper)
        params: list[click.Parameter] = decorated.__click_params__  # type: ignore[attr-defined]
        defaults = {"timeout": timeout}
        params.extend(
            field_option(name, variables=variables, default=defaults.get(name))
            for name in reversed(ROWS)
        )
        return decorated  # type: ignore[return-value]

    return decorate


def build_config(
    given: JsonObject, file: str | None = None, timeout: float | None = None
) -> GenerateConfig:
    """The config of the options, over that of the file, over the default timeout."""
    try:
        base = GenerateConfig.from_dict(mapping_file(file)) if file else GenerateConfig()
        config = base.merge({name: value for name, value in given.items() if value is not None})
    except (ValueError, TypeError, ModeldError) as error:
        raise click.UsageError(str(error)) from None
    if config.timeout is None:
        config.timeout = timeout
    elif config.timeout <= 0:
        config.timeout = None
    return config


@dataclass(frozen=True)
class ModelChoice:
    """The model that the options name, and the arguments of its provider."""

    name: str | None = None
    base_url: str | None = None
    args: JsonObject = field(default_factory=dict, repr=False)  # may hold a key


def model_options(command: F) -> F:
    """`-m`, `-M` and `--base-url`; the command receives `choice`."""

    @wraps(command)
    def wrapper(*args: Any, **values: Any) -> object:
        choice = ModelChoice(
            values.pop("model"), values.pop("base_url"), _arguments(values.pop("model_args"))
        )
        return command(*args, choice=choice, **values)

    decorated = click.option(
        "--base-url", metavar="URL", help="Address of the provider, or of a proxy before it."
    )(wrapper)
    decorated = click.option(
        "-M",
        "model_args",
        multiple=True,
        metavar="KEY=VALUE",
        help="Argument of the provider, such as -M location=us-east5. May be repeated.",
    )(decorated)
    return click.option(  # type: ignore[return-value]
        "-m",
        "--model",
        metavar="PROVIDER/MODEL",
        help="The model, such as openai/gpt-4o-mini. Without it: that of the session, or the "
        "variable MODELD_MODEL or INSPECT_EVAL_MODEL.",
    )(decorated)


def _arguments(texts: tuple[str, ...]) -> JsonObject:
    try:
        return provider_arguments(dict(model_argument(text) for text in texts))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="-M") from None


def provider_arguments(arguments: JsonObject) -> JsonObject:
    """The arguments, if a provider may have them: not those of `get_model` itself."""
    for key in arguments:
        if key in _RESERVED:
            raise ValueError(f"{key!r} is no argument of a provider.")
    return arguments
