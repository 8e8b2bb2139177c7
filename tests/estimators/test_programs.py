"""Programs in the manner of scikit-learn's gallery: one import changes, the results do not.

Each takes the module that has the MLP and returns the numbers it would print.
"""

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, make_moons
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

import steepest

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS, DIGIT = DIGITS[:600] / 16, DIGIT[:600]
CANCER, BENIGN = load_breast_cancer(return_X_y=True)


def varying_regularisation(mlp):
    X, y = make_moons(noise=0.3, random_state=0, n_samples=100)
    scores = []
    for alpha in np.logspace(-1, 1, 3):
        model = mlp.MLPClassifier(
            solver="adam", alpha=alpha, random_state=1, max_iter=300, early_stopping=True,
            hidden_layer_sizes=[10, 10],
        )  # fmt: skip
        model = make_pipeline(StandardScaler(), model).fit(X[:60], y[:60])
        scores.append(model.score(X[60:], y[60:]))
    return scores


def filters_of_digits(mlp):
    model = mlp.MLPClassifier(
        hidden_layer_sizes=(40,), max_iter=8, alpha=1e-4, solver="sgd", random_state=1,
        learning_rate_init=0.2,
    ).fit(DIGITS, DIGIT)  # fmt: skip
    return [model.score(DIGITS, DIGIT), model.coefs_[0].min(), model.coefs_[0].max()]


def learning_strategies(mlp):
    X, y = load_iris(return_X_y=True)
    X, losses = MinMaxScaler().fit_transform(X), []
    for settings in (
        {"solver": "sgd", "learning_rate": "constant", "momentum": 0},
        {"solver": "sgd", "learning_rate": "constant", "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate": "invscaling", "nesterovs_momentum": True},
        {"solver": "adam", "learning_rate_init": 0.01},
    ):
        settings = {"learning_rate_init": 0.2, "max_iter": 40, "random_state": 0, **settings}
        losses += mlp.MLPClassifier(**settings).fit(X, y).loss_curve_[::10]
    return losses


def dependence_of_a_regressor(mlp):
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(
        QuantileTransformer(n_quantiles=50),
        mlp.MLPRegressor(
            hidden_layer_sizes=(30, 15), learning_rate_init=0.01, early_stopping=True,
            random_state=0,
        ),
    ).fit(X, y)  # fmt: skip
    return partial_dependence(model, X, [2, 8], grid_resolution=4)["average"].ravel() / 100


def stacking(mlp):
    train, test, y, y_test = train_test_split(CANCER, BENIGN, random_state=0)
    net = make_pipeline(StandardScaler(), mlp.MLPClassifier(20, max_iter=50, random_state=0))
    line = make_pipeline(StandardScaler(), LogisticRegression())
    stack = StackingClassifier([("net", net), ("line", line)], cv=2).fit(train, y)
    vote = VotingClassifier([("net", net), ("line", line)], voting="soft").fit(train, y)
    return [stack.score(test, y_test), vote.score(test, y_test)]


def calibration(mlp):
    net = mlp.MLPClassifier(20, max_iter=30, random_state=0)
    model = CalibratedClassifierCV(make_pipeline(StandardScaler(), net), method="sigmoid", cv=3)
    p = cross_val_predict(model, CANCER, BENIGN, cv=2, method="predict_proba")
    return [brier_score_loss(BENIGN, p[:, 1])]


def search_over_a_pipeline(mlp):
    net = mlp.MLPClassifier(20, max_iter=30, learning_rate_init=0.01, random_state=0)
    pipe = make_pipeline(PCA(random_state=0), net.set_params(max_iter=10))
    grid = {"pca__n_components": [16], "mlpclassifier__activation": ["tanh", "relu"]}
    search = GridSearchCV(pipe, grid, cv=2).fit(DIGITS, DIGIT)
    return list(search.cv_results_["mean_test_score"])


def text(mlp):
    good, bad = ["a fine day", "what a joy", "fine and good", "joy"], ["so sad", "a bad day", "bad"]
    X, y = TfidfVectorizer().fit_transform(good + bad), ["good"] * 4 + ["bad"] * 3
    net = mlp.MLPClassifier(5, solver="lbfgs", max_iter=10, random_state=0).fit(X, y)
    return [net.score(X, y), *net.predict_proba(X)[:, 0]]


def out_of_core(mlp):
    net = mlp.MLPClassifier(30, random_state=0)
    for _ in range(3):
        for start in range(0, 500, 50):
            rows = slice(start, start + 50)
            net.partial_fit(DIGITS[rows], DIGIT[rows], classes=np.arange(10))
    return [net.score(DIGITS[500:], DIGIT[500:]), net.loss_]


PROGRAMS = [
    varying_regularisation, filters_of_digits, learning_strategies, dependence_of_a_regressor,
    stacking, calibration, search_over_a_pipeline, text, out_of_core,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_same_results(program):
    expected = program(neural_network)
    np.testing.assert_allclose(program(steepest), expected, rtol=0.02, atol=0.01)
