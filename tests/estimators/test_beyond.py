"""What the estimators do beyond scikit-learn's."""

import time

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.model_selection import TimeSeriesSplit
from sklearn.preprocessing import scale

from steepest import (
    GELU,
    SGD,
    AdamW,
    Cosine,
    Dense,
    DivergenceError,
    Dropout,
    Hinge,
    Huber,
    InputError,
    Layer,
    LayerNorm,
    MLPClassifier,
    MLPRegressor,
    Network,
    ReduceOnPlateau,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CANCER, BENIGN = load_breast_cancer(return_X_y=True)
CANCER = scale(CANCER)
WINE, KIND = load_wine(return_X_y=True)
WINE = scale(WINE)
D, NUMBERS = load_diabetes(return_X_y=True)
D, NUMBERS = scale(D), scale(NUMBERS)


def names(network):
    return [type(layer).__name__ for layer in network.layer.layers]


def classifier(**settings):
    return MLPClassifier(random_state=0, **{"max_iter": 30, "learning_rate_init": 0.01} | settings)


def test_architecture_by_parameters():
    model = classifier(
        hidden_layer_sizes=(16, 16, 8), activation=("relu", "gelu", Tanh()), dropout=(0.1, 0.2, 0),
        layer_norm=True, residual=True,
    ).fit(WINE, KIND)  # fmt: skip
    assert names(model.network_) == [
        "Dense", "LayerNorm", "ReLU", "Dropout", "Residual", "Dense", "LayerNorm", "Tanh", "Dense",
    ]  # fmt: skip
    inner = model.network_.layer.layers[4]
    assert inner == Residual(Dense(16), LayerNorm(), GELU(), Dropout(0.2))
    assert [c.shape for c in model.coefs_] == [(13, 16), (16, 16), (16, 8), (8, 3)]
    assert model.score(WINE, KIND) > 0.95
    again = classifier(**{k: v for k, v in model.get_params().items() if k != "random_state"})
    np.testing.assert_array_equal(again.fit(WINE, KIND).coefs_[0], model.coefs_[0])


class Falling:
    """A schedule that notes over how many steps it stretches."""

    def __init__(self):
        self.totals = set()

    def __call__(self, steps):
        raise AssertionError("over how many steps?")

    def for_steps(self, total):
        self.totals.add(total)
        return lambda steps: 0.5 * (1 - steps / total)


def test_dropout_and_decay_follow_schedules_over_the_whole_fit():
    rate, strength = Falling(), Falling()
    model = classifier(
        network=Sequential(Dense(20), Tanh(), Dropout(rate)),
        solver=SGD(0.1, weight_decay=strength), batch_size=50, max_iter=20,
    ).fit(WINE, KIND)  # fmt: skip
    assert model.score(WINE, KIND) > 0.9
    assert rate.totals == strength.totals == {20 * 4}


@pytest.mark.parametrize(
    "network",
    [
        Network(Dense(20), Residual(LayerNorm(), Dense(20), ReLU()), Dense(3)),
        Sequential(Dense(20), ReLU()),
        Network(Dense(20), ReLU(), Dense(3), inputs=13, seed=7, dtype="float64"),
    ],
    ids=["network", "hidden layers", "with parameters"],
)
def test_any_network(network):
    model = classifier(network=network, max_iter=1, learning_rate_init=1e-9).fit(WINE, KIND)
    assert isinstance(model.network_.layer, Layer)
    if isinstance(network, Network) and network.inputs:
        np.testing.assert_allclose(model.network_.theta, network.theta, atol=1e-6)
    model.set_params(max_iter=60, learning_rate_init=0.01)
    assert model.fit(WINE, KIND).score(WINE, KIND) > 0.95
    with pytest.raises(InputError, match="3 outputs"):
        classifier(network=Network(Dense(20), Dense(2))).fit(WINE, KIND)


@pytest.mark.parametrize(
    "settings",
    [
        {"solver": AdamW(Cosine(0.01), weight_decay=0.05)},
        {"solver": SGD(0.05, momentum=0.9), "clip_norm": 1.0},
        {"solver": "adam", "learning_rate": Cosine(0.02)},
        {"solver": "sgd", "learning_rate": ReduceOnPlateau(0.05, patience=2), "clip_value": 0.1},
        {"label_smoothing": 0.1},
        {"n_threads": 2},
        {"dtype": "float32"},
    ],
    ids=lambda settings: " ".join(settings),
)
@pytest.mark.parametrize("data", [(WINE, KIND), (CANCER, BENIGN)], ids=["three", "two"])
def test_rules_schedules_and_more(settings, data):
    model = classifier(**settings).fit(*data)
    assert model.score(*data) > 0.95
    wanted = settings.get("dtype", "float64")
    assert model.network_.dtype == wanted
    assert model.predict_proba(data[0]).dtype == np.dtype(wanted)


def test_schedule_sets_the_rate():
    model = classifier(learning_rate=Cosine(0.02), n_iter_no_change=100).fit(WINE, KIND)
    rates = model.history_["lr"]
    assert rates[0] == pytest.approx(0.02, rel=0.01)
    assert rates[-1] < rates[0] / 50


def test_label_smoothing_keeps_logits_small():
    sharp, smooth = (
        classifier(label_smoothing=e, max_iter=300, tol=0).fit(CANCER, BENIGN) for e in (0.0, 0.2)
    )
    assert np.median(smooth.predict_proba(CANCER).max(axis=1)) == pytest.approx(0.9, abs=0.03)
    assert np.median(sharp.predict_proba(CANCER).max(axis=1)) > 0.99


def test_losses():
    hinge = classifier(loss=Hinge(), hidden_layer_sizes=(), max_iter=200).fit(WINE, KIND)
    assert hinge.score(WINE, KIND) > 0.95
    assert not hasattr(hinge, "predict_proba")
    spoiled = NUMBERS.copy()
    spoiled[::25] += 50
    settings = {"random_state": 0, "hidden_layer_sizes": (), "learning_rate_init": 0.02}
    robust, plain = (
        MLPRegressor(loss, **settings).fit(D, spoiled).score(D, NUMBERS)
        for loss in (Huber(), "squared_error")
    )
    assert robust > 0.4 > plain


def test_class_weight_balances():
    rare = np.r_[np.flatnonzero(BENIGN == 1), np.flatnonzero(BENIGN == 0)[:12]]
    noise = np.random.default_rng(0).standard_normal((len(rare), 30))
    X, y = 0.2 * CANCER[rare] + noise, BENIGN[rare]
    plain, balanced = (
        classifier(class_weight=w, hidden_layer_sizes=()).fit(X, y) for w in (None, "balanced")
    )
    assert (balanced.predict(X) == 0).sum() > 2 * (plain.predict(X) == 0).sum()


def test_early_stopping_on_given_rows_and_by_a_splitter():
    half = slice(0, None, 2), slice(1, None, 2)
    model = classifier(early_stopping=True, metrics=["auc", "log_loss"], max_iter=200)
    model.fit(CANCER[half[0]], BENIGN[half[0]], eval_set=(CANCER[half[1]], BENIGN[half[1]]))
    assert model.n_iter_ < 200
    assert model.score(CANCER[half[1]], BENIGN[half[1]]) == model.best_validation_score_
    assert model.history_["auc"].max() > 0.98
    assert set(model.history_.columns) >= {"validation_loss", "validation_score", "log_loss"}

    split = TimeSeriesSplit(3)
    model = MLPRegressor(early_stopping=True, validation_fraction=split, random_state=0)
    model.fit(D, NUMBERS)
    newest = list(split.split(D))[-1][1]
    assert model.score(D[newest], NUMBERS[newest]) == pytest.approx(model.best_validation_score_)
    with pytest.raises(InputError, match="held-out"):
        classifier(metrics=["auc"]).fit(CANCER, BENIGN)


def test_callbacks_stop_and_are_told():
    told = []
    model = classifier(callbacks=[told.append, lambda progress: progress.epoch == 7])
    model.fit(WINE, KIND)
    assert model.n_iter_ == 7
    ends = [progress for progress in told if progress.epoch_ended]
    assert [progress.epoch for progress in ends] == list(range(1, 8))
    assert ends[-1].row["loss"] == model.loss_
    assert ends[-1].network is model.network_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_time_limit(solver):
    model = classifier(time_limit=0.05, max_iter=10**6, max_fun=10**7, tol=0, solver=solver)
    model.set_params(n_iter_no_change=10**6, hidden_layer_sizes=(100, 100))
    began = time.perf_counter()
    model.fit(CANCER, BENIGN)
    assert model.n_iter_ < 10**6
    assert time.perf_counter() - began < 30


def test_progress_bar(capsys):
    classifier(progress_bar=True, max_iter=3).fit(WINE, KIND)
    assert "epoch 3 of 3, loss" in capsys.readouterr().err


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("units", [100, 300])  # the larger one lets other threads run meanwhile
def test_compiled_is_predict(loss, units):
    y = np.abs(NUMBERS)
    for target in (y, np.c_[y, 2 * y]):
        hidden = {"hidden_layer_sizes": (units, units), "max_iter": 5}
        model = MLPRegressor(loss, random_state=0, **hidden).fit(D, target)
        predict = model.compiled()
        found = [predict(row) for row in D[:20]]
        np.testing.assert_allclose(found, model.predict(D[:20]), rtol=1e-10)
    model.partial_fit(D, target)  # it follows
    np.testing.assert_allclose(predict(D[0]), model.predict(D[:1])[0], rtol=1e-10)


def test_compiled_classes():
    names = np.array(["a", "b", "c"])
    for y in (names[KIND], names[np.minimum(KIND, 1)], np.c_[KIND == 0, KIND > 0].astype(int)):
        model = classifier().fit(WINE, y)
        predict = model.compiled()
        np.testing.assert_array_equal([predict(row) for row in WINE], model.predict(WINE))
        np.testing.assert_allclose(
            np.reshape([predict.proba(row) for row in WINE], (len(WINE), -1)),
            model.predict_proba(WINE),
        )


@pytest.mark.parametrize("levels", [(0.05, 0.5, 0.95), (0.9, 0.1)])
def test_quantiles_do_not_cross(levels):
    y = NUMBERS + np.random.default_rng(0).standard_normal(len(D)) * np.abs(D[:, 0])
    model = MLPRegressor(quantiles=levels, random_state=0, learning_rate_init=0.01).fit(D, y)
    found = model.predict(D)
    assert found.shape == (len(D), len(levels))
    ordered = found[:, np.argsort(levels)]
    assert (np.diff(ordered, axis=1) >= 0).all()
    assert 0 < model.score(D, y) < 1
    below = (y[:, None] < ordered).mean(axis=0)
    np.testing.assert_allclose(below, sorted(levels), atol=0.1)
    two = model.fit(D, np.c_[y, -y]).predict(D)
    assert two.shape == (len(D), 2, len(levels))
    assert 0 < model.score(D, np.c_[y, -y]) < 1
    one = model.compiled()(D[0])
    np.testing.assert_allclose(one, two[0])


def test_linear_models_learn_a_row_at_a_time():
    for form in (np.asarray, sparse.csr_matrix):
        model = classifier(hidden_layer_sizes=(), solver=SGD(0.05))
        X = form(CANCER)
        for i in range(400):
            model.partial_fit(X[i : i + 1], BENIGN[i : i + 1], classes=[0, 1])
        assert model.score(X[400:], BENIGN[400:]) > 0.9
        assert len(model.coefs_) == 1


def test_wrong_settings_say_so():
    Z, y = load_iris(return_X_y=True)
    for settings, message in [
        ({"activation": ["relu", "tanh"]}, "one entry for each of 1 hidden layers, got 2"),
        ({"solver": "lbfgs", "dropout": 0.5}, "dropout needs gradient steps"),
        ({"hidden_layer_sizes": (5, 0)}, "must be > 0"),
        ({"hidden_layer_sizes": (4.5,)}, "must be whole numbers"),
        ({"label_smoothing": 1.5}, "label_smoothing"),
        ({"network": "dense"}, "network"),
    ]:
        with pytest.raises(ValueError, match=message):
            classifier(**settings).fit(Z, y)


def test_divergence_is_an_error_with_advice():
    with pytest.raises(ValueError, match="clip_norm"):
        MLPRegressor(solver="sgd", learning_rate_init=1e3, max_iter=50).fit(D, NUMBERS)
    assert not issubclass(ValueError, DivergenceError)
