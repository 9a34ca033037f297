"""`hf/` with the real engine and small real models, made by the tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import psutil
import pytest

from modeld.errors import (
    EngineError,
    InvalidRequest,
    ModelNotFound,
    PermissionDenied,
    PrerequisiteError,
)
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ModelOutput,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.core.raw import Raw
from modeld_daemon.providers.engine.watchdog import Limits
from modeld_daemon.providers.huggingface.adapter import HuggingFaceProvider
from modeld_daemon.providers.huggingface.models import HubModels, HubSettings, cached_models
from tests.fakes.deltas import Deltas
from tests.fakes.small_hub import SmallHub, serving_hub

torch = pytest.importorskip("torch", reason="pip install 'modeld[hf]'")
transformers = pytest.importorskip("transformers", reason="pip install 'modeld[hf]'")

from tests.fakes.tiny_models import chaotic, endless, save, scripted, tokenizer  # noqa: E402

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180), pytest.mark.beside]

ADD = ToolInfo(
    "add",
    "Adds.",
    ToolParams(properties={"a": JSONSchema(type="integer"), "b": JSONSchema(type="integer")}),
)
SCRIPTS = {
    "<|assistant|>": ["One ", "two ", "three ", "four"],
    "<|caller|>": [
        "I shall ", "count.\n\n", "<tool_call>", '{"name": "add", ', '"arguments": {"a": 2, "b": 3}}',
        "</tool_call>",
    ],
    "<|thinker|>": ["<think>\n", "Easy", "\n</think>\n\n\n", "Five"],
}  # fmt: skip
ENDLESS = 400


class Heard(Deltas):
    """A sink that keeps also why it waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[tuple[str, float | None]] = []

    def queued(self, reason: str, position: int | None = None, progress: float | None = None):
        self.waits.append((reason, progress))

    @property
    def answer(self) -> str:
        return "".join(self.texts)


def a_call(text: str | list[ChatMessage], tools: list[ToolInfo] | None = None, **config) -> Call:
    messages = [ChatMessageUser(text)] if isinstance(text, str) else text
    settings = GenerateConfig(**{"temperature": 0, "max_tokens": 24, **config})
    return Call("c", messages, settings, tools or [])


def route_of(model: str) -> Route:
    return Route("hf", model, Account("hf", None, "nobody"))


class Home:
    """The daemon's share of the provider."""

    def __init__(self, **settings) -> None:
        self.models = HubModels(HubSettings(**settings))

    def provider(self, environment: dict[str, str] | None = None, **args) -> HuggingFaceProvider:
        connection = Connection(None, None, {"device": "cpu", **args}, environment or {})
        return HuggingFaceProvider(self.models, connection)

    async def ask(self, model: str, call: Call, sink: Heard | None = None, **args) -> ModelOutput:
        return await self.provider(**args).generate(call, route_of(model), sink)

    async def stats(self, model: str, **args) -> dict[str, int]:
        async with self.provider(**args)._use(route_of(model), lambda *_: None) as engine:
            return await engine.call("stats", {}, slot=False)

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
async def home() -> AsyncIterator[Home]:
    """Loaded models for the tests that do them no harm."""
    home = Home()
    yield home
    await home.models.pool.aclose()


@pytest.fixture
async def own() -> AsyncIterator[Home]:
    """For tests that kill and load."""
    home = Home(limits=Limits(hang_seconds=4.0))
    yield home
    await home.models.pool.aclose()


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> str:
    """A model whose answers look like noise and are as long as one likes."""
    return endless(tmp_path_factory.mktemp("noise"))


@pytest.fixture(scope="module")
def speaker(tmp_path_factory) -> str:
    """A model that says what is in `SCRIPTS`."""
    return scripted(tmp_path_factory.mktemp("speaker"), SCRIPTS)


def test_the_daemon_loads_nothing_of_it():
    program = (
        "import sys, modeld, modeld_daemon.app, modeld_daemon.providers.registry\n"
        "import modeld_daemon.providers.huggingface.dialect\n"
        "print([m for m in ('torch', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


async def test_an_answer_is_that_of_generate_and_streaming_changes_nothing(home: Home, noise: str):
    call = a_call("Say hello", max_tokens=48, logprobs=True)
    heard = Heard()
    streamed = await home.ask(noise, call, heard)
    unary = await home.ask(noise, call)
    words = transformers.AutoTokenizer.from_pretrained(noise)
    model = transformers.AutoModelForCausalLM.from_pretrained(noise)
    prompt = words.apply_chat_template(
        [{"role": "user", "content": "Say hello"}], add_generation_prompt=True, return_tensors="pt"
    )["input_ids"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ids = model.generate(prompt, max_new_tokens=48, do_sample=False)[0, prompt.shape[1] :]
    tokens = [entry.token for entry in streamed.choices[0].logprobs.content]
    assert tokens == words.convert_ids_to_tokens(ids.tolist())
    assert heard.answer == streamed.completion == unary.completion
    assert streamed.completion == words.decode(ids, skip_special_tokens=True)
    assert streamed.usage == unary.usage
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (prompt.shape[1], 48)
    assert streamed.usage.total_tokens == prompt.shape[1] + 48
    assert streamed.stop_reason == "max_tokens"
    counted = await home.provider().count_tokens(call, route_of(noise))
    assert (counted.tokens, counted.estimated) == (prompt.shape[1], False)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_goes_to_the_model_and_comes_back_is_noted(home: Home, noise: str, stream: bool):
    call = a_call("Say hello", max_tokens=4)
    call.raw = Raw()
    output = await home.ask(noise, call, Heard() if stream else None)
    noted = call.raw.call()
    assert "Say hello" in json.dumps(noted["request"])
    assert noted["response"]["results"][0]["text"] == output.completion


async def test_logprobs_are_the_models_own(home: Home, noise: str):
    call = a_call("Hi", max_tokens=5, temperature=2.0, seed=3, logprobs=True, top_logprobs=4)
    output = await home.ask(noise, call)
    words = transformers.AutoTokenizer.from_pretrained(noise)
    model = transformers.AutoModelForCausalLM.from_pretrained(noise)
    ids = words.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=True
    )["input_ids"]
    for entry in output.choices[0].logprobs.content:
        with torch.inference_mode():
            likely = torch.log_softmax(model(torch.tensor([ids])).logits[0, -1].float(), -1)
        id = words.convert_tokens_to_ids(entry.token)
        assert entry.logprob == pytest.approx(likely[id].item(), abs=1e-4)
        best = likely.topk(4)
        assert [top.token for top in entry.top_logprobs] == words.convert_ids_to_tokens(
            best.indices.tolist()
        )
        assert [t.logprob for t in entry.top_logprobs] == pytest.approx(
            best.values.tolist(), abs=1e-4
        )
        ids.append(id)
    plain = await home.ask(noise, a_call("Hi", max_tokens=2, logprobs=True))
    assert plain.choices[0].logprobs.content[0].top_logprobs is None


async def test_answers_end_where_they_should(home: Home, speaker: str, noise: str):
    said = await home.ask(speaker, a_call("Count"))
    assert (said.completion, said.stop_reason) == ("One two three four", "stop")
    cut = await home.ask(speaker, a_call("Count", max_tokens=2))
    assert (cut.completion, cut.stop_reason) == ("One two ", "max_tokens")
    # A stop that begins in one token and ends in another: nothing of it is ever told.
    heard = Heard()
    stopped = await home.ask(speaker, a_call("Count", stop_seqs=["zero", "o thr"]), heard)
    assert (stopped.completion, stopped.stop_reason) == ("One tw", "stop")
    assert heard.answer == "One tw"
    full = await home.ask(noise, a_call("word " * 90, max_tokens=300))
    assert full.stop_reason == "model_length"
    assert full.usage.total_tokens == 512
    long = await home.ask(noise, a_call("word " * 900))
    assert (long.stop_reason, long.completion) == ("model_length", "")
    assert "4503 tokens and the model holds 512" in (long.error or "")


async def test_sampling_follows_the_seed(home: Home, noise: str):
    hot = {"temperature": 1.5, "max_tokens": 16}
    answers = [
        (await home.ask(noise, a_call("A story", seed=seed, **hot))).completion
        for seed in (1, 1, 2)
    ]
    assert answers[0] == answers[1] != answers[2]
    several = await home.ask(noise, a_call("A story", seed=1, num_choices=3, **hot))
    texts = [choice.message.text for choice in several.choices]
    assert len(set(texts)) == 3
    assert texts[:2] == [answers[0], answers[2]]
    assert several.usage.output_tokens == 48
    greedy = await home.ask(noise, a_call("A story", max_tokens=16))
    unsampled = await home.ask(noise, a_call("A story", **hot), do_sample=False)
    assert unsampled.completion == greedy.completion


async def test_tools_are_told_and_calls_are_read(home: Home, speaker: str):
    heard = Heard()
    output = await home.ask(speaker, a_call("2+3?", [ADD]), heard)
    assert output.stop_reason == "tool_calls"
    (call,) = output.message.tool_calls
    assert (call.function, call.arguments, call.parse_error) == ("add", {"a": 2, "b": 3}, None)
    assert output.completion == heard.answer == "I shall count."
    # The tools are in the prompt, and so is what they answered.
    provider, route = home.provider(), route_of(speaker)
    without = await provider.count_tokens(a_call("2+3?"), route)
    told = await provider.count_tokens(a_call("2+3?", [ADD]), route)
    assert told.tokens > without.tokens + 50
    history = [ChatMessageUser("2+3?"), output.message]
    answered = ChatMessageTool("5", tool_call_id=call.id, function="add")
    more = await provider.count_tokens(a_call([*history, answered], [ADD]), route)
    assert more.tokens > told.tokens + 5
    assert (await home.ask(speaker, a_call([*history, answered]))).completion.startswith("One")
    with pytest.raises(InvalidRequest, match="no place for tools"):
        await home.ask(speaker, a_call("2+3?", [ADD]), chat_template="{{ messages[0].content }}")
    with pytest.raises(InvalidRequest, match="a tool cannot begin"):
        await home.ask(speaker, a_call([answered]))


@pytest.mark.parametrize(
    "template",
    [
        "{{ 1/0 }}",
        "{{ range(10**7)|list }}",
        "{{ ''.__class__.__mro__ }}",
        "{% bad %}",
        "{{ x.y.z }}",
    ],
)
async def test_a_template_that_fails_is_the_callers_matter(home: Home, noise: str, template: str):
    with pytest.raises(InvalidRequest, match="template does not take this conversation"):
        await home.ask(noise, a_call("hello", max_tokens=3), chat_template=template)


async def test_thoughts_are_told_apart(home: Home, speaker: str):
    heard = Heard()
    output = await home.ask(speaker, a_call("2+3?"), heard, enable_thinking=True)
    assert output.message.content == [ContentReasoning("Easy"), ContentText("Five")]
    assert ("".join(heard.thoughts), heard.answer) == ("Easy", "Five")
    # Some templates open the thoughts themselves: the answer begins inside of them.
    opening = "{{ messages[0].content }}<|thinker|>{{ '<think>\\n' }}"
    begun = await home.ask(speaker, a_call("2+3?"), chat_template=opening)
    assert begun.message.content[0] == ContentReasoning("Easy")


async def test_a_model_without_a_template_gets_plain_lines(home: Home, noise: str):
    provider = home.provider(use_chat_template=False)
    call = a_call([ChatMessageUser("ab"), ChatMessageAssistant("c")])
    counted = await provider.count_tokens(call, route_of(noise))
    assert counted.tokens == len("user: ab\nassistant: c\n")
    cut = home.provider(
        use_chat_template=False, tokenizer_call_args={"truncation": True, "max_length": 5}
    )
    assert (await cut.count_tokens(call, route_of(noise))).tokens == 5
    with pytest.raises(InvalidRequest, match="tokenizer_call_args"):
        await home.ask(noise, call, tokenizer_call_args={"return_tensors": "pt"})


async def test_more_calls_than_places_queue(own: Home, noise: str):
    sinks = [Heard() for _ in range(6)]
    async with anyio.create_task_group() as group:
        for sink in sinks:
            group.start_soon(lambda s=sink: own.ask(noise, a_call("Hi"), s, batch_size=2))
    assert all(sink.answer for sink in sinks)
    assert sum("slots" in [reason for reason, _ in sink.waits] for sink in sinks) == 4
    assert own.models.statistics()[0].starts == 1
    stats = await own.stats(noise, batch_size=2)
    assert stats["largest"] == 2
    assert stats["tokens"] == 6 * 23  # each answer's first token is of its prompt
    assert stats["steps"] < 6 * 23


async def test_a_cancel_stops_decoding(home: Home, noise: str):
    await home.ask(noise, a_call("Hi", max_tokens=1))
    heard = Heard()
    async with anyio.create_task_group() as group:
        group.start_soon(home.ask, noise, a_call("A story", max_tokens=ENDLESS), heard)
        with anyio.fail_after(20):
            while not heard.answer:
                await anyio.sleep(0.001)
        group.cancel_scope.cancel()
    with anyio.fail_after(5):
        while home.models.statistics()[-1].in_flight:
            await anyio.sleep(0.01)
    before = await home.stats(noise)
    await anyio.sleep(0.1)
    assert await home.stats(noise) == before


async def test_the_load_is_told_to_all_who_wait(own: Home, noise: str):
    sinks = [Heard(), Heard()]
    async with anyio.create_task_group() as group:
        for sink in sinks:
            group.start_soon(own.ask, noise, a_call("Hi", max_tokens=2), sink)
    for sink in sinks:
        shares = [progress for reason, progress in sink.waits if reason == "loading" and progress]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        assert len(shares) > 3
    assert own.models.statistics()[0].starts == 1


async def test_kill_9_and_a_hang_end_the_call_and_not_the_next(own: Home, noise: str):
    for sign, said in ((signal.SIGKILL, "SIGKILL"), (signal.SIGSTOP, "did not answer for 4 s")):
        heard = Heard()
        async with anyio.create_task_group() as group:

            async def ask(heard: Heard, said: str):
                with pytest.raises(EngineError, match=said):
                    await own.ask(noise, a_call("A story", max_tokens=ENDLESS), heard)

            group.start_soon(ask, heard, said)
            with anyio.fail_after(40):
                while not heard.answer:
                    await anyio.sleep(0.001)
            os.kill(own.pid, sign)
    assert (await own.ask(noise, a_call("Hi", max_tokens=2))).completion


async def test_an_unused_model_is_unloaded_and_loaded_again(noise: str):
    home = Home(idle_seconds=0.1)
    first = await home.ask(noise, a_call("Hi"))
    process = psutil.Process(home.pid)
    with anyio.fail_after(5):
        while process.is_running():
            await anyio.sleep(0.02)
    assert home.models.statistics() == []
    assert (await home.ask(noise, a_call("Hi"))).completion == first.completion
    await home.models.pool.aclose()


async def test_what_cannot_be_loaded_says_why(own: Home, tmp_path: Path, noise: str):
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    with pytest.raises(ModelNotFound, match="not in the hub's cache") as caught:
        await own.provider(offline).generate(a_call("Hi"), route_of("nobody/nothing"), None)
    assert caught.value.model == "hf/nobody/nothing"
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    with pytest.raises(ModelNotFound, match="hub cannot be reached"):
        await own.provider(nowhere).generate(a_call("Hi"), route_of("nobody/nothing"), None)
    with pytest.raises(PrerequisiteError, match=r"cuda:7.*PyTorch .* sees cpu"):
        await own.ask(noise, a_call("Hi"), device="cuda:7")
    broken = tmp_path / "broken"
    save(broken, chaotic(), tokenizer())
    (broken / "model.safetensors").write_bytes(b"rubbish" * 99)
    with pytest.raises(InvalidRequest, match=f"{broken}.*cannot be loaded"):
        await own.ask(str(broken), a_call("Hi"))
    (broken / "config.json").unlink()
    with pytest.raises(InvalidRequest, match=r"no config\.json"):
        await own.ask(str(broken), a_call("Hi"))
    with pytest.raises(ModelNotFound, match="no folder"):
        await own.ask(f"{broken}/none", a_call("Hi"))
    assert (await own.ask(noise, a_call("Hi", max_tokens=1))).usage.output_tokens == 1


async def test_models_come_from_the_hub_and_stay_in_its_cache(tmp_path: Path, speaker: str):
    folders = {"a/speaker": Path(speaker), "a/gated": Path(speaker)}
    cache = {"HF_HOME": str(tmp_path)}
    home = Home()

    async def ask(model: str, hub: SmallHub, token: str | None = None) -> str:
        environment = {**cache, "HF_ENDPOINT": hub.endpoint}
        provider = HuggingFaceProvider(home.models, Connection(None, token, {}, environment))
        call = a_call("Count")
        return (await provider.generate(call, route_of(model), None)).completion

    try:
        with serving_hub(SmallHub(folders, gated="a/gated", token="hf_secret")) as hub:
            assert await ask("a/speaker", hub) == "One two three four"
            assert hub.tokens == set()
            with pytest.raises(PermissionDenied, match=r"gated.*HF_TOKEN"):
                await ask("a/gated", hub)
            with pytest.raises(ModelNotFound, match="no such repository"):
                await ask("a/nothing", hub)
            assert await ask("a/gated", hub, "hf_secret") == "One two three four"
            assert hub.tokens == {"Bearer hf_secret"}
            await home.models.pool.aclose()
        home = Home()
        assert await ask("a/speaker", hub) == "One two three four"  # the hub is gone
    finally:
        await home.models.pool.aclose()
    assert cached_models(cache) == ["a/gated", "a/speaker"]


async def test_code_of_a_repository_runs_only_when_asked_and_allowed(tmp_path: Path):
    folder, mark = tmp_path / "coded", tmp_path / "it ran"
    save(folder, chaotic(), tokenizer())
    config = json.loads((folder / "config.json").read_text())
    classes = {"AutoConfig": "coded.CodedConfig", "AutoModelForCausalLM": "coded.CodedModel"}
    config |= {"model_type": "coded", "auto_map": classes}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "coded.py").write_text(
        f"open({str(mark)!r}, 'w').close()\n"
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        "class CodedConfig(LlamaConfig):\n    model_type = 'coded'\n"
        "class CodedModel(LlamaForCausalLM):\n    config_class = CodedConfig\n"
    )
    for home, asked, said in (
        (Home(trusting=True), {}, "code of its own"),
        (Home(), {"trust_remote_code": True}, r"config\.toml"),
    ):
        with pytest.raises(PrerequisiteError, match=said):
            await home.ask(str(folder), a_call("Hi"), **asked)
        await home.models.pool.aclose()
    assert not mark.exists()
    home = Home(trusting=True)
    provider = home.provider({"HF_HOME": str(tmp_path)}, trust_remote_code=True)
    output = await provider.generate(a_call("Hi"), route_of(str(folder)), None)
    await home.models.pool.aclose()
    assert mark.exists()
    assert output.usage.output_tokens > 0
