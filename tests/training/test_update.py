"""The update: parameters that a rule treats alike are updated by one instruction."""

import numpy as np
import pytest

from steepest import SGD, Adam, Dense, Network, ReLU, Sequential, Squared, Trainer
from steepest.errors import MissingKernelError
from steepest.parameters import Parameters
from steepest.training.update import Update

LAYER = Sequential(Dense(16), ReLU(), Dense(2))
SIZES = [3 * 16, 16, 16 * 2, 2]  # 0.A, 0.b, 2.A, 2.b


class InBlocks(SGD):
    """Takes matrices as blocks, and says nothing of their steps."""

    def takes_block(self, name, parameter):
        return len(parameter.shape) == 2


def segments(rule):
    parameters = Parameters(LAYER, (3,), "float32")
    slots = {name: np.zeros_like(parameters.theta) for name in rule.slots}
    update = Update(rule, parameters, np.zeros_like(parameters.theta), slots)
    return [(s.stop - s.start, s.decays, s.factor) for s in update._segments]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Adam(), [(sum(SIZES), False, 1.0)]),
        (SGD(l2=0.1), [(48, True, 1.0), (16, False, 1.0), (32, True, 1.0), (2, False, 1.0)]),
        (Adam(factors={"2.*": 0.5}), [(64, False, 1.0), (34, False, 0.5)]),
        (Adam(l2=0.1, decay_all=True), [(sum(SIZES), True, 1.0)]),
        (InBlocks(), [(48, False, 1.0), (16, False, 1.0), (32, False, 1.0), (2, False, 1.0)]),
        (Adam(factors={"*.A": 0.0, "0.*": 2.0}), [(48, False, 0.0), (16, False, 2.0),
                                                  (32, False, 0.0), (2, False, 1.0)]),
    ],
)  # fmt: skip
def test_neighbours_that_are_treated_alike_are_one_segment(rule, expected):
    assert segments(rule) == expected


def test_a_rule_that_takes_blocks_must_say_how():
    with pytest.raises(MissingKernelError, match=r"InBlocks has no lower_block\(low, names"):
        Trainer(Network(LAYER, inputs=3), Squared(), InBlocks(momentum=0.5)).program(
            np.ones((4, 3)), np.ones((4, 2))
        )


@pytest.mark.parametrize("penalty", ["l1", "l2", "weight_decay"])
def test_what_decays(penalty):
    """Biases do where all parameters do, as in PyTorch."""
    found = {}
    for decay_all in (False, True):
        rule = SGD(1.0, **{penalty: 0.1}, decay_all=decay_all)
        network = Network(Dense(2, "zeros"), inputs=3, dtype="float64")
        network.theta[:] = 2.0
        y = np.full((4, 2), 2.0)  # what it predicts already of rows of 0
        history = Trainer(network, Squared(), rule).fit(np.zeros((4, 3)), y, epochs=1)
        found[decay_all] = network.parameters["0.A"].max(), network.parameters["0.b"].max()
        if penalty != "weight_decay":
            expected = (8 if decay_all else 6) * {"l1": 0.1 * 2, "l2": 0.05 * 4}[penalty]
            assert history["loss"][0] == pytest.approx(expected)
    less = 2 - (0.1 if penalty == "l1" else 0.2)
    assert found[False] == pytest.approx((less, 2.0))
    assert found[True] == pytest.approx((less, less))
