from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import formulas
from helpers import run_kernel
from steepest.checking import catalogue
from steepest.checking.rules import RuleProbe
from steepest.errors import InputError
from steepest.layers import Dense, Sequential
from steepest.parameters import Parameters
from steepest.rule import IfPresent
from steepest.rules import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
    ScheduleFreeAdamW,
)
from steepest.rules.blocks import BLOCK, block_count
from steepest.rules.clip import block_norms, clip_norm, clip_value
from steepest.rules.penalise import decay, penalise

both = pytest.mark.parametrize("compiled", [False, True])
ETA = 0.05


each_rule = pytest.mark.parametrize("rule", catalogue.RULES, ids=repr)


SMALL = Sequential(Dense(1, bias=False))
SHAPES = Sequential(Dense(20), Dense(3))  # matrices stored in both ways


def reference(theta, gradients, rule, layer=SHAPES):
    """Return the θ to predict with, by the published formula of each parameter."""
    parameters = Parameters(layer, (5,), "float64")
    strength, found = decay_of(rule), np.empty(theta.size)
    for name, start in parameters.views(theta).items():
        matrix, kept = parameters.declared[name].decays, {}
        for t, g in enumerate(gradients, 1):
            own, decay = parameters.views(g)[name], strength * (matrix or rule.decay_all)
            start = formulas.step(rule, start, own, ETA, t, kept, matrix=matrix, decay=decay)
        parameters.views(found)[name][...] = kept["shown"]
    return found


def decay_of(rule):
    """Return the strength of a rule's decay; some number if it follows a schedule."""
    return 0.1 if callable(rule.weight_decay) else rule.weight_decay


def run(rule, layer=SHAPES, dtype="float64", compiled=True, threads=1, steps=6, theta=None):
    rule = replace(rule, weight_decay=decay_of(rule))
    size, rng = Parameters(layer, (5,), dtype).theta.size, np.random.default_rng(0)
    theta = (rng.normal(size=size) if theta is None else theta * np.ones(size)).astype(dtype)
    gradients = [rng.normal(size=size).astype(dtype) for _ in range(steps)]
    with RuleProbe(rule, layer, 5, theta, dtype, threads) as probe:
        for t, g in enumerate(gradients, 1):
            probe.step(g, t, ETA, plain=not compiled)
            assert not probe.g.any()
    start = theta.astype("float64")
    return probe.theta, start, [g.astype("float64") for g in gradients]


@each_rule
@both
@pytest.mark.parametrize("layer", [SMALL, SHAPES], ids=["5", "183"])
def test_published_formula(rule, compiled, layer):
    theta, start, gradients = run(rule, layer, compiled=compiled)
    expected = reference(start, gradients, rule, layer)
    np.testing.assert_allclose(theta, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("rule", [Adagrad(), RMSprop(), Adam(), Adam(epsilon_hat=True)], ids=repr)
@both
def test_no_gradient_no_step(rule, compiled):
    theta, g = np.ones(5), np.zeros(5)
    slots = {name: np.zeros(5) for name in rule.slots}
    run_kernel(
        rule.kernel, "float64", compiled, theta=theta, g=g, eta=ETA, t=1, **slots, **rule.settings()
    )
    np.testing.assert_array_equal(theta, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_step_of_adam_is_the_learning_rate(dtype):
    theta, start, (g,) = run(Adam(), dtype=dtype, steps=1)
    np.testing.assert_allclose(theta - start, -ETA * np.sign(g), rtol=1e-4)


@pytest.mark.parametrize(
    "rule",
    [
        SGD(momentum=0.999),
        SGD(momentum=0.999, nesterov=True),
        Adagrad(),
        RMSprop(rho=0.999),
        Adam(),
        Adam(beta1=0.99, beta2=0.9999, epsilon_hat=True),
        Adam(beta2=0.9999, amsgrad=True),
        RMSprop(rho=0.999, momentum=0.9),
        SGD(momentum=0.999, dampening=0.999),
        NAdam(beta2=0.9999),
        RAdam(),
        Adamax(),
        Adadelta(rho=0.999),
        ScheduleFreeAdamW(),
        ScheduleFreeAdamW(beta1=0.999, ema=0.999),
        SGD(ema=0.999),
        Muon(),
    ],
    ids=repr,
)
@both
def test_steps_in_float32_are_as_exact_as_float32_can(rule, compiled):
    theta, start, gradients = run(rule, SHAPES, "float32", compiled, theta=0.0)
    expected = reference(start, gradients, rule)
    np.testing.assert_allclose(theta, expected, rtol=1e-6, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("rule", [Adam(beta2=0.999), RMSprop(rho=0.999)], ids=lambda r: r.slots[-1])
@both
def test_squares_are_averaged_in_float32_as_exactly_as_float32_can(rule, compiled):
    # 1 - float32(0.999) is off by 1 in 80,000.
    theta, g, *slots = (np.full(3, x, np.float32) for x in (0, 1, 0, 0))
    run_kernel(
        rule.kernel, "float32", compiled, theta=theta, g=g, eta=ETA, t=1,
        **dict(zip(rule.slots, slots, strict=False)), **rule.settings(),
    )  # fmt: skip
    squares = slots[len(rule.slots) - 1]
    np.testing.assert_allclose(squares, 0.001, rtol=1e-6)


def test_what_sgd_fuses():
    assert SGD().fuses
    assert SGD(0.5).lr == 0.5
    assert not SGD(momentum=0.9).fuses
    for more in ({"l1": 0.1}, {"clip_norm": 1.0}, {"weight_decay": 0.1}, {"factors": {"*": 0.5}}):
        assert not SGD(**more).fuses
    assert not Adam().fuses
    assert (SGD().slots, SGD(momentum=0.5).slots, Adam().slots) == ((), ("v",), ("m", "v"))
    assert AdamW().weight_decay == 0.01


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(0.0),
        lambda: SGD(np.nan),
        lambda: SGD(momentum=1.1),
        lambda: SGD(momentum=-0.1),
        lambda: SGD(nesterov=True),
        lambda: SGD(l2=-1.0),
        lambda: SGD(clip_norm=0.0),
        lambda: Adam(beta1=1.0),
        lambda: Adam(beta2=np.nan),
        lambda: AdamW(eps=0.0),
        lambda: RMSprop(rho=1.0),
        lambda: Adagrad(eps=-1.0),
        lambda: Adagrad(initial=-1.0),
        lambda: Adagrad(lr_decay=-1.0),
        lambda: Adam(amsgrad=1),
        lambda: RMSprop(momentum=1.0),
        lambda: RMSprop(centred="yes"),
        lambda: SGD(dampening=0.1),
        lambda: SGD(momentum=0.5, dampening=0.1, nesterov=True),
        lambda: SGD(ema=1.0),
        lambda: SGD(decay_all=1),
        lambda: Rprop(least=1.0, most=0.5),
        lambda: Rprop(grow=0.9),
        lambda: Adafactor(limit=0.5),
        lambda: NAdam(momentum_decay=-1.0),
        lambda: ScheduleFreeAdamW(weight_power=-1.0),
        lambda: Muon(adjust="best"),
        lambda: Muon(coefficients=(1.0, 2.0)),
        lambda: Muon(apart="4.A"),
        lambda: Muon(steps=0),
    ],
)
def test_refuses(make):
    with pytest.raises(InputError):
        make()


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clip_value(compiled, dtype):
    g = np.array([-3, -0.5, 0, 0.5, 3, np.inf, np.nan], dtype)
    run_kernel(clip_value, dtype, compiled, 2, g=g, limit=1.0)
    np.testing.assert_array_equal(g, np.array([-1, -0.5, 0, 0.5, 1, 1, np.nan], dtype))


@both
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("limit", [0.5, 1e3])
@pytest.mark.parametrize("size", [1, 75, 4096, 10000])
def test_clip_norm(compiled, threads, limit, size):
    g = np.random.default_rng(0).normal(size=size) + 1
    before, norms = g.copy(), np.full(block_count(size), 77.0)  # of the last step
    run_kernel(block_norms, "float64", compiled, threads, g=g, norms=norms)
    run_kernel(clip_norm, "float64", compiled, threads, g=g, norms=norms, limit=limit)
    norm = np.linalg.norm(before)
    np.testing.assert_allclose(g, before * min(1, limit / norm), rtol=1e-14)


@both
def test_clip_norm_of_zero_and_of_nan(compiled):
    for g in (np.zeros(3), np.array([1, np.nan, 2])):
        after, norms = g.copy(), np.zeros(1)
        run_kernel(block_norms, "float64", compiled, g=after, norms=norms)
        run_kernel(clip_norm, "float64", compiled, g=after, norms=norms, limit=1.0)
        np.testing.assert_array_equal(after, g)


@both
def test_clip_norm_of_what_has_no_square_in_float32(compiled):
    g = np.array([3e20, -4e20, 1], np.float32)
    norms = np.zeros(1, np.float32)
    run_kernel(block_norms, "float32", compiled, 2, g=g, norms=norms)
    run_kernel(clip_norm, "float32", compiled, 2, g=g, norms=norms, limit=0.5)
    np.testing.assert_allclose(g, [0.3, -0.4, 1e-21], rtol=1e-6)


@both
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
@pytest.mark.parametrize("size", [75, 9000])
def test_penalise(compiled, threads, l1, l2, size):
    rng = np.random.default_rng(0)
    theta, g = rng.normal(size=size), rng.normal(size=size)
    theta[3] = 0
    before, penalty = g.copy(), np.full(block_count(size), 77.0)  # of the last step
    names = {"theta": theta, "l1": l1, "l2": l2, "penalty": penalty}
    run_kernel(penalise, "float64", compiled, threads, g=g, **names)
    np.testing.assert_allclose(g, before + l1 * np.sign(theta) + l2 * theta, rtol=1e-14, atol=1e-15)
    expected = l1 * np.abs(theta).sum() + 0.5 * l2 * (theta**2).sum()
    np.testing.assert_allclose(penalty.sum(), expected, rtol=1e-13)


@both
def test_sums_over_blocks_are_of_whole_blocks_however_many_share_them(compiled):
    theta = np.random.default_rng(0).normal(size=10000)
    for threads in (1, 2, 3, 4):
        norms, penalty = (np.zeros(block_count(theta.size)) for _ in range(2))
        run_kernel(block_norms, "float64", compiled, threads, g=theta.copy(), norms=norms)
        names = {"theta": theta, "g": theta.copy(), "l1": 0.0, "l2": 2.0, "penalty": penalty}
        run_kernel(penalise, "float64", compiled, threads, **names)
        for k, block in enumerate(np.split(theta, range(int(BLOCK), 10000, int(BLOCK)))):
            np.testing.assert_allclose(norms[k], np.linalg.norm(block), rtol=1e-13)
            np.testing.assert_allclose(penalty[k], (block**2).sum(), rtol=1e-13)


@both
def test_decay(compiled):
    theta = np.random.default_rng(0).normal(size=35)
    before = theta.copy()
    run_kernel(decay, "float64", compiled, 2, theta=theta, eta=0.1, weight_decay=0.5)
    np.testing.assert_allclose(theta, before - 0.1 * 0.5 * before, rtol=1e-15)


@both
def test_decay_in_float32_is_right_on_average(compiled):
    theta = (np.random.default_rng(0).random(4000) + 1).astype(np.float32)
    before = theta.astype(np.float64)
    run_kernel(decay, "float32", compiled, theta=theta, eta=1e-3, weight_decay=1e-2)
    np.testing.assert_allclose(np.mean(1 - theta / before), 1e-5, rtol=5e-4)


def test_the_first_factor_that_fits_counts():
    rule = SGD(factors={"*.b": 0.5, "0.*": 0.0})
    assert [rule.factor_of(name) for name in ("0.A", "0.b", "2.A")] == [0.0, 0.5, 1.0]


def test_factors_that_fit_no_parameter():
    rule = SGD(factors={"*.b": 0.5, "layer0.*": 0.0})
    with pytest.raises(InputError, match=r"here: .*SGD.*'layer0\.\*'; there are 0\.A, 0\.b$"):
        rule.check_factors("here", ["0.A", "0.b"])
    with pytest.raises(InputError, match=r"11\.A and 88 more$"):
        rule.check_factors("here", [f"{k}.A" for k in range(100)])
    with pytest.raises(InputError, match=r"there are none$"):
        rule.check_factors("here", [])
    SGD(factors=IfPresent(rule.factors)).check_factors("here", ["0.A"])
