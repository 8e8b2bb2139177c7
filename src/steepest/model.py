"""A trained network with its preprocessing and its task, as a folder.

    model.json            what it is: layers, loss, task, encoder, and how it was trained
    theta.safetensors     every parameter by name, like "0.A" (q, p), rows first

Both are read without running any code from them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from .config import from_config, to_config
from .encode import Counts, Encoder
from .errors import ModelError, SteepestError
from .losses import Hinge
from .task import Task

if TYPE_CHECKING:
    import pyarrow as pa

    from .loss import Loss
    from .network import Network

__all__ = ["SCHEMA", "Model", "check_place"]

SCHEMA = 1
"""The version of the folder's layout; a reader refuses later ones."""

_FORMAT = "steepest model"
_RECORD, _THETA = "model.json", "theta.safetensors"
_BATCH = 256

Array = NDArray[Any]
Path_ = str | os.PathLike[str]


@dataclass
class Model:
    """From a table to predictions in the user's own labels or units.

    Attributes
    ----------
    network : Network
        Built for the encoder's columns.
    loss : Loss
        What it was trained with; its inverse link makes predictions of the network's outputs.
    encoder : Encoder
    task : Task
    about : dict
        How it came to be, in plain JSON types: metrics, history, seed, command, versions.
    """

    network: Network
    loss: Loss
    encoder: Encoder
    task: Task
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def has_probabilities(self) -> bool:
        """Whether it says how probable each class is."""
        return not self.task.is_regression and not isinstance(self.loss, Hinge)

    def outputs(
        self, table: pa.Table, counts: Counts | None = None, *, threads: int | None = None
    ) -> Array:
        """Return what the loss's inverse link makes of the network's outputs, (n, q).

        Probabilities, or standardised values. A row's are the same whatever rows are beside it.
        """
        X = self.encoder.transform(table, counts, self.network.dtype)
        # Whole batches only: matrix products of another size may round in another way.
        rest = -len(X) % _BATCH
        padded = np.concatenate([X, np.zeros((rest, X.shape[1]), X.dtype)]) if rest else X
        return self.loss.mean(self.network.predict(padded, batch=_BATCH, threads=threads)[: len(X)])

    def predict(
        self,
        table: pa.Table,
        *,
        proba: bool = False,
        counts: Counts | None = None,
        threads: int | None = None,
    ) -> pa.Table:
        """Predict every row of a table.

        Parameters
        ----------
        table : pyarrow.Table
            Any rows with the columns that the encoder uses. Missing, unparseable and unseen
            values are all right.
        proba : bool
            Whether to add a column ``proba_CLASS`` for each class.
        counts : Counter, optional
            Takes up how many values were odd (`steepest.encode.counts_text`).
        threads : int, optional

        Returns
        -------
        pyarrow.Table
            A column ``prediction``, one row for each row of the table, in order.

        Raises
        ------
        TableError
            If a column lacks.
        ModelError
            If probabilities are asked of a model that has none.
        """
        import pyarrow as pa

        if proba and not self.has_probabilities:
            why = "predicts a number" if self.task.is_regression else "was trained with hinge loss"
            raise ModelError(f"this model has no probabilities: it {why}")
        outputs = self.outputs(table, counts, threads=threads)
        columns = {"prediction": pa.array(self.task.decode(outputs))}
        if proba:
            shares = outputs.astype(np.float64)
            if shares.shape[1] == 1:
                shares = np.hstack([1 - shares, shares])
            for k, label in enumerate(self.task.classes):
                columns[f"proba_{label}"] = pa.array(shares[:, k])
        return pa.table(columns)

    def save(self, path: Path_) -> None:
        """Write the folder, whole or not at all.

        It is written beside its place and renamed. A model that is there already is replaced.

        Raises
        ------
        ModelError
            If there is something else in that place, or it can't be written.
        """
        from safetensors.numpy import save

        place = check_place(path)
        record = {
            "format": _FORMAT,
            "schema": SCHEMA,
            "network": {
                "layers": to_config(self.network.layer)["layers"],
                "inputs": self.network.inputs,
                "dtype": self.network.dtype,
                "seed": self.network.seed,
            },
            "loss": to_config(self.loss),
            "task": self.task.to_dict(),
            "encoder": self.encoder.to_dict(),
            "versions": _versions(),
            **self.about,
        }
        theta = {name: np.ascontiguousarray(v) for name, v in self.network.parameters.items()}
        try:
            text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{place} can't hold this model: {error}") from error
        contents = {_RECORD: (text + "\n").encode(), _THETA: save(theta)}
        try:
            _write_folder(place, contents)
        except OSError as error:
            raise ModelError(f"can't write {place}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: Path_) -> Self:
        """Read the folder that `save` wrote.

        Raises
        ------
        ModelError
            If the folder or a file of it lacks, is damaged, or is of a later version.
        """
        place = Path(path)
        record = _read_record(place)
        try:
            network = _network(record["network"])
            model = cls(
                network,
                from_config(record["loss"], "loss"),
                Encoder.from_dict(record["encoder"]),
                Task.from_dict(record["task"]),
                {k: v for k, v in record.items() if k not in _OWN},
            )
        except KeyError as error:
            raise ModelError(f"{place / _RECORD} lacks {error}; train the model again") from error
        except (SteepestError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{place / _RECORD} is damaged: {error}") from error
        width, outputs = model.encoder.width, model.task.outputs
        if (network.inputs, network.outputs) != (width, outputs):
            raise ModelError(
                f"{place / _RECORD} is damaged: the network takes {network.inputs} columns and "
                f"returns {network.outputs}, the encoder makes {width} and the task wants {outputs}"
            )
        _read_theta(place / _THETA, network)
        return model


_OWN = ("format", "schema", "network", "loss", "task", "encoder")


def check_place(path: Path_) -> Path:
    """Return where a model will be written; raise `ModelError` if it can't be written there."""
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        raise ModelError(f"{place.parent} does not exist; make the folder first")
    if not os.access(place.parent, os.W_OK):
        raise ModelError(f"{place.parent} can't be written to: permission denied")
    if place.exists() and not _is_replaceable(place):
        raise ModelError(f"{place} exists and is not a model folder; give another name")
    return place


def _is_replaceable(place: Path) -> bool:
    """Whether this is an empty folder, or one that holds a model and nothing else."""
    if not place.is_dir():
        return False
    names = {entry.name for entry in place.iterdir()}
    if not names:
        return True
    if _RECORD not in names or not names <= {_RECORD, _THETA}:
        return False
    with (place / _RECORD).open("rb") as file:
        return f'"format": "{_FORMAT}"'.encode() in file.read(200)


def _write_folder(place: Path, contents: Mapping[str, bytes]) -> None:
    part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
    try:
        for name, content in contents.items():
            with (part / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        part.chmod(0o777 & ~_umask())
        old = part.with_suffix(".old")
        if place.exists():
            place.rename(old)
        try:
            part.rename(place)
        except OSError:
            if old.exists():
                old.rename(place)
            raise
        _sync_folder(place.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_record(place: Path) -> dict[str, Any]:
    if not place.exists():
        raise ModelError(f"{place} does not exist")
    if not place.is_dir():
        raise ModelError(f"{place} is no model: expected a folder with {_RECORD} and {_THETA}")
    for name in (_RECORD, _THETA):
        if not (place / name).is_file():
            raise ModelError(f"{place} is no whole model: {name} is missing")
    file = place / _RECORD
    try:
        record = json.loads(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file} can't be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} is truncated or damaged: {error}") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise ModelError(f"{file} does not describe a Steepest model")
    schema = record.get("schema")
    if not isinstance(schema, int) or schema < 1:
        raise ModelError(f"{file} is damaged: its schema is {schema!r}")
    if schema > SCHEMA:
        raise ModelError(
            f"{file} is of schema {schema}, written by a later Steepest; this one reads up to "
            f"{SCHEMA}, so upgrade it"
        )
    return record


def _network(record: Mapping[str, Any]) -> Network:
    from .network import Network

    layers = [from_config(layer, "layer") for layer in record["layers"]]
    return Network(
        *layers, inputs=int(record["inputs"]), dtype=record["dtype"], seed=int(record["seed"])
    )


def _read_theta(file: Path, network: Network) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        theta = load(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file} can't be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{file} is truncated or damaged: {error}") from error
    if set(theta) != set(network.parameters):
        odd = ", ".join(sorted(set(theta) ^ set(network.parameters))[:5])
        raise ModelError(f"{file} does not fit {_RECORD}: they differ in {odd}")
    for name, array in theta.items():
        view = network.parameters[name]
        if array.shape != view.shape or array.dtype != view.dtype:
            raise ModelError(
                f"{file} does not fit {_RECORD}: {name} is {array.dtype} {array.shape}, expected "
                f"{view.dtype} {view.shape}"
            )
        if not np.isfinite(array).all():
            raise ModelError(f"{file} is damaged: {name} holds a number that is not finite")
        view[...] = array


def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("steepest", "numpy", "numba", "pyarrow", "safetensors"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
