"""The check of weights before the engine sees them, and where weights are found."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest

from modeld.errors import InvalidRequest, ModelNotFound
from modeld_daemon.providers.llama_cpp import weights
from modeld_daemon.providers.llama_cpp.gguf import GgufInfo, check_gguf
from modeld_daemon.providers.llama_cpp.weights import find_weights, list_models

F32, Q4_0, NEWER_THAN_US = 0, 2, 99
STRING, UINT32, ARRAY = 8, 4, 9


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return (
        text(name)
        + struct.pack("<I", len(shape))
        + struct.pack(f"<{len(shape)}Q", *shape)
        + struct.pack("<IQ", kind, offset)
    )


ARCHITECTURE = entry("general.architecture", STRING, text("llama"))
CONTEXT = entry("llama.context_length", UINT32, struct.pack("<I", 8192))
WORDS = entry("words", ARRAY, struct.pack("<IQ", STRING, 3) + text("a") + text("") + text("žluť"))
SCORES = entry("scores", ARRAY, struct.pack("<IQ", UINT32, 3) + bytes(12))
TENSORS = (tensor("first", (64, 2), Q4_0, 0), tensor("last", (4, 4), F32, 96))
DATA = 96 + 64


def gguf(
    entries=(ARCHITECTURE, WORDS, CONTEXT, SCORES), tensors=TENSORS, data=DATA, version=3
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries))
    head += b"".join(entries) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(data)


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(InvalidRequest) as caught:
        check_gguf(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_a_good_file_tells_what_it_is(path: Path):
    path.write_bytes(gguf())
    size = path.stat().st_size
    assert check_gguf(path) == GgufInfo(3, "llama", 8192, 2, size)


def test_a_type_of_tensor_that_is_newer_than_the_table_passes(path: Path):
    path.write_bytes(gguf(tensors=(tensor("new", (64,), NEWER_THAN_US, 0),), data=64))
    assert check_gguf(path).tensors == 1


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b"GG", "begins with b'GG'"),
        (b"ggml" + bytes(100), "begins with b'ggml'"),
        (b"PK\x03\x04" + bytes(100), "begins with"),
        (gguf(version=1), "version is 1"),
        (b"GGUF\x00\x00\x00\x03" + bytes(100), "version is 50331648"),
        (gguf(data=DATA - 1), "tensor 'last' ends at .* it is truncated, download it again"),
        (gguf()[:60], "it ends after 60 bytes, inside its head"),
        (gguf(entries=()), "names no architecture"),
        (gguf(tensors=()), "holds no tensors"),
        (gguf(entries=(ARCHITECTURE, entry("odd", 77, b""))), "unknown kind 77"),
        (gguf(entries=(ARCHITECTURE, entry("general.alignment", UINT32, bytes(4)))), "alignment"),
        (gguf(tensors=(tensor("t", (1,) * 9, F32, 0),)), "9 dimensions"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(path: Path, content: bytes, said: str):
    assert re.search(said, refusal(path, content))


@pytest.mark.parametrize(
    "lie",
    [
        entry("long", STRING, struct.pack("<Q", 2**63)),
        entry("long", ARRAY, struct.pack("<IQ", UINT32, 2**62)),
        entry("long", ARRAY, struct.pack("<IQ", STRING, 2**62)),
        entry("deep", ARRAY, struct.pack("<IQ", ARRAY, 1) * 50),
    ],
    ids=["text", "numbers", "words", "arrays"],
)
def test_numbers_that_lie_cost_nothing(path: Path, lie: bytes):
    refusal(path, gguf(entries=(ARCHITECTURE, lie)))


def test_a_head_that_claims_2_to_the_64_tensors_is_refused(path: Path):
    content = b"GGUF" + struct.pack("<IQQ", 3, 2**64 - 1, 1) + ARCHITECTURE
    refusal(path, content)


def test_what_is_no_file_is_refused_without_being_opened(tmp_path: Path):
    with pytest.raises(ModelNotFound, match="nothing"):
        check_gguf(tmp_path / "nothing.gguf")
    with pytest.raises(InvalidRequest, match="no file of weights"):
        check_gguf(tmp_path)
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(InvalidRequest, match="no file of weights"):
        check_gguf(tmp_path / "pipe.gguf")


@pytest.mark.parametrize(
    "name",
    ["../secret", "a/../b", "..", "a/b", "", ".hidden", "a\0b", "C:\\x", "x" * 200, "a..b"],
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str):
    with pytest.raises(InvalidRequest):
        find_weights(name, None, tmp_path)


@pytest.mark.parametrize("path", ["/models/../etc/passwd", "relative.gguf", "/a\0b", "~/x.gguf"])
def test_paths_that_go_up_or_depend_on_the_folder_are_refused(tmp_path: Path, path: str):
    with pytest.raises(InvalidRequest):
        find_weights("any", path, tmp_path)


def test_a_path_is_taken_as_it_is(tmp_path: Path):
    assert find_weights("/some/model.gguf", None, tmp_path) == Path("/some/model.gguf")
    assert find_weights("nick", "/some/model.gguf", tmp_path) == Path("/some/model.gguf")


def test_pulled_weights_come_before_installed_ones(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(weights, "installed_weights", lambda: Path("/installed"))
    assert find_weights(weights.EMBEDDED, None, tmp_path) == Path("/installed")
    pulled = tmp_path / "models" / f"{weights.EMBEDDED}.gguf"
    pulled.parent.mkdir()
    pulled.write_bytes(b"1234")
    assert find_weights(weights.EMBEDDED, None, tmp_path) == pulled
    (entry,) = list_models(tmp_path)
    assert (entry.size, entry.available) == (4, True)


def test_a_model_without_weights_is_listed_with_the_way_to_get_them(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(weights, "installed_weights", lambda: None)
    (entry,) = list_models(tmp_path)
    assert (entry.path, entry.size, entry.available) == (None, None, False)
    assert f"modeld pull {weights.EMBEDDED}" in entry.description
