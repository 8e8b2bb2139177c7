"""Layers, losses and rules that are not whole: each is told what lacks, without a traceback."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

from steepest import Layer, Loss, Network, Parameter, Rule, Squared, Trainer, check
from steepest.errors import InputError, MissingKernelError


class Whole(Layer):
    """y = x: right."""

    @staticmethod
    def forward(x, y, rows):
        for i in rows:
            for k in range(x.shape[1]):
                y[i, k] = x[i, k]

    @staticmethod
    def backward_x(dy, dx, rows):
        for i in rows:
            for k in range(dx.shape[1]):
                dx[i, k] = dy[i, k]


class NoForward(Layer):
    backward_x = Whole.backward_x


class NoBackward(Layer):
    forward = Whole.forward


class NotStatic(Whole):
    def forward(x, y, rows):  # noqa: N805
        pass


class TakesSelf(Whole):
    def backward_x(self, dy, dx, rows):
        pass


class LowersToNothing(Whole):
    def lower(self, low, x):
        return x


class NoFunction(Whole):
    forward = 3


class WrongName(Whole):
    @staticmethod
    def forward(x, out, rows):
        pass


class NoTheta(Whole):
    def parameters(self, p):
        return {"b": Parameter((p,))}


class TakesNothing(Whole):
    def outputs(self):
        return 5


class ReturnsNothing(Whole):
    def outputs(self, p):
        pass


class ReturnsShapes(Whole):
    def parameters(self, p):
        return {"b": (p,)}


class ReturnsNames(Whole):
    def parameters(self, p):
        return ["b"]


class OddMemory(Whole):
    def memory(self, n, p):
        return n


class Raises(Whole):
    def parameters(self, p):
        return p.nothing


class InitRaises(NoTheta):
    def init(self, rng, theta):
        theta["c"][...] = 1


LAYERS = [
    (NoForward, "y", "NoForward has no forward, .*@staticmethod def forward\\(x, y, rows\\)"),
    (NoBackward, "dx", "NoBackward has no backward_x, .*writes dx"),
    (NotStatic, "y", "forward is no static method: put @staticmethod above def forward;"),
    (TakesSelf, "dx", "@staticmethod above def backward_x, and take self out"),
    (LowersToNothing, "y", r"lower must return \(y, backward\)"),
    (NoFunction, "y", "must be a plain function, got 3"),
    (WrongName, "y", "asks for 'out', which is not known here"),
    (NoTheta, "dθ", "NoTheta has no backward_theta"),
    (TakesNothing, "y", r"outputs must take \(self, p\), and takes \(self\)"),
    (ReturnsNothing, "y", r"outputs\(5\) must return a whole number of at least 1, not None"),
    (ReturnsShapes, "db", r"must return Parameter\(\(5,\)\) for 'b'"),
    (ReturnsNames, "y", "must return a dict of Parameter"),
    (OddMemory, "y", "must return a dict of shapes, not 5"),
    (Raises, "y", "parameters raises AttributeError: 'int' object has no attribute 'nothing'"),
    (InitRaises, "y", "init raises KeyError: 'c'"),
]


def test_a_whole_layer_passes():
    assert check(Whole()).ok
    assert check(Whole(), np.random.default_rng(0).normal(size=(5, 3, 4))).ok


@pytest.mark.parametrize(("kind", "array", "message"), LAYERS, ids=lambda x: str(x)[-30:])
def test_an_incomplete_layer_is_told_what_lacks(kind, array, message):
    report = check(kind(), raises=False)
    assert not report.ok
    said = " / ".join(f.hint for f in report.findings if f.array == array)
    assert re.search(message, said), said


@pytest.mark.parametrize("kind", [NoForward, NoBackward, NotStatic, TakesSelf, NoFunction])
def test_training_says_the_same(kind):
    network = Network(kind(), Whole(), inputs=2)
    if kind in (NoBackward, TakesSelf):
        network = Network(NoTheta(), kind(), inputs=2)
    with pytest.raises(InputError, match=r"no forward|no backward|static|plain function"):
        Trainer(network, Squared()).fit(np.ones((4, 2)), np.ones((4, 2)), epochs=1)


@dataclass(frozen=True)
class NoGradient(Loss):
    @staticmethod
    def value(z, y, w, loss, rows):
        pass


@dataclass(frozen=True)
class WrongWeights(Loss):
    @staticmethod
    def value(z, y, weights, loss, rows):
        pass

    gradient = value


@dataclass(frozen=True, kw_only=True)
class NoStep(Rule):
    pass


@dataclass(frozen=True, kw_only=True)
class OddStep(Rule):
    @staticmethod
    def step(theta, g, eta, units):
        pass


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (NoGradient(), "^NoGradient has no gradient, which writes dz"),
        (WrongWeights(), "^WrongWeights.value asks for 'weights', which is not known here"),
        (NoStep(), "^NoStep has no step, "),
        (OddStep(), "^OddStep.step asks for 'units', which is not known here"),
    ],
    ids=lambda x: str(x)[:20],
)
def test_an_incomplete_loss_or_rule_is_told_what_lacks(thing, message):
    (finding,) = check(thing, raises=False).findings
    assert re.search(message, finding.hint), finding.hint


def test_a_kernel_that_lacks_is_like_any_attribute():
    assert not hasattr(NoBackward(), "backward_x")
    with pytest.raises(MissingKernelError, match="NoBackward"):
        _ = NoBackward().backward_x
