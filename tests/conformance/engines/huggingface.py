"""transformers.

https://huggingface.co/docs/transformers/chat_templating and …/main_classes/text_generation
"""

from __future__ import annotations

from modeld.types import ModelUsage
from modeld_daemon.providers.huggingface.dialect import Hub, build
from modeld_daemon.providers.huggingface.models import HubModels, HubSettings
from tests.fakes.chain_files import write_folder

from ..chat_shape import said, system_of, tools_of
from ..column import Readers
from ..engine import NO_SERVER, Engine
from ..script import THOUGHTS

ENGINE = Engine(
    name="huggingface",
    provider="hf",
    dialect="huggingface",
    model="chain",
    args={"device": "cpu"},
    write=write_folder,
    house=lambda _data, limits: Hub(HubModels(HubSettings(limits=limits))),
    build=build,
    readers=Readers(
        system_of=system_of,
        said=said,
        thoughts_of=lambda body: [
            message["reasoning_content"]
            for message in body["messages"]
            if "reasoning_content" in message
        ],
        tools_of=tools_of,
        choice_of=lambda _body: None,
        schema_of=lambda body: body["schema"],
        max_tokens_of=lambda body: body["max_tokens"],
        top_logprobs_of=lambda body: body["logprobs"],
    ),
    usage=ModelUsage(input_tokens=4, output_tokens=3, total_tokens=7),
    thoughts={"thoughts": [THOUGHTS], "thoughts_and_tool": [THOUGHTS]},
    failures={"forbidden": "may not load"},
    missing={
        **NO_SERVER,
        "structured": "transformers holds no model to a schema",
        "choice": "no model can be made to call a tool: the output warns",
    },
)
