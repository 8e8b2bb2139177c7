from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formulas import SCHEDULES
from steepest.checking import catalogue
from steepest.errors import InputError
from steepest.schedule import Schedule, for_steps
from steepest.schedules import (
    Constant,
    Cosine,
    CosLog4,
    Exponential,
    FlatCosine,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    Step,
)

ALL = [for_steps(schedule, 100) for schedule in catalogue.SCHEDULES]


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=20),
    st.sampled_from(ALL),
)
@settings(derandomize=True, max_examples=50, deadline=None)
def test_a_function_of_the_step_within_bounds(steps, schedule):
    assert isinstance(schedule, Schedule)
    rates = schedule(np.array(steps))
    assert rates.shape == (len(steps),)
    assert rates.dtype == np.float64
    assert (rates >= 0).all()
    assert (rates <= schedule.lr * (1 + 1e-12)).all()
    each = [float(schedule(np.array([t]))[0]) for t in steps]
    np.testing.assert_array_equal(rates, each)


@pytest.mark.parametrize(
    "schedule",
    [*ALL, InverseScaling(0.2, 0.7), Step(1.0, 2, 0.5), Exponential(2.0, 0.5), CosLog4(1.0, 5)],
    ids=repr,
)
def test_formula(schedule):
    t = np.arange(0.0, getattr(schedule, "total", 100) + 1)
    np.testing.assert_allclose(schedule(t), SCHEDULES[type(schedule)](schedule, t), atol=1e-15)


def test_cosine():
    rates = Cosine(1.0, 110, warmup=10, floor=0.2)(np.arange(111))
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    np.testing.assert_allclose(rates[[10, 60, 110]], [1, 0.6, 0.2])
    assert (np.diff(rates[10:]) < 0).all()
    np.testing.assert_allclose(Cosine(1.0, 4)(np.array([0, 2, 4, 9])), [1, 0.5, 0, 0], atol=1e-15)


def test_one_cycle():
    rates = OneCycle(1.0, 100, warmup=0.25)(np.arange(101))
    np.testing.assert_allclose(rates[[0, 25, 100]], [1 / 25, 1, 1 / 25 / 1e4])
    assert (np.diff(rates[:26]) > 0).all()
    assert (np.diff(rates[25:]) < 0).all()
    for warmup in (0.0, 1.0):
        assert np.isfinite(OneCycle(1.0, 10, warmup=warmup)(np.arange(12))).all()


def test_cos_log_4_has_four_waves():
    ends = np.array([0, 1, 3, 7, 15])
    np.testing.assert_allclose(CosLog4(1.0, 15)(ends), 0, atol=1e-13)
    np.testing.assert_allclose(CosLog4(1.0, 15)(2 ** (np.arange(4) + 0.5) - 1), 1)


def test_flat_cosine():
    rates = FlatCosine(1.0, 100, flat=0.6)(np.arange(101))
    np.testing.assert_array_equal(rates[:61], 1)
    np.testing.assert_allclose(rates[[80, 100]], [0.5, 0], atol=1e-15)
    np.testing.assert_array_equal(FlatCosine(1.0, 10, flat=1.0)(np.arange(11)), 1)


@pytest.mark.parametrize("kind", [Cosine, OneCycle, CosLog4, FlatCosine])
def test_total_is_filled_in(kind):
    open_ended, steps = kind(0.1), np.arange(51)
    with pytest.raises(InputError, match="total, the number of steps, is not known"):
        open_ended(steps)
    np.testing.assert_array_equal(for_steps(open_ended, 50)(steps), kind(0.1, 50)(steps))
    assert for_steps(kind(0.1, 9), 50) == kind(0.1, 9)
    assert np.isfinite(kind(0.1, 1)(np.arange(3))).all()


def test_for_steps_leaves_others_alone():
    assert for_steps(Constant(0.1), 5) == Constant(0.1)
    assert for_steps(np.cos, 5) is np.cos


def test_reduce_on_plateau():
    rule = ReduceOnPlateau(1.0, factor=0.5, patience=2, threshold=0.1, floor=0.2)
    assert rule.scale([]) == 1
    assert rule.scale([3, 2, 1]) == 1
    assert rule.scale([1, 1]) == 1
    assert rule.scale([1, 1, 0.95]) == 0.5
    assert rule.scale([1, 1, 1, 1, 0.5]) == 0.5
    assert rule.scale([1] + [1] * 4) == 0.25
    assert rule.scale([1] * 50) == 0.2
    assert rule.scale([1, np.nan, np.nan]) == 0.5
    np.testing.assert_array_equal(rule(np.arange(3)), 1)


@pytest.mark.parametrize(
    "make",
    [
        *(lambda lr=lr: Constant(lr) for lr in (0, -1, np.nan, np.inf, "1", None, True)),
        lambda: InverseScaling(0.1, -1),
        lambda: InverseScaling(0.1, np.nan),
        lambda: Step(0.1, 0),
        lambda: Step(0.1, 2.5),
        lambda: Step(0.1, 2, 0),
        lambda: Exponential(0.1, 0),
        lambda: Cosine(0.1, 0),
        lambda: Cosine(0.1, 10, -1),
        lambda: Cosine(0.1, 10, 0, 0.2),
        lambda: OneCycle(0.1, 10, 1.5),
        lambda: OneCycle(0.1, 10, 0.3, 0.5),
        lambda: FlatCosine(0.1, 10, -0.1),
        lambda: CosLog4(0.1, np.nan),
        lambda: ReduceOnPlateau(0.1, 1.5),
        lambda: ReduceOnPlateau(0.1, patience=0),
        lambda: ReduceOnPlateau(0.1, floor=1.0),
    ],
)
def test_refuses(make):
    with pytest.raises(InputError, match="must be"):
        make()
