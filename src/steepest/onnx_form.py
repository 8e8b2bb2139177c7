"""How a layer or a loss is written in ONNX (operators of ``ai.onnx`` 20).

A layer says so in its ``onnx``: an `Operator` where ONNX has one that is the layer, else a method
that adds operators to a graph and returns the name of the output::

    onnx = Operator("Elu", {"scale": ("alpha", 1.0)})

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Mul", g.x, g.op("Sigmoid", g.x))

A loss has an ``onnx`` if it has a ``mean``: what that makes of the network's outputs ``g.x``.
How a layer is read is said in `steepest.onnx_reading`.
An estimator has a ``fill_onnx``, which adds its network and its predictions to an `OnnxModel`.
Everything is computed in float32: ONNX Runtime has most activations in no other precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from .arrays import Array
from .errors import ModelError
from .onnx_reading import Form

__all__ = ["Exchanged", "OnnxGraph", "OnnxModel", "Operator", "add_mean", "form_of"]


class OnnxGraph(Protocol):
    """A graph, and the place of the layer in it: its input x (n, …, p) by name, its parameters."""

    @property
    def x(self) -> str:
        """The name of the input."""

    @property
    def p(self) -> int:
        """The width of the input."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input for one example. A layer that knows widths only sees (p,)."""

    @property
    def theta(self) -> Mapping[str, Array]:
        """The layer's parameters, by their names in its file."""

    @property
    def state(self) -> Mapping[str, Array]:
        """The layer's state, by the names in its file."""

    @property
    def notes(self) -> dict[str, str]:
        """What a layer leaves for those behind, such as the names of masks."""

    def parameter(self, name: str) -> str:
        """Add a parameter as a constant; return its name."""

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant array; return its name."""

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator; return the name of its result."""

    def cast(self, value: str, dtype: Any) -> str:
        """Add a change of type; return the name of its result."""

    def child(self, name: str, layer: Any, x: str, at: int | tuple[int, ...]) -> str:
        """Add a layer that this one is made of, as `Layer.children` has it; return its output.

        ``at`` is the width of its input, or the shape.
        """


class OnnxModel(Protocol):
    """A whole file, to be filled by an estimator."""

    def network(self, network: Any, loss: Any) -> tuple[str, str]:
        """Add the input x (n, p) and a network; return its outputs, and what their mean is."""

    def model(self, model: Any) -> None:
        """Add a model of tables, with its inputs and outputs."""

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Add a constant array; return its name."""

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add an operator; return the name of its result, the first of its outputs."""

    def cast(self, value: str, dtype: Any) -> str:
        """Add a change of type; return the name of its result."""

    def output(self, value: str, name: str, dtype: Any, *shape: int) -> None:
        """Make a value (n, *shape) an output of the file."""


@dataclass(frozen=True)
class Operator:
    """An operator of ONNX that is a layer, to be written and to be read.

    Parameters
    ----------
    kind : str
        Its name in ONNX.
    fields : mapping
        From a field of the layer to the attribute, and the value that ONNX gives it by default.
    fixed : mapping
        Attributes that must have these values to be the layer.
    """

    kind: str
    fields: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    fixed: Mapping[str, float | str] = field(default_factory=dict)

    def __call__(self, layer: Any, g: OnnxGraph) -> str:
        """Add the operator for a layer; return the name of its result."""
        own = {name: float(getattr(layer, f)) for f, (name, _) in self.fields.items()}
        return g.op(self.kind, g.x, **own, **self.fixed)


def form_of(kind: type, *mathematics: str) -> Callable[[Any, OnnxGraph], str] | None:
    """Return the ``onnx`` of a class.

    It may come from a base class, unless a class below that one has any of ``mathematics``: what
    it computes is then something else.
    """
    for each in kind.__mro__:
        if "onnx" in vars(each):
            found: Callable[[Any, OnnxGraph], str] = vars(each)["onnx"]
            return found
        if any(name in vars(each) for name in mathematics):
            return None
    return None


def add_mean(loss: Any, g: OnnxGraph) -> str:
    """Add what the ``mean`` of a loss makes of outputs ``g.x``; return its name.

    Raises
    ------
    ModelError
        If its class has a ``mean`` and no ``onnx`` beside it.
    """
    link = form_of(type(loss), "mean")
    if link is None:
        raise ModelError(
            f"{loss!r} has no ONNX form; give its class an ``onnx`` beside its ``mean``: "
            "steepest/onnx_form.py says how"
        )
    return link(loss, g)


class Exchanged:
    """What a layer says of itself to other frameworks."""

    onnx: ClassVar[Callable[..., str]]
    """Optional: how the layer is written in ONNX."""

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        """Return the forms in which ONNX files have the layer, beside that of an `Operator`."""
        return ()

    scales_and_shifts: ClassVar[tuple[str, int, str] | None] = None
    """Of a layer whose output is scaled by a parameter and shifted by another: the first one, which
    of its axes counts the outputs, and the second one. With a map s ⊙ y + b behind it, it is the
    same layer with other parameters."""

    entrywise: ClassVar[bool] = False
    """Whether the layer does the same to every entry where each of its parameters is one number, so
    that axes may be moved before it or behind it. Activations do in any case."""

    in_a_row: ClassVar[bool] = False
    """Of a layer made of layers: whether they stand one behind the other, and are no branches."""

    def joins(self, order: tuple[int, ...] | None) -> bool:
        """Whether a layer made of layers does the same to outputs whose axes are in another order.

        Parameters
        ----------
        order : tuple of int or None
            As of `Permute`; None for the axes as they are. If it is False for that, what is inside
            must see x as it is.

        Returns
        -------
        bool
            False unless a layer says otherwise.
        """
        return False

    torch_names: ClassVar[Mapping[str, str]] = {}
    """What PyTorch calls the parameters, where it calls them otherwise."""

    torch_paths: ClassVar[Mapping[str, str]] = {}
    """What PyTorch calls parameters of the layers inside, where its names are no paths."""

    torch_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    """The axes of a parameter in PyTorch's order, where that is another one."""

    torch_others: ClassVar[tuple[str, ...]] = ()
    """What PyTorch has beside them, and the layer has no use for."""

    torch_channels_first: ClassVar[bool] = False
    """Whether PyTorch's examples have their channels on the first axis, and not on the last."""
