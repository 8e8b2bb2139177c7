"""The check of an update rule: its contract, and its formula if there is one to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, aligned
from ..engine.arena import Arena
from ..engine.operands import Buffer
from ..engine.program import Program
from ..errors import SteepestError
from ..layers.identity import Identity
from ..lowering.lowering import Lowering, TrainingSettings
from ..parameters import Parameters
from ..rule import Rule
from ..settings import described
from .differences import Settings, compare
from .plain import PlainError
from .probe import Runner
from .report import Finding, Report

__all__ = ["Reference", "check_rule"]


Reference = Callable[[Array, list[Array], float], Array]
"""``(θ, gradients, η) -> θ`` after a step along each gradient, by the published formula."""

_SIZE, _STEPS, _ETA = 37, 6, 0.05
_CLOSE = {"atol": 1e-12, "rtol": 1e-10}
_SINGLE = 4e-6  # of the largest entry: ten times what float32 itself does in six steps
_EXACT = {"atol": 0.0, "rtol": 0.0}


def check_rule(rule: Rule, settings: Settings, reference: Reference | None = None) -> Report:
    """Check steps of ``rule`` on parameters and gradients that are drawn."""
    report = Report(described(rule))
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

    with _Probe(rule, theta, "float64") as probe:
        for t, g in enumerate(gradients, 1):
            probe.step(g, t, plain=True)
        plain = probe.theta.copy()
    with _Probe(rule, theta, "float64") as probe:
        for t, g in enumerate(gradients, 1):
            probe.step(g, t)
            hint = "a rule leaves zeros in g, ready for the next gradient"
            say("g", "0", np.zeros_like(probe.g), probe.g, _EXACT, hint)
            if t == 1:
                along = float((probe.theta - theta) @ g)
                if not along < 0:
                    hint = f"its first step goes up: g·Δθ = {along:.3g}, and must be below 0"
                    report.findings.append(Finding("theta", "its contract", hint=hint))
        slots = {name: probe.slots[name].copy() for name in rule.slots}
        say("theta", "plain Python", plain, probe.theta, _CLOSE, "the kernel must be the same")
        if reference is not None:
            expected = reference(theta, [g.astype(np.float64) for g in gradients], _ETA)
            say("theta", "its formula", expected, probe.theta, _CLOSE, "")
        final = probe.theta.copy()
    with _Probe(rule, theta, "float32", threads=2) as probe:
        for t, g in enumerate(gradients, 1):
            probe.step(g, t)
        hint = (
            "float32 and two threads must give the same; float32 can't take 1 − 0.999 exactly, so "
            "let `settings` return such differences"
        )
        for name, expected in {"theta": final, **slots}.items():
            got = probe.theta if name == "theta" else probe.slots[name]
            limits = {"atol": _SINGLE * min(1.0, float(np.abs(expected).max())), "rtol": 0.0}
            say(name, "float32, two threads", expected, got, limits, hint)


class _Probe(Runner):
    """The kernel of a rule, lowered as training lowers it."""

    def __init__(self, rule: Rule, theta: Array, dtype: str, threads: int = 1) -> None:
        super().__init__()
        self.program = Program("check", 1, dtype, threads)
        arena = Arena(dtype)
        self._eta = arena.array("η", 1)
        self._count = arena.array("count", 1, kind="i")
        self.theta, self.g = aligned(theta.size, dtype), aligned(theta.size, dtype)
        self.slots = {name: aligned(theta.size, dtype) for name in rule.slots}
        self.theta[:] = theta
        parameters = Parameters(Identity(), (1,), dtype)
        low = Lowering(
            self.program,
            arena,
            parameters,
            self.control,
            Buffer.number("t"),
            training=TrainingSettings(),
        )
        arrays = {"theta": self.theta, "g": self.g, **self.slots}
        names: dict[str, Any] = {name: Buffer.of(name, array) for name, array in arrays.items()}
        names |= {
            "eta": Buffer("η", (), "f", self._eta.block),
            "t": Buffer("t", (), "i", self._count.block),
            "entries": low.share(theta.size, 16),
        }
        low.emit(rule.kernel, {**names, **rule.settings()})
        arena.allocate()

    def step(self, g: Array, t: int, *, plain: bool = False) -> None:
        """Take step number ``t`` along the gradient ``g``."""
        self._eta.array[:], self._count.array[:], self.g[:] = _ETA, t, g
        self.run(self.program, plain=plain)
