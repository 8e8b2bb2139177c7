"""The check of an update rule: its contract, and its formula if there is one to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, replace
from typing import Any

import numpy as np

from ..arrays import Array, aligned
from ..engine.arena import Arena
from ..engine.operands import Buffer
from ..engine.program import Program
from ..errors import SteepestError
from ..layer import Layer
from ..layers.dense import Dense
from ..layers.sequential import Sequential
from ..lowering.lowering import Lowering
from ..lowering.scheduled import ScheduledValues
from ..lowering.training_settings import TrainingSettings
from ..parameters import Parameters
from ..rule import Rule
from ..settings import described
from ..training.slots import ShownTheta, fill_slots
from ..training.update import Update
from .differences import Settings, compare
from .plain import PlainError
from .probe import Runner
from .report import Finding, Report

__all__ = ["Reference", "RuleProbe", "check_rule"]


Reference = Callable[[Array, list[Array], float], Array]
"""``(θ, gradients, η) -> θ`` after a step along each gradient, by the published formula."""

_LAYER, _INPUTS = Sequential(Dense(5), Dense(2)), 3  # θ has matrices and vectors
_SIZE, _STEPS, _ETA = 32, 6, 0.05
_CLOSE = {"atol": 1e-12, "rtol": 1e-10}
_SINGLE = 4e-6  # of the largest entry: ten times what float32 itself does in six steps
_EXACT = {"atol": 0.0, "rtol": 0.0}


def check_rule(rule: Rule, settings: Settings, reference: Reference | None = None) -> Report:
    """Check steps of ``rule`` on parameters and gradients that are drawn.

    They are those of the rule alone, without the clipping, penalties, decay, factors and averages
    that all rules may have.
    """
    report = Report(described(rule))
    rule = replace(rule, **{f.name: _default(f) for f in fields(Rule) if f.name != "lr"})
    rng = np.random.default_rng(settings.seed)
    theta, *gradients = rng.standard_normal((1 + _STEPS, _SIZE)).astype(np.float32)
    try:
        _check(rule, theta.astype(np.float64), gradients, reference, report)
    except PlainError as error:
        report.findings.append(Finding(error.array, "plain Python", hint=str(error)))
    except SteepestError as error:
        report.findings.append(Finding("theta", "its contract", hint=str(error)))
    return report


def _check(
    rule: Rule, theta: Array, gradients: list[Array], reference: Reference | None, report: Report
) -> None:
    def say(
        array: str,
        against: str,
        expected: Array,
        got: Array,
        limits: dict[str, float],
        hint: str,
    ) -> None:
        report.findings.append(compare(array, against, expected, got, hint=hint, **limits))

    with RuleProbe(rule, _LAYER, _INPUTS, theta, "float64") as probe:
        for t, g in enumerate(gradients, 1):
            probe.step(g, t, _ETA, plain=True)
        plain = probe.theta.copy()
    with RuleProbe(rule, _LAYER, _INPUTS, theta, "float64") as probe:
        for t, g in enumerate(gradients, 1):
            probe.step(g, t, _ETA)
            hint = "a rule leaves zeros in g, ready for the next gradient"
            say("g", "0", np.zeros_like(probe.g), probe.g, _EXACT, hint)
            if t == 1:
                along = float((probe.theta - theta) @ g)
                if not along < 0:
                    hint = f"its first step goes up: g·Δθ = {along:.3g}, and must be below 0"
                    report.findings.append(Finding("theta", "its contract", hint=hint))
        slots = {name: slot.copy() for name, slot in probe.slots.items()}
        say("theta", "plain Python", plain, probe.theta, _CLOSE, "the kernel must be the same")
        if reference is not None:
            expected = reference(theta, [g.astype(np.float64) for g in gradients], _ETA)
            say("theta", "its formula", expected, probe.theta, _CLOSE, "")
        final = probe.theta.copy()
    with RuleProbe(rule, _LAYER, _INPUTS, theta, "float32", threads=2) as probe:
        for t, g in enumerate(gradients, 1):
            probe.step(g, t, _ETA)
        hint = (
            "float32 and two threads must give the same; float32 can't take 1 − 0.999 exactly, so "
            "let `settings` return such differences"
        )
        for name, expected in {"theta": final, **slots}.items():
            got = probe.theta if name == "theta" else probe.slots[name]
            limits = {"atol": _SINGLE * min(1.0, float(np.abs(expected).max())), "rtol": 0.0}
            say(name, "float32, two threads", expected, got, limits, hint)


def _default(f: Field[Any]) -> Any:
    return f.default if f.default_factory is MISSING else f.default_factory()


class RuleProbe(Runner):
    """The update of a layer's parameters by a rule, lowered as training lowers it.

    Parameters
    ----------
    rule : Rule
    layer : Layer
        With ``inputs`` inputs.
    theta : ndarray, (m,)
        Where its parameters begin.
    dtype : {"float32", "float64"}
    threads : int

    Attributes
    ----------
    parameters : Parameters
        Hold the θ to predict with.
    g : ndarray, (m,)
        The gradient.
    slots : dict of str to ndarray
    """

    def __init__(
        self, rule: Rule, layer: Layer, inputs: int, theta: Array, dtype: str, threads: int = 1
    ) -> None:
        super().__init__()
        self.program = Program("check", 1, dtype, threads)
        arena, step = Arena(dtype), Buffer.number("t")
        self._eta = arena.array("η", 1)
        self._count = arena.array("count", 1, kind="i")
        scheduled = ScheduledValues(arena, step, 1)
        parameters = self.parameters = Parameters(layer, (inputs,), dtype)
        self.theta, self.g = parameters.theta, aligned(theta.size, dtype)
        self.slots: dict[str, Array] = {}
        self.theta[:] = theta
        fill_slots(self.slots, rule, parameters)
        known = TrainingSettings(scheduled=scheduled)
        low = Lowering(self.program, arena, parameters, self.control, step, training=known)
        update = Update(rule, parameters, self.g, self.slots)
        update.lower(low, self._eta.as_number(), self._count.as_number(), None)
        arena.allocate()
        scheduled.fill(0, 1)
        self._shown = ShownTheta(rule, self.theta, self.slots)

    def step(self, g: Array, t: int, eta: float, *, plain: bool = False) -> None:
        """Take step number ``t`` along the gradient ``g``."""
        self._eta.array[:], self._count.array[:], self.g[:] = eta, t, g
        with self._shown.trained():
            self.run(self.program, plain=plain)
