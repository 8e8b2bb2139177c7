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
from ..layer import Layer, Parameter
from ..layers.sequential import Sequential
from ..parameters import Parameters
from .report import Finding

__all__ = ["layer_faults"]

_CONTRACT = "its contract"
_ROWS = 5
_TAKE = {
    "outputs": ("p",),
    "parameters": ("p",),
    "memory": ("n", "p"),
    "init": ("rng", "theta"),
    "children": ("p",),
    "check_inputs": ("X",),
    "flops": ("p",),
    "lower": ("low", "x"),
}
"""What the methods of a layer take, beside ``self``."""

_WRITES = {"forward": "y", "backward_x": "dx", "backward_theta": "dθ"}


def layer_faults(layer: Layer, p: int | None) -> Iterator[Finding]:
    """Yield what lacks in a layer, or can't be called as its contract says.

    Parameters
    ----------
    layer : Layer
    p : int, optional
        A number of inputs that it is to take; None if that is to be found out.
    """
    wrong = [_signature_fault(layer, name) for name in _TAKE]
    found = [fault for fault in wrong if fault]
    yield from (Finding("y", _CONTRACT, hint=fault) for fault in found)
    if found:
        return
    widths = (p,) if p is not None else (5, *range(1, 41))
    for width in widths:
        try:
            layer.outputs(width)
        except InputError:
            continue  # not this many
        except Exception as error:  # whatever a user's method raises
            yield _raised("outputs", error)
            return
        yield from _faults_at(layer, width)
        return


def _faults_at(layer: Layer, p: int) -> Iterator[Finding]:
    """Yield what is wrong with what a layer says of ``p`` inputs, and with its kernels."""
    called: dict[str, Any] = {}
    for name, values in (
        ("outputs", (p,)),
        ("parameters", (p,)),
        ("memory", (_ROWS, p)),
        ("children", (p,)),
        ("flops", (p,)),
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
            Parameters(Sequential(layer), p, "float64").draw(0)
        except SteepestError:
            raise
        except Exception as error:  # of its `init`, or of that of a layer in it
            yield _raised("init", error)
    if type(layer).lower is Layer.lower:
        yield from _kernel_faults(layer, bool(called["parameters"]))


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


def _odd_returns(called: dict[str, Any], p: int) -> Iterator[Finding]:
    outputs, parameters, memory = (called[k] for k in ("outputs", "parameters", "memory"))
    if isinstance(outputs, bool) or not isinstance(outputs, int | np.integer) or outputs < 1:
        hint = f"outputs({p}) must return a whole number of at least 1, not {outputs!r}"
        yield Finding("y", _CONTRACT, hint=hint)
    if not isinstance(memory, dict) or not all(isinstance(s, tuple) for s in memory.values()):
        hint = f"memory({_ROWS}, {p}) must return a dict of shapes, not {memory!r}"
        yield Finding("y", _CONTRACT, hint=hint)
    if not isinstance(parameters, dict):
        hint = f"parameters({p}) must return a dict of Parameter, not {parameters!r}"
        yield Finding("y", _CONTRACT, hint=hint)
        return
    for name, parameter in parameters.items():
        if not isinstance(parameter, Parameter):
            hint = f"parameters({p}) must return Parameter({parameter!r}) for {name!r}, or another"
            yield Finding(f"d{name}", _CONTRACT, hint=f"{hint} Parameter")


def _kernel_faults(layer: Layer, learns: bool) -> Iterator[Finding]:
    for name, array in _WRITES.items():
        if name == "backward_theta" and not learns:
            continue
        try:
            fault = kernel_fault(getattr(layer, name))
        except MissingKernelError as error:
            fault = str(error)
        if fault:
            yield Finding(array, _CONTRACT, hint=fault)
