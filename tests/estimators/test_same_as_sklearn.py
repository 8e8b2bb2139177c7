"""The same fit as scikit-learn's MLP, number for number, from the same random_state."""

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_iris, make_regression

import steepest

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, CLASSES = load_iris(return_X_y=True)
D, NUMBERS = load_diabetes(return_X_y=True)
D, NUMBERS = 10 * D[:150], NUMBERS[:150] / 50
WEIGHTS = np.random.default_rng(0).uniform(0, 2, 150)
TASKS = {
    "three classes": ("MLPClassifier", X, CLASSES, {}),
    "two classes": ("MLPClassifier", X, np.array(["no", "yes"])[(CLASSES == 1).astype(int)], {}),
    "many labels": ("MLPClassifier", X, np.c_[CLASSES == 0, CLASSES > 0, X[:, 0] > 6] * 1, {}),
    "regression": ("MLPRegressor", D, NUMBERS, {}),
    "two targets": ("MLPRegressor", D, np.c_[NUMBERS, NUMBERS**2 / 5], {}),
    "poisson": ("MLPRegressor", D, NUMBERS, {"loss": "poisson"}),
}
SETTINGS = {
    "adam": {"batch_size": 32, "hidden_layer_sizes": (20, 10)},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01, "activation": "tanh"},
    "plain sgd": {"solver": "sgd", "momentum": 0, "alpha": 0, "batch_size": 1, "max_iter": 3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.02},
    "inverse": {"solver": "sgd", "learning_rate": "invscaling", "momentum": 1.0, "power_t": 0.8},
    "early": {"early_stopping": True, "n_iter_no_change": 3, "activation": "logistic"},
    "in order": {"shuffle": False, "hidden_layer_sizes": (), "alpha": 1.0},
}
# Before 1.9, early stopping fails there if the labels are texts.
STOPS_ON_TEXTS = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


def pair(task, **settings):
    name, X, y, more = TASKS[task]
    if settings.get("early_stopping") and y.dtype.kind == "U" and not STOPS_ON_TEXTS:
        y = (y == "yes").astype(int)
    settings = {"random_state": 3, "max_iter": 25, **more, **settings}
    ours, theirs = getattr(steepest, name), getattr(neural_network, name)
    return ours(**settings), theirs(**settings), X, y


def assert_same(ours, theirs, X, rtol=1e-8):
    assert ours.n_iter_ == theirs.n_iter_
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert np.isclose(ours.loss_, theirs.loss_, rtol=rtol)
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(abs(b).max(), 1))
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    else:
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=10 * rtol)


def assert_same_way(ours, theirs):
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
    assert ours.t_ == theirs.t_
    for name in ("best_loss_", "best_validation_score_", "validation_scores_"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-8)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("task", TASKS)
def test_stochastic_solvers(task, settings, weighted):
    ours, theirs, X, y = pair(task, **SETTINGS[settings])
    for model in (ours, theirs):
        model.fit(X, y, sample_weight=WEIGHTS if weighted else None)
    assert_same(ours, theirs, X)
    assert_same_way(ours, theirs)


@pytest.mark.parametrize("task", ["three classes", "two classes", "regression", "poisson"])
def test_lbfgs(task):
    # A few iterations: later ones enlarge the last bit's difference without bound.
    ours, theirs, X, y = pair(task, solver="lbfgs", max_iter=8)
    for model in (ours, theirs):
        model.fit(X, y, sample_weight=WEIGHTS)
    assert_same(ours, theirs, X, rtol=1e-6)


@pytest.mark.parametrize("task", ["two classes", "regression"])
def test_partial_fit_goes_on(task):
    ours, theirs, X, y = pair(task, batch_size=20)
    first = {"classes": np.unique(y)} if task == "two classes" else {}
    for rows in (slice(0, 50), slice(50, 100), slice(100, 150), slice(0, 70)):
        for model in (ours, theirs):
            model.partial_fit(X[rows], y[rows], sample_weight=WEIGHTS[rows], **first)
        first = {}
    assert_same(ours, theirs, X)
    assert_same_way(ours, theirs)


@pytest.mark.parametrize("hidden", [(), (20,)], ids=["linear", "hidden"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_partial_fit_one_row_at_a_time(form, hidden):
    ours, theirs, X, y = pair("three classes", hidden_layer_sizes=hidden, solver="sgd")
    for i in range(30):
        for model in (ours, theirs):
            model.partial_fit(form(X[i : i + 1]), y[i : i + 1], classes=[0, 1, 2])
    assert_same(ours, theirs, X)


def test_warm_start_goes_on():
    ours, theirs, X, y = pair("two classes", warm_start=True)
    for _ in range(3):
        for model in (ours, theirs):
            model.fit(X, y)
    assert_same(ours, theirs, X)
    assert_same_way(ours, theirs)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_inputs(container):
    ours, theirs, X, y = pair("three classes")
    for model in (ours, theirs):
        model.fit(container(X), y)
    assert_same(ours, theirs, container(X))


def test_float32_stays():
    ours, theirs, X, y = pair("regression")
    for model in (ours, theirs):
        model.fit(X.astype(np.float32), y)
    assert ours.predict(X.astype(np.float32)).dtype == np.float32
    assert_same(ours, theirs, X.astype(np.float32), rtol=1e-4)


def test_float32_is_as_near_to_float64_as_theirs():
    X, y = make_regression(200, 10, random_state=0)
    y, narrow = y / y.std(), X.astype(np.float32)
    off = np.zeros(2)
    for seed in range(4):
        for k, kind in enumerate((steepest.MLPRegressor, neural_network.MLPRegressor)):
            model = kind(hidden_layer_sizes=(2,), random_state=seed, max_iter=50)
            exact = model.fit(X, y).predict(X)
            off[k] += np.abs(model.fit(narrow, y).predict(narrow) - exact).mean()
    assert off[0] < 1.3 * off[1]


def test_weights_that_were_put_in_by_hand_count():
    ours, theirs, X, y = pair("regression", max_iter=2)
    for model in (ours, theirs):
        model.fit(X, y)
        model.coefs_[0] = np.ones_like(model.coefs_[0])
        model.intercepts_[1][:] = 7.0
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))
    for model in (ours, theirs):
        model.partial_fit(X, y)
    assert_same(ours, theirs, X)
