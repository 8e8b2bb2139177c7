"""Operands, rows, the arena, and how a program reads."""

import numpy as np
import pytest

from helpers import row_of
from steepest.arrays import aligned
from steepest.compiler.store import kernel_addresses
from steepest.engine.arena import Arena
from steepest.engine.operands import Buffer, Constant, DynamicShare, Handle, Share, Special
from steepest.engine.program import Instruction, Program


def twice(x, alpha, y, entries, thread):
    """y = alpha x xᵀ"""
    for k in entries:
        y[k] = alpha * x[k]


def wait():
    pass


def instruction(arena, size=5):
    x, y = arena.array("x3", size), arena.array("y3", size)
    return Instruction(
        twice,
        {"x": x, "alpha": Constant(0.5), "y": y, "entries": Share(size, 16),
         "thread": Special("thread")},
        layer="3 Twice()", flops=size, nbytes=16 * size,
    )  # fmt: skip


def test_a_row_is_an_address_a_length_and_the_operands():
    arena = Arena("float64")
    made = instruction(arena)
    arena.allocate()
    row = row_of(made, "float64")
    x, y = made.operands["x"], made.operands["y"]
    kinds = ("f1", "f", "f1", "share", "thread")
    assert [row[0]] == kernel_addresses([(twice, kinds, "float64")])
    assert row[1] == len(row) == 9
    assert row[2:4].tolist() == [x.array.ctypes.data, 5]
    assert np.int64(row[4]).view(np.float64) == 0.5
    assert row[5:7].tolist() == [y.array.ctypes.data, 5]
    assert row[7:].tolist() == [5, 16]


def test_buffers_that_share_numbers():
    array = aligned(32, np.float64)
    whole, part = Buffer.of("whole", array), Buffer.of("part", array[8:16])
    assert not whole.is_apart_from(part)
    assert not part.begins_with(whole)
    assert part.begins_with(whole.part(8, 2))
    assert part.is_apart_from(whole.head(8))
    assert part.is_apart_from(whole.part(16, 16))
    arena = Arena("float64")
    first, second = arena.array("a", 4), arena.array("b", 4)  # have no memory yet
    assert first.is_apart_from(second)
    assert not first.is_apart_from(first.head(2))


def test_kinds_of_operands():
    assert Buffer.of("a", np.zeros((2, 3))).code == "f2"
    assert Buffer.of("a", np.zeros(2, np.int64)).code == "i1"
    assert Buffer.of("a", np.zeros(2, np.int32)).code == "j1"
    assert (Buffer.number("t").code, Buffer.number("t").as_vector().code) == ("*i", "i1")
    assert (Constant(1.0).code, Constant(1).code) == ("f", "i")
    assert (Share(3).code, Share(3, alone=True).code) == ("share", "all")
    assert (DynamicShare(100, 32, 5).code, DynamicShare(100, 32, 5).words()) == (
        "dynamic",
        (100, 32, 5),
    )
    with pytest.raises(AssertionError, match="C-contiguous"):
        Buffer.of("a", np.zeros((2, 3)).T)


def test_a_cell_can_be_given_other_data_of_any_length():
    handle = Handle("X", "f", 2)
    (words,) = handle.words()
    for rows in (3, 1, 7):
        data = np.zeros((rows, 2))
        handle.set(data)
        assert handle.words() == (words,)
        assert handle._words.tolist() == [data.ctypes.data, rows, 2]
    assert handle.code == "@f2"
    with pytest.raises(AssertionError):
        handle.set(np.zeros(2))


def test_a_name_asked_for_again_is_the_same_memory_and_the_larger_size_counts():
    arena = Arena("float32")
    short, long = arena.array("y", 3, 2), arena.array("y", 5, 2)
    filled, whole = arena.array("w", 4), arena.array("i", 2, kind="i")
    arena.fill(filled, 1.0)
    arena.allocate()
    assert short.array.ctypes.data == long.array.ctypes.data
    assert (short.array.shape, long.array.shape) == ((3, 2), (5, 2))
    assert filled.array.tolist() == [1.0] * 4
    assert whole.array.dtype == np.int64
    assert arena.nbytes == 4 * (10 + 4) + 8 * 2
    for buffer in (short, filled, whole):
        assert buffer.array.ctypes.data % 64 == 0


def test_an_arena_grows_by_new_blocks_and_keeps_what_it_gave():
    arena = Arena("float64")
    first = arena.array("a", 2)
    arena.allocate()
    first.array[:] = 7
    address = first.array.ctypes.data
    second, again = arena.array("b", 100), arena.array("a", 1)
    with pytest.raises(AssertionError, match="3 numbers wanted, 2 allocated"):
        arena.array("a", 3)
    with pytest.raises(AssertionError, match="no memory"):
        second.array  # noqa: B018
    arena.allocate()
    assert first.array.ctypes.data == again.array.ctypes.data == address
    assert first.array.tolist() == [7, 7]
    assert not second.array.any()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_aligned(dtype):
    for size in (0, 1, 17):
        array = aligned(size, dtype)
        assert (array.size, array.dtype) == (size, np.dtype(dtype))
        assert not array.any()
        assert size == 0 or array.ctypes.data % 64 == 0


def test_a_program_reads_as_mathematics():
    arena = Arena("float64")
    barrier = Instruction(wait, {}, "barrier")
    program = Program("train", 4, "float64", 2, [instruction(arena), barrier, instruction(arena)])
    title, head, first, second, total = str(program).splitlines()
    assert title == "train: batch 4, float64, 2 threads"
    assert head.split() == ["#", "layer", "computes", "shape", "FLOPs", "bytes"]
    assert first.split() == ["1", "3", "Twice()", "y3", "=", "0.5", "x3", "x3ᵀ", "5", "5", "80"]
    assert second.split()[0] == "2"
    assert total.split() == ["one", "step", "10", "160"]
    arena.allocate()
    program.assemble()
    assert program.rows.size == sum(len(i.row(0)) for i in program.instructions)
