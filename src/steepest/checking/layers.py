"""The check of a layer: both halves of Φ, and everything that its contract promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..engine.program import Program
from ..errors import SteepestError
from ..layer import Layer
from ..shape import Shape
from . import draw
from .differences import Settings, compare, compare_slopes, slopes
from .examples import compare_examples
from .methods import layer_faults
from .plain import PlainError
from .probe import ALPHA, Probe
from .report import Finding, Report, gradient_of

__all__ = ["check_layer"]


_ROWS = (5, 1)
_PLAIN = 50_000  # inputs and parameters beyond which plain Python takes too long
_CLOSE = {"atol": 1e-10, "rtol": 1e-9}  # the same sums in another order
_SINGLE = {"atol": 1e-5, "rtol": 1e-4}  # in float32


def check_layer(
    layer: Layer,
    settings: Settings,
    *,
    X: Array | None = None,
    theta: Mapping[str, Array] | None = None,
    state: Mapping[str, Array] | None = None,
    name: str | None = None,
) -> Report:
    """Check a layer on rows that are drawn, or given as ``X``.

    Parameters
    ----------
    layer : Layer
    settings : Settings
    X : ndarray, (n, …), optional
    theta : mapping of str to ndarray, optional
        Its parameters; otherwise those of `init` with some noise.
    state : mapping of str to ndarray, optional
        Its state; otherwise what two steps on these rows leave.
    name : str, optional
        What the report calls it.
    """
    report = Report(name or repr(layer))
    rng = np.random.default_rng(settings.seed)
    try:
        report.findings.extend(layer_faults(layer, None if X is None else X.shape[1:]))
        if report.findings:
            return report
        shape = draw.shape(layer) if X is None else X.shape[1:]
        for n in _ROWS:
            rows = draw.inputs(layer, n, shape, rng) if X is None else X[:n]
            _Case(layer, rows, (theta, state), settings, rng, report).check()
            if not report.ok:
                break
    except SteepestError as error:  # a kernel can't be compiled, a shape makes no sense
        report.findings.append(Finding("y", "its contract", hint=str(error)))
    return report


class _Case:
    """One layer with given rows, parameters, state and ∂ℓ/∂y."""

    def __init__(
        self,
        layer: Layer,
        X: Array,
        given: tuple[Mapping[str, Array] | None, Mapping[str, Array] | None],
        settings: Settings,
        rng: np.random.Generator,
        report: Report,
    ) -> None:
        self.layer, self.X, self.settings, self.report = layer, X, settings, report
        self.codes = draw.codes(layer, X)
        theta, state = given
        with Probe(layer, len(X), X.shape[1:], "float64") as probe:
            if theta is None:
                theta = {k: v + 0.1 * rng.standard_normal(v.shape) for k, v in probe.theta.items()}
            self.theta = {k: _single(v) for k, v in theta.items()}
            self.starts = {k: _single(rng.standard_normal(v.shape)) for k, v in theta.items()}
            dy = _single(rng.standard_normal(probe.y.shape))
            self.state = {k: _single(v) for k, v in (state or probe.state).items()}
            self.steps_before = 2 if self.state and state is None else 0
        n, predicted = len(X), layer.output_shape(X.shape[1:])
        other = _single(rng.standard_normal((n, *predicted))) if predicted != dy.shape[1:] else dy
        self.dys = {True: dy, False: other}

    def check(self) -> None:
        """Compare everything, until something is too wrong to go on."""
        with self._probe("float64") as probe:
            if self._shapes(probe) and self._begin(probe) and self._plain(probe):
                y, dx, steps = self._compiled(probe)
                if self.report.ok:
                    self._differences(probe, dx, steps)
                if self.report.ok:
                    self._elsewhere(y, dx, steps)

    # -------------------------------------------------------------------------------- the parts

    def _shapes(self, probe: Probe) -> bool:
        y = (len(self.X), *self.layer.training_shape(self.X.shape[1:]))
        wanted: dict[str, tuple[int, ...]] = {"y": y, "dx": self.X.shape}
        for name, shape in wanted.items():
            found = getattr(probe, name).shape
            if found != shape:
                self._say(name, "its contract", f"is of shape {found}, not {shape}")
        return self.report.ok

    def _begin(self, probe: Probe) -> bool:
        """Take up the state that a few steps leave, so that it is one that can come about."""
        for _ in range(self.steps_before):
            self.fill(probe)
            if not self._run_plain(probe, probe.forward):
                return False
            self.state = {k: _single(v) for k, v in probe.state.items()}
        for name, values in self.state.items():
            if not np.isfinite(values).all():
                self._say(name, "its contract", "is not finite after two steps of training")
        return self.report.ok

    def _run_plain(self, probe: Probe, program: Program) -> bool:
        try:
            probe.run(program, plain=True)
        except PlainError as error:
            self._say(error.array, "plain Python", str(error))
            return False
        return True

    def _plain(self, probe: Probe) -> bool:
        """Run uncompiled first: there an index out of bounds is an error, and no accident."""
        self.fill(probe)
        self.known: dict[str, Array] | None = None
        if self.X.size + sum(v.size for v in self.theta.values()) > _PLAIN:
            return True
        if not self._run_plain(probe, probe.whole):
            return False
        self.known = self._written(probe)
        return True

    def _compiled(self, probe: Probe) -> tuple[Array, Array, dict[str, Array]]:
        self.fill(probe)
        probe.run(probe.whole)
        written = self._written(probe)
        for name, array in written.items():
            bad = int(np.sum(~np.isfinite(array)))
            if bad:
                hint = f"{bad} entries were never written, or are not finite"
                self._say(name, "its contract", hint)
        given = {"x": (self.X, probe.x), "dy": (self.dys[True], probe.dy)}
        given |= {k: (v, probe.theta[k]) for k, v in self.theta.items()}
        for name, (before, after) in given.items():
            if not np.array_equal(before, after):
                self._say(name, "its contract", "it is given, and must not be written to")
        if self.known is not None and self.report.ok:
            for name, expected in self.known.items():
                self._compare(name, "plain Python", expected, written[name], _CLOSE)
        steps = {k: probe.targets[k] - self.starts[k] for k in self.theta}
        self._rows(probe, steps)
        self.after = {k: written[k] for k in self.state}
        probe.run(probe.forward)
        for name, after in self.after.items():
            if not np.array_equal(after, probe.state[name]):
                self._say(name, "its contract", "the backward pass must not write to the state")
        return written["y"], written["dx"], steps

    def _rows(self, probe: Probe, steps: Mapping[str, Array]) -> None:
        """See that ∇θ is 0 in the rows that the layer does not name, where it names any."""
        probe.run(probe.touched)
        for name, places in probe.places.items():
            step, where = steps[name], gradient_of(name)
            if places.min() < 0 or places.max() >= len(step):
                hint = f"touches names a row that is none of range({len(step)})"
                self._say(where, "its contract", hint)
            elif set(np.flatnonzero(step.any(axis=1))) - set(places.flat):
                hint = "it is not 0 in a row that touches does not name"
                self._say(where, "its contract", hint)

    def _differences(
        self, probe: Probe, dx: Array, steps: dict[str, Array], when: str = ""
    ) -> None:
        """Compare both halves of Φ with central differences of Σ dy ⊙ y."""

        def terms() -> Array:
            return probe.dy * probe.outputs()

        if not self.codes.all():
            real = np.broadcast_to(~self.codes, dx.shape)
            found = slopes(terms, probe.x, self.settings, real)
            finding = compare_slopes("dx", found, dx, self.settings)
            self._add(finding, when)
        if self.codes.any():
            codes = dx[..., self.codes]
            self._compare("dx", "0 for codes", np.zeros_like(codes), codes, _CLOSE)
        for name, step in steps.items():
            found = slopes(terms, probe.theta[name], self.settings)
            target = step + self.starts[name]
            looks = {
                "it overwrites its target, and should add to it": target / ALPHA,
                "alpha is missing": step,
                "it overwrites its target, and leaves alpha out": target,
            }
            finding = compare_slopes(gradient_of(name), found, step / ALPHA, self.settings, looks)
            self._add(finding, when)

    def _elsewhere(self, y: Array, dx: Array, steps: dict[str, Array]) -> None:
        """Compare the other ways in which training and predicting run the layer."""
        ways: list[tuple[str, dict[str, Any], dict[str, float]]] = [
            ("float32, two threads", {"dtype": "float32", "threads": 2}, _SINGLE),
        ]
        if self.theta:
            ways.append(("θ as the target", {"dtype": "float64", "fused": True}, _CLOSE))
        for against, options, limits in ways:
            with self._probe(**options) as probe:
                self.fill(probe)
                probe.run(probe.whole)
                start = self.theta if probe.fused else self.starts
                self._compare("y", against, y, probe.y, limits)
                self._compare("dx", against, dx, probe.dx, limits)
                for name, after in self.after.items():
                    self._compare(name, against, after, probe.state[name], limits)
                for name, step in steps.items():
                    got = probe.targets[name] - start[name]
                    self._compare(gradient_of(name), against, step, got, limits)
        if self.theta:
            rng = np.random.default_rng(self.settings.seed)
            findings = compare_examples(self.layer, self.X, self.theta, self.state, rng)
            self.report.findings.extend(findings)
        with self._probe("float64", training=False) as probe:
            self.fill(probe)
            probe.run(probe.whole)
            for name, before in self.state.items():
                if not np.array_equal(before, probe.state[name]):
                    hint = "only a program that trains may write to the state: forward_training"
                    self._say(name, "prediction", hint)
            if alike := _alike(self.layer, self.X.shape[1:]):
                self._compare("y", "prediction", y, probe.y, _CLOSE)
            if self.report.ok and (self.state or not alike):
                steps = {k: probe.targets[k] - self.starts[k] for k in self.theta}
                self._differences(probe, probe.dx.copy(), steps, " at fixed θ")

    # ---------------------------------------------------------------------------------- helpers

    def _probe(self, dtype: str, **options: Any) -> Probe:
        return Probe(self.layer, len(self.X), self.X.shape[1:], dtype, **options)

    def _written(self, probe: Probe) -> dict[str, Array]:
        """Return copies of what the kernels have written, but for the targets."""
        found = {"y": probe.y, "dx": probe.dx, **probe.state}
        return {name: array.copy() for name, array in found.items()}

    def fill(self, probe: Probe) -> None:
        """Give the probe its numbers, and spoil what the layer has to write."""
        probe.begin_from(self.state)
        for name, values in self.theta.items():
            probe.theta[name][...] = values
            if not probe.fused:
                probe.targets[name][...] = self.starts[name]
        probe.dy[...] = self.dys[probe.training]
        probe.spoil()
        probe.x[...] = self.X

    def _compare(
        self, array: str, against: str, expected: Array, got: Array, limits: dict[str, float]
    ) -> None:
        hint = f"{against} must give the same"
        self.report.findings.append(compare(array, against, expected, got, hint=hint, **limits))

    def _add(self, finding: Finding, when: str) -> None:
        self.report.findings.append(replace(finding, against=finding.against + when))

    def _say(self, array: str, against: str, hint: str) -> None:
        self.report.findings.append(Finding(array, against, hint=hint))


def _alike(layer: Layer, shape: Shape) -> bool:
    """Whether predicting computes what training does, in the layer and all that are in it."""
    inside = all(_alike(child, inner) for _, child, inner in layer.children_at(shape))
    return layer.predicts_alike and inside


def _single(values: Array) -> Array:
    """Return float64 numbers that float32 can hold."""
    return np.asarray(values, np.float32).astype(np.float64)
