"""The memory of a program."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import ALIGNMENT, aligned, is_finite
from .operands import DTYPES, Block, Buffer

__all__ = ["Arena"]


class Arena:
    """One aligned allocation for the real numbers of a program, and one for its integers.

    Blocks are asked for by name while a network is lowered, and get their memory all at once.
    Asking again for a name gives the same memory, so that the program for the last, shorter batch
    of an epoch lives in the memory of the program for whole batches.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.most_threads = 1  # of all programs that are to be lowered into it
        self._blocks: dict[str, Block] = {}
        self._fills: dict[int, float] = {}
        self._zeros: list[Block] = []
        self._reals: list[NDArray[Any]] = []

    def array(self, name: str, *shape: int, kind: str = "f") -> Buffer:
        """Return a buffer of ``shape``; the contents are zero at first."""
        size = math.prod(shape)
        block = self._blocks.get(name)
        if block is None:
            block = self._blocks[name] = Block(kind, size)
        elif block.array is None:
            block.size = max(block.size, size)
        elif block.size < size:
            raise AssertionError(f"{name}: {size} numbers wanted, {block.size} allocated")
        return Buffer(name, shape, kind, block)

    def fill(self, buffer: Buffer, value: float) -> None:
        """Have ``buffer`` begin at ``value`` instead of zero."""
        self._fills[id(buffer.block)] = value

    def reset(self, buffer: Buffer) -> None:
        """Have `clean` put zeros into ``buffer``: steps expect them there, and leave them there."""
        self._zeros.append(buffer.block)

    def allocate(self) -> None:
        """Give every block that has none its memory."""
        for kind in ("f", *DTYPES):
            dtype: np.dtype[Any] = DTYPES.get(kind, self.dtype)
            blocks = [b for b in self._blocks.values() if b.kind == kind and b.array is None]
            step = ALIGNMENT // dtype.itemsize
            starts = np.cumsum([0] + [-(-b.size // step) * step for b in blocks])
            memory = aligned(int(starts[-1]), dtype)
            if kind == "f":
                self._reals.append(memory)
            for block, start in zip(blocks, starts[:-1], strict=True):
                block.array = memory[start : start + block.size]
                if id(block) in self._fills:
                    block.array[:] = self._fills[id(block)]

    @property
    def finite(self) -> bool:
        """Whether all real numbers are finite."""
        return all(map(is_finite, self._reals))

    def clean(self) -> None:
        """Put 0 in the place of what is not finite, and of what an unfinished step has left."""
        for block in self._zeros:
            if block.array is not None:
                block.array[:] = 0
        for memory in self._reals:
            np.nan_to_num(memory, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    @property
    def nbytes(self) -> int:
        """The bytes that the blocks take."""
        return sum(b.size * DTYPES.get(b.kind, self.dtype).itemsize for b in self._blocks.values())
