import numpy as np
import pytest

from steepest import Dense, Network, ReLU, SoftmaxCrossEntropy, Squared
from steepest.engine import Control, span
from steepest.errors import KernelError
from steepest.independent import Hand, run, take
from steepest.prediction import Predictor
from steepest.program import Arena, Buffer, Instruction, Program


def hands(threads, marks, short=True):
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
        found.append(Hand(programs[0], programs[1] if short else None, step))
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
        run(hands(threads, marks, short), steps, Control())
        expected = [1.0] * (steps - 1) + [100.0 if short else 1.0]
        assert marks[:steps].tolist() == expected
        assert not marks[steps:].any()


def test_in_plain_python_too():
    marks, control = np.zeros(10), Control()
    (hand,) = hands(1, marks)
    (at,) = hand.step.slots()
    assert take(*span(hand.whole), *span(hand.short), at, 7, control.address) == 7
    assert marks.tolist() == [1.0] * 6 + [100.0] + [0.0] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_kernel_that_raises_ends_the_run(threads):
    marks = np.zeros(100_000)
    marks[7] = -1
    with pytest.raises(KernelError, match=r"marks\[t\] \+= amount"):
        run(hands(threads, marks), marks.size, Control())
    assert marks[-1] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_are_the_same_whoever_makes_them(dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 20)).astype(dtype)
    y, w = rng.integers(0, 2, 3000), rng.uniform(size=3000).astype(dtype)
    network = Network(Dense(32), ReLU(), Dense(2), inputs=20, dtype=dtype)
    once = network.predict(X, threads=1)
    evaluated = Predictor(network, 256, 2, SoftmaxCrossEntropy()).evaluate(X, y, w)
    for _ in range(5):
        np.testing.assert_array_equal(network.predict(X, threads=2), once)
        again = Predictor(network, 256, 2, SoftmaxCrossEntropy()).evaluate(X, y, w)
        np.testing.assert_array_equal(again[0], once)
        assert again[1] == evaluated[1]


def test_a_network_that_passes_its_input_on_leaves_it_alone():
    from steepest import Identity

    X = np.random.default_rng(0).standard_normal((300, 3)).astype(np.float32)
    network = Network(Identity(), inputs=3)
    before = X.copy()
    z = network.predict(X, threads=2)
    assert not np.shares_memory(z, X)
    np.testing.assert_array_equal(z, before)
    np.testing.assert_array_equal(X, before)


def test_real_targets_and_a_last_shorter_block_count_by_rows():
    X = np.random.default_rng(0).standard_normal((1001, 4)).astype(np.float32)
    network = Network(Dense(2), inputs=4)
    y = np.zeros((1001, 2), np.float32)
    z, loss = Predictor(network, 100, 2, Squared()).evaluate(X, y, np.ones(1001, np.float32))
    assert loss == pytest.approx(0.5 * float(np.mean((z**2).sum(axis=1))), rel=1e-6)
