"""Callbacks by scikit-learn's protocol, where scikit-learn has one."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_iris

from steepest import MLPClassifier, MLPRegressor
from steepest.estimators.lbfgs import Objective

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has none before 1.9")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """A callback by scikit-learn's protocol."""

    def __init__(self, stop_at=None):
        self.events, self.scores, self.stop_at = [], [], stop_at

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.events.append(f"end {context.task_name} {context.task_id}")
        self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id == self.stop_at


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_by_scikit_learns_protocol(solver):
    recorder = Recorder(stop_at=4)
    Z, y = load_iris(return_X_y=True)
    model = MLPClassifier(8, solver=solver, learning_rate_init=0.05, random_state=0)
    model.set_callbacks(recorder).fit(Z, y)
    assert model.n_iter_ == 5
    assert recorder.events[:3] == ["setup", "begin fit 0", "begin epoch 0"]
    assert recorder.events[-2:] == ["end fit 0", "teardown"]
    assert recorder.scores[-1] == model.score(Z, y)
    assert len(set(recorder.scores)) > 1


def test_scoring_monitor_of_scikit_learn():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    Z, y = load_iris(return_X_y=True)
    MLPClassifier(8, random_state=0, max_iter=6).set_callbacks(monitor).fit(Z, y)
    scores = monitor.get_logs().data_as_pandas
    assert (scores["task_name"] == "epoch").sum() == 6


def interrupt_at(epoch):
    def interrupt(progress):
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    return interrupt


def stop_at(epoch):
    return lambda progress: progress.epoch_ended and progress.epoch == epoch


ENDS = {
    "max_iter": {"max_iter": 3},
    "tol": {"tol": 1.0, "n_iter_no_change": 2},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2},
    "max_fun": {"max_fun": 5},
    "callback": {"callbacks": [stop_at(3)]},
    "time": {"time_limit": 1e-9},
    "Ctrl-C": {"callbacks": [interrupt_at(3)]},
}
KINDS = {
    "none": lambda: ((), {}),
    "own": lambda: ((), {"callbacks": [lambda progress: None]}),
    "own bar": lambda: ((), {"progress_bar": True}),
    "recorder": lambda: ((Recorder(),), {}),
    "ProgressBar": lambda: ((callback.ProgressBar(),), {}),
    "ScoringMonitor": lambda: ((callback.ScoringMonitor(scoring="accuracy"),), {}),
    "all": lambda: (
        (Recorder(), callback.ProgressBar(), callback.ScoringMonitor(scoring="accuracy")),
        {"progress_bar": True},
    ),
}


def check_events(events, epochs):
    """Check that all that was begun was ended, in order."""
    begun = [event.split(" ", 1)[1] for event in events if event.startswith("begin")]
    assert events[0] == "setup"
    assert events[-1] == "teardown"
    within = [f"{what} epoch {k}" for k in range(epochs) for what in ("begin", "end")]
    assert events[1:-1] == ["begin fit 0", *within, "end fit 0"]
    assert len(begun) == len(set(begun))


@pytest.mark.filterwarnings("ignore:Training was interrupted")
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_survives_every_end_with_every_callback(solver, end, kind):
    Z, y = load_iris(return_X_y=True)
    told, own = KINDS[kind]()
    both = [*own.get("callbacks", []), *ENDS[end].get("callbacks", [])]
    parameters = {"max_iter": 30, **ENDS[end], **own, "callbacks": both}
    model = MLPClassifier(4, solver=solver, random_state=0, **parameters).set_callbacks(*told)
    epochs = model.fit(Z, y).n_iter_
    assert 0 < epochs <= parameters["max_iter"]
    assert epochs == len(model.history_)
    assert epochs == 3 or end not in ("max_iter", "callback", "Ctrl-C")
    assert model.loss_ == model.history_["loss"][-1]
    assert np.isfinite(model.predict_proba(Z)).all()
    for callback_ in told:
        if isinstance(callback_, Recorder):
            check_events(callback_.events, epochs)
            assert callback_.scores[-1] == model.score(Z, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_interrupted_line_search_leaves_the_last_point_reached(monkeypatch, dtype):
    Z, y = load_iris(return_X_y=True)
    model = MLPClassifier(4, solver="lbfgs", random_state=0, max_iter=30, dtype=dtype)
    reached, calls = [], itertools.count()
    evaluate = Objective.__call__

    def interrupted(self, theta):
        if next(calls) == 12:
            evaluate(self, theta)
            raise KeyboardInterrupt
        return evaluate(self, theta)

    monkeypatch.setattr(Objective, "__call__", interrupted)
    recorder = Recorder()
    model.callbacks = [lambda progress: reached.append(progress.network.theta.copy())]
    with pytest.warns(UserWarning, match="interrupted; the model is as it was then"):
        model.set_callbacks(recorder).fit(Z, y)
    np.testing.assert_array_equal(model.network_.theta, reached[-1])
    assert model.n_iter_ == len(reached)
    check_events(recorder.events, len(reached) + 1)  # the one that was broken off is told, too


def test_a_fit_that_has_converged_before_has_no_iterations():
    Z, y = load_iris(return_X_y=True)
    model = MLPClassifier(4, solver="lbfgs", random_state=0, tol=1e9)
    recorder = Recorder()
    assert model.set_callbacks(recorder).fit(Z, y).n_iter_ == 0
    check_events(recorder.events, 0)
    assert np.isfinite(model.loss_)


def test_callbacks_see_the_iteration_that_has_ended():
    seen = []
    X = np.linspace(-1, 1, 60)[:, None]
    model = MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", random_state=0, max_iter=5)
    model.callbacks = [lambda progress: seen.append((model.n_iter_, model.loss_, progress.loss))]
    model.fit(X, np.hstack([X**2, X]))
    assert [n for n, *_ in seen] == [1, 2, 3, 4, 5]
    assert all(loss == shown for _, loss, shown in seen)
    assert model.loss_ == seen[-1][1]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_true_of_numpy_stops(solver):
    Z, y = load_iris(return_X_y=True)
    model = MLPClassifier(4, solver=solver, random_state=0, max_iter=20)
    model.callbacks = [lambda progress: np.bool_(progress.epoch == 2)]
    assert model.fit(Z, y).n_iter_ == 2
