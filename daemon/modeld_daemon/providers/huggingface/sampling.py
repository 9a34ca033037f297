"""Which token comes next. Runs in the engine's process.

The rules and their order are those of `GenerationMixin.generate`, so that a model's own
generation_config.json means what it means there:
https://huggingface.co/docs/transformers/main_classes/text_generation
"""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from transformers.generation import logits_process as rules

JsonObject: TypeAlias = dict[str, Any]

NO_TOKEN = -1
"""What is chosen where the numbers are none."""

_GREEDY_BELOW = 1e-5
"""A temperature below it is greedy: logits divided by it are beyond float32. So does vLLM:
https://github.com/vllm-project/vllm/blob/main/vllm/sampling_params.py (`_SAMPLING_EPS`)"""

_DEFAULT_TOP_K = 50
"""What generate() takes where neither the caller nor the model says anything."""


class Sampler:
    """Chooses the tokens of one answer.

    Args:
        wanted: What the caller asks for.
        defaults: The model's own generation config.
        device: Where the logits are.
    """

    def __init__(self, wanted: JsonObject, defaults: Any, device: Any) -> None:
        def value(name: str, otherwise: Any = None) -> Any:
            given = wanted.get(name)
            given = getattr(defaults, name, None) if given is None else given
            return otherwise if given is None else given

        self._device = device
        self._rules = [*_shaping(value, device)]
        self._sampled = bool(wanted["do_sample"]) and value("temperature", 1.0) >= _GREEDY_BELOW
        if self._sampled:
            self._rules += _warping(value)
        self._generator: Any = None
        if self._sampled and wanted.get("seed") is not None:
            self._generator = torch.Generator(device=device).manual_seed(wanted["seed"])

    def choose(self, ids: list[int], logits: Any) -> Any:
        """The next token, as a tensor of no dimension; `NO_TOKEN` where none can be chosen.

        Args:
            ids: The prompt and what was chosen so far.
            logits: One number for each word, in float32.
        """
        scores = logits[None]
        if self._rules:
            seen = torch.tensor([ids], device=self._device)
            scores = scores.clone()
            for rule in self._rules:
                scores = rule(seen, scores)
        # Asked on the device: CUDA does not survive a draw from numbers that are none.
        fine = scores[0].amax(-1).isfinite()
        if not self._sampled:
            return scores[0].argmax(-1).where(fine, NO_TOKEN)
        likely = torch.softmax(scores[0].where(fine, 0), -1)
        return torch.multinomial(likely, 1, generator=self._generator)[0].where(fine, NO_TOKEN)


def _shaping(value: Any, device: Any) -> list[Any]:
    """What holds for the greedy, too."""
    made: list[Any] = []
    if (penalty := value("repetition_penalty", 1.0)) != 1.0:
        made.append(rules.RepetitionPenaltyLogitsProcessor(penalty))
    if (size := value("no_repeat_ngram_size", 0)) > 0:
        made.append(rules.NoRepeatNGramLogitsProcessor(size))
    if tokens := value("suppress_tokens"):
        made.append(rules.SuppressTokensLogitsProcessor(tokens, device=device))
    return made


def _warping(value: Any) -> list[Any]:
    made: list[Any] = []
    if (temperature := value("temperature", 1.0)) != 1.0:
        made.append(rules.TemperatureLogitsWarper(float(temperature)))
    if (top_k := value("top_k", _DEFAULT_TOP_K)) > 0:
        made.append(rules.TopKLogitsWarper(top_k))
    if (top_p := value("top_p", 1.0)) < 1.0:
        made.append(rules.TopPLogitsWarper(float(top_p)))
    if (min_p := value("min_p")) is not None:
        made.append(rules.MinPLogitsWarper(float(min_p)))
    if (typical := value("typical_p", 1.0)) < 1.0:
        made.append(rules.TypicalLogitsWarper(float(typical)))
    return made


def log_probability(logits: Any, token: int, top: int) -> tuple[float, list[tuple[int, float]]]:
    """How likely the token was in the model's own view, before any rule, and the likeliest ones."""
    likely = torch.log_softmax(logits, -1)
    best = torch.topk(likely, min(top, likely.shape[-1])) if top else None
    tops = (
        [] if best is None else list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
    )
    return float(likely[token]), tops
