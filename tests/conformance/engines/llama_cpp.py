"""llama.cpp.

https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from __future__ import annotations

from pathlib import Path

from modeld.types import ModelUsage
from modeld_daemon.providers.llama_cpp.dialect import Local, build
from modeld_daemon.providers.llama_cpp.models import LocalModels, LocalSettings
from tests.fakes.chain import Chain
from tests.fakes.chain_files import write_gguf

from ..chat_shape import said, schema_of, system_of, tools_of, top_logprobs_of
from ..column import Readers
from ..engine import CONTEXT, NO_SERVER, Engine
from ..script import THOUGHTS

NO_TOOLS = "its models are told of no tools"


def _write(chain: Chain, path: Path) -> Path:
    return write_gguf(chain, path.with_name(f"{path.name}.gguf"))


ENGINE = Engine(
    name="llama_cpp",
    provider="local",
    dialect="llama_cpp",
    model="chain",
    args={"n_ctx": CONTEXT, "n_threads": 1, "n_parallel": 2},
    write=_write,
    house=lambda data, limits: Local(LocalModels(LocalSettings(data, limits=limits))),
    build=build,
    readers=Readers(
        system_of=lambda body: system_of(body["request"]),
        said=lambda body: said(body["request"]),
        thoughts_of=lambda body: [
            message["reasoning_content"]
            for message in body["request"]["messages"]
            if "reasoning_content" in message
        ],
        tools_of=lambda body: tools_of(body["request"]),
        choice_of=lambda body: body["request"].get("tool_choice"),
        schema_of=lambda body: schema_of(body["request"]),
        max_tokens_of=lambda body: body["request"]["max_tokens"],
        top_logprobs_of=lambda body: top_logprobs_of(body["request"]),
    ),
    usage=ModelUsage(input_tokens=4, output_tokens=3, total_tokens=7),
    thoughts={"thoughts": [THOUGHTS]},
    failures={},
    missing={
        **NO_SERVER,
        **dict.fromkeys(("tool", "parallel", "thoughts_and_tool", "choice"), NO_TOOLS),
        "forbidden": "weights are files of the user's own",
    },
)
