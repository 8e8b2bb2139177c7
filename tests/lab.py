"""Runs instructions one thread after another, in memory whose surroundings are watched.

Whatever kernels a layer chooses, an instruction must write inside its arrays only, no two threads
may write the same entry, and no thread may need what another writes in the same instruction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from helpers import row_of
from steepest import Identity, Network
from steepest.arrays import aligned
from steepest.engine.arena import Arena
from steepest.engine.driver import Control, barrier
from steepest.engine.operands import DTYPES, Block, Buffer, Constant, Handle
from steepest.engine.program import Instruction, Program
from steepest.kernels.atomics import call
from steepest.lowering.lowering import Accumulator, Lowering
from steepest.lowering.training_settings import TrainingSettings

PAD = 32  # entries before and after: two vectors at least
SENTINEL = 77
WRITTEN = ("y", "dx", "dz", "loss", "batch", "out", "total")  # kernels write all of these


class Guards:
    """Arrays with sentinels on both sides."""

    def __init__(self) -> None:
        self._outer: list[np.ndarray] = []

    def array(self, size: int, dtype: Any) -> np.ndarray:
        """Return ``size`` aligned zeros."""
        outer = aligned(size + 2 * PAD, dtype)
        outer[:PAD] = outer[PAD + size :] = SENTINEL
        self._outer.append(outer)
        return outer[PAD : PAD + size]

    def copy(self, array: Any) -> np.ndarray:
        found = self.array(np.size(array), np.asarray(array).dtype).reshape(np.shape(array))
        found[...] = array
        return found

    def check(self) -> None:
        """Assert that nothing was written outside the arrays."""
        for outer in self._outer:
            assert (outer[:PAD] == SENTINEL).all(), "written before the beginning"
            assert (outer[-PAD:] == SENTINEL).all(), "written beyond the end"


class GuardedArena(Arena):
    """Memory whose blocks have sentinels on both sides."""

    def __init__(self, dtype: str, guards: Guards) -> None:
        super().__init__(dtype)
        self._guards = guards

    def allocate(self) -> None:
        for block in self._blocks.values():
            dtype = DTYPES.get(block.kind, self.dtype)
            block.array = self._guards.array(block.size, dtype)
            block.array[:] = self._fills.get(id(block), 0)


class Lab:
    """One program to put together and run.

    ``low`` emits; ``alpha`` times the gradient is added to random numbers, or, ``fused``, to the
    parameters themselves.
    """

    def __init__(
        self, n: int, dtype: str, threads: int, network: Network | None = None,
        alpha: float = 1.0, fused: bool = False, seed: int = 0, matmul_dtype: str | None = None,
    ) -> None:  # fmt: skip
        self.dtype, self.guards = dtype, Guards()
        self._known: set[int] = set()  # where the arrays lie that have their contents
        self.network = network or Network(Identity(), inputs=1, dtype=dtype)
        self.arena, target = GuardedArena(dtype, self.guards), None
        self.rng = np.random.default_rng(seed)
        if self.network.built.buffers:
            block = next(iter(self.network.built.buffers.values())).block
            block.array = self.guards.copy(self.network.theta)
            if fused:
                rate = self.arena.array("−η", 1)
                self.arena.fill(rate, alpha)
                target = Accumulator(self.network.built.buffers, Buffer("−η", (), "f", rate.block))
            else:
                g = self.guards.copy(
                    self.rng.standard_normal(self.network.theta.size).astype(dtype)
                )
                own = Block("f", g.size, g)
                target = Accumulator(
                    {k: Buffer("d" + b.name, b.shape, "f", own, b.offset)
                     for k, b in self.network.built.buffers.items()},
                    Constant(alpha),
                )  # fmt: skip
        self.target = target
        self.program = Program("lab", n, dtype, threads)
        self.low = Lowering(
            self.program, self.arena, self.network.built, Control(), Buffer.number("t"),
            training=TrainingSettings(matmul_dtype=matmul_dtype), target=target,
        )  # fmt: skip

    def given(self, name: str, array: Any) -> Buffer:
        """Return a copy of ``array`` as an operand."""
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        copy = self.guards.copy(array)
        self._known.add(copy.ctypes.data)
        return Buffer.of(name, copy)

    def parameters(self, buffers: dict[str, Buffer]) -> dict[str, np.ndarray]:
        """Return what lies in ``buffers``, by the names and in the shapes users know."""
        return {
            name: np.array(b.array.T if self.network.built.declared[name].by_columns else b.array)
            for name, b in buffers.items()
        }

    def run(self) -> None:
        """Run the program; assert that threads keep apart and to their arrays."""
        self.low.settle()
        self.arena.allocate()
        for instruction in self.program.instructions:
            if instruction.function is barrier:
                continue
            for name, array in _arrays(instruction):
                if name in WRITTEN and array.ctypes.data not in self._known:
                    array.fill(SENTINEL)
                self._known.add(array.ctypes.data)
            self._run_apart(instruction)
        self.guards.check()

    def _run_apart(self, instruction: Instruction) -> None:
        row = row_of(instruction, self.dtype)
        arrays = list({a.ctypes.data: a for _, a in _arrays(instruction)}.values())
        before = [a.copy() for a in arrays]
        after, written = [a.copy() for a in arrays], [np.zeros(a.shape, bool) for a in arrays]
        for thread in range(self.program.threads):
            for array, start in zip(arrays, before, strict=True):
                array[...] = start
            assert call(int(row[0]), row.ctypes.data, thread, self.program.threads) == 0
            for array, start, end, taken in zip(arrays, before, after, written, strict=True):
                mine = array != start
                assert not (mine & taken).any(), f"{instruction.formula}: two threads, one entry"
                taken |= mine
                end[mine] = array[mine]
        for array, end in zip(arrays, after, strict=True):
            array[...] = end


def _arrays(instruction: Instruction) -> Iterator[tuple[str, np.ndarray]]:
    for name, operand in instruction.operands.items():
        if isinstance(operand, Handle):
            assert operand._array is not None
            yield name, operand._array
        elif isinstance(operand, Buffer) and operand.shape:
            yield name, operand.array
