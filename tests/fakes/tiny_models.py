"""Small models of transformers, made on the spot: chaotic ones, and one that says what it is told.

Only for tests that have asked for PyTorch by `pytest.importorskip`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

__all__ = ["chaotic", "endless", "save", "scripted", "tokenizer"]

torch.set_num_threads(1)  # more only get in each other's way

END = "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|caller|>", "<|thinker|>")
TEMPLATE = (
    "{% if messages[0].role == 'tool' %}{{ raise_exception('a tool cannot begin') }}{% endif %}"
    "{% if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}"
    "<|end|>{% endfor %}"
    "{% if add_generation_prompt %}"
    "{% if tools %}<|caller|>{% elif enable_thinking %}<|thinker|>{% else %}<|assistant|>{% endif %}"
    "{% endif %}"
)


def tokenizer(pieces: Sequence[str] = (), template: str | None = TEMPLATE) -> Any:
    """One token for each byte, one for each role, one for each piece."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytewise = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bytewise,
        eos_token=END,
        pad_token=END,
        additional_special_tokens=list(ROLES),
    )
    made.add_tokens([AddedToken(piece, special=False, normalized=False) for piece in pieces])
    made.chat_template = template
    return made


def chaotic_config(kind: str, words: int, **more: Any) -> Any:
    """A small config of an architecture whose answers look like noise."""
    sizes = {
        "vocab_size": words,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "initializer_range": 0.25,
        "bos_token_id": None,
        "eos_token_id": words - 1,
        "pad_token_id": words - 1,
    }
    if kind == "GPT2":
        sizes = {
            "vocab_size": words, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512,
            "initializer_range": 0.25, "bos_token_id": None, "eos_token_id": words - 1,
        }  # fmt: skip
    return getattr(transformers, f"{kind}Config")(**{**sizes, **more})


def chaotic(kind: str = "Llama", words: int = 280, **more: Any) -> Any:
    """A model with random weights, the same each time."""
    torch.manual_seed(7)
    config = chaotic_config(kind, words, **more)
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def save(folder: Path, model: Any, words: Any) -> str:
    """Writes both into a folder; returns its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder)
        words.save_pretrained(folder)
    return str(folder)


def endless(folder: Path, context: int = 512) -> str:
    """A model whose answers look like noise and are as long as one likes."""
    words = tokenizer()
    model = chaotic(words=len(words), max_position_embeddings=context)
    model.generation_config.suppress_tokens = words.all_special_ids
    return save(folder, model, words)


def scripted(folder: Path, scripts: Mapping[str, Sequence[str]]) -> str:
    """A model that says for each role the pieces of its script, and ends.

    Its layers add nothing: a hidden state is the last token's own direction, and the head turns each
    direction into that of the next token. So each piece must be unique.
    """
    pieces = [piece for script in scripts.values() for piece in script]
    assert len(set(pieces)) == len(pieces)
    words = tokenizer(pieces)
    size = -(-len(words) // 4) * 4
    model = chaotic("Llama", size, hidden_size=size, tie_word_embeddings=False)
    model.generation_config.eos_token_id = words.eos_token_id
    follows = {}
    for role, script in scripts.items():
        ids = [words.convert_tokens_to_ids(token) for token in (role, *script, END)]
        follows |= dict(pairwise(ids))
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size))
        model.lm_head.weight.zero_()
        for token in range(size):
            model.lm_head.weight[follows.get(token, words.eos_token_id), token] = 1
    return save(folder, model, words)
