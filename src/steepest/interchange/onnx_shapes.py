"""The shapes of the values of an ONNX graph, as ONNX itself works them out.

They say how to read an operator whose axes are counted, or whose output has a shape that follows
from others. What is read with them is checked again when the shapes of the layers are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Sizes", "sizes_of"]

Sizes = tuple[int | None, ...]
"""Of the axes of a value, that of the examples first; None for what is not known."""
BATCH = 7919  # a number of examples that is known again wherever it turns up: a prime
_SMALL = 64  # numbers of a constant that may say a shape
_LONG = 1 << 16  # a longer row says none, but ONNX would take memory for each of its numbers


def sizes_of(
    onnx: Any, model: Any, tensors: Mapping[str, Any], whole: Callable[[str], list[int]]
) -> tuple[int, dict[str, Sizes]]:
    """Return the number of examples that is taken for granted, and the sizes of values by name.

    Parameters
    ----------
    onnx : module
    model : ModelProto
    tensors : mapping
        Its constants.
    whole : callable
        Reads a constant of whole numbers.
    """
    graph, lengths = onnx.GraphProto(name="shapes"), {}
    for name, tensor in tensors.items():
        count = 1
        for size in tensor.dims:
            count *= size
        if tensor.data_type == onnx.TensorProto.INT64 and 0 <= count <= _SMALL:
            numbers = whole(name)
            made = onnx.helper.make_tensor(name, tensor.data_type, tensor.dims, numbers)
            graph.initializer.append(made)
            lengths[name] = count
        else:
            sizes = [None] if len(tensor.dims) == 1 and count > _LONG else list(tensor.dims)
            shaped = onnx.helper.make_tensor_value_info(name, tensor.data_type, sizes)
            graph.input.append(shaped)
    batch = BATCH
    for value in model.graph.input:
        if value.name in tensors:
            continue
        given = graph.input.add()
        given.CopyFrom(value)
        axes = given.type.tensor_type.shape.dim
        if len(axes):
            batch = axes[0].dim_value if axes[0].dim_value > 0 else BATCH
            axes[0].dim_value = batch
    graph.node.extend(n for n in model.graph.node if not (n.output and n.output[0] in tensors))
    # Without functions: no operator that a file defines is read, and those that call one another
    # would be worked out again for every call.
    made = onnx.ModelProto(ir_version=model.ir_version, graph=graph)
    made.opset_import.extend(model.opset_import)
    follow = _stay_short(graph.node, lengths)
    try:
        found = onnx.shape_inference.infer_shapes(made, data_prop=follow).graph
    except Exception:  # of a file that contradicts itself: whatever ONNX raises
        return batch, {}
    values = [*found.value_info, *found.input, *found.output]
    return batch, {value.name: _sizes(value) for value in values if _is_shaped(value)}


def _stay_short(nodes: Any, lengths: dict[str, int]) -> bool:
    """Return whether no row of numbers that ONNX would follow through the nodes can grow long."""
    for node in nodes:
        given = [lengths.get(name, 1) for name in node.input]
        most = sum(given) if node.op_type == "Concat" else max(given, default=1)
        if most > _LONG:
            return False
        lengths |= dict.fromkeys(node.output, most)
    return True


def _is_shaped(value: Any) -> bool:
    return bool(value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"))


def _sizes(value: Any) -> Sizes:
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)
