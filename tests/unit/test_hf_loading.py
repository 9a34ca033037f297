"""What the engine of `hf/` says when something cannot be loaded, and which device it takes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="pip install 'modeld[hf]'")
pytest.importorskip("transformers", reason="pip install 'modeld[hf]'")

from huggingface_hub import errors as hub  # noqa: E402

from modeld_daemon.providers.engine.words import CallFailed  # noqa: E402
from modeld_daemon.providers.huggingface.loading import _bar, find_device  # noqa: E402
from modeld_daemon.providers.huggingface.trouble import failure_of, load_failure  # noqa: E402


def of_kind(kind: type[BaseException]) -> BaseException:
    """The hub's errors want a whole HTTP response."""

    def plain(self: BaseException) -> None:
        Exception.__init__(self, "as the hub says it")

    return type(kind.__name__, (kind,), {"__init__": plain})()


@pytest.mark.parametrize(
    "cause, reason, said",
    [
        (of_kind(hub.GatedRepoError), "permission", "gated"),
        (of_kind(hub.RepositoryNotFoundError), "not_found", "no such repository"),
        (of_kind(hub.RevisionNotFoundError), "not_found", "no such revision"),
        (of_kind(hub.LocalEntryNotFoundError), "not_found", "not in the hub's cache"),
        (of_kind(hub.OfflineModeIsEnabled), "not_found", "HF_HUB_OFFLINE"),
        (of_kind(hub.HFValidationError), "invalid_request", "no name of a repository"),
        (ImportError("`bitsandbytes` is missing"), "prerequisite", "bitsandbytes"),
        (ValueError("set the option `trust_remote_code=True`"), "prerequisite", r"config\.toml"),
        (
            OSError("no file named\n model.safetensors"),
            "invalid_request",
            "named model.safetensors",
        ),
    ],
)
def test_what_cannot_be_loaded_is_the_callers_matter(cause, reason, said):
    """As transformers hands it on: wrapped in an OSError, or bare."""
    wrapped = OSError("cannot load") if isinstance(cause, hub.HfHubHTTPError) else cause
    if wrapped is not cause:
        wrapped.__cause__ = cause
    failure = load_failure(wrapped, "The model 'a/b'")
    assert (failure.kind, failure.detail) == ("invalid", {"reason": reason})
    with pytest.raises(CallFailed, match=f"The model 'a/b'.*{said}"):
        raise failure


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_full_memory_is_told_as_such(error):
    assert load_failure(error, "The model 'a/b'").kind == "memory"
    assert failure_of(error).kind == "memory"
    assert failure_of(RuntimeError("shapes do not fit")).kind == "defect"


def test_the_device_that_is_asked_for_or_the_best(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert [find_device(wanted) for wanted in ("auto", "cpu")] == ["cpu", "cpu"]
    for absent in ("cuda", "cuda:0", "mps", "xpu:3"):
        with pytest.raises(CallFailed, match="is not available") as caught:
            find_device(absent)
        assert caught.value.detail == {"reason": "prerequisite"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [find_device(wanted) for wanted in ("auto", "cuda:1")] == ["cuda:0", "cuda:1"]
    with pytest.raises(CallFailed, match="'cuda:2' is not available"):
        find_device("cuda:2")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device("auto") == "mps"


def test_bars_tell_how_far_it_is():
    told: list[float | None] = []
    bar = _bar(told.append)
    assert list(bar(["a", "b"])) == ["a", "b"]
    with bar(total=4, initial=1) as downloading:
        downloading.update(1)
        downloading.update(5)
    with bar() as unknown:
        unknown.update(3)
    assert told == [0.5, 1.0, 0.5, 1.0, None]
