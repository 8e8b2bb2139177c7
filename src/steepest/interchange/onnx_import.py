"""Networks from ONNX files, where they are made of layers that there are.

The graph is followed from its output back to its input. Each operator says which layer it is and
which value it reads; a sum or a concatenation of values with a common origin becomes a `Residual`
or a `Concat`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import layers as own
from ..collect import collect
from ..errors import InputError, ModelError
from ..layer import Layer
from ..network import Network
from ..onnx_form import Operator
from ..parameters import walk
from ..saved.size import check_size
from ..validate import folder
from .graph import Array
from .onnx_file import OnnxFile

__all__ = ["RULES", "import_onnx"]

_DEEPEST = 32


def import_onnx(path: str | os.PathLike[str]) -> Network:
    """Read a network from an ONNX file.

    Parameters
    ----------
    path : str or path-like
        A graph with one input (n, p) and one output, made of Gemm, MatMul with Add,
        LayerNormalization, multiplication by a vector (`Scale`), the activations that Steepest has,
        Softmax, Dropout, Identity, sums of a value and what is made of it (`Residual`) and
        concatenations (`Concat`). No other file is followed from it, and nothing of it is run.

    Returns
    -------
    Network
        Of float64 if one of the arrays is, else of float32.

    Raises
    ------
    ModelError
        If the package onnx is not installed, the file can't be read, or an operator in it is no
        layer; the message names it.
    """
    folder("import_onnx", "path", path)
    file = OnnxFile(path)
    pieces = Tracer(file).trace(file.output, file.input)
    width = file.width or next((w for piece in pieces if (w := piece.inputs)), None)
    if width is None:
        raise file.error("the width of its input is not known")
    if not pieces:
        raise file.error("it has no layers")
    try:
        network = Network(*(piece.layer for piece in pieces), dtype=file.dtype)
        shapes = check_size(network.layer, width)
    except InputError as error:
        raise file.error(str(error)) from error
    theta = {
        f"{path}.{name}": array
        for (path, _, _), piece in zip(walk(network.layer, width), _flat(pieces), strict=True)
        for name, array in piece.theta.items()
    }
    for name, shape in shapes.items():
        if theta[name].shape != shape:
            raise file.error(f"{name} is {theta[name].shape}, expected {shape}")
    network.build(width)
    for name, array in theta.items():
        network.parameters[name][...] = array
    return network


@dataclass(frozen=True)
class Piece:
    """A layer with its parameters, and the layers inside it with theirs."""

    layer: Layer
    theta: dict[str, Array] = field(default_factory=dict)
    inside: list[Piece] = field(default_factory=list)

    @property
    def inputs(self) -> int | None:
        """The width of its input, if its own parameters tell."""
        return self.theta["A"].shape[1] if "A" in self.theta else None


def _flat(pieces: list[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield piece
        yield from _flat(piece.inside)


class Tracer:
    """Follows values back through the nodes of a file."""

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self._steps = 0
        self._depth = 0

    def trace(self, value: str, origin: str) -> list[Piece]:
        """Return the layers that make ``value`` of ``origin``, the first one first."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.file.error(f"branches lie in each other more than {_DEEPEST} deep")
        pieces: list[Piece] = []
        while value != origin:
            node = self.file.made_by.get(value)
            self._steps += 1
            if node is None or self._steps > len(self.file.made_by):
                raise self.file.error(f"no path leads from {origin!r} to {value!r}")
            rule = RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
            if rule is None:
                raise self.error(node, "is no layer of Steepest")
            try:
                piece, value = rule(self, node)
            except InputError as error:
                raise self.error(node, str(error)) from error
            pieces += [piece] if piece is not None else []
        self._depth -= 1
        return pieces[::-1]

    def error(self, node: Any, why: str) -> ModelError:
        """Return the error that names a node."""
        name = f" {node.name!r}" if node.name else ""
        return self.file.error(f"its operator {node.op_type}{name} {why}")

    def input(self, node: Any, k: int = 0) -> str:
        """Return the name of a node's input."""
        if k >= len(node.input):
            raise self.error(node, f"has no input {k}")
        return str(node.input[k])

    def array(self, node: Any, k: int) -> Array:
        """Return an input of a node that must be a constant."""
        return self.file.array(self.input(node, k))

    def vector(self, node: Any, k: int) -> Array:
        """Return an input of a node that must be a constant row, as (q,)."""
        array = self.array(node, k)
        if array.ndim == 0 or array.size != array.shape[-1]:
            raise self.error(node, f"needs one number a column, got an array {array.shape}")
        return array.reshape(-1)

    def reads(self, value: str, *kinds: str) -> str | None:
        """Return what is at the root of a chain of operators that ends in ``value``, if it is."""
        for kind in kinds:
            node = self.file.made_by.get(value)
            if node is None or node.op_type != kind or len(node.input) != 1:
                return None
            value = str(node.input[0])
        return value

    def pairs(self, value: str, kind: str) -> list[tuple[str, str]]:
        """Return the two inputs of what makes a value in both orders, if it is of a kind."""
        node = self.file.made_by.get(value)
        if node is None or node.op_type != kind or len(node.input) != 2:
            return []
        first, second = map(str, node.input)
        return [(first, second), (second, first)]

    def is_near(self, name: str, number: float) -> bool:
        """Whether a value is a constant, and this number."""
        if not self.file.is_constant(name):
            return False
        array = self.file.array(name)
        return array.size == 1 and abs(float(array.reshape(-1)[0]) - number) < 1e-5

    def origin(self, values: list[str]) -> str:
        """Return the last value that all of these are made of, or are."""
        made_of = [self._made_of(value) for value in values]
        shared = set(made_of[0]).intersection(*made_of[1:])
        return next((name for name in made_of[0] if name in shared), self.file.input)

    def _made_of(self, value: str) -> dict[str, None]:
        """Return a value and all that it is made of, the nearest first."""
        found = {value: None}
        queue = [value]
        for name in queue:
            node = self.file.made_by.get(name)
            for inner in node.input if node is not None else ():
                if inner not in found and not self.file.is_constant(inner):
                    found[inner] = None
                    queue.append(inner)
        return found


Rule = Callable[[Tracer, Any], tuple[Piece | None, str]]


def _plain(make: Callable[..., Layer], operator: Operator) -> Rule:
    """Return the rule of an operator that is a layer."""

    def rule(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
        given = tracer.file.attributes(node)
        for name, value in operator.fixed.items():
            found = given.get(name, value)
            close = found == value
            if isinstance(value, float) and isinstance(found, float):
                close = abs(found - value) < 1e-6
            if not close:
                raise tracer.error(node, f"has {name} {found!r}; only {value!r} is known")
        values = {f: given.get(name, default) for f, (name, default) in operator.fields.items()}
        return Piece(make(**values)), tracer.input(node)

    return rule


def _same(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.file.attributes(node).get("axis", 1) not in (1, -1):
        raise tracer.error(node, "changes the shape of its input")
    return None, tracer.input(node)


def _cast(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.file.attributes(node).get("to") not in tracer.file.reals:
        raise tracer.error(node, "does not keep real numbers")
    return None, tracer.input(node)


def _softmax(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.file.attributes(node).get("axis", -1) not in (1, -1):
        raise tracer.error(node, "does not run over the columns")
    return Piece(own.Softmax()), tracer.input(node)


def _dropout(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    rate = tracer.file.attributes(node).get("ratio", 0.5)
    if len(node.input) > 1 and node.input[1]:
        rate = float(tracer.array(node, 1).reshape(-1)[:1].sum())
    return Piece(own.Dropout(rate)), tracer.input(node)


def _dense(A: Array, b: Array | None) -> Piece:
    layer = own.Dense(A.shape[0], bias=b is not None)
    return Piece(layer, {"A": A} if b is None else {"A": A, "b": b})


def _matrix(tracer: Tracer, node: Any, k: int = 1) -> Array:
    A = tracer.array(node, k)
    if A.ndim != 2 or 0 in A.shape:
        raise tracer.error(node, f"needs a matrix, got an array {A.shape}")
    return A


def _gemm(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    given = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **tracer.file.attributes(node)}
    if given["transA"]:
        raise tracer.error(node, "transposes its input")
    B = _matrix(tracer, node)
    A = (B if given["transB"] else B.T) * B.dtype.type(given["alpha"])
    b = None
    if len(node.input) > 2 and node.input[2]:
        C = tracer.array(node, 2)
        if C.size not in (1, len(A)) or (C.ndim == 2 and C.shape[0] != 1):
            raise tracer.error(node, f"adds an array {C.shape} to {len(A)} columns")
        b = np.broadcast_to(C.reshape(-1) * C.dtype.type(given["beta"]), (len(A),))
    return _dense(A, b), tracer.input(node)


def _matmul(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    return _dense(_matrix(tracer, node).T, None), tracer.input(node)


def _add(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    first, second = tracer.input(node), tracer.input(node, 1)
    for k, (constant, other) in enumerate(((first, second), (second, first))):
        if tracer.file.is_constant(constant):
            product = tracer.file.made_by.get(other)
            if product is None or product.op_type != "MatMul":
                raise tracer.error(node, "adds a constant to what is no MatMul")
            A = _matrix(tracer, product).T
            return _dense(A, tracer.vector(node, k)), tracer.input(product)
    origin = tracer.origin([first, second])
    if origin not in (first, second) or first == second:
        raise tracer.error(node, "adds two branches; only x + g(x) is known")
    pieces = tracer.trace(first if origin == second else second, origin)
    return Piece(own.Residual(*(piece.layer for piece in pieces)), {}, pieces), origin


def _mul(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    for k, (one, other) in enumerate(tracer.pairs(str(node.output[0]), "Mul")):
        if tracer.file.is_constant(one):
            x = _gelu(tracer, other) if tracer.is_near(one, 0.5) else None
            if x is not None:
                return Piece(own.GELU()), x
            return Piece(own.Scale(), {"s": tracer.vector(node, k)}), other
        if tracer.reads(one, "Sigmoid") == other:
            return Piece(own.SiLU()), other
        if tracer.reads(one, "Tanh", "Softplus") == other:
            return Piece(own.Mish()), other
    raise tracer.error(node, "multiplies two branches; only x·σ(x), GELU and Mish are known")


def _gelu(tracer: Tracer, product: str) -> str | None:
    """Return x if the product is x·(1 + erf(x/√2)), as PyTorch writes twice the GELU."""
    for x, total in tracer.pairs(product, "Mul"):
        for one, erf in tracer.pairs(total, "Add"):
            quotient = tracer.reads(erf, "Erf") or ""
            for top, root in tracer.pairs(quotient, "Div")[:1]:
                if top == x and tracer.is_near(one, 1.0) and tracer.is_near(root, 2**0.5):
                    return x
    return None


def _layer_norm(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    given = tracer.file.attributes(node)
    if given.get("axis", -1) not in (1, -1):
        raise tracer.error(node, "does not run over the columns")
    gamma = tracer.vector(node, 1)
    has_beta = len(node.input) > 2 and node.input[2]
    beta = tracer.vector(node, 2) if has_beta else np.zeros_like(gamma)
    layer = own.LayerNorm(float(given.get("epsilon", 1e-5)))
    return Piece(layer, {"gamma": gamma, "beta": beta}), tracer.input(node)


def _concat(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.file.attributes(node).get("axis") not in (1, -1):
        raise tracer.error(node, "does not run over the columns")
    values = [tracer.input(node, k) for k in range(max(1, len(node.input)))]
    origin = tracer.origin(values)
    branches = []
    for value in values:
        pieces = tracer.trace(value, origin) or [Piece(own.Identity())]
        layers = [piece.layer for piece in pieces]
        branches.append(
            pieces[0] if len(pieces) == 1 else Piece(own.Sequential(*layers), {}, pieces)
        )
    return Piece(own.Concat(*(branch.layer for branch in branches)), {}, branches), origin


RULES: dict[str, Rule] = {
    operator.kind: _plain(kind, operator)
    for kind in collect(own.__name__, Layer).values()
    if isinstance(operator := vars(kind).get("onnx"), Operator)
} | {
    "Add": _add,
    "Cast": _cast,
    "Concat": _concat,
    "Dropout": _dropout,
    "Flatten": _same,
    "Gemm": _gemm,
    "Identity": _same,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "Mul": _mul,
    "Softmax": _softmax,
}
"""What each operator is: the layer, and the value that it reads."""
