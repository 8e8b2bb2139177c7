"""How a layer is read from ONNX: the forms in which files have it, beside how it is written.

A layer says so in its ``onnx_import``. A form is a pattern of operators, in which a text names a
value and a number stands for a constant. Factors and summands may come in any order::

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Mul", "x", Op("Sigmoid", "x"))),)

is the layer with its defaults, and it reads ``x``. A form may have settings, or a function that
makes a `Reading` of the operator, or returns None if it is not this layer after all::

    Form(Op("Clip"), read_clip)

An `Operator` in ``onnx`` is such a form already. Forms of more operators are tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .arrays import Array

if TYPE_CHECKING:
    from .errors import ModelError

__all__ = ["Form", "OnnxNode", "Op", "Reading", "Spans"]


class Op:
    """An operator in a pattern.

    Parameters
    ----------
    kind : str
        Its name in ONNX, with its domain if that is another one: ``"ai.onnx.ml.Scaler"``.
    *inputs : Op, str or float
        What it reads: of exactly these, or of anything if there are none. The same name stands for
        the same value; a number for a constant that is it to six digits. Those of ``Mul`` and
        ``Add`` may be any number, in any order.
    **attributes : float, int, str, list of int or None
        What it must have, None for anything; others must have their defaults, which is for the
        function to see if there are no inputs.
    """

    def __init__(
        self, kind: str, *inputs: Op | str | float, **attributes: float | str | list[int] | None
    ) -> None:
        self.kind, self.inputs, self.attributes = kind, inputs, attributes
        self.name = ""

    def called(self, name: str) -> Op:
        """Return the same operator with a name for the value that it makes."""
        found = Op(self.kind, *self.inputs, **self.attributes)
        found.name = name
        return found

    @property
    def size(self) -> int:
        """The number of operators in the pattern."""
        return 1 + sum(each.size for each in self.inputs if isinstance(each, Op))


@dataclass(frozen=True)
class Spans:
    """Which tokens tell a layer of sequences what steps belong together.

    Parameters
    ----------
    tokens : str
        The value that has them, in the file.
    padding, start : int, optional
        As of `TokenEmbedding`.
    """

    tokens: str
    padding: int | None
    start: int | None


@dataclass(frozen=True)
class Reading:
    """A layer that was read, with its parameters, and what is inside it.

    Parameters
    ----------
    layer : Layer
        The layer.
    x : str
        The value that it reads.
    theta : mapping
        Its parameters, and its state if the file has it; one number stands for a whole row.
    inside : sequence of Reading
        Its children, in the order of `Layer.children`.
    takes, makes : int, optional
        The widths that its input and its output must have, where the file says so.
    axis : int, optional
        The axis of x that the layer works along, where that need not be its last one: counted as
        the file does, with that of the examples as 0, or back from the end. Another one than the
        last is turned there, and back.
    rank : int, optional
        The number of axes that an example must have.
    shape : tuple of int, optional
        The shape of an example of the output.
    rows : bool
        It is no layer: from here on the file has the rows of all examples, one under the other, as
        if they were examples; with a ``shape``, from here on they are parts of examples again.
    columns : (int, int), optional
        It is no layer, but these columns of x, from the first up to the second.
    spans : Spans, optional
        What tells it which steps belong together, if not all do.
    said_by : str
        The operator that says the widths. It is filled in by who reads the file.
    """

    layer: Any
    x: str
    theta: Mapping[str, Array] = field(default_factory=dict)
    inside: Sequence[Reading] = ()
    takes: int | None = None
    makes: int | None = None
    axis: int | None = None
    rank: int | None = None
    shape: tuple[int, ...] | None = None
    rows: bool = False
    columns: tuple[int, int] | None = None
    spans: Spans | None = None
    said_by: str = ""


class OnnxNode(Protocol):
    """An operator of a file that a form fits.

    Its inputs are asked for by their place, 0, 1, …, or by their name in the pattern.
    """

    @property
    def kind(self) -> str:
        """The operator."""

    @property
    def inputs(self) -> list[str]:
        """The names of its inputs; empty where one is left out."""

    @property
    def reals(self) -> tuple[int, ...]:
        """The element types of ONNX that are real numbers."""

    def value(self, key: int | str) -> str:
        """Return the name of an input."""

    def has(self, k: int) -> bool:
        """Whether the input k is given."""

    def given(self, most: int = 1, **known: Any) -> dict[str, Any]:
        """Return the attributes: those given here are the only ones known, with their defaults.

        One whose default is None may be anything.
        """

    def is_constant(self, key: int | str) -> bool:
        """Whether an input stands in the file."""

    def array(self, key: int | str) -> Array:
        """Return an input that must be a constant of real numbers."""

    def row(self, key: int | str) -> Array:
        """Return an input that must be a constant number for each column, as (q,) or (1,)."""

    def along(self, key: int | str, x: int | str) -> tuple[Array, int]:
        """Return a constant with one number for each entry of one axis of ``x``, and that axis.

        The numbers as (q,) or (1,); the axis counted back from the last one, which is −1.
        """

    def rank(self, key: int | str) -> int | None:
        """Return the number of axes of an example of a value, if it is known."""

    def examples(self, key: int | str) -> tuple[int, tuple[int, ...]] | None:
        """Return how many there are for each example of the file's input, and the shape of one."""

    def made_by(self, key: int | str) -> OnnxNode:
        """Return the operator that makes an input."""

    def fitting(self, key: int | str, pattern: Op) -> OnnxNode | None:
        """Return the operator that makes an input, if a pattern fits it."""

    def makes(self) -> tuple[int, tuple[int, ...]] | None:
        """Return the same of what the operator makes."""

    def number(self, key: int | str) -> float:
        """Return an input that must be one constant number."""

    def whole(self, key: int | str) -> list[int]:
        """Return an input that must be constant whole numbers."""

    def truth(self, key: int | str) -> bool:
        """Return an input that must be a constant that is true or false."""

    def truths(self, key: int | str) -> Array:
        """Return an input that must be a constant array of what is true or false."""

    def branches(self, *values: str, columns: bool = False) -> tuple[str, list[list[Reading]]]:
        """Return the nearest value that all of these are made of, and how each is.

        With ``columns``, a branch may begin with some of the columns.
        """

    def error(self, why: str) -> ModelError:
        """Return the error that names the operator."""


Read = Callable[[Any, OnnxNode], "Reading | list[Reading] | None"]
"""A list is of layers one after the other."""


class Form:
    """A form in which files have a layer.

    Parameters
    ----------
    pattern : Op
        The operator that makes the layer's output, and those before it.
    read : callable, optional
        Makes a `Reading` of the layer's class and the operator that fits, or returns None. Without
        it, the layer has the ``settings``, and reads the value that the pattern calls ``x``.
    **settings
        Of the layer.
    """

    def __init__(self, pattern: Op, read: Read | None = None, **settings: Any) -> None:
        self.pattern, self._read, self.settings = pattern, read, settings

    def read(self, layer: Any, node: OnnxNode) -> Reading | list[Reading] | None:
        """Return what a layer of this class is here, or None."""
        if self._read is not None:
            return self._read(layer, node)
        if not self.pattern.inputs:
            node.given()
        x = node.value("x" if self.pattern.inputs else 0)
        return Reading(layer(**self.settings), x)
