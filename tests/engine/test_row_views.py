import numpy as np

from steepest.engine.arena import Arena
from steepest.engine.driver import Control
from steepest.engine.dynamic import DynamicRun, Worker
from steepest.engine.operands import Buffer
from steepest.engine.program import Instruction, Program
from steepest.engine.row_views import assemble_over, move


def double(x, y):
    """y = 2 x"""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = 2 * x[i, j]


def test_programs_read_and_write_where_the_arrays_lie():
    step, batch, n = Buffer.number("t"), 4, 11
    starts, programs = np.zeros(2, np.int64), []
    for rows in (batch, n % batch):
        arena = Arena("float64")
        x, y = arena.array("x", rows, 3), arena.array("y", rows, 3)
        middle = arena.array("middle", rows, 3)
        program = Program("test", rows, "float64", 1)
        program.instructions += [
            Instruction(double, {"x": x, "y": middle}),
            Instruction(double, {"x": middle, "y": y}),
        ]
        arena.allocate()
        assemble_over(program, step, Buffer.of("starts", starts), {0: (x, batch), 1: (y, batch)})
        programs.append(program)
    rng = np.random.default_rng(0)
    for _ in range(3):  # other arrays each time
        X, Y = rng.standard_normal((n, 3)), np.full((n + 1, 3), np.nan)
        starts[:] = X.ctypes.data, Y.ctypes.data
        DynamicRun([Worker(*programs, step)], Control())(3)
        np.testing.assert_array_equal(Y[:n], 4 * X)
        assert np.isnan(Y[n:]).all()  # nothing beyond the last row


def test_a_piece_of_a_buffer_keeps_its_distance():
    arena, step = Arena("float32"), Buffer.number("t")
    whole = arena.array("whole", 2, 4)
    piece = Buffer("piece", (4,), "f", whole.block, offset=4)
    program = Program("test", 2, "float32", 1, [Instruction(add, {"a": whole, "b": piece})])
    arena.allocate()
    assert program.places(whole) == [(2, 0), (5, 4)]
    A = np.arange(16, dtype=np.float32).reshape(4, 4)
    starts = np.array([A.ctypes.data])
    assemble_over(program, step, Buffer.of("starts", starts), {0: (whole, 2)})
    DynamicRun([Worker(program, None, step)], Control())(2)
    assert A[:, 0].tolist() == [0 + 4, 4, 8 + 12, 12]


def add(a, b):
    """a[0, 0] += b[0]"""
    a[0, 0] += b[0]


def test_moving_writes_start_and_stride_into_words():
    words = np.zeros(2, np.int64)
    at = int(words.ctypes.data)
    move(3, np.array([1000, 2000]), np.array([[at, 0, 5, 10], [at + 8, 1, 0, 0]]))
    assert words.tolist() == [1035, 2000]
