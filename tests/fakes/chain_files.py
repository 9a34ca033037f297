"""Writes a `Chain` as engines read it. Needs no engine."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .chain import END, EPSILON, HEAD, HEADS, INNER, Chain, Tensors

__all__ = ["write_folder", "write_gguf"]


# -- transformers ----------------------------------------------------------------------------


def write_folder(chain: Chain, folder: Path) -> Path:
    """For transformers, as `save_pretrained` does."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(_safetensors(chain.tensors()))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": len(chain.words),
        "hidden_size": chain.size,
        "intermediate_size": INNER,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": HEAD,
        "max_position_embeddings": chain.context,
        "rms_norm_eps": EPSILON,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": chain.words.index(END),
    }
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "model_max_length": chain.context,
        "chat_template": chain.template,
    }
    files = {
        "config.json": config,
        "tokenizer.json": _tokenizer(chain),
        "tokenizer_config.json": told,
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    return folder


def _safetensors(tensors: Tensors) -> bytes:
    """https://github.com/huggingface/safetensors#format"""
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (shape, data) in tensors.items():
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    written = json.dumps(head).encode()
    written += b" " * (-len(written) % 8)
    return struct.pack("<Q", len(written)) + written + b"".join(d for _, d in tensors.values())


def _tokenizer(chain: Chain) -> Any:
    """https://huggingface.co/docs/tokenizers/api/tokenizer"""
    ids = {word: id for id, word in enumerate(chain.words)}
    never = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [
        {"id": ids[word], "content": word, **never, "special": word in chain.specials}
        for word in (*chain.specials, *chain.pieces)
    ]
    bytewise = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    model = {
        "type": "BPE",
        "vocab": {word: id for word, id in ids.items() if id < ids[END]},
        "merges": [["H", "i"]],
    }
    return {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": bytewise,
        "decoder": bytewise,
        "model": model,
    }


# -- llama.cpp -------------------------------------------------------------------------------

_NAMES = {
    "model.layers.0": "blk.0",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_NORMAL, _CONTROL, _USER_DEFINED = 1, 3, 4


def write_gguf(chain: Chain, path: Path) -> Path:
    """For llama.cpp: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = chain.words.index(END)
    kinds = {
        **dict.fromkeys(chain.specials, _CONTROL),
        **dict.fromkeys(chain.pieces, _USER_DEFINED),
    }
    head = {
        "general.architecture": "llama",
        "llama.context_length": chain.context,
        "llama.embedding_length": chain.size,
        "llama.block_count": 1,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS,
        "llama.attention.key_length": HEAD,
        "llama.attention.value_length": HEAD,
        "llama.rope.dimension_count": HEAD,
        "llama.attention.layer_norm_rms_epsilon": EPSILON,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": chain.words,
        "tokenizer.ggml.token_type": [kinds.get(word, _NORMAL) for word in chain.words],
        "tokenizer.ggml.merges": ["H i"],
        "tokenizer.ggml.bos_token_id": end,
        "tokenizer.ggml.eos_token_id": end,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": chain.template,
    }
    path.write_bytes(_gguf(head, {_its(name): t for name, t in chain.tensors().items()}))
    return path


def _its(name: str) -> str:
    for theirs, its in _NAMES.items():
        name = name.replace(theirs, its)
    return name


def _gguf(head: Mapping[str, Any], tensors: Tensors) -> bytes:
    infos, at = b"", 0
    for name, (shape, data) in tensors.items():
        infos += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        infos += struct.pack("<IQ", 0, at)  # 32-bit floats
        at += len(_padded(data))
    entries = b"".join(_text(name) + _entry(value) for name, value in head.items())
    begin = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(head))
    return _padded(begin + entries + infos) + b"".join(_padded(d) for _, d in tensors.values())


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 32)


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _entry(value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", _BOOL, value)
        case int():
            return struct.pack("<II", _UINT32, value)
        case float():
            return struct.pack("<If", _FLOAT32, value)
        case str():
            return struct.pack("<I", _STRING) + _text(value)
    kind = _STRING if isinstance(value[0], str) else _INT32
    items = (_text(one) if kind == _STRING else struct.pack("<i", one) for one in value)
    return struct.pack("<IIQ", _ARRAY, kind, len(value)) + b"".join(items)
