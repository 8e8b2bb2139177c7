"""A model as the files of a folder, and back.

Reading trusts nothing: what the record declares is checked against the lengths of the files, and
against what a model may be, before a network is made or an array is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..errors import InputError, ModelError, PluginError, SteepestError
from ..images.encoder import ImageEncoder
from ..loss import Loss
from ..network import Network
from ..parameters import as_shape
from ..probabilities.calibration import UNCHANGED, Calibration
from ..records import MOST_BYTES, fits, parse
from ..shape import Shape
from ..system.memory import physical_memory
from ..system.versions import versions
from ..tables.encoder import Encoder
from ..tables.task import Task
from .config import from_config, to_config
from .folder import ENCODER, FORMAT, NETWORK_FORMAT, RECORD, STATE, THETA, digest, read_file
from .migrate import SCHEMA, migrate
from .size import check_size, state_shapes

__all__ = ["Parts", "pack", "unpack"]


_HEADER = 1 << 24  # the longest header of a safetensors file

_ABOUT: dict[str, Any] = {
    "command": str,
    "history": Mapping[str, Sequence[float | None]],
    "metrics": Mapping[str, float],
    "recipe": Mapping[str, Any],
    "rows": Mapping[str, int],
    "seed": int,
    "trivial": Mapping[str, float],
    "trivial_says": str,
}
"""What is said of the training, where it is said; other keys may hold anything."""


class Parts(NamedTuple):
    """What a model of tables or images is made of."""

    network: Network
    loss: Loss
    encoder: Any
    """An `Encoder` of tables, or an `ImageEncoder`."""
    task: Task
    about: dict[str, Any]
    calibration: Calibration = UNCHANGED


def pack(thing: Parts | Network) -> dict[str, bytes]:
    """Return the files of the folder of a model or of a network alone, except the card.

    Raises
    ------
    ModelError
        If the network is not built or too large, or a part can't be written: a user's own class, a
        function.
    """
    network = thing.network if isinstance(thing, Parts) else thing
    described, files = _pack_network(network)
    record: dict[str, Any] = {"format": FORMAT, "schema": SCHEMA, "network": described}
    record |= dict.fromkeys(("loss", "task", "encoder", "calibration"))
    record |= {"about": {}, "versions": versions()}
    if isinstance(thing, Parts):
        files[ENCODER] = _add_table(record, thing)
    record["files"] = {name: digest(content) for name, content in files.items()}
    return {RECORD: _text(record), **files}


def _add_table(record: dict[str, Any], parts: Parts) -> bytes:
    """Write into a record what makes a network a model of tables; return the encoder's arrays."""
    from safetensors.numpy import save

    encoder, arrays = _pack_encoder(parts.encoder.to_dict())
    about = {key: _finite(value) for key, value in parts.about.items() if key != "versions"}
    record |= {
        "loss": to_config(parts.loss),
        "task": parts.task.to_dict(),
        "encoder": encoder,
        "calibration": _pack_calibration(parts.calibration),
        "about": about,
        "versions": parts.about.get("versions") or record["versions"],
    }
    return bytes(save(arrays))


def _pack_calibration(calibration: Calibration) -> dict[str, Any] | None:
    """Return a calibration's record; None for one that changes nothing."""
    return None if calibration == UNCHANGED else calibration.to_dict()


def _pack_network(network: Network) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what a record says of a network, and its parameters and its state as files."""
    from safetensors.numpy import save

    if network.inputs is None:
        raise ModelError("the network has not met any data yet: train it, or build it, first")
    check_size(network.layer, network.built.input_shape)
    described = {
        "layers": to_config(network.layer)["layers"],
        "inputs": network.inputs,
        "dtype": network.dtype,
        "seed": network.seed,
    }
    arrays = {THETA: network.parameters, STATE: network.state}
    return described, {
        file: save({name: np.ascontiguousarray(view) for name, view in views.items()})
        for file, views in arrays.items()
        if views or file == THETA
    }


def _text(record: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        parse(text)
    except (TypeError, ValueError) as error:
        raise ModelError(f"this model can't be written: {error}") from error
    return text


def unpack(place: Path) -> Parts | Network:
    """Return the model that the files of a folder describe, or the network if it has no encoder.

    Raises
    ------
    ModelError
        If a file lacks, is damaged, or is of a later version.
    """
    file = place / RECORD
    record = _read_record(place)
    try:
        record = migrate(record)
        files = record["files"]
        if files is not None and not fits(files, Mapping[str, Mapping[str, Any]]):
            raise ModelError("files must say what it knows of each file")
        if files is not None and THETA not in files:
            raise ModelError(f"files must say what it knows of {THETA}")
        network, inputs = _unpack_network(record["network"])
        found = _unpack_table(record, network, inputs, place)
        shapes = check_size(network.layer, inputs), state_shapes(network.layer, inputs)
    except PluginError:
        raise
    except _DAMAGE as error:
        raise _damaged(file, error) from error
    _read_network(network, inputs, place, files, shapes)
    return network if found is None else found


def _unpack_table(
    record: Mapping[str, Any], network: Network, inputs: Shape, place: Path
) -> Parts | None:
    """Return the model that a record makes of a network; None if it stands alone."""
    loss, encoder, task = (record[part] for part in ("loss", "encoder", "task"))
    calibration = record["calibration"]
    if not fits(record["versions"], Mapping[str, str]):
        raise ModelError("versions must be texts")
    about = {**_check_about(record["about"]), "versions": record["versions"]}
    if encoder is None and task is None:
        if calibration is not None:
            raise ModelError("a network without a task has no calibration")
        return None
    if encoder is None or task is None or loss is None:
        raise ModelError("a model of tables has an encoder, a task and a loss")
    parts = Parts(
        network,
        from_config(loss, "loss"),
        _unpack_encoder(encoder, place, record["files"]),
        Task.from_dict(task),
        about,
        UNCHANGED if calibration is None else Calibration.from_dict(calibration),
    )
    parts.calibration.check_classes(len(parts.task.classes))
    _check_widths(network, inputs, parts.encoder, parts.task.width(parts.loss))
    return parts


def _check_widths(
    network: Network, inputs: Shape, encoder: Encoder | ImageEncoder, outputs: int
) -> None:
    """Raise a `ModelError` unless a network stands between an encoder and so many outputs."""
    found = network.layer.output_shape(inputs)
    if (inputs, found) != (encoder.shape, (outputs,)):
        columns, width = (", ".join(map(str, shape)) for shape in (inputs, found))
        raise ModelError(
            f"the network takes {columns} columns and returns {width}, the encoder makes "
            f"{', '.join(map(str, encoder.shape))} and the task and the loss want {outputs}"
        )


def _unpack_network(described: Any) -> tuple[Network, Shape]:
    """Return the network that a record describes, not built, and the shape of its input."""
    layers = [from_config(layer, "layer") for layer in described["layers"]]
    inputs, seed = described["inputs"], described["seed"]
    if not (fits(inputs, int | list[int]) and fits(seed, int) and seed >= 0):
        raise ModelError(f"network: inputs {inputs!r} and seed {seed!r} must be whole numbers")
    if described["dtype"] not in ("float32", "float64"):
        raise ModelError(f"network: dtype must be float32 or float64, not {described['dtype']!r}")
    network = Network(*layers, dtype=described["dtype"], seed=seed)
    return network, as_shape("network", inputs)


_DAMAGE = (SteepestError, KeyError, TypeError, ValueError, AttributeError)


def _damaged(file: Path, error: Exception) -> ModelError:
    what = f"it lacks {error}" if isinstance(error, KeyError) else error
    return ModelError(f"{file} is damaged: {what}")


def _read_network(
    network: Network,
    inputs: Shape,
    place: Path,
    files: Any,
    shapes: tuple[Mapping[str, Shape], Mapping[str, Shape]],
) -> None:
    """Build a network; give it the parameters and the state of the folder, of these shapes."""
    arrays: dict[str, Array] = {}
    for name, wanted in zip((THETA, STATE), shapes, strict=True):
        if wanted or name == THETA:
            arrays |= _read_arrays(place, name, files, wanted, np.dtype(network.dtype))
    try:
        network.build(inputs)
    except (MemoryError, InputError) as error:
        raise ModelError(f"{place / RECORD}: the network does not fit into memory") from error
    for name, array in arrays.items():
        network.built.named[name][...] = array


def _read_record(place: Path) -> dict[str, Any]:
    if not place.exists():
        raise ModelError(f"{place} does not exist")
    if not place.is_dir():
        raise ModelError(f"{place} is no model: expected a folder with {RECORD} and {THETA}")
    content = read_file(place, RECORD, MOST_BYTES)
    try:
        record = parse(content)
    except ValueError as error:
        raise ModelError(f"{place / RECORD} is truncated or damaged: {error}") from error
    if not isinstance(record, dict) or record.get("format") not in (FORMAT, NETWORK_FORMAT):
        raise ModelError(f"{place / RECORD} does not describe a Steepest model")
    return record


def _read_arrays(
    place: Path, name: str, files: Any, shapes: Mapping[str, tuple[int, ...]], dtype: Any
) -> dict[str, Array]:
    """Return the arrays of a file, after checking that they are those that are expected."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    file = place / name
    needed = sum(math.prod(shape) for shape in shapes.values()) * dtype.itemsize
    if 3 * needed > physical_memory():
        raise ModelError(
            f"{file}: arrays of {needed:,} bytes do not fit into this machine's memory"
        )
    content = read_file(place, name, needed + _HEADER)
    if files and files.get(name) != digest(content):
        raise ModelError(f"{file} is truncated or damaged: {RECORD} describes other content")
    try:
        arrays: dict[str, Array] = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise ModelError(f"{file} is truncated or damaged: {error}") from error
    if set(arrays) != set(shapes):
        odd = ", ".join(sorted(set(arrays) ^ set(shapes))[:5])
        raise ModelError(f"{file} does not fit {RECORD}: they differ in {odd}")
    for key, array in arrays.items():
        if array.shape != shapes[key] or array.dtype != dtype:
            raise ModelError(
                f"{file} does not fit {RECORD}: {key} is {array.dtype} {array.shape}, expected "
                f"{dtype} {shapes[key]}"
            )
        if not np.isfinite(array).all():
            raise ModelError(f"{file} is damaged: {key} holds a number that is not finite")
    return arrays


def _pack_encoder(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Move the lists of floats of an encoder's record into arrays; list its columns."""
    arrays: dict[str, Array] = {}

    def move(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: move(item, f"{name}.{key}") for key, item in value.items()}
        if not isinstance(value, list) or not value or not isinstance(value[0], float):
            return value
        arrays[name] = np.array(value, np.float64)
        return {"array": name, "length": len(value)}

    if "columns" not in record:  # images have nothing to move
        return record, arrays
    columns = [
        {"name": name, **move(kind, str(k))}
        for k, (name, kind) in enumerate(record["columns"].items())
    ]
    return {**record, "columns": columns}, arrays


def _unpack_encoder(record: Any, place: Path, files: Any) -> Encoder | ImageEncoder:
    """Return the encoder, with its arrays in their places."""
    if "images" in record:
        return ImageEncoder.from_dict(record)
    shapes: dict[str, tuple[int, ...]] = {}

    def find(value: Any) -> None:
        for item in value.values():
            if isinstance(item, Mapping):
                if not _is_moved(item):
                    find(item)
                elif item["array"] in shapes:
                    raise ModelError(f"encoder: the array {item['array']} is used twice")
                else:
                    shapes[item["array"]] = (item["length"],)

    def put(value: Any) -> Any:
        if _is_moved(value):
            return arrays[value["array"]].tolist()
        return {k: put(v) for k, v in value.items()} if isinstance(value, Mapping) else value

    columns: dict[str, Any] = {}
    for column in record["columns"]:
        kind = dict(column)
        name = kind.pop("name")
        if not isinstance(name, str) or name in columns:
            raise ModelError(f"encoder: columns need names of their own, got {name!r}")
        columns[name] = kind
    find(columns)
    arrays = _read_arrays(place, ENCODER, files, shapes, np.dtype("float64")) if files else {}
    return Encoder.from_dict({**record, "columns": put(columns)})


def _is_moved(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"array", "length"}
        and isinstance(value["array"], str)
        and fits(value["length"], int)
        and value["length"] > 0
    )


def _check_about(about: Any) -> dict[str, Any]:
    if not isinstance(about, Mapping):
        raise ModelError("about must be an object")
    for key, hint in _ABOUT.items():
        if key in about and not fits(about[key], hint):
            raise ModelError(f"about: {key} is not of the kind it should be")
    return dict(about)


def _finite(value: Any) -> Any:
    """Return a value with None in the stead of numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
