"""Networks from ONNX files, where they are made of layers that there are.

The graph is followed from its output back to its input. Each layer says in its own file in which
forms files have it (`steepest.onnx_reading`); here the form that fits is found, and what is read is
put together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from .. import layers as own
from .. import plugins
from ..arrays import Array
from ..collect import collect
from ..errors import InputError, ModelError
from ..layer import Layer
from ..network import Network
from ..onnx_reading import Reading
from ..parameters import walk
from ..printing import shown
from ..saved.size import check_size, state_shapes
from ..shape import Shape
from ..validate import folder
from .onnx_check import check_shapes
from .onnx_file import OnnxFile
from .onnx_forms import Known, forms
from .onnx_spans import with_spans
from .onnx_trace import Tracer
from .onnx_turns import straightened

__all__ = ["import_onnx"]


def import_onnx(path: str | os.PathLike[str], *, output: str | None = None) -> Network:
    """Read a network from an ONNX file.

    Parameters
    ----------
    path : str or path-like
        A graph with one input (n, …), made of operators that are layers of Steepest, as
        `export_onnx`, PyTorch, scikit-learn's skl2onnx or Keras write them:
        docs/guide/interchange.md lists them. Multiplication, addition and their like by constants
        become part of a `Dense` layer beside them, or a `Scale` or an `Affine`; an end that makes
        (n,) of (n, 1) is left out. Constants may lie in plain files of the same folder. Nothing of
        it is run.
    output : str, optional
        The output that is wanted, if there are several. By default, the only one that is of real
        numbers: of a classifier, the probabilities and not the labels.

    Returns
    -------
    Network
        Of float64 if one of the arrays is, or if something is added to the inputs of a `Dense`
        layer or to what no `Dense` layer makes; else of float32.

    Raises
    ------
    ModelError
        If the package onnx is not installed, the file can't be read, there are several outputs to
        choose from, or an operator is no layer; the message names it.
    """
    folder("import_onnx", "path", path)
    if output is not None and not isinstance(output, str):
        raise InputError(f"import_onnx: output must be the name of an output, got {shown(output)}")
    file = OnnxFile(path, output)
    tracer = Tracer(file, known())
    value, columns = tracer.unshaped(file.output)
    try:
        pieces = tracer.trace(value, file.input) or [Reading(own.Identity(), file.input)]
    except ModelError as error:
        raise ModelError(f"{error}{_of_attention(file)}") from error
    tracer.check_whole(pieces)
    pieces = with_spans(file, pieces)
    shape = _input_shape(file, pieces)
    try:
        read = own.Sequential(*(piece.layer for piece in pieces))
        check_size(read, shape)
        check_shapes(file, read, shape, pieces)
        pieces = straightened(file, pieces, shape) or [Reading(own.Identity(), file.input)]
        network = Network(*(piece.layer for piece in pieces), dtype=file.dtype)
        shapes = check_size(network.layer, shape)
    except InputError as error:
        raise file.error(str(error)) from error
    theta = dict(_theta(network.layer, shape, pieces))
    shapes |= state_shapes(network.layer, shape)
    for name, wanted in shapes.items():
        if name not in theta:
            raise file.error(f"what was read of it lacks {name}")
        if theta[name].size == 1 and len(wanted) == 1:
            theta[name] = np.broadcast_to(theta[name].reshape(-1), wanted)
        if theta[name].shape != wanted:
            raise file.error(f"{name} is {theta[name].shape}, expected {wanted}")
    network.build(shape)
    if columns not in (None, network.outputs):
        raise file.error(f"its end makes one column of {network.outputs}")
    for name, array in theta.items():
        network.built.named[name][...] = array
    return network


def known() -> Known:
    """Return the forms of all layers, those of plugins in use too."""
    return forms([*collect(own.__name__, Layer).values(), *plugins.defined(Layer)])


def _of_attention(file: OnnxFile) -> str:
    """Return what to do where a file with attention can't be read; nothing where there is none."""
    for node in file.made_by.values():
        if file.kind(node) != "MatMul" or not node.input:
            continue
        weights = file.made_by.get(str(node.input[0]))
        if weights is not None and file.kind(weights) == "Softmax":
            return (
                f". It has attention (its operator Softmax {weights.name!r}), which is read as "
                "export_onnx writes it, and in no other form: build the network in Steepest, and "
                "give it the parameters of the PyTorch module with from_state_dict"
            )
    return ""


def _input_shape(file: OnnxFile, pieces: Sequence[Reading]) -> Shape:
    """Return the shape of one example, as the file or its first layer with columns says it."""
    sizes = file.sizes
    if sizes == (None,):
        sizes = (next((piece.takes for piece in pieces if piece.takes), None),)
    shape = tuple(size for size in sizes if size is not None)
    if len(shape) < len(sizes):
        raise file.error(
            "the width of its input is not known"
            if len(sizes) == 1
            else f"the sizes of its input {sizes} are not all known; export it with fixed ones"
        )
    return shape


def _theta(layer: Layer, shape: Shape, pieces: Sequence[Reading]) -> Iterator[tuple[str, Array]]:
    """Yield the parameters and the state by name."""
    for (path, _, _), piece in zip(walk(layer, shape), _flat(pieces), strict=True):
        for name, array in piece.theta.items():
            yield f"{path}.{name}", array


def _flat(pieces: Sequence[Reading]) -> Iterator[Reading]:
    for piece in pieces:
        yield piece
        yield from _flat(piece.inside)
