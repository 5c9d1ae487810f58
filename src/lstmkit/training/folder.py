"""Model folders: `model.safetensors` and `config.json`, written atomically, loaded without running any code."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from lstmkit.errors import ModelFolderError

FORMAT = 1
"""Raised whenever an older lstmkit could not read what a newer one writes."""


@dataclass(frozen=True)
class ModelFolder:
    """What a model folder holds.

    kind     which task wrote it, e.g. "forecaster"
    config   JSON-able settings and learnt values that are not tensors
    tensors  the weights by name
    """

    kind: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def write(self, path: Path, version: str, force: bool = False) -> None:
        """Write the folder; it appears complete or not at all.

        version  of lstmkit, recorded for the reader of an error message
        force    replace an existing folder, which is kept until the new one is complete
        Raises   ModelFolderError if `path` exists and not `force`, or is not a model folder, or cannot be written
        """
        if path.exists() and not force:
            raise ModelFolderError(f"{path}: exists already; choose another place or force to replace it")
        if path.exists() and not _replaceable(path):
            raise ModelFolderError(f"{path}: is not a model folder, so it is not replaced; choose another place")
        weights = save({k: v.detach().contiguous() for k, v in self.tensors.items()})
        config = {
            "format": FORMAT,
            "kind": self.kind,
            "lstmkit": version,
            "torch": torch.__version__,
            "weights": {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()},
            **self.config,
        }
        temporary = path.with_name(f".{path.name}.tmp")
        replaced = path.with_name(f".{path.name}.old")
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            (temporary / "model.safetensors").write_bytes(weights)
            (temporary / "config.json").write_text(
                json.dumps(config, indent=2, allow_nan=False) + "\n", encoding="utf-8"
            )
            if path.exists():
                path.rename(replaced)
            temporary.rename(path)
        except OSError as error:
            raise ModelFolderError(f"{path}: cannot be written ({error.strerror})") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if replaced.exists() and not path.exists():  # the last step failed: the old folder goes back
                replaced.rename(path)
            shutil.rmtree(replaced, ignore_errors=True)

    @classmethod
    def read(cls, path: Path, kind: str) -> ModelFolder:
        """Read and verify a folder.

        kind     what it must hold
        Raises   ModelFolderError if it is missing, damaged, cut short, of another kind, or of a newer format
        """
        config = _read_config(path)
        if not isinstance(config.get("format"), int) or config["format"] < 1:
            raise ModelFolderError(f"{path}: config.json has no format number; this is not a model folder of lstmkit")
        if config["format"] > FORMAT:
            raise ModelFolderError(
                f"{path}: written by lstmkit {config.get('lstmkit')} in model format {config['format']}; this lstmkit "
                f"reads up to {FORMAT}: upgrade it"
            )
        if config.get("kind") != kind:
            raise ModelFolderError(f"{path}: holds a {config.get('kind')!r} model, not a {kind!r} model")
        file = path / "model.safetensors"
        if not file.is_file():
            raise ModelFolderError(f"{path}: model.safetensors is missing; the folder is incomplete")
        weights = file.read_bytes()
        recorded = config.get("weights")
        if not isinstance(recorded, dict):
            raise ModelFolderError(f"{path}: config.json does not say how long the weights are; the file is damaged")
        if len(weights) != recorded.get("bytes"):
            raise ModelFolderError(
                f"{file}: has {len(weights)} of {recorded.get('bytes')} bytes; the file is truncated"
            )
        if hashlib.sha256(weights).hexdigest() != recorded.get("sha256"):
            raise ModelFolderError(f"{file}: its content does not match config.json; the file is damaged")
        return cls(kind, config, load(weights))


def _replaceable(path: Path) -> bool:
    """Whether nothing but a model, perhaps a damaged one, is lost when `path` is replaced."""
    return path.is_dir() and {entry.name for entry in path.iterdir()} <= {"model.safetensors", "config.json"}


def _read_config(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise ModelFolderError(f"{path}: no such model folder")
    if not path.is_dir():
        raise ModelFolderError(f"{path}: not a folder; a model is a folder with model.safetensors and config.json")
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFolderError(f"{path}: no config.json; this is not a model folder of lstmkit") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelFolderError(f"{path}/config.json: not readable JSON ({error}); the file is damaged") from error
    except OSError as error:
        raise ModelFolderError(f"{path}/config.json: cannot be read ({error.strerror})") from error
    if not isinstance(config, dict):
        raise ModelFolderError(f"{path}/config.json: not a JSON object; the file is damaged")
    return config
