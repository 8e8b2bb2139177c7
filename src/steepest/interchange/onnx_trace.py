"""From the end of an ONNX graph back to its input, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError, ModelError
from ..layers import Permute
from ..layers._reading import joined
from ..onnx_reading import Op, Reading
from .onnx_file import OnnxFile
from .onnx_fold import folded
from .onnx_forms import Known
from .onnx_match import Matcher, Names

__all__ = ["Tracer"]

_DEEPEST = 32


class Tracer:
    """Follows values back through the nodes of a file.

    Parameters
    ----------
    file : OnnxFile
    known : mapping
        The forms of layers (`steepest.interchange.onnx_forms`).
    """

    def __init__(self, file: OnnxFile, known: Known) -> None:
        self.file = file
        self.matcher = Matcher(file)
        self._known = known
        self._split: dict[tuple[str, ...], tuple[str, list[list[Reading]]]] = {}
        self._asking: list[Node] = []
        self._steps = 0
        self._depth = 0

    def trace(self, value: str, origin: str) -> list[Reading]:
        """Return the layers that make ``value`` of ``origin``, the first one first."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.file.error(f"branches lie in each other more than {_DEEPEST} deep")
        pieces: list[Reading] = []
        value, origin = self.matcher.plain(value), self.matcher.plain(origin)
        while value != origin:
            found = self._read(value, origin)
            value = self.matcher.plain(found[0].x)
            pieces += reversed(found)
        self._depth -= 1
        self.check_whole(pieces[:-1])
        return folded(self.file, pieces[::-1])

    def check_whole(self, pieces: Sequence[Reading]) -> None:
        """Raise `ModelError` if one of these is some columns, and no layer."""
        for piece in pieces:
            if piece.columns:
                why = "takes some of the columns; only Concat may read those, of all"
                raise self.file.error(f"{piece.said_by} {why}")

    def unshaped(self, value: str) -> tuple[str, int | None]:
        """Return what the end of a graph makes flat, and of how many columns that must be.

        Squeeze, Reshape and Gather of (n, 1) to (n,).
        """
        value = self.matcher.plain(value)
        node = self.file.made_by.get(value)
        kind = None if node is None else self.file.kind(node)
        if node is None or self.file.rank(str(node.input[0]) if node.input else "") not in (
            1,
            None,
        ):
            return value, None
        if kind == "Squeeze":
            end = Node(self, node, {})
            axes = end.given(2, axes=[])["axes"]
            axes = end.whole(1) if end.has(1) else axes
            if axes not in ([1], [-1]):
                raise end.error("takes away another axis than that of the columns")
            return end.value(0), 1
        if kind == "Gather":
            end = Node(self, node, {})
            if end.given(2, axis=0)["axis"] in (1, -1) and end.whole(1) == [0]:
                return end.value(0), 1
        if kind == "Reshape" and Node(self, node, {}).whole(1) == [-1]:
            return Node(self, node, {}).value(0), 1
        return value, None

    def branches(self, node: Node, values: tuple[str, ...]) -> tuple[str, list[list[Reading]]]:
        """Return the nearest value that all of these are made of, and how each is."""
        if values not in self._split:
            origin = self._origin(values)
            self._asking.append(node)
            self._split[values] = origin, [self.trace(value, origin) for value in values]
            self._asking.pop()
        return self._split[values]

    def _read(self, value: str, origin: str) -> list[Reading]:
        """Return the layer that makes a value, or the layers, the first one first."""
        node = self.file.made_by.get(value)
        self._steps += 1
        if value in self.file.beside:
            other, k = self.file.beside[value]
            why = f"is read for its output {k}; only its output 0 is known"
            raise Node(self, other, {}).error(why)
        if node is None or self._steps > len(self.file.made_by):
            why = f"no path leads from {origin!r} to {value!r}"
            if self._asking:
                raise self._asking[-1].error(f"joins branches that are not apart: {why}")
            raise self.file.error(why)
        kind = self.file.kind(node)
        for layer, form in self._known.get(kind, ()):
            names = self.matcher.match(form.pattern, value)
            if names is None:
                continue
            seen = Node(self, node, names)
            try:
                piece = form.read(layer, seen)
            except InputError as error:
                raise seen.error(f"makes no layer: {error}") from error
            if piece is not None:
                pieces = piece if isinstance(piece, list) else self._turned(seen, piece)
                return [replace(each, said_by=seen.named) for each in pieces]
        raise Node(self, node, {}).error(self._why_unknown(kind))

    def _turned(self, node: Node, piece: Reading) -> list[Reading]:
        """Return a layer that works along another axis than the last with that axis turned there.

        Of layers inside, each turns it back, works as in the file, and turns it there.
        """
        rank = self.file.rank(piece.x)
        if piece.axis is None or rank is None:
            return [piece]
        axis = piece.axis if piece.axis > 0 else piece.axis + rank + 1
        if not 0 < axis <= rank:
            raise node.error(f"does not run over the columns: axis {piece.axis} of {rank + 1}")
        piece = replace(piece, axis=axis - rank - 1)
        if axis == rank or piece.columns:
            return [piece]
        order = [*(k for k in range(1, rank + 1) if k != axis), axis]
        there = Reading(Permute(tuple(order)), piece.x)
        back = Reading(Permute(tuple(order.index(k) + 1 for k in range(1, rank + 1))), "")
        if piece.inside:
            inside = [joined([back, part, there]) for part in piece.inside]
            layer = piece.layer.of([part.layer for part in inside])
            piece = replace(piece, layer=layer, inside=inside)
        return [there, replace(piece, axis=-1), back]

    def _why_unknown(self, kind: str) -> str:
        layers = sorted({layer.__name__ for layer, _ in self._known.get(kind, ())})
        if not layers:
            return "is no layer of Steepest"
        return f"is no layer of Steepest in this form; known are those of {', '.join(layers)}"

    def _origin(self, values: tuple[str, ...]) -> str:
        """Return the last value that all of these are made of, or are."""
        made_of = [self._made_of(value) for value in values]
        shared = set(made_of[0]).intersection(*made_of[1:])
        return next((name for name in made_of[0] if name in shared), self.file.input)

    def _made_of(self, value: str) -> dict[str, None]:
        """Return a value and all that it is made of, the nearest first."""
        value = self.matcher.plain(value)
        found = {value: None}
        queue = [value]
        for name in queue:
            node = self.file.made_by.get(name)
            for each in node.input if node is not None else ():
                inner = self.matcher.plain(str(each))
                if inner and inner not in found and not self.file.is_constant(inner):
                    found[inner] = None
                    queue.append(inner)
        return found


class Node:
    """A node of a file, as a layer is shown it (`steepest.onnx_reading.OnnxNode`)."""

    def __init__(self, tracer: Tracer, node: Any, names: Names) -> None:
        self._tracer, self._file = tracer, tracer.file
        self._node, self._names = node, names

    @property
    def kind(self) -> str:
        """The operator."""
        return self._file.kind(self._node)

    @property
    def inputs(self) -> list[str]:
        """The names of its inputs; empty where one is left out."""
        return [str(name) for name in self._node.input]

    @property
    def reals(self) -> tuple[int, ...]:
        """The element types of ONNX that are real numbers."""
        return self._file.reals

    def value(self, key: int | str) -> str:
        """Return the name of an input."""
        if isinstance(key, str):
            return self._names[key]
        if key >= len(self.inputs):
            raise self.error(f"has no input {key}")
        return self.inputs[key]

    def has(self, k: int) -> bool:
        """Whether the input k is given."""
        return k < len(self.inputs) and bool(self.inputs[k])

    def given(self, most: int = 1, **known: Any) -> dict[str, Any]:
        """Return the attributes, those that it leaves out with the values given here.

        Raises
        ------
        ModelError
            If there is another attribute, or one is of another type or not finite, or the node has
            more than ``most`` inputs.
        """
        found = self._file.attributes(self._node)
        for name, value in found.items():
            if name not in known:
                raise self.error(f"has the attribute {name!r}, which is not known")
            if known[name] is None:  # of no interest
                continue
            kind = type(known[name])
            finite = kind not in (float, list) or (type(value) is kind and _finite(value))
            if type(value) is not kind or not finite:
                shown = "something else" if value is None else repr(value)
                raise self.error(f"has {name} {shown}; expected {_WHAT[kind]}")
        if len(self.inputs) > most:
            raise self.error(f"has {len(self.inputs)} inputs; at most {most} are known")
        return {**known, **found}

    def is_constant(self, key: int | str) -> bool:
        """Whether an input stands in the file."""
        return self._file.is_constant(self.value(key))

    def array(self, key: int | str) -> Array:
        """Return an input that must be a constant of real numbers."""
        return self._file.array(self._constant(key))

    def row(self, key: int | str) -> Array:
        """Return an input that must be a constant number for each column, as (q,) or (1,)."""
        array = self.array(key)
        if array.size != (array.shape or (1,))[-1] or array.ndim > 2:
            raise self.error(f"needs one number a column, got an array {array.shape}")
        return array.reshape(-1)

    def along(self, key: int | str, x: int | str) -> tuple[Array, int]:
        """Return a constant with one number for each entry of one axis of ``x``, and that axis."""
        array, rank = self.array(key), self.rank(x)
        if rank is None:
            return self.row(key), -1
        longer = [k - array.ndim for k in range(array.ndim) if array.shape[k] != 1]
        if array.ndim > rank + 1 or longer[1:] or min(longer, default=-1) < -rank:
            raise self.error(f"needs one number a column, got an array {array.shape}")
        return array.reshape(-1), longer[0] if longer else -1

    def rank(self, key: int | str) -> int | None:
        """Return the number of axes of an example of a value, if it is known."""
        return self._file.rank(self.value(key))

    def examples(self, key: int | str) -> tuple[int, tuple[int, ...]] | None:
        """Return how many there are for each example of the file's input, and the shape of one."""
        return self._file.examples(self.value(key))

    def made_by(self, key: int | str) -> Node:
        """Return the operator that makes an input."""
        made = self._file.made_by.get(self.value(key))
        if made is None:
            raise self.error(f"reads {self.value(key)!r}, which no operator makes")
        return Node(self._tracer, made, {})

    def fitting(self, key: int | str, pattern: Op) -> Node | None:
        """Return the operator that makes an input, if a pattern fits it."""
        value = self._tracer.matcher.plain(self.value(key))
        names = self._tracer.matcher.match(pattern, value)
        return None if names is None else Node(self._tracer, self._file.made_by[value], names)

    def makes(self) -> tuple[int, tuple[int, ...]] | None:
        """Return the same of what the operator makes."""
        return self._file.examples(str(self._node.output[0]))

    def number(self, key: int | str) -> float:
        """Return an input that must be one constant number."""
        array = self.array(key)
        if array.size != 1:
            raise self.error(f"needs one number, got an array {array.shape}")
        return float(str(array.reshape(-1)[0]))  # 0.1, not 0.10000000149

    def whole(self, key: int | str) -> list[int]:
        """Return an input that must be constant whole numbers."""
        return self._file.whole(self._constant(key))

    def truth(self, key: int | str) -> bool:
        """Return an input that must be a constant that is true or false."""
        return self._file.truth(self._constant(key))

    def truths(self, key: int | str) -> Array:
        """Return an input that must be a constant array of what is true or false."""
        return self._file.truths(self._constant(key))

    def _constant(self, key: int | str) -> str:
        """Return the name of an input that must be a constant."""
        name = self.value(key)
        if not self._file.is_constant(name):
            raise self.error(f"reads {name!r}, which is no constant")
        return name

    def branches(self, *values: str, columns: bool = False) -> tuple[str, list[list[Reading]]]:
        """Return the nearest value that all of these are made of, and how each is.

        With ``columns``, a branch may begin with some of the columns.
        """
        if not values:
            raise self.error("has no inputs")
        origin, branches = self._tracer.branches(self, values)
        if not columns and any(piece.columns for branch in branches for piece in branch):
            raise self.error("reads some of the columns of a value; only Concat may, of all")
        return origin, branches

    @property
    def named(self) -> str:
        """The operator and its name."""
        name = f" {self._node.name!r}" if self._node.name else ""
        return f"its operator {repr(self.kind)[1:-1]}{name}"  # without control characters

    def error(self, why: str) -> ModelError:
        """Return the error that names the operator."""
        return self._file.error(f"{self.named} {why}")


_WHAT = {
    float: "a finite real number",
    int: "a whole number",
    str: "a text",
    list: "finite numbers",
    tuple: "texts",
}


def _finite(value: Any) -> bool:
    return bool(np.isfinite(value).all())
