"""State while a network trains: what it becomes, and that it goes wherever θ goes."""

import copy
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import states
from states import Centre, CentreAll, ScaledCentre
from steepest import (
    SGD,
    Adam,
    Checkpoint,
    Dense,
    DivergenceError,
    Gradients,
    MLPRegressor,
    Network,
    ReLU,
    Squared,
    Trainer,
    Watch,
    importance,
    init_from_data,
    plugins,
)
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.pipeline.stream import fit_stream
from steepest.pipeline.train import RunOptions

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 4)) + np.array([3, -2, 0, 1])
Y = X[:, :1] - X[:, 1:2] * X[:, 2:3]


def network(dtype="float64", seed=0):
    layers = Centre(), Dense(8), ReLU(), ScaledCentre(), Dense(1)
    return Network(*layers, inputs=4, dtype=dtype, seed=seed)


def trainer(rule=None, **options):
    rule = Adam(lr=0.01, weight_decay=0.1, l2=0.1) if rule is None else rule
    return Trainer(network(), Squared(), rule, **{"batch": 16, "threads": 1} | options)


def vectors(of):
    return {name: vector.copy() for name, vector in of.built.vectors.items()}


def assert_same(one, other):
    assert list(one.built.vectors) == list(other.built.vectors) == ["theta", "state"]
    for name, vector in one.built.vectors.items():
        assert np.array_equal(vector, other.built.vectors[name]), name


def test_it_is_what_the_formula_says():
    fitted = Network(Centre(rate=0.2), Dense(1, weights="zeros"), inputs=4, dtype="float64")
    Trainer(fitted, Squared(), SGD(lr=0.01), batch=16, sampling="sequential").fit(X, Y, epochs=2)
    m, A, b = np.zeros(4), np.zeros((1, 4)), np.zeros(1)
    for _ in range(2):
        for start in range(0, 90, 16):
            x, y = X[start : start + 16], Y[start : start + 16]
            u = x - m
            m = m + 0.2 * (x.mean(axis=0) - m)
            d = (u @ A.T + b - y) / len(x)  # ℓ = (1/2n) Σ (z − y)²
            A, b = A - 0.01 * d.T @ u, b - 0.01 * d.sum(axis=0)
    np.testing.assert_allclose(fitted.state["0.m"], m, rtol=1e-12)
    assert fitted.state["0.count"] == 12
    np.testing.assert_allclose(fitted.parameters["1.A"], A, rtol=1e-9)
    np.testing.assert_allclose(fitted.predict(X), (X - m) @ A.T + b, rtol=1e-9)


def test_examples_of_several_rows_give_it_all_of_their_rows():
    fitted = Network(CentreAll(rate=1), Centre(rate=1), Dense(1), inputs=(5, 4), dtype="float64")
    rows = RNG.standard_normal((30, 5, 4)) + 2
    Trainer(fitted, Squared(), Adam(), batch=10, sampling="sequential").fit(
        rows, rows[..., :1], epochs=1
    )
    before, last = rows[10:20].mean(axis=0), rows[20:]
    np.testing.assert_allclose(fitted.state["0.m"], last.mean(axis=0).reshape(-1), rtol=1e-12)
    expected = (last - before).reshape(-1, 4).mean(axis=0)
    np.testing.assert_allclose(fitted.state["1.m"], expected, rtol=1e-9)


def test_it_begins_as_declared_and_is_no_part_of_theta():
    fresh = network()
    assert list(fresh.state) == ["0.m", "0.count", "3.m"]
    assert (fresh.state["3.m"] == 0.5).all()
    assert not fresh.built.state[:5].any()
    assert not set(fresh.state) & set(fresh.parameters)
    assert fresh.theta.size == sum(view.size for view in fresh.parameters.values())
    found = Gradients(fresh, Squared()).mean(X, Y)
    assert set(found.theta) == set(fresh.parameters)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("rule", [SGD(lr=0.01), Adam(lr=0.01)], ids=repr)
def test_the_same_bits_for_any_number_of_threads(rule, threads):
    once, again = trainer(rule), trainer(rule, threads=threads)
    once.fit(X, Y, epochs=2)
    again.fit(X, Y, epochs=2)
    assert_same(once.network, again.network)


def test_nothing_but_training_changes_it():
    fitted = trainer()
    fitted.fit(X, Y, epochs=1)
    before = vectors(fitted.network)
    gradients = Gradients(fitted.network, Squared())
    gradients.mean(X, Y), gradients.norms(X, Y), gradients.each(X, Y), gradients.moments(X, Y)
    fitted.predict(X), fitted.evaluate(X, Y)
    importance(fitted.network, Squared(), X, Y)
    assert all(np.array_equal(before[k], v) for k, v in vectors(fitted.network).items())


def test_a_watch_and_a_validation_set_leave_no_mark():
    plain, watched = trainer(), trainer()
    plain.fit(X, Y, epochs=3)
    watched.fit(X, Y, epochs=3, validation=(X, Y), callbacks=[Watch(examples=20, share=1.0)])
    assert_same(plain.network, watched.network)


def test_a_fit_goes_on_from_the_last_and_so_does_a_copy():
    whole, parts = trainer(), trainer()
    whole.fit(X, Y, epochs=4)
    parts.fit(X, Y, epochs=2)
    for copied in (copy.deepcopy(parts), pickle.loads(pickle.dumps(parts))):
        assert_same(copied.network, parts.network)
        copied.fit(X, Y, epochs=2)
        assert_same(copied.network, whole.network)
    parts.fit(X, Y, epochs=2)
    assert_same(parts.network, whole.network)


def test_a_pickle_from_before_there_was_state_begins_as_declared():
    fresh = network()
    old = {name: value for name, value in fresh.__getstate__().items() if name != "state"}
    loaded = Network.__new__(Network)
    loaded.__setstate__(old)
    assert_same(loaded, fresh)


def test_the_best_epoch_has_its_state():
    fitted, seen = trainer(SGD(lr=0.05)), {}

    def note(progress):
        if progress.epoch_ended:
            seen[progress.epoch] = vectors(progress.network), progress.row["validation_loss"]

    fitted.fit(X, Y, epochs=8, validation=(X[:9] + 1, Y[:9]), patience=8, callbacks=[note])
    best = min(seen, key=lambda epoch: seen[epoch][1])
    assert best < 8
    for name, vector in vectors(fitted.network).items():
        assert np.array_equal(vector, seen[best][0][name])
        assert not np.array_equal(vector, seen[8][0][name])


def test_what_diverges_goes_back_to_the_state_of_the_last_good_step(tmp_path):
    fitted, by_steps = trainer(SGD(lr=0.3)), trainer(SGD(lr=0.3))
    with pytest.raises(DivergenceError) as caught:
        fitted.fit(X, Y, epochs=100)
    assert fitted.step == caught.value.step > 1
    assert fitted.network.state["0.count"] == fitted.step
    with pytest.raises(DivergenceError):
        by_steps.fit(X, Y, epochs=100, checkpoint=Checkpoint(tmp_path, "1 steps"))
    arrays = Checkpoint(tmp_path).load().arrays
    assert np.array_equal(fitted.network.built.state, arrays["state"])
    assert np.array_equal(fitted.network.theta, arrays["theta"])


def test_state_that_is_not_finite_is_divergence():
    class Overflows(Centre):
        @staticmethod
        def forward_training(x, y, m, count):
            for i in range(x.shape[0]):
                for j in range(x.shape[1]):
                    y[i, j] = x[i, j] - m[j]
            count[0] = 2 * count[0] + 1e300

    fitted = Trainer(
        Network(Overflows(), Dense(1), inputs=4, dtype="float64"), Squared(), threads=1
    )
    with pytest.raises(DivergenceError, match=r"first in 0 .*Overflows"):
        fitted.fit(X, Y, epochs=2000)
    assert np.isfinite(fitted.network.built.state).all()


@pytest.mark.parametrize("every", ["1 epoch", "5 steps"])
def test_a_checkpoint_has_it(every, tmp_path):
    options = {"epochs": 6, "validation": 0.2, "patience": 5}
    whole, stopped, resumed = trainer(), trainer(), trainer()
    whole.fit(X, Y, **options)
    stop = [lambda progress: progress.epoch == 3]
    stopped.fit(X, Y, **options, checkpoint=Checkpoint(tmp_path, every), callbacks=stop)
    arrays = Checkpoint(tmp_path).load().arrays
    assert set(arrays) == {
        "theta", "state", "rule.m", "rule.v", "pending", "best.theta", "best.state",
    }  # fmt: skip
    resumed.fit(X, Y, **options, checkpoint=tmp_path, resume=True)
    assert_same(resumed.network, whole.network)
    assert resumed.history["loss"].tolist() == whole.history["loss"].tolist()


def test_batches_that_come_one_by_one_train_it():
    once, again = (trainer(SGD(lr=0.01), sampling="sequential") for _ in range(2))
    once.fit(X, Y, epochs=2)
    again.fit([(X[k : k + 16], Y[k : k + 16]) for k in range(0, 90, 16)], epochs=2)
    assert_same(once.network, again.network)


def test_initial_values_are_fitted_through_it():
    fresh = network()
    fresh.state["0.m"][:] = X.mean(axis=0)
    init_from_data(fresh, X)
    z = (X - X.mean(axis=0)) @ fresh.parameters["1.A"].T
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-6)
    assert np.array_equal(fresh.state["0.m"], X.mean(axis=0))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_mlps_train_it(solver):
    settings = {"solver": solver, "max_iter": 5, "tol": 0, "random_state": 0, "n_threads": 1}
    given = network()
    model = MLPRegressor(network=given, **settings)
    with pytest.warns(match=r"converge"):
        model.fit(X, Y[:, 0])
    assert model.network_.state["0.count"] > 0
    assert not given.built.state[:5].any()  # the one that was given stays as it is
    expected = model.network_.predict(X)[:, 0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)


def test_lbfgs_leaves_the_state_of_one_pass_at_the_theta_it_found():
    model = MLPRegressor(network=network(), solver="lbfgs", max_iter=5, n_threads=1, shuffle=False)
    with pytest.warns(match=r"converge"):
        model.fit(X, Y[:, 0])
    assert model.network_.state["0.count"] == 1  # one batch of all rows
    np.testing.assert_allclose(model.network_.state["0.m"], 0.1 * X.mean(axis=0), rtol=1e-9)


def test_an_mlp_that_stops_early_has_the_state_of_its_best_epoch():
    model = MLPRegressor(
        network=network(), solver="sgd", learning_rate_init=0.1, early_stopping=True,
        validation_fraction=0.2, max_iter=60, n_iter_no_change=60, batch_size=24, random_state=0,
        n_threads=1,
    )  # fmt: skip
    with pytest.warns(match=r"converge|diverged"):
        model.fit(X, Y[:, 0])
    best = int(np.nanargmax(model.validation_scores_)) + 1
    assert best < model.n_iter_
    assert model.network_.state["0.count"] == 3 * best


TABLE = pa.table({"a": X[:, 0], "b": X[:, 1], "y": Y[:, 0]})
SETTINGS = {"layers": (8, {"type": "states:ScaledCentre"}), "epochs": 3, "batch": 16, "threads": 1}


def test_an_average_of_networks_has_the_state_of_each(tmp_path):
    plugins.use(states)
    model = fit_table(TABLE, Request("y", SETTINGS | {"ensemble": 2})).model
    assert len(model.network.state) == 2
    assert not any((view == 0.5).any() for view in model.network.state.values())
    first, second = model.network.state.values()
    assert not np.array_equal(first, second)


def test_a_training_in_blocks_has_it(tmp_path):
    plugins.use(states)
    many = pa.concat_tables([TABLE] * 40)
    pa.parquet.write_table(many, tmp_path / "t.parquet")

    def fit(folder, callbacks=None):
        options = RunOptions(
            checkpoint=Checkpoint(folder, "1 steps"), resume=True, callbacks=callbacks
        )
        request = Request("y", SETTINGS, options=options)
        return fit_stream(tmp_path / "t.parquet", request, 50_000).model.network

    def stop(trainer):
        return [lambda progress: progress.epoch == 1]

    whole = fit(tmp_path / "whole")
    assert not (whole.built.state == 0.5).any()
    fit(tmp_path / "run", stop)
    assert_same(fit(tmp_path / "run"), whole)
