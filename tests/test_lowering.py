"""Who works on what, and where threads must meet."""

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    ELU,
    GELU,
    SELU,
    SGD,
    Dense,
    LayerNorm,
    LeakyReLU,
    Mish,
    Network,
    ReLU,
    RootScale,
    Scale,
    Sigmoid,
    SiLU,
    SoftmaxCrossEntropy,
    Softplus,
    Tanh,
    lowering,
)  # fmt: skip
from steepest._ahead import rows_ahead
from steepest.engine import barrier
from steepest.lowering import gather, gather_items
from steepest.program import Share, Whole
from steepest.sampling import Sequential, Shuffled
from steepest.training import TrainingRun

ENTRYWISE = [
    ReLU(), LeakyReLU(), ELU(), SELU(), GELU(), SiLU(), Mish(), Tanh(), Sigmoid(), Softplus(),
    Scale(), RootScale(),
]  # fmt: skip


def run_of(*layers, threads, inputs, n=40, steps=3):
    """Return a training run on data that are always the same, and its network after some steps."""
    data = np.random.default_rng(1)
    X, y = data.standard_normal((n, inputs)), data.integers(0, 3, n)
    network = Network(*layers, Dense(3), inputs=inputs, dtype="float64", seed=0)
    run = TrainingRun(
        network, SoftmaxCrossEntropy(), SGD(lr=0.1), Sequential(), X, y, None, batch=n,
        threads=threads, seed=0, slots={}, step=0,
    )  # fmt: skip
    with run.engine:
        run.run(np.full(steps, 0.1))
    return run, network


def shown(run):
    """Return the instructions as pairs of a kernel's name and what threads share."""
    return [
        (i.function.__qualname__,
         next((k for k, o in i.operands.items() if isinstance(o, Share)), None))
        for i in run.whole.instructions
    ]  # fmt: skip


def test_an_entrywise_layer_stays_on_the_units_that_the_thread_has_computed():
    # 300 × 256 numbers in A are too many for every core to hold, so threads share its units.
    run, _ = run_of(Dense(256), ReLU(), Dense(256), ReLU(), threads=2, inputs=300)
    steps = shown(run)
    at = steps.index(("ReLU.forward", "units"))
    assert steps[at - 1] == ("forward", "units")  # and no barrier in between
    assert steps[at + 1] == ("barrier", None)  # the next layer reads all units
    back = [k for k, step in enumerate(steps) if step == ("ReLU.backward_x", "units")]
    assert back
    assert steps[back[-1] - 1] == ("backward_theta", "units")


def test_an_entrywise_layer_shares_rows_where_its_neighbours_do():
    run, _ = run_of(Dense(20), ReLU(), LayerNorm(), Tanh(), threads=2, inputs=6)
    steps = dict(shown(run))
    assert steps["ReLU.forward"] == steps["Tanh.forward"] == steps["Tanh.backward_x"] == "rows"
    whole = next(
        i for i in run.whole.instructions if i.function.__qualname__ == "Tanh.forward"
    ).operands["units"]
    assert whole == Whole(20)


def test_nobody_meets_on_one_thread():
    run, _ = run_of(Dense(256), ReLU(), threads=1, inputs=300)
    assert all(i.function is not barrier for i in run.whole.instructions)


@pytest.mark.parametrize("layer", ENTRYWISE, ids=repr)
def test_sharing_units_changes_nothing(layer):
    layers = Dense(256), layer, Dense(256), layer
    _, alone = run_of(*layers, threads=1, inputs=300)
    run, together = run_of(*layers, threads=2, inputs=300)
    assert (f"{type(layer).__name__}.forward", "units") in shown(run)
    np.testing.assert_allclose(together.theta, alone.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ahead", [0, 1, 3, 6])
@pytest.mark.parametrize("rows", [range(6), range(2), range(2, 6)])
def test_rows_are_asked_for_ahead_of_their_turn(monkeypatch, ahead, rows):
    rng = np.random.default_rng(0)
    X, y, i = rng.standard_normal((20, 3)), np.arange(20), rng.integers(20, size=6 + ahead)
    asked = []
    monkeypatch.setattr(lowering, "fetch_ahead", lambda array, row: asked.append((array, row)))
    for kernel, source in ((gather, X), (gather_items, y)):
        asked.clear()
        batch = np.zeros_like(source[:6])
        kernel(source, i, batch, np.array(rows, np.uint64))
        assert (batch[list(rows)] == source[i[list(rows)]]).all()
        assert not batch[[r for r in range(6) if r not in rows]].any()
        assert [row for _, row in asked] == [i[r + ahead] for r in rows]
        assert all(array is source for array, _ in asked)


def test_a_run_asks_for_the_rows_of_the_next_batch():
    run, _ = run_of(Dense(4), threads=1, inputs=3)
    fetches = [i for i in run.whole.instructions if i.function in (gather, gather_items)]
    assert [f.function for f in fetches] == [gather, gather_items]
    for fetch in fetches:
        assert fetch.operands["i"].size == 40 + rows_ahead(40)
    assert [rows_ahead(n) for n in (1, 8, 40)] == [1, 8, 32]


def test_rows_in_csr_form_are_those_of_the_batch_only():
    X, y = sparse.random(50, 6, density=0.5, format="csr", rng=0), np.arange(50) % 3
    network = Network(Dense(20), Dense(3), inputs=6, dtype="float64")
    run = TrainingRun(
        network, SoftmaxCrossEntropy(), SGD(lr=0.1), Shuffled(), X, y, None, batch=8, threads=1,
        seed=0, slots={}, step=0,
    )  # fmt: skip
    for program in (run.whole, run.short):
        rows = [i.operands["i"].size for i in program.instructions if "starts" in i.operands]
        assert rows == [program.batch] * 2
