"""What calls cost: prices of models, told by users, and tokens.

modeld ships no prices, which change by the week; where a provider tells the cost of a call, that is
what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite

from .errors import InvalidRequest, PrerequisiteError
from .types import JsonValue, ModelCost, ModelOutput, ModelUsage

__all__ = ["Prices", "compute_model_cost", "known_prices", "set_model_cost"]

_FREE = ModelCost(0, 0)
_FREE_PROVIDERS = frozenset(("mockllm", "none", "local"))
_known: dict[str, ModelCost] = {}


def set_model_cost(model: str, cost: ModelCost) -> None:
    """Tells the prices of a model, by its full name such as "openai/gpt-4o", to this process."""
    _known[model] = _checked(model, cost)


def compute_model_cost(cost: ModelCost, usage: ModelUsage) -> float:
    """Dollars for tokens at those prices."""
    return (
        usage.input_tokens * cost.input
        + usage.output_tokens * cost.output
        + (usage.input_tokens_cache_write or 0) * cost.input_cache_write
        + (usage.input_tokens_cache_read or 0) * cost.input_cache_read
    ) / 1_000_000


class Prices:
    """Prices of models by full name. Models that call no provider are free."""

    def __init__(self, by_model: Mapping[str, ModelCost] | None = None) -> None:
        self._by_model = dict(by_model or {})

    def __getitem__(self, model: str) -> ModelCost | None:
        found = self._by_model.get(model)
        if found is None and model.partition("/")[0] in _FREE_PROVIDERS:
            return _FREE
        return found

    def priced(self, model: str, output: ModelOutput) -> None:
        """Puts what it cost into the usage of an answer, if it is known and not there."""
        cost, usage = self[model], output.usage
        if cost is not None and usage is not None and usage.total_cost is None:
            output.usage = replace(usage, total_cost=compute_model_cost(cost, usage))

    def require(self, models: Iterable[str]) -> None:
        """Raises `PrerequisiteError` for a model whose prices are not known."""
        unknown = sorted({model for model in models if self[model] is None})
        if unknown:
            raise PrerequisiteError(
                f"A cost limit needs the prices of {', '.join(unknown)}: give them with "
                "model_cost_config= (--model-cost-config FILE) or set_model_cost()."
            )


def known_prices(given: Mapping[str, JsonValue | ModelCost] | None) -> Prices:
    """Those of `set_model_cost`, and over them those that are given.

    Raises:
        InvalidRequest: A price is no number, or a name is unknown.
    """
    if not isinstance(given, Mapping | None):
        raise InvalidRequest("model_cost_config must be a mapping of prices by model name")
    read: dict[str, ModelCost] = {}
    for model, cost in (given or {}).items():
        if isinstance(cost, dict):
            unknown = cost.keys() - set(ModelCost.__dataclass_fields__)
            if unknown:
                raise InvalidRequest(
                    f"the prices of {model} have no {', '.join(sorted(map(str, unknown)))}; they are "
                    "input, output, input_cache_write and input_cache_read"
                )
            cost = ModelCost.from_dict(cost)  # noqa: PLW2901  # one of two shapes of the same
        read[model] = _checked(model, cost)
    return Prices({**_known, **read})


def _checked(model: str, cost: JsonValue | ModelCost) -> ModelCost:
    if not isinstance(cost, ModelCost):
        raise InvalidRequest(f"the prices of {model} must be a mapping or a ModelCost")
    for name in ModelCost.__dataclass_fields__:
        price = getattr(cost, name)
        if not isinstance(price, (int, float)) or not isfinite(price) or price < 0:
            raise InvalidRequest(
                f"the price {name} of {model} must be a number of dollars, 0 or more"
            )
    return cost
