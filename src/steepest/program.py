"""Programs: what a network becomes before it runs.

A program is a flat list of instructions. An instruction is a kernel and its operands; assembled, it
is a row of 64-bit integers: the address of the compiled kernel, the length of the row, and the
operands (addresses, extents, constants). The driver (`steepest.engine`) runs the rows in order.

``print(program)`` shows the instructions as mathematics.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ._kernels import kernel_address

__all__ = [
    "Arena", "Buffer", "Cell", "Constant", "Instruction", "Program", "Share", "Special", "Whole",
]  # fmt: skip

_ALIGNMENT = 64  # bytes: a cache line, and a vector of AVX-512
_INTEGERS: dict[str, np.dtype[Any]] = {"i": np.dtype(np.int64), "j": np.dtype(np.int32)}


class Operand(Protocol):
    """One argument of a kernel, as a row holds it."""

    @property
    def code(self) -> str:
        """Its kind: what the entry point of the kernel must unpack.

        ``f2``, ``i1``, ``j1``: an array of reals, int64 or int32 of that many axes; ``@f2``: one
        that a cell points to; ``*f``, ``*i``: a number that lies at an address; ``f``, ``i``: a
        number in the row; ``share``: a thread's part of a range; ``taken``: parts of a range that
        threads take; ``all``: the whole range; ``thread``, ``threads``: which thread this is, of
        how many.
        """

    def slots(self) -> Sequence[int]:
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
        kind = {np.dtype(np.int64): "i", np.dtype(np.int32): "j"}.get(array.dtype, "f")
        return cls(name, array.shape, kind, Block(kind, array.size, array.reshape(-1)))

    @classmethod
    def number(cls, name: str) -> Buffer:
        """Return an integer in memory, 0 at first."""
        return cls(name, (), "i", Block("i", 1, aligned(1, np.int64)))

    def head(self, n: int) -> Buffer:
        """Return the first ``n`` entries of a vector."""
        return Buffer(self.name, (n,), self.kind, self.block, self.offset)

    def as_vector(self) -> Buffer:
        """Return the same memory as a vector: how a kernel gets a number that it changes."""
        return Buffer(self.name, (self.size,), self.kind, self.block, self.offset)

    @property
    def code(self) -> str:
        return f"{self.kind}{len(self.shape)}" if self.shape else f"*{self.kind}"

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def array(self) -> NDArray[Any]:
        """The numbers, as an array that shares the memory of the program."""
        assert self.block.array is not None, f"{self.name} has no memory yet"
        return self.block.array[self.offset : self.offset + self.size].reshape(self.shape)

    def slots(self) -> Sequence[int]:
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

    def slots(self) -> Sequence[int]:
        if isinstance(self.value, float):
            return (int(np.float64(self.value).view(np.int64)),)
        return (int(self.value),)


@dataclass(frozen=True)
class Share:
    """Each thread's part of ``range(extent)``, in multiples of ``grain``.

    On one thread that is all of it, which is a kind of its own: loops that are known to begin at
    zero run a tenth faster.
    """

    extent: int
    grain: int = 1
    alone: bool = False

    @property
    def code(self) -> str:
        return "all" if self.alone else "share"

    def slots(self) -> Sequence[int]:
        return (self.extent, self.grain)


@dataclass(frozen=True)
class Taken:
    """Parts of ``range(extent)``, ``grain`` each: the kernel is called for one after the other.

    Each thread begins with its share of them, and goes on with what others have left: so one that
    the machine slows down does less. Results do not depend on who takes which. ``counts`` is the
    address of a count for each thread, a cache line apart (`engine.Control.counts`).
    """

    extent: int
    grain: int
    counts: int
    code: ClassVar[str] = "taken"

    def slots(self) -> Sequence[int]:
        return (self.extent, self.grain, self.counts)


@dataclass(frozen=True)
class Whole:
    """All of ``range(extent)``, for every thread."""

    extent: int
    code: ClassVar[str] = "all"

    def slots(self) -> Sequence[int]:
        return (self.extent, 1)


@dataclass(frozen=True)
class Special:
    """The number of the thread that runs the row (``thread``), or of all threads (``threads``)."""

    code: str

    def slots(self) -> Sequence[int]:
        return ()


class Cell:
    """An array operand that can be exchanged between runs: the data of a user.

    The row holds the address of this cell, which holds the address and the shape of the array.
    """

    def __init__(self, name: str, kind: str, ndim: int) -> None:
        self.name, self._kind, self._ndim = name, kind, ndim
        self._words = np.zeros(1 + ndim, np.int64)
        self._array: NDArray[Any] | None = None

    @property
    def code(self) -> str:
        return f"@{self._kind}{self._ndim}"

    def slots(self) -> Sequence[int]:
        return (int(self._words.ctypes.data),)

    def set(self, array: NDArray[Any]) -> None:
        """Put ``array`` in; the cell keeps it alive."""
        assert array.flags.c_contiguous, self.name
        assert array.ndim == self._ndim, self.name
        self._array = array
        self._words[:] = (array.ctypes.data, *array.shape)

    def release(self) -> None:
        """Keep the array alive no longer; the next run needs another `set`."""
        self._array = None


class Arena:
    """One aligned allocation for the real numbers of a program, and one for its integers.

    Blocks are asked for by name while a network is lowered, and get their memory all at once.
    Asking again for a name gives the same memory, so that the program for the last, shorter batch
    of an epoch lives in the memory of the program for whole batches.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self._blocks: dict[str, Block] = {}
        self._fills: dict[int, float] = {}
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

    def allocate(self) -> None:
        """Give every block that has none its memory."""
        for kind in ("f", "i", "j"):
            dtype: np.dtype[Any] = _INTEGERS.get(kind, self.dtype)
            blocks = [b for b in self._blocks.values() if b.kind == kind and b.array is None]
            step = _ALIGNMENT // dtype.itemsize
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
        """Put 0 in the place of what is not finite."""
        for memory in self._reals:
            np.nan_to_num(memory, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    @property
    def nbytes(self) -> int:
        """The bytes that the blocks take."""
        return sum(
            b.size * _INTEGERS.get(b.kind, self.dtype).itemsize for b in self._blocks.values()
        )


def is_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers are finite; quick where they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.sum(array)) or np.isfinite(array).all())


def aligned(size: int, dtype: Any) -> NDArray[Any]:
    """Return ``size`` zeros whose first lies at a multiple of a cache line."""
    dtype = np.dtype(dtype)
    memory = np.zeros(size * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size * dtype.itemsize].view(dtype)


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
            if isinstance(operand, Buffer | Cell):
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

    def assemble(self, dtype: str) -> list[int]:
        """Return its row of integers; compiles the kernel if no process did before."""
        codes = tuple(operand.code for operand in self.operands.values())
        address = kernel_address(self.function, codes, dtype)
        slots = [slot for operand in self.operands.values() for slot in operand.slots()]
        return [address, 2 + len(slots), *slots]


@dataclass
class Program:
    """Instructions in order, for one batch size, dtype and number of threads."""

    title: str
    batch: int
    dtype: str
    threads: int
    instructions: list[Instruction] = field(default_factory=list)
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def assemble(self) -> None:
        """Make the rows of integers. The arena must have its memory."""
        rows: Iterable[list[int]] = (i.assemble(self.dtype) for i in self.instructions)
        self.rows = np.array([slot for row in rows for slot in row], np.int64)

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
                at += len(operand.slots())
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

    def __str__(self) -> str:
        shown = [i for i in self.instructions if i.layer != "barrier"]
        head = ("#", "layer", "computes", "shape", "FLOPs", "bytes")
        table = [
            (str(k), i.layer, i.formula, i.shape, f"{i.flops:,}", f"{i.nbytes:,}")
            for k, i in enumerate(shown, 1)
        ]
        table.append(("", "", "one step", "", f"{self.flops:,}", f"{self.nbytes:,}"))
        widths = [max(len(row[c]) for row in [head, *table]) for c in range(len(head))]

        def line(row: tuple[str, ...]) -> str:
            cells = [
                cell.rjust(width) if column in (0, 4, 5) else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            return "  ".join(cells).rstrip()

        noun = "thread" if self.threads == 1 else "threads"
        title = f"{self.title}: batch {self.batch}, {self.dtype}, {self.threads} {noun}"
        return "\n".join([title, line(head), *map(line, table)])
