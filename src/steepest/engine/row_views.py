"""RowViews: buffers of a program that show the rows of arrays where they lie, step after step.

A copied batch costs a pass over memory on its way in, and another on its way out. Rows in their
own order need none: a batch of them is a piece of the array. So the first instruction of a step
writes the addresses of that piece over those that the program's rows hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.atomics import store
from .operands import Buffer
from .program import Instruction, Program

__all__ = ["RowViews"]


class RowViews:
    """Makes views of buffers of ``program``, which has its memory and is not yet assembled.

    Parameters
    ----------
    program : Program
        Gets one instruction more, in front. No other program may use the memory of the buffers.
    step : Buffer
        Where the number of the step lies.
    buffers : dict of str to (Buffer, int)
        What becomes views, by names of the caller's, and by how many rows (of the first axis) a
        step moves each. Only a last step may have fewer.
    """

    def __init__(
        self, program: Program, step: Buffer, buffers: Mapping[str, tuple[Buffer, int]]
    ) -> None:
        self._program = program
        self._by = {name: by for name, (_, by) in buffers.items()}
        count = sum(len(program.places(buffer)) for buffer, _ in buffers.values())
        self._moves = np.zeros((count, 3), np.int64)  # the word to write, its start, its stride
        moves = Buffer.of(", ".join(buffers), self._moves)
        program.instructions.insert(0, Instruction(move, {"step": step, "moves": moves}))
        self._places = [
            (name, *at) for name, (buffer, _) in buffers.items() for at in program.places(buffer)
        ]

    def open(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Show ``arrays``, C-contiguous, from the next run on. They must live as long as it."""
        assert all(array.flags.c_contiguous for array in arrays.values())
        begin = {
            name: (int(array.ctypes.data), array.itemsize, self._by[name] * array.strides[0])
            for name, array in arrays.items()
        }
        rows = int(self._program.rows.ctypes.data)
        self._moves[:] = [
            (rows + 8 * place, begin[name][0] + offset * begin[name][1], begin[name][2])
            for name, place, offset in self._places
        ]


def move(step, moves):  # type: ignore[no-untyped-def]
    """moves ← the rows of the step"""
    for k in range(moves.shape[0]):
        store(int(moves[k, 0]), int(moves[k, 1] + step * moves[k, 2]))
