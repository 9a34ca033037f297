"""A language model whose next token hangs on the last one alone: what a test writes down is what it
says, with just that likelihood.

It is a Llama of one layer that adds nothing: a hidden state is the last token's own direction, and
the head holds the logarithm of how likely each token is to follow. To an engine it is a model as any
other. `chain_files` writes it for those that there are.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["END", "LETTERS", "Chain", "Tensors"]

END = "<|end|>"
_CERTAIN = 0.999
HEADS, HEAD, INNER = 2, 16, 32
EPSILON = 1e-6
_LOUD = 64.0
"""Length of an embedding: beside it the norm's epsilon is nothing."""

Tensors: TypeAlias = dict[str, tuple[tuple[int, ...], bytes]]
"""Shapes and 32-bit floats, under the names of transformers."""


def _letters() -> list[str]:
    """GPT-2's letter for each byte: https://github.com/openai/gpt-2/blob/master/src/encoder.py"""
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte if byte in shown else 256 + hidden.index(byte)) for byte in range(256)]


LETTERS = sorted(_letters())


@dataclass(frozen=True)
class Chain:
    """What follows what. A token is a letter, a role of the template, or a text in `follows`.

    Args:
        roles: Tokens of the template that are no text, such as `<|user|>`.
        follows: Of a token how likely the next ones are; what is left goes to all others alike.
            After a token that is not here the answer ends.
        template: In Jinja.
        context: Tokens that the model holds.
    """

    roles: Sequence[str]
    follows: Mapping[str, Mapping[str, float]]
    template: str
    context: int

    @property
    def specials(self) -> list[str]:
        """Tokens that are no text."""
        return [END, *self.roles]

    @property
    def pieces(self) -> list[str]:
        """Tokens that are more than a letter of text."""
        said = dict.fromkeys(piece for next in self.follows.values() for piece in next)
        return [piece for piece in said if piece not in self.specials]

    @property
    def words(self) -> list[str]:
        """All tokens; their places are their ids."""
        return [*LETTERS, "Hi", *self.specials, *self.pieces]

    @property
    def size(self) -> int:
        """Length of a hidden state."""
        return -(-len(self.words) // 4) * 4

    def tensors(self) -> Tensors:
        """The weights."""
        size, heads, count = self.size, HEADS * HEAD, len(self.words)
        empty = {
            **dict.fromkeys(("self_attn.q_proj", "self_attn.k_proj"), (heads, size)),
            "self_attn.v_proj": (heads, size),
            "self_attn.o_proj": (size, heads),
            **dict.fromkeys(("mlp.gate_proj", "mlp.up_proj"), (INNER, size)),
            "mlp.down_proj": (size, INNER),
        }
        made: Tensors = {
            f"model.layers.0.{name}.weight": (shape, bytes(4 * math.prod(shape)))
            for name, shape in empty.items()
        }
        for norm in ("layers.0.input_layernorm", "layers.0.post_attention_layernorm", "norm"):
            made[f"model.{norm}.weight"] = ((size,), array("f", [1.0] * size).tobytes())
        directions = array("f", bytes(4 * count * size))
        for id in range(count):
            directions[id * size + id] = _LOUD
        made["model.embed_tokens.weight"] = ((count, size), directions.tobytes())
        made["lm_head.weight"] = ((count, size), self._head().tobytes())
        return made

    def _head(self) -> array[float]:
        words, size = self.words, self.size
        ids = {word: id for id, word in enumerate(words)}
        long = math.sqrt(size)  # the norm makes a direction so long
        head = array("f", bytes(4 * len(words) * size))
        for word, id in ids.items():
            next = self.follows.get(word, {END: _CERTAIN})
            rest = math.log((1 - sum(next.values())) / (len(words) - len(next))) / long
            likely = {ids[piece]: math.log(share) / long for piece, share in next.items()}
            for row in range(len(words)):
                head[row * size + id] = likely.get(row, rest)
        return head
