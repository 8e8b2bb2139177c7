"""The check of the plain methods of a layer: what they take, and what they return.

It comes first: what the rest of a check asks the layer can then be answered.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..contract import kernel_fault
from ..errors import InputError, MissingKernelError, SteepestError
from ..layer import Layer, Parameter, State
from ..layers.sequential import Sequential
from ..parameters import Parameters
from ..shape import Shape
from .draw import SHAPES
from .report import Finding

__all__ = ["layer_faults"]

_CONTRACT = "its contract"
_ROWS = 5
_TAKE = {
    "outputs": ("p",),
    "parameters": ("p",),
    "state": ("p",),
    "memory": ("n", "p"),
    "init": ("rng", "theta"),
    "children": ("p",),
    "check_inputs": ("X",),
    "flops": ("p",),
    "output_shape": ("shape",),
    "parameters_at": ("shape",),
    "state_at": ("shape",),
    "memory_at": ("n", "shape"),
    "children_at": ("shape",),
    "flops_at": ("shape",),
    "settings_at": ("shape",),
    "lower": ("low", "x"),
}
"""What the methods of a layer take, beside ``self``."""

_WRITES = {"forward": "y", "backward_x": "dx", "backward_theta": "dθ"}


def layer_faults(layer: Layer, shape: Shape | None) -> Iterator[Finding]:
    """Yield what lacks in a layer, or can't be called as its contract says.

    Parameters
    ----------
    layer : Layer
    shape : tuple of int, optional
        Of an example that it is to take; None if that is to be found out.
    """
    wrong = [_signature_fault(layer, name) for name in _TAKE]
    found = [fault for fault in wrong if fault]
    yield from (Finding("y", _CONTRACT, hint=fault) for fault in found)
    if found:
        return
    for each in SHAPES if shape is None else (shape,):
        try:
            layer.output_shape(each)
        except InputError:
            continue  # not this one
        except Exception as error:  # whatever a user's method raises
            yield _raised("output_shape" if layer.knows_shapes else "outputs", error)
            return
        yield from _faults_at(layer, each)
        return


def _faults_at(layer: Layer, shape: Shape) -> Iterator[Finding]:
    """Yield what is wrong with what a layer says of an input, and with its kernels."""
    called: dict[str, Any] = {}
    at, p = ("_at", shape) if layer.knows_shapes else ("", shape[-1])
    outputs = "output_shape" if layer.knows_shapes else "outputs"
    for name, values in (
        (outputs, (p,)),
        (f"parameters{at}", (p,)),
        (f"memory{at}", (_ROWS, p)),
        (f"state{at}", (p,)),
        (f"children{at}", (p,)),
        (f"flops{at}", (p,)),
    ):
        try:
            called[name] = getattr(layer, name)(*values)
        except SteepestError:
            raise
        except Exception as error:  # whatever a user's method raises
            yield _raised(name, error)
            return
    odd = list(_odd_returns(called, p))
    yield from odd
    if not odd:
        try:
            Parameters(Sequential(layer), shape, "float64").draw(0)
        except SteepestError:
            raise
        except Exception as error:  # of its `init`, or of that of a layer in it
            yield _raised("init", error)
    if type(layer).lower is Layer.lower:
        yield from _kernel_faults(layer, bool(called[f"parameters{at}"]))


def _raised(name: str, error: Exception) -> Finding:
    return Finding("y", _CONTRACT, hint=f"{name} raises {type(error).__name__}: {error}")


def _signature_fault(layer: Layer, name: str) -> str:
    method, takes = getattr(layer, name), _TAKE[name]
    try:
        inspect.signature(method).bind(*takes)
    except TypeError:
        found = inspect.signature(getattr(type(layer), name))
        return f"{name} must take ({', '.join(('self', *takes))}), and takes {found}"
    return ""


def _odd_returns(called: dict[str, Any], p: int | Shape) -> Iterator[Finding]:
    four = list(called.items())[:4]
    (first, outputs), (second, parameters), (third, memory), (fourth, state) = four
    axes = outputs if isinstance(outputs, tuple) and isinstance(p, tuple) else (outputs,)
    if not axes or not all(map(_counts, axes)):
        what = "a tuple of whole numbers" if isinstance(p, tuple) else "a whole number"
        hint = f"{first}({p}) must return {what} of at least 1, not {outputs!r}"
        yield Finding("y", _CONTRACT, hint=hint)
    if not isinstance(memory, dict) or not all(isinstance(s, tuple) for s in memory.values()):
        hint = f"{third}({_ROWS}, {p}) must return a dict of shapes, not {memory!r}"
        yield Finding("y", _CONTRACT, hint=hint)
    if not isinstance(parameters, dict):
        hint = f"{second}({p}) must return a dict of Parameter, not {parameters!r}"
        yield Finding("y", _CONTRACT, hint=hint)
        return
    for name, parameter in parameters.items():
        if not isinstance(parameter, Parameter):
            hint = f"{second}({p}) must return Parameter({parameter!r}) for {name!r}, or another"
            yield Finding(f"d{name}", _CONTRACT, hint=f"{hint} Parameter")
    if not isinstance(state, dict) or not all(isinstance(s, State) for s in state.values()):
        hint = f"{fourth}({p}) must return a dict of State, not {state!r}"
        yield Finding("state", _CONTRACT, hint=hint)


def _counts(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | np.integer) and int(value) >= 1


def _kernel_faults(layer: Layer, learns: bool) -> Iterator[Finding]:
    if layer.forward_training is not None:
        fault = kernel_fault(layer.forward_training)
        if fault:
            yield Finding("y", _CONTRACT, hint=fault)
    for name, array in _WRITES.items():
        if name == "backward_theta" and not learns:
            continue
        try:
            fault = kernel_fault(getattr(layer, name))
        except MissingKernelError as error:
            fault = str(error)
        if fault:
            yield Finding(array, _CONTRACT, hint=fault)
