"""Model folders: `model.safetensors` and `config.json`, written atomically, loaded without running any code.

A folder is read in three steps, so that nothing in it is believed: the config is strict JSON, and checked against a
dataclass; the names, types and shapes that the header of the weights lists are compared with those of the network that
the config describes, built on the meta device, where nothing is allocated; only then are the weights read.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save
from torch import Tensor, nn

from lstmkit.errors import InputError, ModelFolderError
from lstmkit.training.schema import canonical, checked, read_json
from lstmkit.training.tensors import TensorShape, load_tensors, read_header, require_shapes
from lstmkit.training.writing import exchange, temporary_folder, write_new
from lstmkit.visible import with_article

FORMAT = 1
"""Raised whenever an older lstmkit could not read what a newer one writes."""

WEIGHTS, CONFIG = "model.safetensors", "config.json"
LARGEST_CONFIG = 1 << 30
"""Bytes: a vocabulary of some million words is some ten MB."""

T = TypeVar("T")


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
        try:
            if path.is_symlink():  # what it means is replaced, the link stays
                path = path.resolve()
            if path.exists() and not force:
                raise ModelFolderError(f"{path}: exists already; choose another place or force to replace it")
            if path.exists() and not _replaceable(path):
                raise ModelFolderError(f"{path}: is not a model folder, so it is not replaced; choose another place")
            self._write(path, version)
        except OSError as error:
            raise ModelFolderError(f"{path}: cannot be written ({error.strerror or error})") from error

    def _write(self, path: Path, version: str) -> None:
        weights = save({k: v.detach().contiguous() for k, v in self.tensors.items()})
        config = {
            "format": FORMAT,
            "kind": self.kind,
            "lstmkit": version,
            "torch": torch.__version__,
            "weights": {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()},
            **self.config,
        }
        config["sha256"] = _digest(config)
        text = json.dumps(config, indent=2, allow_nan=False) + "\n"
        with temporary_folder(path.parent) as temporary:
            write_new(temporary / WEIGHTS, weights)
            write_new(temporary / CONFIG, text.encode("utf-8"))
            if not path.exists():
                temporary.rename(path)
                return
            exchange(temporary, path)

    @classmethod
    def read(cls, path: Path, kind: str) -> ModelFolder:
        """Read and verify a folder.

        kind     what it must hold
        Raises   ModelFolderError if it is missing, damaged, cut short, of another kind, or of a newer format
        """
        stored = StoredModel.open(path, kind)
        return cls(kind, stored.config, stored.load())


@dataclass(frozen=True)
class StoredModel:
    """A model folder whose weights have not been read yet.

    path    the folder
    config  as it was written
    header  type and shape of every tensor, by name
    names   of tensors that have another name in the file, by that name
    """

    path: Path
    config: Mapping[str, Any]
    header: Mapping[str, TensorShape]
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, kind: str) -> StoredModel:
        """Read the config, and the header of the weights.

        path     the folder, or a folder of results with it in it
        kind     what the folder must hold
        Raises   ModelFolderError if it is missing, damaged, cut short, of another kind, or of a newer format
        """
        path = _within(path)
        config = _read_config(path)
        if type(config.get("format")) is not int or config["format"] < 1:
            raise ModelFolderError(f"{path}: config.json has no format number; this is not a model folder of lstmkit")
        if config["format"] > FORMAT:
            raise ModelFolderError(
                f"{path}: written by lstmkit {config.get('lstmkit')} in model format {config['format']}; this lstmkit "
                f"reads up to {FORMAT}: upgrade it"
            )
        if config.get("kind") != kind:
            held, wanted = (with_article(repr(own)) for own in (config.get("kind"), kind))
            raise ModelFolderError(f"{path}: holds {held} model, not {wanted} model")
        if config.get("sha256", _digest(config)) != _digest(config):  # the first folders had none
            raise ModelFolderError(f"{path}/config.json: its content does not match its sha256; the file is damaged")
        file = path / WEIGHTS
        if not file.is_file():
            raise ModelFolderError(f"{path}: model.safetensors is missing; the folder is incomplete")
        recorded = config.get("weights")
        if not isinstance(recorded, dict):
            raise ModelFolderError(f"{path}: config.json does not say how long the weights are; the file is damaged")
        size = file.stat().st_size
        if size != recorded.get("bytes"):
            raise ModelFolderError(f"{file}: has {size} of {recorded.get('bytes')} bytes; the file is truncated")
        try:
            return cls(path, config, read_header(file)[0])
        except InputError as error:
            raise ModelFolderError(f"{file}: {error}; the file is damaged") from error

    def named(self, now: Callable[[str], str]) -> StoredModel:
        """Return the folder with its tensors under the names that they have now.

        now  from a name in the file, which may be an older one
        """
        names = {own: now(own) for own in self.header}
        return replace(self, header={names[own]: shape for own, shape in self.header.items()}, names=names)

    def checked(self, kind: type[T]) -> T:
        """Return the config as a dataclass, every type and range in it checked.

        Raises  ModelFolderError that names the place in the config
        """
        try:
            return checked(self.config, kind)
        except InputError as error:
            raise ModelFolderError(f"{self.path}/config.json: {error}; the file is damaged") from error

    def require(self, shapes: Mapping[str, TensorShape]) -> None:
        """Make sure that the weights hold just these tensors.

        Raises  ModelFolderError that names the first that differs
        """
        with self.agreeing():
            require_shapes(self.header, shapes)

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """Hold what can only be done if all parts of the folder agree.

        Raises  ModelFolderError that says that they do not, if something within fails
        """
        try:
            yield
        except (ValueError, RuntimeError) as error:  # an InputError is a ValueError
            if isinstance(error, ModelFolderError):
                raise
            raise ModelFolderError(
                f"{self.path}: config.json and model.safetensors do not belong together ({error})"
            ) from error

    def shapes_of(self, build: Callable[[], nn.Module], parts: int, prefix: str = "") -> dict[str, TensorShape]:
        """Return the shapes of a network's tensors; it is built on the meta device, so that nothing is allocated.

        build   makes the network that the config describes
        parts   modules that it has at least, layers times networks: each has a tensor
        prefix  of the names in the file
        Raises  ModelFolderError if there are more parts than tensors; InputError of `build`
        """
        if parts > len(self.header):
            raise ModelFolderError(
                f"{self.path}: config.json and model.safetensors do not belong together "
                f"({parts} layers cannot be made of {len(self.header)} tensors)"
            )
        with torch.device("meta"):
            state = build().state_dict()
        return {prefix + name: TensorShape.of(tensor) for name, tensor in state.items()}

    def load(self) -> dict[str, Tensor]:
        """Return the weights by name.

        Raises  ModelFolderError if they are damaged
        """
        file = self.path / WEIGHTS
        try:
            weights = file.read_bytes()
            if hashlib.sha256(weights).hexdigest() != self.config["weights"].get("sha256"):
                raise ModelFolderError(f"{file}: its content does not match config.json; the file is damaged")
            return {self.names.get(own, own): tensor for own, tensor in load_tensors(weights).items()}
        except OSError as error:
            raise ModelFolderError(f"{file}: cannot be read ({error.strerror})") from error
        except InputError as error:
            raise error if isinstance(error, ModelFolderError) else ModelFolderError(f"{file}: {error}") from error


def fill(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
    """Load the tensors whose names begin with a prefix into a network.

    Raises  InputError if a number of them is not finite
    """
    own = part_of(tensors, prefix)
    for name, tensor in own.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"tensor {prefix + name!r} holds numbers that are not finite")
    network.load_state_dict(own)


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, by their names without it."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def kind_of(path: Path) -> str:
    """Return what a model folder, or a folder of results with one in it, says that it holds; "" if it does not.

    Raises  ModelFolderError if it is missing, or its config is damaged
    """
    kind = _read_config(_within(path)).get("kind")
    return kind if isinstance(kind, str) else ""


def _within(path: Path) -> Path:
    """Return the model folder in a folder of results, or the folder itself."""
    return path / "model" if (path / "model").is_dir() else path


def _digest(config: Mapping[str, Any]) -> str:
    """Return the sha256 of a config without its own."""
    return hashlib.sha256(canonical({k: v for k, v in config.items() if k != "sha256"})).hexdigest()


def _replaceable(path: Path) -> bool:
    """Whether nothing but a model, perhaps a damaged one, is lost when `path` is replaced."""
    return path.is_dir() and {entry.name for entry in path.iterdir()} <= {WEIGHTS, CONFIG}


def _read_config(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise ModelFolderError(f"{path}: no such model folder")
    if not path.is_dir():
        raise ModelFolderError(f"{path}: not a folder; a model is a folder with model.safetensors and config.json")
    try:
        found = os.stat(path / CONFIG)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_CONFIG:
            raise ModelFolderError(f"{path}/config.json: is no file of settings; this is not a model folder of lstmkit")
        config = read_json((path / CONFIG).read_bytes())
    except FileNotFoundError as error:
        raise ModelFolderError(f"{path}: no config.json; this is not a model folder of lstmkit") from error
    except OSError as error:
        raise ModelFolderError(f"{path}/config.json: cannot be read ({error.strerror})") from error
    except InputError as error:
        if isinstance(error, ModelFolderError):
            raise
        raise ModelFolderError(f"{path}/config.json: not readable JSON ({error}); the file is damaged") from error
    if not isinstance(config, dict):
        raise ModelFolderError(f"{path}/config.json: not a JSON object; the file is damaged")
    return config
