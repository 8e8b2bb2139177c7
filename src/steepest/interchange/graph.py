"""An ONNX graph under construction: values by name, one operator after the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..system.files import write_durably

__all__ = ["Graph", "need_onnx"]

OPSET, ML_OPSET, IR = 20, 3, 9
"""Gelu came with operator set 20; ONNX Runtime reads it since 1.17."""
_MOST_BYTES = (1 << 31) - (1 << 16)  # what a protobuf message can hold


def need_onnx() -> Any:
    """Return the package onnx; raise `ModelError` if it is not there."""
    try:
        import onnx
    except ImportError as error:
        raise ModelError("ONNX needs the package onnx: pip install 'steepest[onnx]'") from error
    return onnx


class Graph:
    """Collects operators and constants; `save` writes what they make.

    Attributes
    ----------
    notes : dict of str to str
        What layers leave for those behind (`steepest.onnx_form.OnnxGraph`).
    """

    def __init__(self) -> None:
        self._onnx = need_onnx()
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._names: set[str] = set()
        self._bytes = 0
        self.notes: dict[str, str] = {}

    def input(self, name: str, dtype: Any, *shape: int) -> str:
        """Add an input (n, *shape); return its name.

        Inputs come before all else: a value that would have the name of one gets another.
        """
        self._inputs.append(self._value(self._claim(name), dtype, ("n", *shape)))
        return str(self._inputs[-1].name)

    def output(self, value: str, name: str, dtype: Any, *shape: int) -> None:
        """Make a value an output (n, *shape) of this name; underscores follow it if it is taken."""
        name = self._claim(name)
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name))
        self._outputs.append(self._value(name, dtype, ("n", *shape)))

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Add an array of numbers or texts; return its name."""
        array = np.asarray(value, dtype)
        name = self._claim(f"steepest/{len(self._constants)}")
        self._bytes += array.nbytes
        if self._bytes > _MOST_BYTES:
            raise ModelError("an ONNX file holds at most 2 GiB; this network has more parameters")
        make = self._onnx.helper.make_tensor
        if array.dtype.kind in "OU":
            texts = [str(text).encode() for text in array.ravel()]
            tensor = make(name, self._onnx.TensorProto.STRING, array.shape, texts)
        else:
            tensor = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        self._constants.append(tensor)
        return name

    def op(
        self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any
    ) -> str:
        """Add an operator; return the name of its result, the first of its outputs."""
        name = self._claim(f"steepest/{kind}/{len(self._nodes)}")
        made = [name, *(self._claim(f"{name}/{k}") for k in range(1, outputs))]
        node = self._onnx.helper.make_node(
            kind, list(inputs), made, name, domain=domain, **attributes
        )
        self._nodes.append(node)
        return name

    def cast(self, value: str, dtype: Any) -> str:
        """Add a change of type."""
        return self.op("Cast", value, to=self._type(dtype))

    def save(self, path: str | os.PathLike[str], about: str) -> None:
        """Check the graph and write it, whole or not at all.

        Raises
        ------
        ModelError
            If the file can't be written.
        """
        helper = self._onnx.helper
        graph = helper.make_graph(
            self._nodes, "steepest", self._inputs, self._outputs, self._constants
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, producer_name="steepest", doc_string=about, ir_version=IR
        )
        self._onnx.checker.check_model(model)
        file = Path(path)
        try:
            write_durably(file, model.SerializeToString())
        except OSError as error:
            raise ModelError(f"can't write {file}: {error.strerror or error}") from error

    def _claim(self, name: str) -> str:
        """Return a name that no other value has: this one, if it is free and not empty."""
        name = name or "_"  # an empty name is no name in ONNX
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name

    def _value(self, name: str, dtype: Any, shape: tuple[int | str, ...]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._type(dtype), shape)

    def _type(self, dtype: Any) -> int:
        if np.dtype(dtype).kind in "OU":
            return int(self._onnx.TensorProto.STRING)
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
