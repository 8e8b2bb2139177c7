"""Operands: what stands in a row of a program for an argument of a kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import aligned

__all__ = [
    "DTYPES",
    "KINDS",
    "Block",
    "Buffer",
    "Constant",
    "CountedShare",
    "DynamicShare",
    "HalfShare",
    "Handle",
    "Operand",
    "Share",
    "SparseBatch",
    "Special",
    "Whole",
]


DTYPES: dict[str, np.dtype[Any]] = {
    "i": np.dtype(np.int64),
    "j": np.dtype(np.int32),
    "b": np.dtype(np.uint8),
}
"""By kind of array: its dtype, where that is not the program's, of kind "f"."""
KINDS = {dtype: kind for kind, dtype in DTYPES.items()}


class Operand(Protocol):
    """One argument of a kernel, as a row holds it."""

    @property
    def code(self) -> str:
        """Its kind: what the entry point of the kernel must unpack.

        ``f2``, ``i1``, ``j1``, ``b2``: an array of reals, int64, int32 or uint8 of that many axes;
        ``@f2``: one that a handle points to; ``*f``, ``*i``: a number that lies at an address;
        ``f``, ``i``: a number in the row; ``share``: a thread's part of a range; ``counted``: one
        of a range whose length lies in memory; ``half``: one that only half of the threads have;
        ``dynamic``: parts of a range that threads take;
        ``all``: the whole range; ``thread``, ``threads``: which thread this is, of how many.
        """

    def words(self) -> Sequence[int]:
        """The integers that stand for it in a row."""


@dataclass(eq=False)
class Block:
    """A piece of memory: of an arena, or an array that exists already."""

    kind: str
    size: int
    array: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Buffer:
    """A named array operand; with shape ``()`` a number that lies in memory."""

    name: str
    shape: tuple[int, ...]
    kind: str
    block: Block
    offset: int = 0

    @classmethod
    def of(cls, name: str, array: NDArray[Any]) -> Buffer:
        """Wrap a C-contiguous array that lives outside the arena."""
        if not array.flags.c_contiguous:
            raise AssertionError(f"{name}: a buffer must be C-contiguous")
        kind = KINDS.get(array.dtype, "f")
        return cls(name, array.shape, kind, Block(kind, array.size, array.reshape(-1)))

    @classmethod
    def number(cls, name: str) -> Buffer:
        """Return an integer in memory, 0 at first."""
        return cls(name, (), "i", Block("i", 1, aligned(1, np.int64)))

    def head(self, n: int) -> Buffer:
        """Return the first ``n`` entries of a vector."""
        return self.part(0, n)

    def part(self, start: int, n: int) -> Buffer:
        """Return ``n`` entries of a vector, from ``start`` on."""
        return Buffer(self.name, (n,), self.kind, self.block, self.offset + start)

    def reshaped(self, *shape: int) -> Buffer:
        """Return the same memory in another shape; itself if the shape is the same."""
        if shape == self.shape:
            return self
        assert math.prod(shape) == self.size, f"{self.name}: {self.shape} can't become {shape}"
        return Buffer(self.name, shape, self.kind, self.block, self.offset)

    def as_rows(self) -> Buffer:
        """Return the same memory as the matrix of all rows: what lies along the last axis."""
        return self.reshaped(math.prod(self.shape[:-1]), self.shape[-1])

    def as_examples(self) -> Buffer:
        """Return the same memory as a matrix with a row for each entry of the first axis."""
        return self.reshaped(self.shape[0], math.prod(self.shape[1:]))

    def as_number(self) -> Buffer:
        """Return the first entry as a number in memory: how a kernel gets one that it reads."""
        return Buffer(self.name, (), self.kind, self.block, self.offset)

    def as_vector(self) -> Buffer:
        """Return the same memory as a vector: how a kernel gets a number that it changes."""
        return Buffer(self.name, (self.size,), self.kind, self.block, self.offset)

    @property
    def code(self) -> str:
        return f"{self.kind}{len(self.shape)}" if self.shape else f"*{self.kind}"

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def is_apart_from(self, other: Buffer) -> bool:
        """Whether no number is in both."""
        (block, start), (others, begin) = self._start, other._start
        return block != others or start >= begin + other.size or begin >= start + self.size

    def begins_with(self, other: Buffer) -> bool:
        """Whether the first number of both is the same one."""
        return self._start == other._start

    @property
    def _start(self) -> tuple[int, int]:
        """Where it begins: in which memory, 0 if it has an address, and with which number."""
        array = self.block.array
        if array is None:
            return id(self.block), self.offset
        return 0, array.ctypes.data // array.itemsize + self.offset

    @property
    def array(self) -> NDArray[Any]:
        """The numbers, as an array that shares the memory of the program."""
        assert self.block.array is not None, f"{self.name} has no memory yet"
        return self.block.array[self.offset : self.offset + self.size].reshape(self.shape)

    def words(self) -> Sequence[int]:
        assert self.block.array is not None, f"{self.name} has no memory yet"
        address = self.block.array.ctypes.data + self.offset * self.block.array.itemsize
        return (address, *self.shape)


@dataclass(frozen=True)
class Constant:
    """A number that stands in the row itself."""

    value: float | int

    @property
    def code(self) -> str:
        return "f" if isinstance(self.value, float) else "i"

    def words(self) -> Sequence[int]:
        if isinstance(self.value, float):
            return (int(np.float64(self.value).view(np.int64)),)
        return (int(self.value),)


@dataclass(frozen=True)
class Share:
    """Each thread's part of ``range(extent)``, in multiples of ``grain``.

    On one thread that is all of it, which is a kind of its own: loops that are known to begin at
    zero run a tenth faster. Where ``examples`` is not 0, the range has as many entries for each of
    so many examples, and the part is that of whole examples: the same ones for all such ranges.
    """

    extent: int
    grain: int = 1
    alone: bool = False
    examples: int = 0

    @property
    def code(self) -> str:
        return "all" if self.alone else "share"

    def words(self) -> Sequence[int]:
        return (self.extent, self.grain)


@dataclass(frozen=True)
class CountedShare:
    """Each thread's part of ``range(count · each)``, in multiples of ``grain``.

    ``count`` is a vector of one entry, which an instruction before it has written.
    """

    count: Buffer
    each: int = 1
    grain: int = 1
    code: ClassVar[str] = "counted"

    @property
    def extent(self) -> int:
        """The length of the range, as it is now."""
        return int(self.count.array[0]) * self.each

    def words(self) -> Sequence[int]:
        return (self.count.words()[0], self.each, self.grain)


@dataclass(frozen=True)
class HalfShare:
    """Parts of ``range(extent)``, in multiples of ``grain``, of one half of an even team alone.

    ``half`` is 0 for the first threads, 1 for the others, which don't call the kernel.
    """

    extent: int
    grain: int
    half: int
    code: ClassVar[str] = "half"

    def words(self) -> Sequence[int]:
        return (self.extent, self.grain, self.half)


@dataclass(frozen=True)
class DynamicShare:
    """Parts of ``range(extent)``, ``grain`` each: the kernel is called for one after the other.

    Each thread begins with its share of them, and goes on with what others have left: so one that
    the machine slows down does less. Results do not depend on who takes which. ``counts`` is the
    address of a count for each thread, a cache line apart (`engine.Control.counts`).
    """

    extent: int
    grain: int
    counts: int
    code: ClassVar[str] = "dynamic"

    def words(self) -> Sequence[int]:
        return (self.extent, self.grain, self.counts)


@dataclass(frozen=True)
class Whole:
    """All of ``range(extent)``, for every thread."""

    extent: int
    code: ClassVar[str] = "all"

    def words(self) -> Sequence[int]:
        return (self.extent, 1)


@dataclass(frozen=True)
class Special:
    """The number of the thread that runs the row (``thread``), or of all threads (``threads``)."""

    code: str

    def words(self) -> Sequence[int]:
        return ()


class Handle:
    """An array operand that can be exchanged between runs: the data of a user.

    The row holds the address of this handle, which holds the address and the shape of the array.
    """

    def __init__(self, name: str, kind: str, ndim: int) -> None:
        self.name, self._kind, self._ndim = name, kind, ndim
        self._words = np.zeros(1 + ndim, np.int64)
        self._array: NDArray[Any] | None = None

    @property
    def code(self) -> str:
        return f"@{self._kind}{self._ndim}"

    def words(self) -> Sequence[int]:
        return (int(self._words.ctypes.data),)

    def set(self, array: NDArray[Any]) -> None:
        """Put ``array`` in; the handle keeps it alive."""
        assert array.flags.c_contiguous, self.name
        assert array.ndim == self._ndim, self.name
        self._array = array
        self._words[:] = (array.ctypes.data, *array.shape)

    def release(self) -> None:
        """Keep the array alive no longer; the next run needs another `set`."""
        self._array = None


@dataclass(frozen=True)
class SparseBatch:
    """The input of a first layer whose data are in CSR form: rows ``chosen`` of the matrix."""

    data: Handle
    indices: Handle
    indptr: Handle
    chosen: Buffer
    shape: tuple[int, int]
    nonzeros: int  # in a batch, on average: for the count of FLOPs

    name = "X[i]"
