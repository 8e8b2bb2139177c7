"""Callbacks by scikit-learn's protocol, where scikit-learn has one."""

import pytest
from sklearn.datasets import load_iris

from steepest import MLPClassifier

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
