"""The same training as scikit-learn's MLP, number for number."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from steepest import (
    SGD,
    Adam,
    Dense,
    Logistic,
    Network,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((203, 7))  # a number of rows that batches of 32 do not divide
NUMBERS = np.sin(X[:, 0]) + X[:, 1] ** 2
TASKS = {
    "regression": (MLPRegressor, NUMBERS, 1, Squared()),
    "two classes": (MLPClassifier, (NUMBERS > 1).astype(int), 1, Logistic()),
    "three classes": (
        MLPClassifier,
        (X @ RNG.standard_normal((7, 3))).argmax(axis=1),
        3,
        SoftmaxCrossEntropy(),
    ),
}
PENALTY = {"l2": 0.05, "penalty_over_batch": True}
SOLVERS = {
    "sgd": (
        {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False},
        SGD(lr=0.02, **PENALTY),
    ),
    "momentum": (
        {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
        SGD(lr=0.02, momentum=0.9, **PENALTY),
    ),
    "nesterov": (
        {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
        SGD(lr=0.02, momentum=0.9, nesterov=True, **PENALTY),
    ),
    "adam": ({"solver": "adam"}, Adam(lr=0.02, epsilon_hat=True, **PENALTY)),
}
ACTIVATIONS = {"relu": ReLU, "tanh": Tanh, "logistic": Sigmoid}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_same_losses_and_parameters_after_20_epochs(task, solver, activation):
    peer, y, outputs, loss = TASKS[task]
    settings, rule = SOLVERS[solver]
    settings = settings | {
        "hidden_layer_sizes": (13, 6),
        "activation": activation,
        "alpha": 0.05,
        "batch_size": 32,
        "shuffle": False,
        "tol": 0,
        "n_iter_no_change": 1000,
        "random_state": 1,
    }
    start = peer(**settings, learning_rate_init=1e-300, max_iter=1).fit(X, y)
    sigma = ACTIVATIONS[activation]
    network = Network(
        Dense(13), sigma(), Dense(6), sigma(), Dense(outputs), inputs=7, dtype="float64"
    )
    for k, layer in enumerate((0, 2, 4)):
        network.parameters[f"{layer}.A"][...] = start.coefs_[k].T
        network.parameters[f"{layer}.b"][...] = start.intercepts_[k]

    expected = peer(**settings, learning_rate_init=0.02, max_iter=20).fit(X, y)
    history = Trainer(network, loss, rule, batch=32, sampling="sequential").fit(X, y, epochs=20)

    np.testing.assert_allclose(history["loss"], expected.loss_curve_, rtol=1e-9)
    for k, layer in enumerate((0, 2, 4)):
        A, b = network.parameters[f"{layer}.A"], network.parameters[f"{layer}.b"]
        scale = abs(expected.coefs_[k]).max()
        np.testing.assert_allclose(A.T, expected.coefs_[k], rtol=1e-9, atol=1e-9 * scale)
        np.testing.assert_allclose(b, expected.intercepts_[k], rtol=1e-9, atol=1e-9 * scale)
