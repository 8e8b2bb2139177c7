"""Runs one kernel, as plain Python or compiled, on arrays and numbers given by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.compiler.store import kernel_addresses
from steepest.engine.driver import aligned
from steepest.engine.operands import Buffer, Constant, Share, Special, Whole
from steepest.engine.program import Instruction
from steepest.kernels.atomics import call
from steepest.rules.blocks import block_count

SHARES = {"rows": 1, "units": 16, "inputs": 16, "entries": 16, "blocks": 1}


def share(extent: int, grain: int, thread: int, threads: int) -> range:
    blocks = -(-extent // grain)
    start, stop = (min(extent, blocks * t // threads * grain) for t in (thread, thread + 1))
    return range(start, stop)


def extents(named: dict[str, Any]) -> dict[str, int]:
    """Return the extents of the shares, from the arrays that have them."""
    found = {}
    for share_name, arrays, axis in (
        ("rows", ("x", "z", "dy"), 0),
        ("units", ("y", "dy"), 1),
        ("inputs", ("x", "dx"), 1),
        ("entries", ("theta", "g"), 0),
    ):
        for array in arrays:
            if np.ndim(named.get(array)) > axis:
                found[share_name] = named[array].shape[axis]
                break
    if "entries" in found:
        found["blocks"] = block_count(found["entries"])
    return found


def run_kernel(
    function: Callable[..., None], dtype: str, compiled: bool, threads: int = 1, **named: Any
) -> None:
    """Call ``function`` with what it asks for among ``named``, once for each thread.

    Arrays of reals must be of ``dtype``. A real number may be a 0-d array, which is then an operand
    that lies in memory. Arrays are written to in place.
    """
    wanted = list(inspect.signature(function).parameters)
    extent = extents(named)
    arrays = {k: np.asarray(v) for k, v in named.items() if isinstance(v, np.ndarray)}
    for name, array in arrays.items():
        assert array.dtype in (np.dtype(dtype), np.int64, np.int32), (name, array.dtype)
    alone = not {*SHARES, "thread", "threads"} & set(wanted)
    whole = {"units"} if {"rows", "units"} <= set(wanted) else set()  # a rectangle: all units
    if not compiled:
        for thread in range(1 if alone else threads):
            arguments: list[Any] = []
            for name in wanted:
                value = named.get(name)
                if name in whole:
                    arguments.append(range(extent[name]))
                elif name in SHARES:
                    arguments.append(share(extent[name], SHARES[name], thread, threads))
                elif name in ("thread", "threads"):
                    arguments.append(thread if name == "thread" else threads)
                elif isinstance(value, np.ndarray):
                    arguments.append(value if value.ndim else value[()])
                elif isinstance(value, float):
                    arguments.append(np.dtype(dtype).type(value))
                else:
                    arguments.append(np.int64(value))
            function(*arguments)
        return
    operands: dict[str, Any] = {}
    copies: dict[str, np.ndarray] = {}
    for name in wanted:
        value = named.get(name)
        if name in whole:
            operands[name] = Whole(extent[name])
        elif name in SHARES:
            operands[name] = Share(extent[name], SHARES[name])
        elif name in ("thread", "threads"):
            operands[name] = Special(name)
        elif isinstance(value, np.ndarray):
            copies[name] = aligned(value.size, value.dtype).reshape(value.shape)
            copies[name][...] = value
            operands[name] = Buffer.of(name, copies[name])
        else:
            assert value is not None, name
            operands[name] = Constant(value)
    row = row_of(Instruction(function, operands), dtype)
    for thread in range(threads):
        assert call(int(row[0]), row.ctypes.data, thread, threads) == 0
    for name, copy in copies.items():
        named[name][...] = copy


def row_of(instruction: Instruction, dtype: str) -> np.ndarray:
    """Return the row of integers of one instruction, compiled."""
    (address,) = kernel_addresses([instruction.kernel(dtype)])
    return np.array(instruction.row(address), np.int64)


def numerical_gradient(f: Callable[[], float], x: np.ndarray, eps: float = 1e-6) -> np.ndarray:
    """Return ∂f/∂x by central differences; ``f`` reads ``x``, which is changed in place."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + eps
        above = f()
        x[index] = kept - eps
        below = f()
        x[index] = kept
        gradient[index] = (above - below) / (2 * eps)
    return gradient
