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
    Identity,
    InputError,
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
)
from steepest.engine.arena import Arena
from steepest.engine.driver import Control, barrier
from steepest.engine.operands import Buffer, Constant, DynamicShare, Share, Whole
from steepest.engine.program import Program
from steepest.estimators.shuffling import Given
from steepest.kernels import moves
from steepest.kernels.moves import ask_for_rows, gather, gather_items
from steepest.lowering.lowering import Lowering
from steepest.sampling import SAMPLERS, FullBatch, InOrder, Shuffled
from steepest.schedules import FlatCosine
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

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
        network,
        Descent(SoftmaxCrossEntropy(), SGD(lr=0.1), InOrder(), n),
        (X, y, None),
        slots={},
        step=0,
        threads=threads,
    )
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
    assert steps[at - 1] == ("Dense.forward", "units")  # and no barrier in between
    assert steps[at + 1] == ("barrier", None)  # the next layer reads all units
    back = [k for k, step in enumerate(steps) if step == ("ReLU.backward_x", "units")]
    assert back
    assert steps[back[-1] - 1] == ("Dense.backward_theta", "units")


def test_an_entrywise_layer_shares_rows_where_its_neighbours_do():
    run, _ = run_of(Dense(20), ReLU(), LayerNorm(), Tanh(), threads=2, inputs=6)
    steps = dict(shown(run))
    assert steps["ReLU.forward"] == steps["Tanh.forward"] == steps["Tanh.backward_x"] == "rows"
    whole = next(
        i for i in run.whole.instructions if i.function.__qualname__ == "Tanh.forward"
    ).operands["units"]
    assert whole == Whole(20)


def taken(run):
    """Return the names of the kernels that threads take parts of, by their place."""
    return {
        k: i.function.__qualname__
        for k, i in enumerate(run.whole.instructions)
        if any(isinstance(o, DynamicShare) for o in i.operands.values())
    }


@pytest.mark.parametrize(
    ("layers", "inputs", "kernels"),
    [((Dense(256), ReLU(), Dense(256)), 600, ["Dense.forward"]),  # 256 × 256 takes not long enough
     ((Dense(400), ReLU(), Dense(400)), 20, ["Dense.forward", "Dense.backward_x"])],
)  # fmt: skip
def test_threads_take_parts_of_long_products_and_meet_before_and_after(layers, inputs, kernels):
    run, together = run_of(*layers, threads=2, inputs=inputs, n=150)
    steps = shown(run)
    assert list(taken(run).values()) == kernels
    for k in taken(run):
        assert steps[k - 1] == steps[k + 1] == ("barrier", None)
    one, alone = run_of(*layers, threads=1, inputs=inputs, n=150)
    assert not taken(one)
    np.testing.assert_allclose(together.theta, alone.theta, rtol=1e-9, atol=1e-12)
    _, again = run_of(*layers, threads=2, inputs=inputs, n=150)
    assert (again.theta == together.theta).all()


def test_nobody_meets_on_one_thread():
    run, _ = run_of(Dense(256), ReLU(), threads=1, inputs=300)
    assert all(i.function is not barrier for i in run.whole.instructions)


@pytest.mark.parametrize("layer", ENTRYWISE, ids=repr)
def test_sharing_units_changes_nothing(layer):
    layers = Dense(256), layer, Dense(256), layer
    _, alone = run_of(*layers, threads=1, inputs=300)
    run, together = run_of(*layers, threads=2, inputs=300)
    name = f"{type(layer).__name__}.forward"  # or more, if it keeps what its way back needs
    assert any(kernel.startswith(name) and share == "units" for kernel, share in shown(run))
    np.testing.assert_allclose(together.theta, alone.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ahead", [0, 1, 3, 6])
@pytest.mark.parametrize("rows", [range(6), range(2), range(2, 6)])
def test_rows_are_asked_for_ahead_of_their_turn(monkeypatch, ahead, rows):
    rng = np.random.default_rng(0)
    X, y, i = rng.standard_normal((20, 3)), np.arange(20), rng.integers(20, size=6 + ahead)
    asked = []
    monkeypatch.setattr(moves, "fetch_ahead", lambda array, row: asked.append((array, row)))
    for kernel, source in ((gather, X), (gather_items, y)):
        asked.clear()
        batch = np.zeros_like(source[:6])
        kernel(source, i, batch, np.array(rows, np.uint64))
        assert (batch[list(rows)] == source[i[list(rows)]]).all()
        assert not batch[[r for r in range(6) if r not in rows]].any()
        assert [row for _, row in asked] == [i[r + ahead] for r in rows if ahead]
        assert all(array is source for array, _ in asked)


def test_rows_in_csr_form_are_asked_for_line_by_line(monkeypatch):
    dense = np.ones((9, 1500), np.float32)
    dense[4], dense[5, 1:] = 0, 0
    X = sparse.csr_matrix(dense)
    asked = []
    monkeypatch.setattr(moves, "fetch_ahead", lambda array, e: asked.append((array, e)))
    i, values, starts = np.array([0, 1, 2, 4, 5, 8]), X.data, X.indptr
    ask_for_rows(values, X.indices, starts, i, 3, np.arange(3, dtype=np.uint64))
    for array in (values, X.indices):
        entries = [e for of, e in asked if of is array]
        wanted = [
            e for row in (4, 5, 8)
            for e in range(starts[row], min(starts[row] + 1024, starts[row + 1]), 16)
        ]  # fmt: skip
        assert entries == wanted
        assert max(entries) < array.size


def training_run(sampler, X, batch):
    network = Network(Dense(20), Dense(3), inputs=X.shape[1], dtype="float64")
    return TrainingRun(
        network,
        Descent(SoftmaxCrossEntropy(), SGD(lr=0.1), sampler, batch),
        (X, np.arange(X.shape[0]) % 3, None),
        slots={},
        step=0,
        threads=1,
    )


@pytest.mark.parametrize("sampler", [*SAMPLERS.values(), Given()])
@pytest.mark.parametrize("batch", [1, 8, 50])
def test_scattered_rows_of_the_next_batch_are_asked_for(sampler, batch):
    X = np.ones((100, 4))
    run = training_run(sampler, X, batch)
    fetches = [i for i in run.whole.instructions if i.function in (gather, gather_items)]
    ahead = min(batch, 32) if sampler.scattered else 0
    assert [i.operands["i"].size - batch for i in fetches] == [ahead, ahead]
    assert sampler.scattered == (sampler not in (InOrder(), FullBatch()))


@pytest.mark.parametrize("sampler", [Shuffled(), InOrder()])
def test_rows_in_csr_form_are_those_of_the_batch_only(sampler):
    X = sparse.random(50, 6, density=0.5, format="csr", rng=0)
    run = training_run(sampler, X, 8)
    for program in (run.whole, run.short):
        reads = [i for i in program.instructions if "starts" in i.operands]
        asks = [i.operands["i"].size for i in reads if i.function is ask_for_rows]
        rows = [i.operands["i"].size for i in reads if i.function is not ask_for_rows]
        assert asks == [2 * program.batch] * sampler.scattered
        assert rows == [program.batch] * 2


def test_a_number_that_follows_a_schedule_needs_a_training():
    low = Lowering(
        Program("predict", 1, "float64", 1),
        Arena("float64"),
        Network(Identity(), inputs=1, dtype="float64").built,
        Control(),
        Buffer.number("t"),
    )
    assert low.number(0.5) == Constant(0.5)
    with pytest.raises(InputError, match="ask low"):
        low.number(FlatCosine(0.5))
