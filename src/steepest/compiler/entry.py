"""The entry point of a kernel: it reads the operands in a row of a program, and calls the kernel.

It is written in LLVM's words: as a Python function it was a seventh of what a kernel took Numba.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import np_cfarray

from ..kernels.atomics import fetch_add
from .frontend import compiled_for, written_code

__all__ = ["entry_code"]

_WORD = ir.IntType(64)
_ROW = types.CPointer(types.int64), types.int64, types.int64
_REAL = {"float32": types.float32, "float64": types.float64}
_ITEM = {"i": types.int64, "j": types.int32, "b": types.uint8}

_WIDTHS = {"thread": 0, "threads": 0, "share": 2, "all": 2, "counted": 3, "half": 3, "dynamic": 3}
"""The words that an operand takes which is neither a number nor an array."""

_OF_ALL = {"share", "counted", "all", "thread", "threads"}
"""With one of these every thread calls the kernel; without, the first one does."""


def entry_code(
    symbol: str,
    kernel: Any,
    operands: tuple[str, ...],
    dtype: str,
    inlined: Callable[[Callable[..., Any]], Any],
) -> str:
    """Return the optimised LLVM code of ``symbol``: ``(row, thread, threads)`` -> unpack, call.

    Parameters
    ----------
    symbol : str
    kernel : dispatcher
        The function to call, as `steepest.compiler.frontend.inlined` returns it.
    operands : tuple of str
        The kind of each of its arguments: `steepest.engine.operands.Operand.code`.
    dtype : str
        Of reals.
    inlined : callable
        Returns the dispatcher of another plain function.
    """
    kinds = [_type(operand, _REAL[dtype]) for operand in operands]
    parts = inlined(_next_part if "dynamic" in operands else _share)
    called = compiled_for(kernel, kinds), compiled_for(parts, [types.int64] * 5)

    def write(context: Any, builder: Any, arguments: tuple[Any, ...]) -> None:
        functions = [
            lambda *values, to=to: context.call_internal(builder, to.fndesc, to.signature, values)
            for to in called
        ]
        entry = _Entry(context, builder, arguments, functions)
        entry.write(operands, kinds)

    return written_code(symbol, _ROW, called, write)


def _type(operand: str, real: Any) -> Any:
    """Return the type of the argument that the kernel gets."""
    if operand in ("share", "counted", "half", "dynamic", "all"):
        return types.unsigned_range_state64_type
    if operand in ("thread", "threads"):
        return types.int64
    items = {"f": real, **_ITEM}
    if operand[0] == "*" or len(operand) == 1:
        return items[operand[-1]]
    array = operand.removeprefix("@")
    return types.Array(items[array[0]], int(array[1]), "C")


def _width(operand: str) -> int:
    """Return how many words of a row stand for it."""
    array = operand[0] not in "@*" and len(operand) == 2
    return _WIDTHS.get(operand, 1 + int(operand[1]) if array else 1)


class _Entry:
    """Writes the code of one entry point.

    Parameters
    ----------
    context, builder
        Numba's and LLVM's.
    arguments : sequence
        The address of the row, the number of this thread, and of all.
    functions : sequence of callable
        What calls the kernel, and `_share` or `_next_part`.
    """

    def __init__(
        self, context: Any, builder: Any, arguments: Any, functions: list[Callable[..., Any]]
    ) -> None:
        self._context, self._builder = context, builder
        self._row, self._thread, self._threads = arguments
        self._kernel, self._parts = functions

    def write(self, operands: tuple[str, ...], kinds: list[Any]) -> None:
        """Write all of it."""
        slots = [2]  # 0 and 1 hold the kernel's address and the length of the row
        for operand in operands:
            slots.append(slots[-1] + _width(operand))

        def call(begin: Any = None) -> None:
            self._kernel(*map(self._read, operands, kinds, slots, [begin] * len(kinds)))

        if "dynamic" in operands:
            with self._taken(slots[operands.index("dynamic")]) as begin:
                call(begin)
        elif "half" in operands:
            with self._of_half(slots[operands.index("half")]):
                call()
        elif _OF_ALL & set(operands):
            call()
        else:
            first = self._builder.icmp_signed("==", self._thread, _WORD(0))
            with self._builder.if_then(first):
                call()

    def _read(self, operand: str, kind: Any, slot: int, begin: Any) -> Any:
        """Return the argument at ``slot``; what a thread has taken begins at ``begin``."""
        if operand == "thread":
            return self._thread
        if operand == "threads":
            return self._threads
        if operand in _WIDTHS:
            return self._range(kind, *self._bounds(operand, slot, begin))
        if operand == "i":
            return self._word(slot)
        if operand == "f":
            double = self._builder.bitcast(self._word(slot), ir.DoubleType())
            return self._context.cast(self._builder, double, types.float64, kind)
        if operand[0] == "*":
            return self._builder.load(self._pointer(self._word(slot), kind))
        if operand[0] == "@":
            return self._array(kind, self._pointer(self._word(slot), types.int64))
        return self._array(kind, self._builder.gep(self._row, [_WORD(slot)]))

    def _word(self, slot: int, words: Any = None) -> Any:
        """Return the number that stands at ``slot`` of the row, or of other words."""
        words = self._row if words is None else words
        return self._builder.load(self._builder.gep(words, [_WORD(slot)]))

    def _pointer(self, address: Any, item: Any) -> Any:
        pointer = self._context.get_value_type(types.CPointer(item))
        return self._builder.inttoptr(address, pointer)

    def _array(self, kind: Any, words: Any) -> Any:
        """Return an array, of which ``words`` have the address and the shape."""
        data = self._pointer(self._word(0, words), kind.dtype)
        shape = [self._word(1 + axis, words) for axis in range(kind.ndim)]
        signature = kind(types.CPointer(kind.dtype), types.UniTuple(types.int64, kind.ndim))
        packed = cgutils.pack_array(self._builder, shape)
        return np_cfarray(self._context, self._builder, signature, (data, packed))

    def _range(self, kind: Any, first: Any, last: Any) -> Any:
        """Return a range of unsigned numbers: no index is asked whether it counts from the end."""
        made = cgutils.create_struct_proxy(kind)(self._context, self._builder)
        made.start, made.stop, made.step = first, last, _WORD(1)
        return made._getvalue()

    def _bounds(self, operand: str, slot: int, begin: Any) -> tuple[Any, Any]:
        """Return where the range of a thread begins and ends."""
        builder, extent, grain = self._builder, self._word(slot), self._word(slot + 1)
        if operand == "all":
            return _WORD(0), extent
        if operand == "dynamic":
            end = builder.add(begin, grain)
            return begin, builder.select(builder.icmp_signed("<", end, extent), end, extent)
        if operand == "counted":
            count = builder.load(self._pointer(extent, types.int64))
            extent, grain = builder.mul(count, grain), self._word(slot + 2)
        thread, threads = self._thread, self._threads
        if operand == "half":
            thread, threads = self._in_half(slot)
        first, last = (self._parts(extent, grain, thread, threads, _WORD(end)) for end in (0, 1))
        return first, last

    def _in_half(self, slot: int) -> tuple[Any, Any]:
        """Return the number of this thread in a half of all, below 0 or too high if it is in the
        other one, and how many threads that half has.
        """
        threads = self._builder.sdiv(self._threads, _WORD(2))
        before = self._builder.mul(self._word(slot + 2), threads)
        return self._builder.sub(self._thread, before), threads

    @contextmanager
    def _of_half(self, slot: int) -> Iterator[None]:
        """Have what is written be for the threads of one half."""
        number, threads = self._in_half(slot)  # (of one below 0, all bits count as a high one)
        with self._builder.if_then(self._builder.icmp_unsigned("<", number, threads)):
            yield

    @contextmanager
    def _taken(self, slot: int) -> Iterator[Any]:
        """Repeat what is written for each part that the thread takes; give where one begins."""
        builder = self._builder
        # Its own share comes first, and then what others have left.
        with cgutils.for_range(builder, self._threads) as loop:
            owner = builder.srem(builder.add(self._thread, loop.index), self._threads)
            ask, taken, none = map(builder.append_basic_block, ("ask", "taken", "none"))
            builder.branch(ask)
            builder.position_at_end(ask)
            extent, grain, counts = (self._word(slot + k) for k in range(3))
            begin = self._parts(extent, grain, counts, owner, self._threads)
            builder.cbranch(builder.icmp_signed(">=", begin, _WORD(0)), taken, none)
            builder.position_at_end(taken)
            yield begin
            builder.branch(ask)
            builder.position_at_end(none)


def _share(extent: int, grain: int, thread: int, threads: int, end: int) -> int:
    """Return where a thread's share of ``extent`` begins (``end`` 0) or stops (``end`` 1).

    Shares are multiples of ``grain``, so that two threads never write one cache line.
    """
    blocks = (extent + grain - 1) // grain
    return min(extent, blocks * (thread + end) // threads * grain)


def _next_part(extent: int, grain: int, counts: int, owner: int, threads: int) -> int:
    """Return where a part of the share of thread ``owner`` begins that nobody has taken, or -1.

    Every thread asks once in vain, so in every step there are as many questions, and the count of
    them, at ``counts`` for each owner, tells the step's first.
    """
    first = _share(extent, grain, owner, threads, 0)
    last = _share(extent, grain, owner, threads, 1)
    parts = (last - first + grain - 1) // grain
    part = fetch_add(counts + 64 * owner, 1) % (parts + threads)
    return first + part * grain if part < parts else -1
