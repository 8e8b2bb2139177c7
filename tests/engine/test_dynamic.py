import numpy as np
import pytest

from steepest.engine.arena import Arena
from steepest.engine.driver import Control, span
from steepest.engine.dynamic import DynamicRun, Worker, take
from steepest.engine.operands import Buffer
from steepest.engine.program import Instruction, Program
from steepest.errors import KernelError


def workers(threads, marks, short=True):
    """Hands whose steps add 1, or 100 in a shorter one, to the mark of their number."""
    found = []
    for _ in range(threads):
        step, arena = Buffer.number("t"), Arena("float64")
        programs = []
        for amount in (1.0, 100.0):
            own = arena.array(f"amount{amount}", 1)
            arena.fill(own, amount)
            arena.allocate()
            names = {"step": step, "amount": own, "marks": Buffer.of("marks", marks)}
            program = Program("test", 1, "float64", 1, [Instruction(mark, names)])
            program.assemble()
            programs.append(program)
        found.append(Worker(programs[0], programs[1] if short else None, step))
    return found


def mark(step, amount, marks):
    """marks[t] += amount"""
    if marks[step] < 0:
        raise ValueError("a negative mark")
    marks[step] += amount[0]


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("steps", [1, 2, 500])
def test_every_step_is_run_once_by_somebody(threads, steps):
    for short in (False, True):
        marks = np.zeros(600)
        DynamicRun(workers(threads, marks, short), Control())(steps)
        expected = [1.0] * (steps - 1) + [100.0 if short else 1.0]
        assert marks[:steps].tolist() == expected
        assert not marks[steps:].any()


def test_in_plain_python_too():
    marks, control = np.zeros(10), Control()
    (worker,) = workers(1, marks)
    numbers = *span(worker.whole), *span(worker.short), *worker.step.words(), 7, control.address
    words = np.array(numbers, np.int64)
    assert take(int(words.ctypes.data), 0, 1) == 7
    assert marks.tolist() == [1.0] * 6 + [100.0] + [0.0] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_kernel_that_raises_ends_the_run(threads):
    marks = np.zeros(100_000)
    marks[7] = -1
    with pytest.raises(KernelError, match=r"marks\[t\] \+= amount"):
        DynamicRun(workers(threads, marks), Control())(marks.size)
    assert marks[-1] == 0
