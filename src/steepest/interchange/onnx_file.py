"""An ONNX file from anywhere, read with nothing taken for granted.

Constants may lie in plain files of the same folder, as PyTorch writes them; no link is followed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ModelError
from ..system.files import read_plain
from ..system.memory import physical_memory
from .graph import need_onnx
from .onnx_shapes import Sizes, sizes_of

__all__ = ["STANDARD", "OnnxFile"]

STANDARD = ("", "ai.onnx")
"""The names of the domain whose operators ONNX defines."""
_MOST_NODES = 4_000
_MOST_AXES = 6
_DTYPES = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}
_FIRST_OPSET = 7  # since when arrays of other shapes are added and multiplied as in NumPy


class OnnxFile:
    """A graph with one input (n, …), its nodes by what they make.

    Parameters
    ----------
    path : str or path-like
    output : str, optional
        Which of its outputs is wanted. By default, the only one that is of real numbers.

    Attributes
    ----------
    input, output : str
        The names of these values.
    sizes : tuple of int or None
        Of the axes of the input, that of the examples left out. By default there is one.
    made_by : dict of str to node
        The node whose result, its first output, each value is.
    beside : dict of str to (node, int)
        The other outputs of nodes: the node, and the place of the output.
    reals : tuple of int
        The element types that are real numbers.
    dtype : str
        Of the arrays that were read so far: "float64" if one of them was.

    Raises
    ------
    ModelError
        If it is no ONNX file, or its graph is of another kind.
    """

    def __init__(self, path: str | os.PathLike[str], output: str | None = None) -> None:
        self._onnx = need_onnx()
        self._file = Path(path)
        self._siblings: dict[str, bytes] = {}
        types = self._onnx.TensorProto
        self.reals = (types.FLOAT, types.DOUBLE, types.FLOAT16)
        model = self._parse()
        self._check_meaning(model)
        graph = model.graph
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._scalars: dict[str, float | None] = {}
        self.made_by: dict[str, Any] = {}
        self.beside: dict[str, tuple[Any, int]] = {}
        self.dtype = "float32"
        if len(graph.node) > _MOST_NODES:
            raise self.error(f"it has {len(graph.node):,} nodes, at most {_MOST_NODES:,} are read")
        inputs = [value for value in graph.input if value.name not in self._tensors]
        self._take_nodes(graph, [value.name for value in inputs])
        if len(inputs) != 1:
            raise self.error(f"it has {len(inputs)} inputs; a network has one")
        self.input, self.output = inputs[0].name, self._chosen(graph.output, output)
        self.sizes = self._sizes(inputs[0])
        self._batch, self._shapes = sizes_of(self._onnx, model, self._tensors, self.whole)

    def _take_nodes(self, graph: Any, inputs: list[str]) -> None:
        """Take the nodes by what they make, and the constants among them."""
        given = [tensor.name for tensor in graph.initializer] + inputs
        taken = set(given)
        if len(taken) < len(given):
            raise self.error("two of its inputs or constants have the same name")
        for node in graph.node:
            for k, name in enumerate(node.output):
                if name in taken:
                    raise self.error(f"two nodes make {name!r}, or it is given as well")
                if name:  # an empty name is that of an output left out
                    taken.add(name)
                    self.beside[name] = node, k
                    if k == 0:
                        self.made_by[name] = self.beside.pop(name)[0]
            tensor = self._constant(node)
            if tensor is not None and node.output:
                self._tensors[node.output[0]] = tensor

    def _constant(self, node: Any) -> Any:
        """Return the constant that a node makes, or only passes on; None if it makes none."""
        if self.kind(node) == "Identity" and len(node.input) == 1:
            return self._tensors.get(node.input[0])
        if self.kind(node) == "Constant":
            for item in node.attribute:
                if item.name == "value":
                    return item.t
                dtype = _DTYPES.get(item.name)
                if dtype is not None:
                    value = self._onnx.helper.get_attribute_value(item)
                    return self._onnx.numpy_helper.from_array(np.array(value, dtype))
        return None

    def _chosen(self, outputs: Any, wanted: str | None) -> str:
        """Return the name of the output that is wanted."""
        names = [str(value.name) for value in outputs]
        real = [str(value.name) for value in outputs if self._is_real(value)]
        shown = ", ".join(map(repr, names)) or "none"
        if wanted is not None and wanted not in names:
            raise self.error(f"it has no output {wanted!r}; it has {shown}")
        if wanted is not None or len(names) == 1:
            return wanted or names[0]
        if len(real) == 1:
            return real[0]
        raise self.error(
            f"it has the outputs {shown}, and {len(real)} of them are of real numbers; say which "
            f"one, like import_onnx(path, output={(real or names or ['name'])[0]!r})"
        )

    def _is_real(self, value: Any) -> bool:
        """Whether an output is of real numbers, as they are or with names of classes."""
        node = self.made_by.get(value.name)
        named = node is not None and self.kind(node) == "ai.onnx.ml.ZipMap"
        return named or value.type.tensor_type.elem_type in self.reals

    def kind(self, node: Any) -> str:
        """Return the operator of a node, with its domain if ONNX does not define it."""
        kind = str(node.op_type)
        return kind if node.domain in STANDARD else f"{node.domain}.{kind}"

    def error(self, why: str) -> ModelError:
        """Return the error that says why the file can't be used."""
        return ModelError(f"{self._file} can't be read as a network: {why}")

    def is_constant(self, name: str) -> bool:
        """Whether a value stands in the file."""
        return name in self._tensors

    def rank(self, name: str) -> int | None:
        """Return the number of axes of a value beside that of the examples, if it is known."""
        found = self._shapes.get(name)
        return None if not found else len(found) - 1

    def examples(self, name: str) -> tuple[int, tuple[int, ...]] | None:
        """Return how many there are for each example of the input, and the shape of one.

        None if it is not known, or the first axis of the value is not that of the examples.
        """
        first, *sizes = self._shapes.get(name) or (None,)
        if first is None or first % self._batch or not sizes:
            return None
        shape = tuple(size for size in sizes if size)
        return (first // self._batch, shape) if len(shape) == len(sizes) else None

    def scalar(self, name: str) -> float | None:
        """Return a constant that is one real number; None if it is anything else."""
        if name not in self._scalars:
            tensor = self._tensors.get(name)
            real = tensor is not None and tensor.data_type in self.reals
            shape = tuple(tensor.dims) if tensor is not None and real else (0,)
            single = len(shape) < 3 and math.prod(shape) == 1
            self._scalars[name] = float(self.array(name).reshape(-1)[0]) if single else None
        return self._scalars[name]

    def array(self, name: str) -> Array:
        """Return a constant array of real numbers, float32 or float64.

        Raises
        ------
        ModelError
            If it is none, can't be read, or its length is not what it declares.
        """
        types = self._onnx.TensorProto
        array = self._read(
            name,
            "real numbers",
            {
                types.FLOAT: (np.float32, "float_data"),
                types.DOUBLE: (np.float64, "double_data"),
                types.FLOAT16: (np.float16, ""),
            },
        )
        if not np.isfinite(array).all():
            raise self.error(f"{name!r} holds a number that is not finite")
        if array.dtype == np.float64:
            self.dtype = "float64"
            return array
        return array.astype(np.float32, copy=False)

    def whole(self, name: str) -> list[int]:
        """Return a constant row of whole numbers."""
        array = self._read(
            name,
            "whole numbers",
            {
                self._onnx.TensorProto.INT64: (np.int64, "int64_data"),
            },
        )
        return [int(number) for number in array.reshape(-1)]

    def truths(self, name: str) -> Array:
        """Return a constant array of what is true or false."""
        return self._read(
            name,
            "truth values",
            {
                self._onnx.TensorProto.BOOL: (np.bool_, "int32_data"),
            },
        )

    def truth(self, name: str) -> bool:
        """Return a constant that is true or false."""
        array = self.truths(name)
        if array.size != 1:
            raise self.error(f"{name!r} holds {array.size} truth values; expected one")
        return bool(array.reshape(-1)[0])

    def _read(self, name: str, what: str, known: Mapping[int, tuple[Any, str]]) -> Array:
        """Return a constant array of one of the known element types."""
        tensor = self._tensors.get(name)
        types = self._onnx.TensorProto
        found = known.get(0 if tensor is None else tensor.data_type)
        if tensor is None or found is None:
            raise self.error(f"{name!r} is no constant of {what}")
        dtype, typed = found
        raw = tensor.raw_data if tensor.HasField("raw_data") else None
        if tensor.data_location == types.EXTERNAL or len(tensor.external_data):
            raw = self._outside(tensor)
        wanted, shape = math.prod(tensor.dims), tuple(tensor.dims)
        if raw is not None:
            there = len(raw) / np.dtype(dtype).itemsize
        else:
            there = len(getattr(tensor, typed)) if typed else -1
        if there != wanted or any(size < 0 for size in shape) or len(shape) > _MOST_AXES:
            raise self.error(f"{name!r} declares the shape {shape}, but holds {there:g} numbers")
        if raw is not None:
            array = np.frombuffer(raw, np.dtype(dtype).newbyteorder("<"))
        else:
            array = np.array(getattr(tensor, typed), dtype)
        return array.reshape(shape)

    def _outside(self, tensor: Any) -> bytes:
        """Return the bytes of a constant that lies in a file beside this one."""
        where = {entry.key: entry.value for entry in tensor.external_data}
        name, place = where.get("location", ""), [where.get("offset", "0"), where.get("length", "")]
        if not name or name != Path(name).name or "\\" in name or "\0" in name or name == "..":
            raise self.error(
                f"the numbers of {tensor.name!r} lie in {name!r}, which is no name of a file in "
                "the same folder, and is not followed"
            )
        if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in place if text):
            raise self.error(f"the numbers of {tensor.name!r} lie at no place in {name!r}: {place}")
        if name not in self._siblings:
            most = physical_memory() / 4 - sum(map(len, self._siblings.values()))
            try:
                content = read_plain(self._file.parent / name, most)
            except OSError as error:
                raise self.error(f"{name!r} beside it: {error.strerror or error}") from error
            self._siblings[name] = content
        start = int(place[0] or 0)
        content = self._siblings[name]
        end = start + int(place[1]) if place[1] else len(content)
        if end > len(content):
            raise self.error(
                f"the numbers of {tensor.name!r} end at byte {end:,} of {name!r}, which has "
                f"{len(content):,} bytes"
            )
        return content[start:end]

    def attributes(self, node: Any) -> Mapping[str, Any]:
        """Return a node's attributes by name; None is what has no plain value."""
        kinds = self._onnx.AttributeProto
        found: dict[str, Any] = {}
        for item in node.attribute:
            if item.name in found:
                raise self.error(f"a node gives its attribute {item.name!r} twice")
            if item.type == kinds.FLOAT:
                found[item.name] = float(str(np.float32(item.f)))  # 0.1, not 0.10000000149
            elif item.type == kinds.INT:
                found[item.name] = item.i
            elif item.type == kinds.STRING:
                found[item.name] = item.s.decode(errors="replace")
            elif item.type == kinds.FLOATS:
                found[item.name] = [float(number) for number in item.floats]
            elif item.type == kinds.INTS:
                found[item.name] = [int(number) for number in item.ints]
            elif item.type == kinds.STRINGS:
                found[item.name] = tuple(text.decode(errors="replace") for text in item.strings)
            else:
                found[item.name] = None
        return found

    def _parse(self) -> Any:
        from google.protobuf.message import DecodeError

        try:
            if not self._file.is_file():
                raise self.error("there is no such file")
            if 4 * self._file.stat().st_size > physical_memory():
                raise self.error("it does not fit into this machine's memory")
            return self._onnx.load_model_from_string(self._file.read_bytes())
        except OSError as error:
            raise self.error(error.strerror or str(error)) from error
        except (DecodeError, ValueError, TypeError) as error:
            raise self.error(f"it is no ONNX file, or not a whole one ({error})") from error

    def _check_meaning(self, model: Any) -> None:
        """Raise `ModelError` if operators may mean something else than is taken for granted."""
        versions = [each.version for each in model.opset_import if each.domain in STANDARD]
        if min(versions, default=0) < _FIRST_OPSET:
            raise self.error(
                f"its operators are those of set {min(versions, default=0)}; those of set "
                f"{_FIRST_OPSET} and later are read: convert it with onnx.version_converter"
            )
        for function in model.functions:
            if function.domain in STANDARD:
                raise self.error(
                    f"it defines the operator {function.name!r} by a function of its own, and such "
                    "functions are not read"
                )

    def _sizes(self, value: Any) -> Sizes:
        tensor = value.type.tensor_type
        if tensor.elem_type not in self.reals:
            raise self.error(f"its input {value.name!r} is not of real numbers")
        sizes = [int(dim.dim_value) for dim in tensor.shape.dim] or [0, 0]
        if len(sizes) == 1:
            raise self.error("its input has 1 axes; expected one of examples, and others")
        return tuple(size if size > 0 else None for size in sizes[1:])
