"""The update: parameters that a rule treats alike are updated by one instruction."""

import numpy as np
import pytest

from steepest import SGD, Adam, Dense, ReLU, Sequential
from steepest.parameters import Parameters
from steepest.training.update import Update

LAYER = Sequential(Dense(16), ReLU(), Dense(2))
SIZES = [3 * 16, 16, 16 * 2, 2]  # 0.A, 0.b, 2.A, 2.b


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
        (Adam(factors={"*.A": 0.0, "0.*": 2.0}), [(48, False, 0.0), (16, False, 2.0),
                                                  (32, False, 0.0), (2, False, 1.0)]),
    ],
)  # fmt: skip
def test_neighbours_that_are_treated_alike_are_one_segment(rule, expected):
    assert segments(rule) == expected
