"""Run a program as plain Python, two threads in turn.

NumPy sees an index that leaves its array, where compiled code would read or write other memory; and
entries that both threads have changed are a race, which two real threads would show now and then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.driver import barrier
from ..engine.operands import (
    Buffer,
    Constant,
    CountedShare,
    DynamicShare,
    HalfShare,
    Share,
    Special,
    Whole,
)
from ..engine.program import Instruction, Program

__all__ = ["THREADS", "PlainError", "run_plain"]

THREADS = 2
"""So many take their turns, whatever the program has."""


class PlainError(Exception):
    """A kernel can't run, or its threads are in each other's way; ``array`` is what it writes."""

    def __init__(self, message: str, array: str) -> None:
        super().__init__(message)
        self.array = array


def run_plain(program: Program) -> None:
    """Run every instruction of ``program`` on its arrays, first for one thread, then the other."""
    for instruction in program.instructions:
        if instruction.function is not barrier:
            _run(instruction, np.dtype(program.dtype))


def _run(instruction: Instruction, dtype: np.dtype[Any]) -> None:
    name, operands = instruction.function.__name__, instruction.operands
    arrays = {k: o.array for k, o in operands.items() if isinstance(o, Buffer) and o.shape}
    shared = any(
        isinstance(operand, Share | CountedShare | HalfShare | Special | DynamicShare)
        for operand in operands.values()
    )
    touched = {k: np.zeros(array.shape, bool) for k, array in arrays.items()}
    for thread in range(THREADS if shared else 1):
        before = {k: array.copy() for k, array in arrays.items()}
        arguments = [_argument(operand, thread, dtype) for operand in operands.values()]
        try:
            with np.errstate(all="ignore"):
                instruction.function(*arguments)
        except Exception as error:  # whatever a user's kernel raises
            text = f"{name} raises {type(error).__name__}: {error}"
            raise PlainError(text, _written(operands)) from error
        for k, array in arrays.items():
            changed = _changed(before[k], array)
            if (changed & touched[k]).any():
                raise PlainError(
                    f"two threads write the same entries of {k} in {name}: it may touch only its "
                    "own rows, units or inputs, or else should ask for none of them and run on "
                    "one thread",
                    k,
                )
            touched[k] |= changed


def _argument(operand: Any, thread: int, dtype: np.dtype[Any]) -> Any:
    """Return what a kernel gets for ``operand`` when it is called as plain Python."""
    if isinstance(operand, Buffer):
        return operand.array if operand.shape else operand.array[()]
    if isinstance(operand, Constant):
        whole = not isinstance(operand.value, float)
        return np.int64(operand.value) if whole else dtype.type(operand.value)
    if isinstance(operand, Share | CountedShare | DynamicShare):
        ends = [operand.extent * k // THREADS for k in (thread, thread + 1)]
        return range(*ends)
    if isinstance(operand, HalfShare):
        return range(operand.extent if thread == operand.half else 0)
    if isinstance(operand, Whole):
        return range(operand.extent)
    assert isinstance(operand, Special)
    return thread if operand.code == "thread" else THREADS


def _written(operands: Mapping[str, Any]) -> str:
    """Return the array that a kernel with these operands is for: a target, dx, or y."""
    if "alpha" in operands:
        return next((k for k in operands if k.startswith("d") and k not in ("dx", "dy")), "dx")
    return next((k for k in ("dx", "dz", "y", "loss", "theta") if k in operands), "y")


def _changed(before: Any, after: Any) -> Any:
    return (before != after) & ~(np.isnan(before) & np.isnan(after))
