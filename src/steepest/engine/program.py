"""Programs: what a network becomes before it runs.

A program is a flat list of instructions. An instruction is a kernel and its operands; assembled, it
is a row of 64-bit integers: the address of the compiled kernel, the length of the row, and the
operands (addresses, extents, constants). The driver (`steepest.engine.driver`) runs the rows in
order.

``print(program)`` shows the instructions as mathematics.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compiler.store import Kernel, count_lacking, kernel_addresses
from ..printing import Cells, Printed, shortened_text
from .operands import Buffer, Constant, Handle, Operand

__all__ = ["Instruction", "Program", "assemble", "count_to_compile", "kernels_of"]

_NAME = 60
"""The most characters of what a layer is called, in print."""


@dataclass
class Instruction:
    """A kernel and its operands.

    Parameters
    ----------
    function : callable
        The kernel. The first line of its docstring is its formula.
    operands : dict of str to Operand
        By the names of its arguments, in their order.
    layer : str
        What it belongs to, for people.
    flops : int
        Floating-point operations it does.
    nbytes : int
        Bytes it reads and writes at least.
    """

    function: Callable[..., Any]
    operands: dict[str, Operand]
    layer: str = ""
    flops: int = 0
    nbytes: int = 0

    @property
    def formula(self) -> str:
        """The kernel's formula with its arguments replaced by the names of the operands."""
        text = (inspect.getdoc(self.function) or self.function.__name__).splitlines()[0].rstrip(".")
        for name, operand in self.operands.items():
            if isinstance(operand, Buffer | Handle):
                known = operand.name
            elif isinstance(operand, Constant):
                known = f"{operand.value:.6g}"
            else:
                continue
            pattern = rf"(?<![A-Za-z0-9_\x00]){re.escape(name)}(?![A-Za-z0-9_\x00])"
            text = re.sub(pattern, lambda _, known=known: f"\x00{known}\x00", text)  # type: ignore[misc]
        return text.replace("\x00", "").replace("ᵀᵀ", "")

    @property
    def shape(self) -> str:
        """The shape of the largest array it touches."""
        arrays = [o for o in self.operands.values() if isinstance(o, Buffer) and o.shape]
        return "×".join(map(str, max(arrays, key=lambda o: o.size).shape)) if arrays else ""

    def kernel(self, dtype: str) -> Kernel:
        """Return what there is to compile."""
        return self.function, tuple(operand.code for operand in self.operands.values()), dtype

    def row(self, address: int) -> list[int]:
        """Return its row of integers; its compiled kernel is at ``address``."""
        words = [word for operand in self.operands.values() for word in operand.words()]
        return [address, 2 + len(words), *words]


@dataclass
class Program(Printed):
    """Instructions in order, for one batch size, dtype and number of threads."""

    title: str
    batch: int
    dtype: str
    threads: int
    instructions: list[Instruction] = field(default_factory=list)
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def assemble(self) -> None:
        """Make the rows of integers. The arena must have its memory."""
        assemble([self])

    def places(self, buffer: Buffer) -> list[tuple[int, int]]:
        """Return where the rows of integers hold addresses in the memory of ``buffer``.

        As pairs: the number of the integer, and how many numbers behind the buffer's start the
        address lies.
        """
        found, at = [], 0
        for instruction in self.instructions:
            at += 2
            for operand in instruction.operands.values():
                if isinstance(operand, Buffer) and operand.block is buffer.block:
                    found.append((at, operand.offset - buffer.offset))
                at += len(operand.words())
        return found

    @property
    def products(self) -> set[int]:
        """Addresses of the matrix products that it calls."""
        called = (i.operands["blas"] for i in self.instructions if "blas" in i.operands)
        return {int(operand.value) for operand in called if isinstance(operand, Constant)}

    @property
    def flops(self) -> int:
        """Floating-point operations of one step."""
        return sum(i.flops for i in self.instructions)

    @property
    def nbytes(self) -> int:
        """Bytes that one step reads and writes at least."""
        return sum(i.nbytes for i in self.instructions)

    def _printed(self) -> list[str | Cells]:
        shown = [i for i in self.instructions if i.layer != "barrier"]
        rows = [("#", "layer", "computes", "shape", "FLOPs", "bytes")]
        width = len(str(len(shown)))
        rows += [
            (str(k).rjust(width), shortened_text(i.layer, _NAME), i.formula, i.shape,
             f"{i.flops:,}", f"{i.nbytes:,}")
            for k, i in enumerate(shown, 1)
        ]  # fmt: skip
        rows.append(("", "", "one step", "", f"{self.flops:,}", f"{self.nbytes:,}"))
        noun = "thread" if self.threads == 1 else "threads"
        title = f"{self.title}: batch {self.batch}, {self.dtype}, {self.threads} {noun}"
        return [title, Cells(rows, left=4)]


def count_to_compile(programs: Sequence[Program]) -> int:
    """Return how many kernels of the programs no process has compiled before."""
    return count_lacking(kernels_of(*programs))


def assemble(programs: Sequence[Program]) -> None:
    """Make the rows of several programs; compile together what no process did before."""
    addresses = iter(kernel_addresses(kernels_of(*programs)))
    for program in programs:
        rows = [step.row(next(addresses)) for step in program.instructions]
        program.rows = np.array([word for row in rows for word in row], np.int64)


def kernels_of(*programs: Program) -> list[Kernel]:
    """Return the kernel of each instruction, in order."""
    return [step.kernel(program.dtype) for program in programs for step in program.instructions]
