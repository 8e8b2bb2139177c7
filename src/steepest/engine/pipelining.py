"""Software pipelining: one pass over A ends a step and begins the next.

A step begins with the first layer's forward pass and ends with the update of its parameters: two
passes over A, of which the second is that of step t and the first, just behind it, that of step
t + 1. Where a layer has one kernel for both, the steps of a chunk

    tick, fetch, forward, …, update, record      tick, fetch, forward, …, update, record      …

become

    fetch, forward      tick, …, record, fetch ahead, both      …      tick, …, update, record

which are the same kernels on the same numbers: a prologue, a steady part that is one step shorter
than the chunk, and an epilogue. Between chunks everything is as it would be otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .operands import Buffer
from .program import Instruction, Program

__all__ = ["Pipelined", "Seam", "pipeline"]


@dataclass(frozen=True)
class Seam:
    """What a layer offers: ``both`` the ``update`` and the ``forward`` of the next step.

    Before it, the next input is put in ``ahead``; it leaves that in ``x``.
    """

    forward: Instruction
    update: Instruction
    both: Instruction
    x: Buffer
    ahead: Buffer


@dataclass(frozen=True)
class Pipelined:
    """The programs of a chunk: before its steps, all steps but the last, and the last one."""

    prologue: Program
    steady: Program
    epilogue: Program

    @property
    def programs(self) -> tuple[Program, Program, Program]:
        """All three."""
        return self.prologue, self.steady, self.epilogue


def pipeline(program: Program, seam: Seam | None) -> Pipelined | None:
    """Return ``program`` pipelined at ``seam``, or None if it can't be.

    It can if the seam's forward pass is the first instruction of all layers, and its update the
    last. The first instruction of the program sets the learning rate, and stays in front.
    """
    if seam is None:
        return None
    steps = program.instructions
    at = {id(instruction): k for k, instruction in enumerate(steps)}
    first, last = at[id(seam.forward)], at[id(seam.update)]
    tick, fetch, middle, record = (
        steps[:1],
        steps[1:first],
        steps[first + 1 : last],
        steps[last + 1 :],
    )
    if any(instruction.layer for instruction in (*fetch, *record)):
        return None
    ahead = [_with(instruction, seam.x, seam.ahead) for instruction in fetch]

    def part(instructions: Iterable[Instruction]) -> Program:
        return replace(program, instructions=list(instructions))

    return Pipelined(
        part([*fetch, seam.forward]),
        part([*tick, *middle, *record, *ahead, seam.both]),
        part([*tick, *middle, seam.update, *record]),
    )


def _with(instruction: Instruction, old: Buffer, new: Buffer) -> Instruction:
    """Return the instruction with other memory in the place of one array's, in any shape."""
    operands = {
        k: new.reshaped(*o.shape) if isinstance(o, Buffer) and o.block is old.block else o
        for k, o in instruction.operands.items()
    }
    return replace(instruction, operands=operands)
