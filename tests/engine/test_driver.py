import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from steepest import Dense, Layer, Network, SoftmaxCrossEntropy, Trainer
from steepest.engine.arena import Arena
from steepest.engine.driver import Control, Engine, barrier
from steepest.engine.operands import Constant, DynamicShare, HalfShare, Share, Special
from steepest.engine.program import Instruction, Program
from steepest.errors import KernelError, SteepestError
from steepest.estimators.compiled import Compiled


def test_barriers_hold_threads_together_also_on_too_few_cores():
    threads, control = 4, Control()
    arena = Arena("float64")
    mine, theirs = arena.array("mine", threads), arena.array("theirs", threads)
    arena.allocate()
    meet = Instruction(barrier, {
        "arrivals": Constant(control.address), "threads": Special("threads"),
        "patience": Constant(1000),
    })  # fmt: skip
    write = Instruction(count_up, {"a": mine, "thread": Special("thread")})
    read = Instruction(add_up, {"a": mine, "b": theirs, "thread": Special("thread")})
    program = Program("test", 1, "float64", threads, [write, meet, read, meet])
    program.assemble()
    with Engine(program, None, 1, control) as engine:
        assert engine.run(0, 500) == 500
    # In step k every thread saw all others' k.
    assert theirs.array.tolist() == [threads * 500 * 501 / 2] * threads


def count_up(a, thread):
    """a += 1"""
    a[thread] += 1


def add_up(a, b, thread):
    """b += Σ a"""
    for k in range(a.shape[0]):
        b[thread] += a[k]


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("half", [0, 1])
def test_half_of_the_threads_cover_a_range_once(threads, half):
    arena, control, extent = Arena("float64"), Control(), 100
    marks = arena.array("marks", threads, extent)
    arena.allocate()
    operands = {"marks": marks, "entries": HalfShare(extent, 16, half), "thread": Special("thread")}
    program = Program("test", 1, "float64", threads, [Instruction(mark_own, operands)])
    program.assemble()
    with Engine(program, None, 1, control) as engine:
        engine.run(0, 1)
    assert (marks.array.sum(axis=0) == 1).all()
    own = range(half * threads // 2, (half + 1) * threads // 2)
    assert [k for k in range(threads) if marks.array[k].any()] == list(own)


def mark_own(marks, entries, thread):
    """marks[thread] += 1"""
    for k in entries:
        marks[thread, k] += 1


def test_shares_cover_a_range_once():
    for threads in (1, 2, 3):
        for extent in (0, 1, 15, 16, 17, 100):
            arena, control = Arena("float64"), Control()
            marks = arena.array("marks", max(extent, 1))
            arena.allocate()
            share = Share(extent, 16, alone=threads == 1)
            program = Program(
                "test", 1, "float64", threads,
                [Instruction(mark, {"marks": marks, "entries": share})],
            )  # fmt: skip
            program.assemble()
            with Engine(program, None, 1, control) as engine:
                engine.run(0, 1)
            assert marks.array[:extent].tolist() == [1.0] * extent


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("extent", [0, 1, 32, 33, 70, 500])
def test_parts_are_taken_once_in_every_step_whoever_comes_late(threads, extent):
    arena, control = Arena("float64"), Control()
    marks = arena.array("marks", max(extent, 1))
    busy = arena.array("busy", threads)
    arena.allocate()
    operands = {"marks": marks, "entries": DynamicShare(extent, 32, control.counts(threads))}
    meet = {"arrivals": Constant(control.address), "threads": Special("threads"),
            "patience": Constant(100)}  # fmt: skip
    program = Program("test", 1, "float64", threads, [
        Instruction(dawdle, {"busy": busy, "thread": Special("thread")}),
        Instruction(mark, operands), Instruction(barrier, meet),
    ])  # fmt: skip
    program.assemble()
    with Engine(program, None, 1, control) as engine:
        for steps in (1, 50):
            assert engine.run(0, steps) == steps
        list(engine.trace(program))  # one thread alone does all
    assert marks.array[:extent].tolist() == [52.0] * extent


def dawdle(busy, thread):
    """busy += 1, again and again: the later, the higher the number of the thread"""
    for k in range(1000 * thread):
        busy[thread] += k


def test_a_thread_that_fails_leaves_no_part_untaken_in_the_next_run():
    arena, control = Arena("float64"), Control()
    marks, limit = arena.array("marks", 200), arena.array("limit", 1)
    arena.allocate()
    limit.array[0] = 70
    parts = DynamicShare(200, 32, control.counts(2))
    step = Instruction(mark_below, {"marks": marks, "limit": limit, "entries": parts})
    program = Program("test", 1, "float64", 2, [step])
    program.assemble()
    with Engine(program, None, 1, control) as engine:
        with pytest.raises(KernelError):
            engine.run(0, 1)
        marks.array[:], limit.array[0] = 0, 200
        engine.run(0, 1)
    assert marks.array.tolist() == [1.0] * 200


def mark_below(marks, limit, entries):
    """marks += 1"""
    for k in entries:
        if k >= limit[0]:
            raise ValueError("too far")
        marks[k] += 1


def mark(marks, entries):
    """marks += 1"""
    for k in entries:
        marks[k] += 1


@dataclass(frozen=True, repr=False)
class Picky(Layer):
    """Raises when it meets a number above its limit."""

    limit: float = 1.0

    @staticmethod
    def forward(x, y, limit, rows):
        """y = x"""
        for i in rows:
            if x[i, 0] > limit:
                raise ValueError("too large")
            for j in range(x.shape[1]):
                y[i, j] = x[i, j]

    @staticmethod
    def backward_x(dy, dx, rows):
        """dx = dy"""
        for i in rows:
            for j in range(dx.shape[1]):
                dx[i, j] = dy[i, j]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_kernel_that_raises_is_named_and_nobody_hangs(threads):
    X = np.random.default_rng(0).standard_normal((40, 3))
    network = Network(Picky(), Dense(2))
    trainer = Trainer(network, SoftmaxCrossEntropy(), threads=threads)
    with pytest.raises(KernelError, match=r"0 Picky.*y0 = x") as caught:
        trainer.fit(X, X[:, 0] > 0, epochs=5)
    assert caught.value.layer == "0 Picky()"
    assert caught.value.formula == "y0 = x"
    assert isinstance(caught.value, SteepestError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(KernelError, match="0 Picky"):
        network.predict(X, threads=threads)


def test_a_straight_program_names_the_kernel_that_raises_and_goes_on():
    predict = Compiled(Network(Picky(), Dense(2), inputs=3), np.copy, np.copy)
    assert predict([0.5, 0, 0]).shape == (2,)
    with pytest.raises(KernelError, match=r"0 Picky.*y0 = x"):
        predict([2, 0, 0])
    np.testing.assert_array_equal(predict([0.5, 0, 0]), predict([0.5, 0, 0]))


PROGRAM = """
import sys
import numpy as np
from steepest import Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer
X = np.random.default_rng(0).standard_normal((50, 3))
network = Network(Dense(64), ReLU(), Dense(64), ReLU(), Dense(2))
Trainer(network, SoftmaxCrossEntropy()).fit(X, X[:, 0] > 0, epochs=1)
print(sorted({"numba", "sklearn", "pyarrow"} & set(sys.modules)), float(network.theta.sum()))
"""


def test_kernels_are_compiled_by_one_process_and_loaded_by_the_next(tmp_path):
    def run():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"STEEPEST_CACHE": str(tmp_path), "PYTHONPATH": str(SOURCE)},
            capture_output=True, text=True, timeout=600, check=True,
        )  # fmt: skip
        return done.stdout

    first = run()
    assert "numba" in first
    stored = {path.name: path.read_bytes() for path in tmp_path.glob("*.o")}
    assert any(name.startswith("steepest_gemm_") for name in stored)  # there is a product
    assert not [name for name in stored if b"NRT_" in stored[name] or b"numba_" in stored[name]]
    second = run()
    assert second.startswith("[]")  # nothing was compiled, so Numba was not even imported
    assert first.split("]")[1] == second.split("]")[1]
    damaged = sorted(tmp_path.glob("*.o"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-100])
    assert "numba" in run()
    assert run().startswith("[]")


SOURCE = Path(__file__).parents[2] / "src"
