"""Reads the head of a GGUF file, to say what is wrong with it before llama.cpp sees it.

llama.cpp answers a broken file with "failed", or not at all. The file is somebody's download: no
number in it is believed, and nothing is read through a memory map, since a file that shrinks
meanwhile would end the daemon with SIGBUS. Format: ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modeld.errors import InvalidRequest, ModelNotFound

from .quantization import tensor_bytes

LONGEST_HEAD = 256 * 1024 * 1024
"""Bytes; the head of a model with 260,000 words has about 11 million."""

_VERSIONS = (2, 3)
_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class GgufInfo:
    """What the head of a good file says."""

    version: int
    architecture: str
    context_length: int | None
    """Tokens that the model was trained with."""
    tensors: int
    size: int
    """Bytes of the file."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What changes when a file is replaced: then it is another model."""

    size: int
    """Bytes."""
    changed: int
    """Time of change in nanoseconds."""


def check_gguf(path: Path) -> GgufInfo:
    """Checks the whole head and that all tensors lie in the file.

    Raises `ModelNotFound` for a missing file and `InvalidRequest` for a bad one; both name the
    file and why. Takes about 0.1 s for a large vocabulary, so it belongs in a thread.
    """
    size = check_file(path).size
    try:
        with path.open("rb") as file:
            return _read_head(_Head(file), size)
    except _Bad as bad:
        raise InvalidRequest(f"'{path}' is no usable GGUF file: {bad}") from None
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be read: {error.strerror}") from None


def check_file(path: Path) -> FileIdentity:
    """Checks quickly that there is a file that begins like GGUF."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ModelNotFound(f"there is no file '{path}'") from None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"'{path}' cannot be read: {error}") from None
    # Before it is opened: opening a pipe would wait for ever.
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest(f"'{path}' is no file of weights")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be read: {error.strerror}") from None
    if magic != b"GGUF":
        begin = "is empty" if not magic else f"begins with {magic!r} and not with b'GGUF'"
        raise InvalidRequest(f"'{path}' is no usable GGUF file: it {begin}")
    return FileIdentity(status.st_size, status.st_mtime_ns)


class _Bad(Exception):
    """Why the file cannot be used."""


class _Head:
    """Reads forward through a file's head."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """Bytes from the beginning of the file."""
        return self._before + self._at

    def take(self, count: int) -> bytes:
        self._need(count)
        self._at += count
        return self._buffer[self._at - count : self._at]

    def skip(self, count: int) -> None:
        self.take(count)

    def number(self, code: str) -> int:
        (value,) = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))
        return int(value)

    def text(self) -> str:
        return self.take(self.number("Q")).decode("utf-8", "replace")

    def _need(self, count: int) -> None:
        if self._at + count <= len(self._buffer):
            return
        if self.position + count > LONGEST_HEAD:
            raise _Bad(f"its head is longer than {LONGEST_HEAD} bytes: it is damaged")
        self._before += self._at
        self._buffer = self._buffer[self._at :]
        self._at = 0
        self._buffer += self._file.read(max(count - len(self._buffer), 1 << 20))
        if len(self._buffer) < count:
            raise _Bad(f"it ends after {self._before + len(self._buffer)} bytes, inside its head")


def _read_head(head: _Head, size: int) -> GgufInfo:
    head.skip(4)
    version = head.number("I")
    if version not in _VERSIONS:
        raise _Bad(f"its version is {version}, known are 2 and 3")
    tensors, entries = head.number("Q"), head.number("Q")
    known: dict[str, int | str] = {}
    for _ in range(entries):
        name = head.text()
        value = _value(head, head.number("I"), 0)
        if value is not None:
            known[name] = value
    architecture = known.get("general.architecture")
    if not isinstance(architecture, str) or not tensors:
        raise _Bad("it names no architecture or holds no tensors")
    alignment = known.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise _Bad(f"its alignment is {alignment}")
    _check_tensors(head, tensors, alignment, size)
    context = known.get(f"{architecture}.context_length")
    context_length = context if isinstance(context, int) and context > 0 else None
    return GgufInfo(version, architecture, context_length, tensors, size)


def _value(head: _Head, kind: int, depth: int) -> int | str | None:
    """A number or text; None for what is only passed over."""
    if kind == _STRING:
        return head.text()
    if kind in _SCALARS:
        value = struct.unpack("<" + _SCALARS[kind], head.take(struct.calcsize(_SCALARS[kind])))[0]
        return value if isinstance(value, int) else None
    if kind != _ARRAY or depth > _DEEPEST:
        raise _Bad(f"its head has a value of unknown kind {kind}: it is damaged")
    inner, count = head.number("I"), head.number("Q")
    if inner in _SCALARS:
        head.skip(count * struct.calcsize(_SCALARS[inner]))
    else:
        for _ in range(count):
            _value(head, inner, depth + 1)
    return None


def _check_tensors(head: _Head, count: int, alignment: int, size: int) -> None:
    ends: list[tuple[int, str]] = []
    for _ in range(count):
        name = head.text()
        dimensions = head.number("I")
        if dimensions > 8:
            raise _Bad(f"tensor '{name[:64]}' has {dimensions} dimensions: it is damaged")
        elements = 1
        for _ in range(dimensions):
            elements *= head.number("Q")
        kind, offset = head.number("I"), head.number("Q")
        ends.append((offset + tensor_bytes(kind, elements), name))
    begin = -(-head.position // alignment) * alignment
    end, name = max(ends)
    if begin + end > size:
        raise _Bad(
            f"it has {size} bytes but tensor '{name[:64]}' ends at {begin + end}: "
            "it is truncated, download it again"
        )
