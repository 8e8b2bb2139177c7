"""Networks from ONNX files, where they are made of layers that there are.

The graph is followed from its output back to its input. Each operator says which layer it is and
which value it reads; a sum or a concatenation of values with a common origin becomes a `Residual`
or a `Concat`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import layers as own
from ..arrays import Array
from ..collect import collect
from ..errors import InputError, ModelError
from ..layer import Layer
from ..network import Network
from ..onnx_form import Operator
from ..parameters import walk
from ..saved.size import check_size
from ..validate import folder
from .onnx_file import STANDARD, OnnxFile

__all__ = ["RULES", "import_onnx"]

_DEEPEST = 32
_FLAT = 15.0  # from here on softplus is x, to 3e-7


def import_onnx(path: str | os.PathLike[str]) -> Network:
    """Read a network from an ONNX file.

    Parameters
    ----------
    path : str or path-like
        A graph with one input (n, p) and one output, made of Gemm, MatMul, LayerNormalization,
        multiplication and division by a vector (`Scale`), its addition and subtraction before or
        after a `Dense` layer, the activations that Steepest has, Softmax, Dropout, Identity, sums
        of a value and what is made of it (`Residual`) and concatenations (`Concat`); an end that
        makes (n,) of (n, 1) is left out. Constants may lie in plain files of the same folder.
        Nothing of it is run.

    Returns
    -------
    Network
        Of float64 if one of the arrays is, or if a vector is added before a `Dense` layer, whose
        bias then takes it up; else of float32.

    Raises
    ------
    ModelError
        If the package onnx is not installed, the file can't be read, or an operator in it is no
        layer; the message names it.
    """
    folder("import_onnx", "path", path)
    file = OnnxFile(path)
    tracer = Tracer(file)
    value, outputs = tracer.unshaped(file.output)
    pieces = tracer.trace(value, file.input)
    width = file.width or next((w for piece in pieces if (w := piece.inputs)), None)
    if width is None:
        raise file.error("the width of its input is not known")
    if not pieces:
        raise file.error("it has no layers")
    try:
        network = Network(*(piece.layer for piece in pieces), dtype=file.dtype)
        shapes = check_size(network.layer, (width,))
    except InputError as error:
        raise file.error(str(error)) from error
    theta = {
        f"{path}.{name}": array
        for (path, _, _), piece in zip(walk(network.layer, (width,)), _flat(pieces), strict=True)
        for name, array in piece.theta.items()
    }
    for name, shape in shapes.items():
        if theta[name].size == 1 and len(shape) == 1:
            theta[name] = np.broadcast_to(theta[name].reshape(-1), shape)
        if theta[name].shape != shape:
            raise file.error(f"{name} is {theta[name].shape}, expected {shape}")
    network.build(width)
    if outputs not in (None, network.outputs):
        raise file.error(f"its end reshapes {network.outputs} columns")
    for name, array in theta.items():
        network.parameters[name][...] = array
    return network


@dataclass(frozen=True)
class Piece:
    """A layer with its parameters, and the layers inside it with theirs.

    One with a ``shift`` is no layer yet: a vector that is added, until a `Dense` layer takes it up.
    """

    layer: Layer
    theta: dict[str, Array] = field(default_factory=dict)
    inside: list[Piece] = field(default_factory=list)
    shift: Array | None = None

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
            if value in self.file.beside:
                other, k = self.file.beside[value]
                raise self.error(other, f"is read for its output {k}; only its output 0 is known")
            if node is None or self._steps > len(self.file.made_by):
                raise self.file.error(f"no path leads from {origin!r} to {value!r}")
            rule = RULES.get(node.op_type) if node.domain in STANDARD else None
            if rule is None:
                raise self.error(node, "is no layer of Steepest")
            try:
                piece, value = rule(self, node)
            except InputError as error:
                raise self.error(node, str(error)) from error
            pieces += [piece] if piece is not None else []
        self._depth -= 1
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is named there
            return self._without_shifts(pieces[::-1])

    def unshaped(self, value: str) -> tuple[str, int | None]:
        """Return what the end of a graph reshapes, and of how many columns that must be.

        Squeeze and Reshape of (n, 1) to (n,), and Reshape of (n, q) to (n, q).
        """
        node = self.file.made_by.get(value)
        if self._is(node, "Squeeze"):
            self.given(node, 2)
            if self.file.whole(self.input(node, 1)) not in ([1], [-1]):
                raise self.error(node, "takes away another axis than that of the columns")
            return self.input(node), 1
        if self._is(node, "Reshape"):
            self.given(node, 2, allowzero=0)
            shape = self.file.whole(self.input(node, 1))
            if shape == [-1]:
                return self.input(node), 1
            if len(shape) != 2 or shape[0] != -1 or shape[1] < 1:
                raise self.error(node, f"makes the shape {shape}; expected (-1, columns)")
            return self.input(node), shape[1]
        return value, None

    def _without_shifts(self, pieces: list[Piece]) -> list[Piece]:
        """Return the layers with what is added between them in the biases of `Dense` layers.

        The layer before takes c up: (A x + b) + c. Else the one after does, past a `Scale`:
        A (s ⊙ (x + c)) + b = A (s ⊙ x) + (A (s ⊙ c) + b), in float64, since the two sums may be
        far larger than their difference.
        """
        found: list[Piece] = []
        shift: Array | None = None
        for piece in pieces:
            new = piece
            if piece.shift is not None and shift is None and found and "A" in found[-1].theta:
                found[-1] = self._shifted(found[-1], piece.shift)
                continue
            if piece.shift is not None:
                before = np.zeros(1) if shift is None else shift
                self._check_sizes(before, piece.shift)
                shift = self._finite(before + piece.shift)
                continue
            if shift is not None and "s" in piece.theta:
                self._check_sizes(shift, piece.theta["s"])
                shift = self._finite(shift * piece.theta["s"])
            elif shift is not None and "A" in piece.theta:
                self.file.dtype = "float64"
                A = piece.theta["A"].astype(np.float64)
                if shift.size not in (1, A.shape[1]):
                    raise self.file.error(f"it adds an array {shift.shape} to {A.shape[1]} columns")
                new = self._shifted(piece, A @ np.broadcast_to(shift, A.shape[1]))
                shift = None
            elif shift is not None:
                break
            found.append(new)
        if shift is not None:
            raise self.file.error("it adds a constant to what no Gemm or MatMul makes or reads")
        return found

    def _shifted(self, dense: Piece, c: Array) -> Piece:
        """Return a `Dense` layer with c added to its bias."""
        q = len(dense.theta["A"])
        if c.size not in (1, q):
            raise self.file.error(f"it adds an array {c.shape} to {q} columns")
        b = self._finite(dense.theta.get("b", 0) + np.broadcast_to(c, q))
        return replace(dense, layer=own.Dense(q), theta={**dense.theta, "b": b})

    def _check_sizes(self, a: Array, b: Array) -> None:
        if a.size != b.size and 1 not in (a.size, b.size):
            raise self.file.error(f"its constants {a.shape} and {b.shape} are of different widths")

    def _finite(self, array: Array) -> Array:
        if not np.isfinite(array).all():
            raise self.file.error("its constants, taken together, are too large for their type")
        return array

    def error(self, node: Any, why: str) -> ModelError:
        """Return the error that names a node."""
        name = f" {node.name!r}" if node.name else ""
        kind = repr(str(node.op_type))[1:-1]  # without control characters
        return self.file.error(f"its operator {kind}{name} {why}")

    def given(self, node: Any, most: int = 1, **known: float | str) -> dict[str, Any]:
        """Return a node's attributes, those that it leaves out with the values given here.

        Raises
        ------
        ModelError
            If there is another attribute, or one is of another type or not finite, or the node has
            more than ``most`` inputs.
        """
        found = self.file.attributes(node)
        for name, value in found.items():
            if name not in known:
                raise self.error(node, f"has the attribute {name!r}, which is not known")
            kind = type(known[name])
            if type(value) is not kind or (kind is float and not np.isfinite(value)):
                what = {float: "a finite real number", int: "a whole number", str: "a text"}[kind]
                shown = "something else" if value is None else repr(value)
                raise self.error(node, f"has {name} {shown}; expected {what}")
        if len(node.input) > most:
            raise self.error(node, f"has {len(node.input)} inputs; at most {most} are known")
        return {**known, **found}

    def made_by(self, value: str, kind: str) -> Any:
        """Return the node that makes a value if it is this operator, without attributes."""
        node: Any = self.file.made_by.get(value)
        return node if self._is(node, kind) and not node.attribute else None

    def _is(self, node: Any, kind: str) -> bool:
        return node is not None and node.op_type == kind and node.domain in STANDARD

    def scaled(self, node: Any, array: Array, factor: float) -> Array:
        """Return an array times an attribute of a node."""
        with np.errstate(over="ignore"):  # what overflows is named below
            product: Array = array * array.dtype.type(factor)
        if not np.isfinite(product).all():
            raise self.error(node, f"multiplies a constant by {factor:g}: too large for its type")
        return product

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
        if array.size != (array.shape or (1,))[-1]:
            raise self.error(node, f"needs one number a column, got an array {array.shape}")
        return array.reshape(-1)

    def reads(self, value: str, *kinds: str) -> str | None:
        """Return what is at the root of a chain of operators that ends in ``value``, if it is."""
        for kind in kinds:
            node = self.made_by(value, kind)
            if node is None or len(node.input) != 1:
                return None
            value = str(node.input[0])
        return value

    def pairs(self, value: str, kind: str) -> list[tuple[str, str]]:
        """Return the two inputs of what makes a value in both orders, if it is of a kind."""
        node = self.made_by(value, kind)
        if node is None or len(node.input) != 2:
            return []
        first, second = map(str, node.input)
        return [(first, second), (second, first)]

    def is_near(self, name: str, number: float) -> bool:
        """Whether a value is a constant, and this number."""
        if not self.file.is_constant(name):
            return False
        array = self.file.array(name)
        return array.size == 1 and abs(float(array.reshape(-1)[0]) - number) < 1e-6

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
        defaults = dict(operator.fields.values())
        given = tracer.given(node, 1, **defaults, **operator.fixed)
        for name, value in operator.fixed.items():
            found = given[name]
            close = found == value
            if isinstance(value, float) and isinstance(found, float):
                close = abs(found - value) < 1e-6
            if not close:
                raise tracer.error(node, f"has {name} {found!r}; only {value!r} is known")
        values = {f: given[name] for f, (name, _) in operator.fields.items()}
        return Piece(make(**values)), tracer.input(node)

    return rule


def _same(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    tracer.given(node)
    return None, tracer.input(node)


def _flatten(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.given(node, axis=1)["axis"] not in (1, -1):
        raise tracer.error(node, "changes the shape of its input")
    return None, tracer.input(node)


def _cast(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.given(node, to=0, saturate=1)["to"] not in tracer.file.reals:
        raise tracer.error(node, "does not keep real numbers")
    return None, tracer.input(node)


def _softmax(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.given(node, axis=-1)["axis"] not in (1, -1):
        raise tracer.error(node, "does not run over the columns")
    return Piece(own.Softmax()), tracer.input(node)


def _dropout(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    rate = tracer.given(node, 3, ratio=0.5, seed=0)["ratio"]
    if len(node.input) > 1 and node.input[1]:
        ratio = tracer.array(node, 1)
        if ratio.size != 1:
            raise tracer.error(node, f"has an array {ratio.shape} as its ratio")
        rate = float(str(ratio.reshape(-1)[0]))  # 0.1, not 0.10000000149
    if len(node.input) > 2 and node.input[2] and tracer.file.truth(node.input[2]):
        raise tracer.error(node, "is in training mode, and drops values when it predicts")
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
    given = tracer.given(node, 3, alpha=1.0, beta=1.0, transA=0, transB=0)
    if given["transA"]:
        raise tracer.error(node, "transposes its input")
    B = _matrix(tracer, node)
    A = tracer.scaled(node, B if given["transB"] else B.T, given["alpha"])
    b = None
    if len(node.input) > 2 and node.input[2]:
        C = tracer.array(node, 2)
        if C.size not in (1, len(A)) or (C.ndim == 2 and C.shape[0] != 1):
            raise tracer.error(node, f"adds an array {C.shape} to {len(A)} columns")
        b = np.broadcast_to(tracer.scaled(node, C.reshape(-1), given["beta"]), (len(A),))
    return _dense(A, b), tracer.input(node)


def _matmul(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    tracer.given(node, 2)
    return _dense(_matrix(tracer, node).T, None), tracer.input(node)


def _add(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    tracer.given(node, 2)
    first, second = tracer.input(node), tracer.input(node, 1)
    for k, (constant, other) in enumerate(((first, second), (second, first))):
        if tracer.file.is_constant(constant):
            return Piece(own.Identity(), shift=tracer.vector(node, k)), other
    origin = tracer.origin([first, second])
    if origin not in (first, second) or first == second:
        raise tracer.error(node, "adds two branches; only x + g(x) is known")
    pieces = tracer.trace(first if origin == second else second, origin)
    return Piece(own.Residual(*(piece.layer for piece in pieces)), {}, pieces), origin


def _sub(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    tracer.given(node, 2)
    return Piece(own.Identity(), shift=-tracer.vector(node, 1)), tracer.input(node)


def _div(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    tracer.given(node, 2)
    divisor = tracer.vector(node, 1)
    with np.errstate(divide="ignore", over="ignore"):  # what is not finite is named below
        s = 1 / divisor
    if not np.isfinite(s).all():
        raise tracer.error(node, "divides by 0, or by a number too close to it")
    return Piece(own.Scale(), {"s": s}), tracer.input(node)


def _mul(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    tracer.given(node, 2)
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


def _where(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    """Where(β x > t, x, Softplus(β x)/β) with β = 1, as PyTorch writes softplus."""
    tracer.given(node, 3)
    tested, x, soft = (tracer.input(node, k) for k in range(3))

    def is_x(value: str) -> bool:
        return value == x or any(
            a == x and tracer.is_near(b, 1.0) for a, b in tracer.pairs(value, "Mul")
        )

    whole = next((a for a, b in tracer.pairs(soft, "Div")[:1] if tracer.is_near(b, 1.0)), soft)
    inside = tracer.reads(whole, "Softplus")
    for scaled, threshold in tracer.pairs(tested, "Greater")[:1]:
        far = tracer.file.array(threshold) if tracer.file.is_constant(threshold) else np.zeros(1)
        as_known = far.size == 1 and far.min() >= _FLAT and inside is not None and is_x(inside)
        if as_known and is_x(scaled):
            return Piece(own.Softplus()), x
    raise tracer.error(node, "chooses between two branches; only softplus is known")


def _layer_norm(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    given = tracer.given(node, 3, axis=-1, epsilon=1e-5, stash_type=1)
    if given["axis"] not in (1, -1):
        raise tracer.error(node, "does not run over the columns")
    gamma = tracer.vector(node, 1)
    has_beta = len(node.input) > 2 and node.input[2]
    beta = tracer.vector(node, 2) if has_beta else np.zeros_like(gamma)
    layer = own.LayerNorm(given["epsilon"])
    return Piece(layer, {"gamma": gamma, "beta": beta}), tracer.input(node)


def _concat(tracer: Tracer, node: Any) -> tuple[Piece | None, str]:
    if tracer.given(node, len(node.input), axis=0)["axis"] not in (1, -1):
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
    "Div": _div,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "Identity": _same,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "Mul": _mul,
    "Softmax": _softmax,
    "Sub": _sub,
    "Where": _where,
}
"""What each operator is: the layer, and the value that it reads."""
