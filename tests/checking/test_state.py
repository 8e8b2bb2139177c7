"""The check of layers with state: it sees y as a function of x and θ, from one state."""

import numpy as np
import pytest

from states import Centre, CentreAll, ScaledCentre, examples
from steepest import CheckError, Dense, InputError, Network, Parameter, ReLU, State, check
from steepest.losses import Squared


@pytest.mark.parametrize("layer", examples, ids=repr)
def test_layers_with_state_are_right(layer):
    found = {finding.array for finding in check(layer).findings}
    assert set(layer.state(3)) <= found


def test_a_network_is_checked_at_its_own_state_and_keeps_it():
    network = Network(Dense(4), Centre(), ReLU(), ScaledCentre(), Dense(2), inputs=3)
    network.built.state[:] = np.linspace(-1, 1, network.built.state.size)
    before = network.built.state.copy()
    X = np.random.default_rng(0).standard_normal((5, 3))
    report = check(network, X, X[:, :2], loss=Squared())
    assert np.array_equal(network.built.state, before)
    counted = next(f for f in report.findings if f.array == "1.count")
    assert counted.expected == np.float32(before[4]) + 1  # of the state before, not of a fresh one


def test_examples_of_several_rows_are_checked_too():
    network = Network(CentreAll(), Dense(4), Centre(), ScaledCentre(), Dense(2), inputs=(3, 5))
    assert {name: view.shape for name, view in network.state.items()} == {
        "0.m": (15,), "0.count": (1,), "2.m": (4,), "2.count": (1,), "3.m": (4,),
    }  # fmt: skip
    X = np.random.default_rng(0).standard_normal((4, 3, 5))
    assert check(network, X, X[..., :2], loss=Squared()).ok


class WritesWhilePredicting(Centre):
    @staticmethod
    def forward(x, y, m, rows):
        for j in range(x.shape[1]):
            m[j] += 0.1
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = x[i, j] - m[j]


class WritesBackward(Centre):
    @staticmethod
    def backward_x(dy, dx, m):
        for i in range(dy.shape[0]):
            for j in range(dy.shape[1]):
                dx[i, j] = dy[i, j]
        m[0] = 0


class Races(Centre):
    @staticmethod
    def forward_training(x, y, m, rows):
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = x[i, j] - m[j]
                m[j] += 0.1 * y[i, j]


class SubtractsTheNewMean(Centre):
    """Its y has more of x than its backward pass knows."""

    @staticmethod
    def forward_training(x, y, m, rate):
        for j in range(x.shape[1]):
            total = 0.0
            for i in range(x.shape[0]):
                total += x[i, j]
            m[j] += rate * (total / x.shape[0] - m[j])
            for i in range(x.shape[0]):
                y[i, j] = x[i, j] - m[j]


class RightInTrainingOnly(SubtractsTheNewMean):
    predicts_alike = False

    @staticmethod
    def backward_x(dy, dx, rate):
        for j in range(dy.shape[1]):
            total = 0.0
            for i in range(dy.shape[0]):
                total += dy[i, j]
            for i in range(dy.shape[0]):
                dx[i, j] = dy[i, j] - rate * total / dy.shape[0]


class Overflows(Centre):
    @staticmethod
    def forward_training(x, y, m):
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                y[i, j] = x[i, j] - m[j]
                m[j] = np.inf


class DeclaresShapes(Centre):
    def state(self, p):
        return {"m": (p,)}


class NotStatic(Centre):
    def forward_training(self, x, y, m):
        """Ask for self."""


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (WritesWhilePredicting(), "m: only a program that trains may write to the state"),
        (WritesBackward(), "m: the backward pass must not write to the state"),
        (Races(), "two threads write the same entries of m in forward_training"),
        (SubtractsTheNewMean(), r"dx\[.*\] against central differences: "),
        (RightInTrainingOnly(), r"dx\[.*\] against central differences at fixed θ: "),
        (Overflows(), "m: is not finite after two steps of training"),
        (DeclaresShapes(), r"state\(5\) must return a dict of State"),
        (NotStatic(), "forward_training is no static method: put @staticmethod"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_mistakes_are_found(layer, says):
    with pytest.raises(CheckError, match=says):
        check(layer)


def test_a_parameter_and_an_array_of_the_state_need_names_of_their_own():
    class Both(ScaledCentre):
        def parameters(self, p):
            return {"m": Parameter((p,))}

        def state(self, p):
            return {"m": State((p,))}

    with pytest.raises(InputError, match="layer 0 has a parameter 'm' and an array of its state"):
        Network(Both(), inputs=2)
