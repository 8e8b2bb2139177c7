"""What can be read off a backward pass: observers of its lowering, and their kernels.

An observer sees every layer just before its backward instructions are emitted, and every parameter
half of Φ; it may emit instructions beside them. What an example's own gradient is like, a layer may
tell in its own way (`steepest.layer`); from all others it is learned one example of the batch at a
time: ``backward_theta`` of its rows, into a buffer, which is then read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import aligned
from ..engine.operands import Buffer, Constant, Handle
from ..errors import InputError
from ..kernels.moves import put
from ..layer import Layer
from ..lowering.observer import Observed, Observer
from ..shape import Shape

if TYPE_CHECKING:
    from ..network import Network

__all__ = ["EachExample", "Flow", "Norms", "Observer", "Slopes", "Squares", "arrays_for"]


class Flow(Observer):
    """Keeps y and ∇_y ℓ of every layer, by path, and ∇_x ℓ: (n, …) arrays, by handle.

    ``shapes`` has the shapes of y for one example, by path.
    """

    def __init__(self) -> None:
        self.y: dict[str, Handle] = {}
        self.dy: dict[str, Handle] = {}
        self.shapes: dict[str, Shape] = {}
        self.dx = Handle("∇x", "f", 2)

    def layer(self, low: Observed, layer: Layer, x: Any, y: Buffer, dy: Buffer) -> None:
        several = () if y.shape[0] == low.examples else (y.shape[0] // low.examples,)
        self.shapes[low.prefix] = (*several, *y.shape[1:])
        for name, handles, batch in (("y", self.y, y), ("∇y", self.dy, dy)):
            handle = handles.setdefault(low.prefix, Handle(f"{name}{low.prefix}", "f", 2))
            put_examples(low, batch, self.chosen, handle)

    def end(self, low: Observed, dx: Buffer | None) -> None:
        if dx is not None:
            put_examples(low, dx, self.chosen, self.dx)


class Slopes(Observer):
    """Keeps the slope of every σ that declares its steepest: Φ of dy = 1, (n, …) by path."""

    def __init__(self) -> None:
        self.slopes: dict[str, Handle] = {}
        self.steepest: dict[str, float] = {}

    def layer(self, low: Observed, layer: Layer, x: Any, y: Buffer, dy: Buffer) -> None:
        if layer.steepest_slope is None or y is x:  # x itself has no kernel, and is flat nowhere
            return
        self.steepest[low.prefix] = layer.steepest_slope
        ones, slope = low.array("ones", *y.shape), low.array("slope", *y.shape)
        low.arena.fill(ones, 1.0)
        seen = Buffer.as_examples if layer.knows_shapes else Buffer.as_rows
        arrays = {"x": x, "y": y, "dy": ones, "dx": slope}
        names = {name: seen(array) for name, array in arrays.items()}
        low.emit(layer.backward_x, {**names, **layer.settings_at(x.shape[1:])})
        handle = self.slopes.setdefault(low.prefix, Handle(f"slope{low.prefix}", "f", 2))
        put_examples(low, slope, self.chosen, handle)


class OfExamples(Observer, ABC):
    """What is known of the gradients of single examples."""

    way: ClassVar[str]
    """The layer's own kernel for it."""

    def begin(self, chosen: Buffer) -> None:
        """Say which examples of the data the batch will hold."""
        super().begin(chosen)
        self._seen: set[str] = set()

    def end(self, low: Observed, dx: Buffer | None) -> None:
        """Make sure that no layer with parameters was passed by."""
        missed = sorted(low.learning - self._seen)
        if missed:
            raise InputError(
                f"layer {missed[0]} emits its parameter half of Φ by itself; let it call "
                "Lowering.backward_theta, so that its gradients can be seen"
            )

    @abstractmethod
    def targets(self, low: Observed, layer: Layer, shape: Shape) -> dict[str, Any]:
        """Return the operands into which a layer's own kernel writes."""

    @abstractmethod
    def read(self, low: Observed, name: str, gradient: Buffer, example: int) -> None:
        """Emit what becomes of one example's ∇ of the parameter ``name``, (size,)."""

    def theta(
        self,
        low: Observed,
        layer: Layer,
        shape: Shape,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int,
    ) -> None:
        """Let the layer do it in its own way, or example by example.

        Its own way knows one row for each example; the gradient of several is their sum.
        """
        self._seen.add(low.prefix)
        own = {**names, "i": self.chosen, **self.targets(low, layer, shape)}
        single = low.rows == low.examples
        if not (single and layer.lower_examples(low, self.way, kernel, own)):
            self._one_by_one(low, layer, shape, kernel, names, flops)

    def _one_by_one(
        self,
        low: Observed,
        layer: Layer,
        shape: Shape,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int,
    ) -> None:
        """Emit, for every example: buffer = 0; buffer += ∇_θ ℓ_i; read the buffer."""
        parameters = layer.parameters_at(shape)
        buffers = {}
        for name, parameter in parameters.items():
            stored = parameter.shape[::-1] if parameter.by_columns else parameter.shape
            buffers[f"{low.prefix}.{name}"] = low.array(f"one d{name}", *stored)
        flat = {name: Buffer(b.name, (b.size,), "f", b.block) for name, b in buffers.items()}
        n = low.examples
        rows = names["rows"].extent if "rows" in names else low.rows
        share = low.share(rows // n)
        more = {"alpha": Constant(1.0), "rows": share, **low.targets(layer, shape, buffers)}
        in_rows = _in_rows(layer, low, shape)
        for example in range(n):
            for buffer in flat.values():
                low.emit(clear, {"a": buffer}, nbytes=0)
            views = {name: _part(names[name], example, n) for name in in_rows if name in names}
            low.emit(kernel, {**names, **views, **more}, flops=flops // n)
            for name, buffer in flat.items():
                self.read(low, name, buffer, example)


class Norms(OfExamples):
    """‖∇_θ ℓ_i‖² of every example, (n,) by the path of the layer, in handles that begin at zero."""

    way = "example_norms"

    def __init__(self) -> None:
        self.handles: dict[str, Handle] = {}

    def targets(self, low: Observed, layer: Layer, shape: Shape) -> dict[str, Any]:
        name = f"‖∇θ{low.prefix}‖²"
        return {"norms": self.handles.setdefault(low.prefix, Handle(name, "f", 1))}

    def read(self, low: Observed, name: str, gradient: Buffer, example: int) -> None:
        norms = self.handles[low.prefix]
        low.emit(add_norm, {"a": gradient, "norms": norms, "i": self.chosen, "row": example})


class Squares(OfExamples):
    """alpha · Σ_i (∇_θ ℓ_i)², entry by entry, laid out as θ, with the alpha of the gradient."""

    way = "example_squares"

    def __init__(self, network: Network) -> None:
        self.vector = aligned(network.theta.size, network.dtype)
        self._theta = network.built.like(self.vector, "Σd²")

    def targets(self, low: Observed, layer: Layer, shape: Shape) -> dict[str, Any]:
        return low.targets(layer, shape, self._theta)

    def read(self, low: Observed, name: str, gradient: Buffer, example: int) -> None:
        whole = self._theta[name]
        total = Buffer(whole.name, (whole.size,), "f", whole.block, whole.offset)
        low.emit(add_squares, {"a": gradient, "total": total})


class EachExample(OfExamples):
    """∇_θ ℓ_i of every example: (n, …) arrays by the name of the parameter, in handles.

    Two handles a parameter: one for the array as it is, one for the same as (n, size).
    """

    way = "example_gradients"

    def __init__(self) -> None:
        self.handles: dict[str, Handle] = {}
        self.flat: dict[str, Handle] = {}

    def targets(self, low: Observed, layer: Layer, shape: Shape) -> dict[str, Any]:
        for name, parameter in layer.parameters_at(shape).items():
            full = f"{low.prefix}.{name}"
            self.handles.setdefault(full, Handle(f"∇{full}", "f", 1 + len(parameter.shape)))
            self.flat.setdefault(full, Handle(f"∇{full}", "f", 2))
        return low.targets(layer, shape, self.handles)

    def read(self, low: Observed, name: str, gradient: Buffer, example: int) -> None:
        names = {"a": gradient, "out": self.flat[name], "i": self.chosen, "row": example}
        low.emit(put_flat, names)


def arrays_for(
    handles: Mapping[str, Handle], shapes: Mapping[str, tuple[int, ...]], dtype: str
) -> dict[str, NDArray[Any]]:
    """Return an array of zeros for each handle, which holds it from now on, an example in a row."""
    arrays = {name: np.zeros(shapes[name], dtype) for name in handles}
    for name, handle in handles.items():
        array = arrays[name]
        handle.set(array if array.ndim == 1 else array.reshape(len(array), -1))
    return arrays


def put_examples(low: Observed, batch: Buffer, chosen: Buffer, out: Handle) -> None:
    """Emit out[chosen] ← batch, an example in a row."""
    n = low.examples
    flat = batch.reshaped(n, batch.size // n)
    low.emit(put, {"batch": flat, "i": chosen, "out": out, "rows": low.share(n)})


def _in_rows(layer: Layer, low: Observed, shape: Shape) -> list[str]:
    """Return the names of the layer's arrays that have as many rows for each example."""
    n = low.rows
    memory, longer = layer.memory_at(n, shape), layer.memory_at(n + 1, shape)
    for name, (rows, *rest) in memory.items():
        if rows % n or longer[name] != (rows // n * (n + 1), *rest):
            raise InputError(
                f"layer {low.prefix} {layer!r}: the rows of a batch meet in {name!r}, so an "
                "example has no gradient of its own"
            )
    return ["x", "i", "y", "dy", *memory]  # i: which rows of a matrix in CSR form


def _part(buffer: Buffer, example: int, n: int) -> Buffer:
    """Return the rows of one of n examples."""
    shape = (buffer.shape[0] // n, *buffer.shape[1:])
    offset = buffer.offset + example * (buffer.size // n)
    return Buffer(f"{buffer.name}[{example}]", shape, buffer.kind, buffer.block, offset)


def clear(a):  # type: ignore[no-untyped-def]
    """a = 0"""
    zero = a.dtype.type(0)
    for k in range(a.shape[0]):
        a[k] = zero


def add_norm(a, norms, i, row):  # type: ignore[no-untyped-def]
    """norms[i] += ‖a‖²"""
    total = a.dtype.type(0)
    for k in range(a.shape[0]):
        total += a[k] * a[k]
    norms[i[row]] += total


def add_squares(a, total, alpha):  # type: ignore[no-untyped-def]
    """total += alpha a²"""
    for k in range(a.shape[0]):
        total[k] += alpha * a[k] * a[k]


def put_flat(a, out, i, row):  # type: ignore[no-untyped-def]
    """out[i] = a"""
    target = i[row]
    for k in range(a.shape[0]):
        out[target, k] = a[k]
