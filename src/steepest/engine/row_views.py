"""Buffers of a program that show the rows of arrays where they lie, step after step.

A copied batch costs a pass over memory on its way in, and another on its way out. Rows in their
own order need none: a batch of them is a piece of the array. So the first instruction of a step
writes the addresses of that piece over those that the program's rows hold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..kernels.atomics import store
from .operands import Buffer, Operand
from .program import Instruction, Program

__all__ = ["assemble_over"]


def assemble_over(
    program: Program, step: Buffer, starts: Buffer, shown: Mapping[int, tuple[Buffer, int]]
) -> None:
    """Assemble ``program``, which has its memory, with buffers that show rows of arrays.

    Parameters
    ----------
    program : Program
        Gets one instruction more, in front. No other program may use the memory of the buffers.
    step : Buffer
        Where the number of the step lies.
    starts : Buffer
        Where the addresses of the arrays lie whenever the program is run. They are C-contiguous,
        and of the dtype of the buffers that show them.
    shown : dict of int to (Buffer, int)
        What becomes views, by the place in ``starts``, and by how many rows (of the first axis) a
        step moves each. Only a last step may have fewer.
    """
    count = sum(len(program.places(buffer)) for buffer, _ in shown.values())
    moves = np.zeros((count, 4), np.int64)
    names = ", ".join(buffer.name for buffer, _ in shown.values())
    operands: dict[str, Operand] = {"step": step, "starts": starts}
    operands["moves"] = Buffer.of(names, moves)
    program.instructions.insert(0, Instruction(move, operands))
    program.assemble()
    rows, found = int(program.rows.ctypes.data), []
    for which, (buffer, by) in shown.items():
        size = buffer.array.itemsize
        stride = by * (buffer.size // buffer.shape[0]) * size
        for place, offset in program.places(buffer):
            found.append((rows + 8 * place, which, offset * size, stride))
    moves[:] = found


def move(step, starts, moves):  # type: ignore[no-untyped-def]
    """moves ← the rows of the step"""
    for k in range(moves.shape[0]):
        start = starts[moves[k, 1]]
        store(int(moves[k, 0]), int(start + moves[k, 2] + step * moves[k, 3]))
