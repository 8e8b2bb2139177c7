"""One sweep for the update of a step and the forward pass of the next: the same bits as two."""

from __future__ import annotations

import os
import shutil
import signal
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from helpers import run_kernel
from steepest import (
    SGD,
    Adam,
    Checkpoint,
    Concat,
    Dense,
    Dropout,
    Layer,
    Network,
    ReLU,
    Residual,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
    Watch,
)
from steepest.engine.driver import Engine
from steepest.errors import DivergenceError, KernelError
from steepest.layers._dense import one_example
from steepest.sampling import SAMPLERS
from steepest.schedules import Cosine, ReduceOnPlateau, Step
from steepest.training import chunked_run, fit_log, touched
from steepest.training import run as run_module
from steepest.training.board import CHUNK
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

RNG = np.random.default_rng(0)
PLAIN, SMALL = SGD(lr=0.05), (Dense(16), ReLU(), Dense(2))


def lowered(layers, n=7, p=5, rule=PLAIN, sampling="shuffled", dtype="float32", **more):
    """Return a run on random data, and its network."""
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, p)).astype(dtype)
    X = more.pop("as_form", np.asarray)(X)
    network = Network(*layers, inputs=p, dtype=dtype)
    loss, y = Squared(), rng.standard_normal((n, network.outputs)).astype(dtype)
    slots = {name: np.zeros_like(network.theta) for name in rule.slots}
    w = rng.random(n).astype(dtype) if more.pop("weighted", False) else None
    descent = Descent(loss, rule, SAMPLERS[sampling], more.get("batch", 1), seed=3)
    threads = more.get("threads", 1)
    run = TrainingRun(network, descent, (X, y, w), slots=slots, step=0, threads=threads)
    return run, network


def trained(run, chunks):
    """Run chunks of so many steps; return the losses."""
    run.stretch(sum(chunks))
    with run.engine:
        rates = 0.05 / (1 + np.arange(sum(chunks)))
        parts = np.split(rates, np.cumsum(chunks)[:-1])
        return np.concatenate([run.run(part) for part in parts])


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(1, 9), p=st.integers(1, 40), q=st.integers(16, 90),
    dtype=st.sampled_from(["float32", "float64"]),
    sampling=st.sampled_from(["shuffled", "sequential", "uniform"]),
    weighted=st.booleans(), bias=st.booleans(), drops=st.booleans(),
    chunks=st.lists(st.integers(1, 12), min_size=1, max_size=5),
)  # fmt: skip
def test_steps_are_the_same_to_the_bit(
    n, p, q, dtype, sampling, weighted, bias, drops, chunks
):  # fmt: skip
    rate = Step(0.4, every=2, factor=0.9)
    layers = [Dense(q, bias=bias), *([Dropout(rate)] if drops else []), Tanh(), Dense(3)]
    found = []
    for pipelined in (True, False):
        run, network = lowered(layers, n, p, dtype=dtype, sampling=sampling, weighted=weighted)
        assert run.engine.pipelined is not None
        if not pipelined:
            run.engine.pipelined = None
        losses = trained(run, chunks)
        found.append((losses, network.theta.copy(), run.step, run.finite(hidden=True)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2:] == found[1][2:] == (sum(chunks), True)


def test_steps_are_those_of_a_plain_reference():
    run, network = lowered([Dense(20), Tanh(), Dense(2)], 6, 9, sampling="sequential",
                           dtype="float64")  # fmt: skip
    X, Y, _ = run.data
    A, b, C, c = (network.parameters[k].copy() for k in ("0.A", "0.b", "2.A", "2.b"))
    losses = trained(run, [5, 8])
    expected = []
    for t in range(13):
        x, eta = X[t % 6], 0.05 / (1 + t)
        y = np.tanh(A @ x + b)
        dz = C @ y + c - Y[t % 6]
        expected.append(0.5 * np.sum(dz**2))
        dy = (C.T @ dz) * (1 - y**2)
        C, c = C - eta * np.outer(dz, y), c - eta * dz
        A, b = A - eta * np.outer(dy, x), b - eta * dy
    np.testing.assert_allclose(losses, expected, rtol=1e-10)
    np.testing.assert_allclose(network.parameters["0.A"], A, rtol=1e-10)
    np.testing.assert_allclose(network.parameters["0.b"], b, rtol=1e-10)


@pytest.mark.parametrize("row", [0, 3, 6])  # of a chunk of seven steps
def test_a_chunk_ends_with_the_step_whose_loss_is_not_finite(row):
    found = []
    for pipelined in (True, False):
        run, network = lowered(SMALL, 9, 6, sampling="sequential")
        run.data[0][row] *= 1e25
        if not pipelined:
            run.engine.pipelined = None
        with run.engine:
            losses = run.run(np.full(7, 1e-20))
        assert (losses.size, run.step) == (row + 1, row + 1)
        assert np.isfinite(losses).tolist() == [True] * row + [False]
        found.append((losses, network.theta))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("q", [1, 7, 16, 70, 131])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sweep_is_an_update_and_a_forward_pass(q, dtype):
    def draw(*shape):
        return RNG.standard_normal(shape).astype(dtype)

    p = 13
    one = {"x": draw(1, p), "ahead": draw(1, p), "dy": draw(1, q), "dAt": draw(p, q),
           "db": draw(q), "b": draw(q), "y": draw(1, q), "alpha": -0.3}  # fmt: skip
    two, plain = ({k: np.copy(v) if k != "alpha" else v for k, v in one.items()} for _ in "ab")
    run_kernel(one_example.update_and_forward, dtype, True, **one)
    run_kernel(one_example.backward_theta, dtype, True, **two)
    two["x"], two["At"] = two["ahead"], two["dAt"]
    run_kernel(one_example.forward, dtype, True, **two)
    run_kernel(one_example.update_and_forward, dtype, False, **plain)
    for name in ("x", "dAt", "db", "y"):
        np.testing.assert_array_equal(one[name], two[name])
        tolerance = 1e-4 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(one[name], plain[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("pipelines", "layers", "more"),
    [
        (True, [Dense(16), Dense(2)], {}),
        (True, [Residual(Dense(16), ReLU(), Dense(5))], {}),
        (False, [Dense(15), Dense(2)], {}),  # stored row after row
        (False, [Dropout(0.5), Dense(16)], {}),  # not on the input itself
        (False, [Concat(Dense(16), Dense(16))], {}),  # the first forward pass, not the last update
        (False, [Dense(16), Dense(2)], {"batch": 2}),
        (False, [Dense(16), Dense(2)], {"batch": 3}),  # the last batch is of one row
        (False, [Dense(16), Dense(2)], {"threads": 2}),
        (False, [Dense(16), Dense(2)], {"rule": Adam()}),
        (False, [Dense(16), Dense(2)], {"rule": SGD(l2=0.1)}),
        (False, [Dense(16), Dense(2)], {"as_form": sparse.csr_matrix}),
    ],
)
def test_which_programs_are_pipelined(pipelines, layers, more):
    run, _ = lowered(layers, **more)
    assert (run.engine.pipelined is not None) == pipelines


@pytest.fixture
def both_ways(monkeypatch):
    """Return what calls a function with pipelined programs, and again with plain ones."""
    run, swept = Engine._run, []

    def watched(engine, whole, first, steps):
        if engine.pipelined is not None and whole is engine.pipelined.steady:
            swept.append(steps)
        return run(engine, whole, first, steps)

    def call(do):
        swept.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Engine, "_run", watched)
            pipelined = do()
            assert swept
            swept.clear()
            patch.setattr(run_module, "pipeline", lambda *_: None)
            plain = do()
            assert not swept
        return pipelined, plain

    return call


@pytest.fixture
def chunks_of_four(monkeypatch):
    """Have chunks of 1, 4, 4, … steps, looked through whole when each ends."""
    monkeypatch.setattr(touched, "CHUNK", 4)
    monkeypatch.setattr(chunked_run, "_CHUNK_SECONDS", 1e3)
    monkeypatch.setattr(chunked_run, "_LOOK_SECONDS", 0.0)


def assert_same(found):
    (theta, *others), (expected, *unturned) = found
    np.testing.assert_array_equal(theta, expected)
    assert others == unturned
    return others


def data(n=60):
    X = np.random.default_rng(1).standard_normal((n, 6))
    return X, (X[:, 0] > 0).astype(int)


def trainer_of(layers=SMALL, lr=0.1, sampling="shuffled"):
    return Trainer(
        Network(*layers), SoftmaxCrossEntropy(), SGD(lr=lr), batch=1, sampling=sampling
    )  # fmt: skip


def outcome(trainer, error=""):
    """Return the parameters, the history without its times, the step and the error."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.history.rows]
    return trainer.network.theta.copy(), rows, trainer.step, error


DROPS = (Dense(16), ReLU(), Dropout(Step(0.4, every=100, factor=0.5)), Dense(2))
WAYS = {
    "nothing": ({}, {}),
    "validation": ({}, {"validation": 0.3, "metrics": ["accuracy"]}),
    "callback": ({}, {"callbacks": [lambda p: p.epoch_ended and p.epoch == 2]}),
    "weights": ({}, {"weights": np.linspace(0, 3, 60)}),
    "dropout": ({"layers": DROPS}, {}),
    "cosine": ({"lr": Cosine(0.2, warmup=70)}, {}),
    "plateau": ({"lr": ReduceOnPlateau(0.3, patience=1)}, {"validation": 0.3}),
    "uniform": ({"sampling": "uniform"}, {}),
    "all": (
        {"layers": DROPS, "lr": Cosine(0.2), "sampling": "uniform"},
        {"weights": np.linspace(0, 3, 60), "validation": 0.3},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_fit_and_what_goes_on_from_it_are_the_same(way, both_ways):
    settings, more = WAYS[way]

    def fit():
        trainer = trainer_of(**settings)
        trainer.fit(*data(), epochs=4, **more)
        more_epochs = trainer.fit(*data(), epochs=2, **more)
        return outcome(trainer, len(more_epochs))

    assert_same(both_ways(fit))


def test_a_fit_stops_early_at_the_same_epoch(both_ways):
    X, y = data()
    noise = np.random.default_rng(2).integers(0, 2, 60)

    def fit():
        trainer = trainer_of(lr=0.3)
        trainer.fit(X, noise, epochs=100, validation=(X, y), patience=3)
        return outcome(trainer)

    rows, *_ = assert_same(both_ways(fit))
    assert 3 < len(rows) < 100


def squared_trainer():
    """Return a trainer, its data, and what gives θ after so many steps of the plain program."""
    run, network = lowered(SMALL, 60, 6)
    run.engine.pipelined = None
    X, Y, _ = run.data

    def after(steps):
        with run.engine:
            while run.step < steps:
                run.run(np.full(min(CHUNK, steps - run.step), PLAIN.lr))
        return network.theta

    trainer = Trainer(Network(*SMALL, inputs=6), Squared(), PLAIN, batch=1, seed=3)
    return trainer, X, Y, after


def test_a_fit_that_runs_out_of_time_has_taken_its_steps(monkeypatch):
    trainer, X, Y, after = squared_trainer()
    looks = count()
    clock = SimpleNamespace(perf_counter=lambda: 0.001 * next(looks))
    monkeypatch.setattr(fit_log, "time", clock)
    trainer.fit(X, Y, epochs=10**6, time_limit=0.1)
    assert 100 < trainer.step < 10**6
    np.testing.assert_array_equal(trainer.network.theta, after(trainer.step))


def test_watching_sees_the_same_and_changes_nothing(both_ways):
    def fit(watches=True):
        trainer, seen = trainer_of(), []

        def watch(progress):
            if watches and progress.epoch_ended:
                glass = Watch(examples=32)
                glass(progress)
                seen.extend([glass.rows, glass.noise])

        trainer.fit(*data(), epochs=4, callbacks=[watch])
        return outcome(trainer, seen)

    *_, seen = assert_same(both_ways(fit))
    assert len(seen) == 8
    unwatched, _ = both_ways(lambda: fit(watches=False))
    np.testing.assert_array_equal(unwatched[0], fit()[0])


def test_a_fit_that_is_interrupted_resumes_with_the_same_bits(both_ways, tmp_path):
    folders = []

    def interrupted():
        folders.append(tmp_path / f"{len(folders)}")
        trainer = trainer_of()
        every = Checkpoint(folders[-1], every="7 steps")

        def interrupt(progress):
            if progress.step == 84:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            trainer.fit(*data(), epochs=4, checkpoint=every, callbacks=[interrupt])
        return outcome(trainer)

    def whole():
        trainer = trainer_of()
        trainer.fit(*data(), epochs=4)
        return outcome(trainer)

    _, step, _ = assert_same(both_ways(interrupted))
    assert step == 84
    _, (theta, *others) = both_ways(whole)
    for folder in folders:  # left by a pipelined program and by a plain one

        def resumed(folder=folder):
            trainer, copy = trainer_of(), f"{folder}-{len(list(tmp_path.iterdir()))}"
            shutil.copytree(folder, copy)
            trainer.fit(*data(), epochs=4, checkpoint=copy, resume=True)
            return outcome(trainer)

        assert assert_same([both_ways(resumed)[0], (theta, *others)]) == others
        assert_same(both_ways(resumed))


@pytest.mark.usefixtures("chunks_of_four")
@pytest.mark.parametrize("part", ["prologue", "steady", "epilogue"])
def test_an_exception_within_a_chunk_leaves_whole_steps(part, monkeypatch):
    trainer, X, Y, after = squared_trainer()
    run, seen = Engine._run, []

    def interrupts(engine, whole, first, steps):
        done = run(engine, whole, first, steps)
        if whole is getattr(engine.pipelined, part):
            seen.append(first)
            if len(seen) == 3:  # as a second Ctrl-C does, which is not held back
                raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_run", interrupts)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(X, Y, epochs=2)
    assert trainer.step == 9 + {"prologue": 0, "steady": 3, "epilogue": 4}[part]
    np.testing.assert_array_equal(trainer.network.theta, after(trainer.step))


class Picky(Layer):
    """Raises at what is below −2."""

    @staticmethod
    def forward(x, y):
        """y = x"""
        for j in range(x.shape[1]):
            if x[0, j] < -2:
                raise ValueError
            y[0, j] = x[0, j]

    @staticmethod
    def backward_x(dy, dx):
        """dx = dy"""
        for j in range(dx.shape[1]):
            dx[0, j] = dy[0, j]


def failing(layers, loss, row, value, lr=0.01):
    """Return what fits in the order of the rows, one of which begins with ``value``."""
    X, y = data(20)
    X[:, 0], X[row, 0] = 0, value
    targets = np.eye(2)[y] if isinstance(loss, Squared) else y

    def fit():
        rule = SGD(lr=lambda steps: np.where(steps == row, lr, 0.01))
        trainer = Trainer(Network(*layers), loss, rule, batch=1, sampling="sequential")
        layer = error = ""
        try:
            trainer.fit(0.1 * X, targets, epochs=1)
        except (DivergenceError, KernelError) as caught:
            layer, error = caught.layer, str(caught)
        assert np.isfinite(trainer.network.theta).all()
        return outcome(trainer, (layer, error))

    return fit


BROKEN = {
    "loss": ("loss", SMALL, Squared(), 1e22, 1e-12),
    "update": ("0 Dense(16)", (Dense(16), Tanh(), Dense(2)), SoftmaxCrossEntropy(), 1e38, 1e5),
    "kernel": ("1 Picky()", (Dense(16), Picky(), Dense(2)), Squared(), -1e4),
}


@pytest.mark.usefixtures("chunks_of_four")
@pytest.mark.parametrize("row", [1, 4, 5, 6])  # the first, the last, the first, in the middle
@pytest.mark.parametrize("what", BROKEN)
def test_what_fails_at_a_step_leaves_those_before_it(what, row, both_ways):
    expected, layers, loss, *numbers = BROKEN[what]
    *_, step, (layer, _) = assert_same(both_ways(failing(layers, loss, row, *numbers)))
    assert (layer, step) == (expected, row)


@pytest.mark.usefixtures("chunks_of_four")
@pytest.mark.parametrize(("row", "expected"), [(7, ""), (8, "1 Dense")])
def test_what_is_hidden_behind_a_tanh_is_found_at_the_end_of_a_chunk(row, expected, both_ways):
    def ones(rng, shape):
        return np.ones(shape)

    layers = Dense(16, weights=ones), Dense(16, weights=ones), Tanh(), Dense(2)
    *_, (layer, _) = assert_same(both_ways(failing(layers, Squared(), row, 1e39)))
    assert layer[:7] == expected
