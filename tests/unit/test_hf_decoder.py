"""The loop that makes answers of `hf/`, with real models of several architectures in this process.

What transformers' own `generate` says is right.
"""

from __future__ import annotations

import threading
import time
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="pip install 'modeld[hf]'")
pytest.importorskip("transformers", reason="pip install 'modeld[hf]'")

from modeld_daemon.providers.engine.words import CallFailed  # noqa: E402
from modeld_daemon.providers.huggingface.batch import Forward  # noqa: E402
from modeld_daemon.providers.huggingface.decoder import PIECE, Decoder  # noqa: E402
from modeld_daemon.providers.huggingface.row import Ends, Row  # noqa: E402
from modeld_daemon.providers.huggingface.sampling import Sampler  # noqa: E402
from modeld_daemon.providers.huggingface.text import Text  # noqa: E402
from tests.fakes.tiny_models import chaotic, tokenizer  # noqa: E402

pytestmark = pytest.mark.timeout(60)

WORDS = 280
ARCHITECTURES = {
    "llama": ("Llama", {}),
    "gpt2": ("GPT2", {}),
    "qwen3": ("Qwen3", {}),
    # Windows shorter than the answers: rows are padded and cut inside them.
    "mistral": ("Mistral", {"sliding_window": 12}),
    "gemma3": ("Gemma3Text", {"sliding_window": 12, "layer_types": ["sliding_attention", "full_attention"]}),
    "gemma3n": (
        "Gemma3nText",
        {
            "sliding_window": 12, "layer_types": ["sliding_attention", "full_attention"] * 2,
            "num_hidden_layers": 4, "num_kv_shared_layers": 2, "vocab_size_per_layer_input": 280,
            "hidden_size_per_layer_input": 16, "laurel_rank": 8,
        },
    ),
    "llama4": ("Llama4Text", {"attention_chunk_size": 12, "intermediate_size_mlp": 96, "num_local_experts": 2, "layer_types": ["chunked_attention", "full_attention"]}),
    # Convolutions have states that cannot be padded: such rows stay alone.
    "lfm2": ("Lfm2", {"layer_types": ["conv", "full_attention"]}),
}  # fmt: skip


class Job:
    """A call that nobody made over a socket."""

    def __init__(self) -> None:
        self.cancelled = False
        self.progress = 0
        self.heard = threading.Event()
        self.events: list[dict[str, Any]] = []

    def emit(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.heard.set()


def a_row(model: Any, prompt: list[int], most: int = 30, **wanted: Any) -> Row:
    job: Any = Job()
    logprobs = wanted.pop("logprobs", None)
    sampling = {"do_sample": False, **wanted}
    return Row(
        job,
        prompt,
        Sampler(sampling, model.generation_config, model.device),
        Text(tokenizer()),
        Ends(frozenset([WORDS - 1]), most, 512),
        logprobs=logprobs,
        stream=True,
    )


def together(decoder: Decoder, rows: list[Row]) -> list[list[int]]:
    threads = [threading.Thread(target=decoder.decode, args=[row]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [row.ids for row in rows]


def held(forward: Forward, opened: threading.Event) -> Any:
    """The model, which does nothing until it is let: so that all rows are there in time."""

    def wait(*args: Any) -> Any:
        opened.wait()
        return forward(*args)

    wait.new_cache, wait.joinable = forward.new_cache, forward.joinable
    return wait


def let(opened: threading.Event, decoder: Decoder, waiting: int) -> None:
    while len(decoder._waiting) < waiting:
        time.sleep(0.001)
    opened.set()


def generated(model: Any, prompt: list[int], most: int, **config: Any) -> list[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ids = model.generate(torch.tensor([prompt]), max_new_tokens=most, do_sample=False, **config)
    return ids[0].tolist()


PROMPTS = [[(7 * i + j) % 250 for j in range(length)] for i, length in enumerate((3, 40, 1, 17, 9))]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_answers_made_together_are_those_of_generate(name):
    kind, more = ARCHITECTURES[name]
    model = chaotic(kind, WORDS, **more)
    opened = threading.Event()
    decoder = Decoder(held(Forward(model), opened))
    # Answers of several lengths: rows leave while others stay, and padding goes with them.
    lengths = [60, 8, 45, 30, 52]
    rows = [a_row(model, prompt, most) for prompt, most in zip(PROMPTS, lengths, strict=True)]
    threading.Thread(target=let, args=[opened, decoder, len(rows) - 1], daemon=True).start()
    got = together(decoder, rows)
    wanted = [generated(model, p, most) for p, most in zip(PROMPTS, lengths, strict=True)]
    assert got == wanted
    assert len({tuple(ids[-8:]) for ids in got}) == len(got)  # they are no standing waves
    assert decoder.largest == (1 if name in ("lfm2", "llama4") else 5)


def test_what_joins_later_shares_the_steps_of_what_runs():
    model = chaotic()
    decoder = Decoder(Forward(model))
    first = a_row(model, PROMPTS[0], 300)
    running = threading.Thread(target=decoder.decode, args=[first])
    running.start()
    first.job.heard.wait()
    later = a_row(model, PROMPTS[1], 20)
    decoder.decode(later)
    running.join()
    assert decoder.largest == 2
    assert decoder.steps < first.made + later.made - 2
    assert later.ids == generated(model, PROMPTS[1], 20)
    assert first.ids == generated(model, PROMPTS[0], 300)


def test_a_long_prompt_is_read_in_pieces():
    model = chaotic(max_position_embeddings=4 * PIECE)
    prompt = [i % 250 for i in range(2 * PIECE + 5)]
    row = a_row(model, prompt, 5)
    row._ends = Ends(frozenset(), 5, None)
    Decoder(Forward(model)).decode(row)
    assert row.ids == generated(model, prompt, 5)
    assert row.job.progress == 3 + 5


def test_a_cancel_is_heard_before_the_next_step():
    model = chaotic()
    decoder = Decoder(Forward(model))
    row, other = a_row(model, PROMPTS[0], 400), a_row(model, PROMPTS[1], 40)

    def cancelled() -> None:
        with pytest.raises(CallFailed, match="cancelled"):
            decoder.decode(row)

    calls = [
        threading.Thread(target=cancelled),
        threading.Thread(target=decoder.decode, args=[other]),
    ]
    for call in calls:
        call.start()
    row.job.heard.wait()
    row.job.cancelled = True
    made = row.made
    for call in calls:
        call.join()
    assert row.made <= made + 2  # one step may have been on its way, and one have begun
    assert other.ids == generated(model, PROMPTS[1], 40)
    steps = decoder.steps
    decoder.decode(a_row(model, PROMPTS[2], 3))
    assert decoder.steps == steps + 2  # nothing of the cancelled one is left


def test_a_failing_step_ends_its_answers_and_not_the_loop():
    model = chaotic()
    forward = Forward(model)
    trouble: list[Exception] = []

    def failing(*args: Any) -> Any:
        if trouble:
            raise trouble.pop()
        return forward(*args)

    failing.new_cache, failing.joinable = forward.new_cache, True
    decoder = Decoder(failing)
    for error, kind in (
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "memory"),
        (IndexError("no such row"), "defect"),
    ):
        trouble.append(error)
        with pytest.raises(CallFailed) as caught:
            decoder.decode(a_row(model, PROMPTS[0], 5))
        assert caught.value.kind == kind
    running = a_row(model, PROMPTS[0], 400)

    def failed() -> None:
        with pytest.raises(CallFailed, match="no such row"):
            decoder.decode(running)

    call = threading.Thread(target=failed)
    call.start()
    running.job.heard.wait()
    trouble.append(IndexError("no such row"))
    call.join()
    row = a_row(model, PROMPTS[0], 5)
    decoder.decode(row)
    assert row.ids == generated(model, PROMPTS[0], 5)


def test_what_no_token_can_be_chosen_of_is_that_answers_failure_only():
    model = chaotic()
    forward = Forward(model)
    broken: list[float] = []

    def breaking(ids: list[list[int]], *args: Any) -> Any:
        logits = forward(ids, *args)
        if broken and len(ids) > 1:
            logits[1, 3] = broken[0]
            logits[1].clamp_(max=broken[0]) if broken[0] < 0 else None
        return logits

    breaking.new_cache, breaking.joinable = forward.new_cache, True
    opened = threading.Event()
    decoder = Decoder(held(breaking, opened))
    for value in (float("nan"), float("inf"), float("-inf")):
        for wanted in ({}, {"do_sample": True, "seed": 3}):
            broken[:] = [value]
            opened.clear()
            host, row = a_row(model, PROMPTS[0], 60), a_row(model, PROMPTS[1], 60, **wanted)
            failures: list[CallFailed] = []

            def failed(row: Row = row, failures: list[CallFailed] = failures) -> None:
                with pytest.raises(CallFailed) as caught:
                    decoder.decode(row)
                failures.append(caught.value)

            first = threading.Thread(target=decoder.decode, args=[host])
            second = threading.Thread(target=failed)
            first.start()
            while decoder._reading is None:
                time.sleep(0.001)
            second.start()
            let(opened, decoder, 1)
            first.join()
            second.join()
            assert host.ids == generated(model, PROMPTS[0], 60)
            assert (failures[0].kind, "dtype=float32" in failures[0].message) == ("defect", True)


def test_a_rule_that_leaves_nothing_fails_its_answer_only():
    model = chaotic()
    decoder = Decoder(Forward(model))
    plain, nothing = a_row(model, PROMPTS[0]), a_row(model, PROMPTS[1], do_sample=True)

    class Raises:
        def __call__(self, ids: Any, scores: Any) -> Any:
            if nothing.made > 3:
                raise IndexError("no such word")
            return scores

    nothing._sampler._rules.append(Raises())

    def failed() -> None:
        with pytest.raises(CallFailed, match="no such word"):
            decoder.decode(nothing)

    call = threading.Thread(target=failed)
    call.start()
    decoder.decode(plain)
    call.join()
    assert plain.ids == generated(model, PROMPTS[0], 30)


def test_a_temperature_too_small_to_divide_by_is_greedy():
    model = chaotic()
    row = a_row(model, PROMPTS[0], do_sample=True, temperature=1e-42)
    Decoder(Forward(model)).decode(row)
    assert row.ids == generated(model, PROMPTS[0], 30)


def test_the_seed_alone_decides_in_company_too():
    model = chaotic()
    decoder = Decoder(Forward(model))
    hot = {"do_sample": True, "temperature": 3.0, "top_k": 0}
    alone = a_row(model, PROMPTS[1], **hot, seed=5)
    decoder.decode(alone)
    same, other, unsaid = (a_row(model, PROMPTS[1], **hot, seed=seed) for seed in (5, 6, None))
    company = [a_row(model, prompt, 50) for prompt in PROMPTS]
    together(decoder, [*company, same, other, unsaid])
    assert alone.ids == same.ids
    assert len({tuple(row.ids) for row in (alone, other, unsaid)}) == 3


def test_rules_of_the_caller_and_of_the_model():
    model = chaotic()
    decoder = Decoder(Forward(model))
    plain = a_row(model, PROMPTS[1])
    asked = a_row(model, PROMPTS[1], repetition_penalty=1.8, no_repeat_ngram_size=2)
    assert together(decoder, [plain, asked]) == [
        generated(model, PROMPTS[1], 30),
        generated(model, PROMPTS[1], 30, repetition_penalty=1.8, no_repeat_ngram_size=2),
    ]
    model.generation_config.suppress_tokens = plain.ids[-3:]
    suppressed = a_row(model, PROMPTS[1])
    decoder.decode(suppressed)
    assert suppressed.ids == generated(model, PROMPTS[1], 30) != plain.ids
    # One candidate leaves nothing to chance, whatever the temperature.
    for narrow in ({"top_k": 1}, {"top_p": 1e-9}, {"min_p": 1.0}):
        row = a_row(model, PROMPTS[1], do_sample=True, temperature=5.0, **narrow)
        decoder.decode(row)
        assert row.ids == suppressed.ids
    model.generation_config.top_k = 1
    row = a_row(model, PROMPTS[1], do_sample=True, temperature=5.0)
    decoder.decode(row)
    assert row.ids == suppressed.ids


def test_logprobs_are_those_of_the_models_own_view():
    model = chaotic()
    decoder = Decoder(Forward(model))
    asked = a_row(model, PROMPTS[1], 10, logprobs=3, do_sample=True, temperature=4.0, seed=1)
    together(decoder, [a_row(model, PROMPTS[0]), asked])
    with torch.inference_mode():
        logits = model(torch.tensor([asked.ids])).logits[0]
    likely = torch.log_softmax(logits.float(), -1)[len(asked.prompt) - 1 : -1]
    told = asked.result(lambda ids: [str(id) for id in ids])["logprobs"]
    made = asked.ids[len(asked.prompt) :]
    assert [entry["token"] for entry in told] == [str(id) for id in made]
    for entry, id, row in zip(told, made, likely, strict=True):
        assert entry["logprob"] == pytest.approx(row[id].item(), abs=1e-4)
        best = row.topk(3)
        assert [top["token"] for top in entry["top"]] == [str(i) for i in best.indices.tolist()]
        assert [t["logprob"] for t in entry["top"]] == pytest.approx(best.values.tolist(), abs=1e-4)


def test_a_model_without_a_cache_of_keys_and_values_is_refused():
    class Recurrent(torch.nn.Module):
        def forward(self, input_ids: Any, state: Any = None) -> Any: ...

    with pytest.raises(ValueError, match="Recurrent has no cache"):
        Forward(Recurrent())
