"""Answers that are made together: one step of the model gives each its next token.

Each prompt is read alone and without padding; then its keys and values join those of the batch, the
shorter ones with padding on their left, which the mask hides and positions do not count. When an
answer leaves, the padding that nobody needs any more goes. Runs in the engine's process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from transformers import DynamicCache

from .row import Row

_JOINABLE = ("DynamicLayer", "DynamicSlidingWindowLayer", "DummyLayer")
"""Kinds of layers whose keys and values can be padded, or that have none. States of other kinds
(convolutions, recurrences) stay alone."""
_CHUNKED = "chunked_attention"
"""Layers that see what is between two fixed places, which padding on the left would move."""


class Forward:
    """A model's forward pass, whatever its author named the arguments.

    Args:
        model: A model of transformers, loaded.
    """

    def __init__(self, model: Any) -> None:
        names = inspect.signature(model.forward).parameters
        # `past_key_values` in transformers 5.20, `cache` in 5.24.
        caches = [name for name in ("cache", "past_key_values") if name in names]
        if not caches:
            raise ValueError(
                f"{type(model).__name__} has no cache of keys and values: such models are not "
                "served"
            )
        self.device = model.device
        self._model = model
        self._cache = caches[0]
        self._positions = "position_ids" in names
        config = model.config.get_text_config(decoder=True)
        self.joinable = _CHUNKED not in (getattr(config, "layer_types", None) or ())
        """Whether padding changes nothing for the model."""
        self._extra = {"logits_to_keep": 1} if "logits_to_keep" in names else {}

    def new_cache(self) -> Any:
        """An empty cache for one row."""
        return DynamicCache(config=self._model.config)

    def __call__(self, ids: list[list[int]], length: int, pads: list[int], cache: Any) -> Any:
        """The logits after the last token of each row, in float32.

        Args:
            ids: New tokens, as many for each row.
            length: Tokens that are in the cache, padding included.
            pads: Padding of each row.
            cache: Takes what is computed.
        """
        device, new = self.device, len(ids[0])
        places = torch.arange(length + new, device=device)[None]
        padding = torch.tensor(pads, device=device)[:, None]
        given = {
            "input_ids": torch.tensor(ids, device=device),
            "attention_mask": (places >= padding).long(),
            self._cache: cache,
            "use_cache": True,
            **self._extra,
        }
        if self._positions:
            given["position_ids"] = (places[:, length:] - padding).clamp(min=0)
        return self._model(**given).logits[:, -1, :].float()


class Batch:
    """Rows that share their steps.

    Args:
        row: The first one, whose prompt is read.
        cache: Its keys and values.
    """

    def __init__(self, row: Row, cache: Any) -> None:
        self.rows = [row]
        self._cache = cache
        self._pads = [0]
        self._length = len(row.ids) - 1
        """Tokens in the cache; the last token of each row is not there yet."""

    @property
    def joinable(self) -> bool:
        """Whether its keys and values can be padded."""
        return all(type(layer).__name__ in _JOINABLE for layer in self._cache.layers)

    def join(self, other: Batch) -> None:
        """Takes in the rows of another batch."""
        length = max(self._length, other._length)
        pads = self._padded(length) + other._padded(length)
        for mine, theirs in zip(self._cache.layers, other._cache.layers, strict=True):
            if _holds(mine):
                _fit(mine, length)
                _fit(theirs, length)
                mine.keys = torch.cat([mine.keys, theirs.keys])
                mine.values = torch.cat([mine.values, theirs.values])
        self.rows += other.rows
        self._pads, self._length = pads, length

    def keep(self, wanted: Callable[[Row], bool]) -> list[Row]:
        """Keeps the rows that are wanted; returns the others."""
        kept = [index for index, row in enumerate(self.rows) if wanted(row)]
        if len(kept) == len(self.rows):
            return []
        gone = [row for row in self.rows if not wanted(row)]
        self.rows = [self.rows[index] for index in kept]
        if kept:
            self._shrink(kept)
        return gone

    def step(self, forward: Forward) -> None:
        """Gives each row its next token."""
        last = [[row.ids[-1]] for row in self.rows]
        logits = forward(last, self._length, self._pads, self._cache)
        self._length += 1
        give(self.rows, logits)

    def _padded(self, length: int) -> list[int]:
        return [pad + length - self._length for pad in self._pads]

    def _shrink(self, kept: list[int]) -> None:
        pads = [self._pads[index] for index in kept]
        # Only rows of joinable batches have company, and so padding.
        spare = min(pads)
        self._length -= spare
        self._pads = [pad - spare for pad in pads]
        for layer in self._cache.layers:
            if _holds(layer):
                layer.batch_select_indices(torch.tensor(kept, device=layer.keys.device))
                _fit(layer, self._length)


def give(rows: list[Row], logits: Any) -> None:
    """Chooses a token for each row and hands it over. One wait for the device for all.

    What fails for one row is that row's failure only.
    """
    chosen = []
    for row, one in zip(rows, logits, strict=True):
        with row.guarded():
            chosen.append((row, one, row.choose(one)))
    if not chosen:
        return
    tokens = torch.stack([token for _, _, token in chosen]).tolist()
    for (row, one, _), token in zip(chosen, tokens, strict=True):
        with row.guarded():
            row.take(token, one)


def _holds(layer: Any) -> bool:
    """Whether there is anything in it. Some layers use what another one holds."""
    return getattr(layer, "keys", None) is not None


def _fit(layer: Any, length: int) -> None:
    """Pads or cuts a layer on its left, so that it belongs to a batch of that length."""
    size = length
    if layer.is_sliding:
        size = min(length, layer.sliding_window - 1)
        layer.cumulative_length = length
    more = size - layer.keys.shape[-2]
    # A negative pad cuts.
    layer.keys = torch.nn.functional.pad(layer.keys, (0, 0, more, 0))
    layer.values = torch.nn.functional.pad(layer.values, (0, 0, more, 0))
