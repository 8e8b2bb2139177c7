"""The check of a loss: ∇_z ℓ, weights, and that every example counts for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..engine.arena import Arena
from ..engine.operands import Buffer
from ..engine.program import Program
from ..errors import SteepestError
from ..layers.identity import Identity
from ..loss import Loss
from ..lowering.lowering import Lowering
from ..lowering.training_settings import TrainingSettings
from ..network import Network
from ..settings import described
from . import draw
from .differences import Settings, compare, compare_slopes, slopes
from .plain import PlainError
from .probe import Runner
from .report import Finding, Report

__all__ = ["check_loss"]


_ROWS = (5, 1)
_SCALE = 0.3
_CLOSE = {"atol": 1e-12, "rtol": 1e-11}
_SINGLE = {"atol": 1e-5, "rtol": 1e-4}


def check_loss(
    loss: Loss,
    settings: Settings,
    *,
    z: Array | None = None,
    y: Array | None = None,
    name: str | None = None,
) -> Report:
    """Check a loss on outputs and targets that are drawn, or given as ``z`` and ``y``."""
    report = Report(name or described(loss))
    rng = np.random.default_rng(settings.seed)
    try:
        for n in _ROWS:
            if y is None:
                kinds = draw.targets(loss, n, rng)
            else:
                assert z is not None
                kinds = [("the given targets", y[:n], z.shape[1])]
            for kind, targets, q in kinds:
                drawn = draw.outputs(loss, n, q, rng) if z is None else z[:n]
                outputs = np.asarray(drawn, np.float32)
                _Check(loss, kind, outputs, targets, settings, report).run()
                if not report.ok:
                    return report
    except PlainError as error:
        report.findings.append(Finding(error.array, "plain Python", hint=str(error)))
    except SteepestError as error:
        report.findings.append(Finding("loss", "its contract", hint=str(error)))
    return report


@dataclass
class _Check:
    """The check of a loss on outputs ``z`` and targets ``y`` of one kind."""

    loss: Loss
    kind: str
    z: Array
    y: Array
    settings: Settings
    report: Report

    def run(self) -> None:
        rng = np.random.default_rng(self.settings.seed)
        self.w = rng.uniform(0.5, 2.0, len(self.z)).astype(np.float32)
        with self._probe("float64") as probe:
            probe.run(probe.gradient, plain=True)
            plain = probe.loss.copy(), probe.dz.copy()
        with self._probe("float64") as probe:
            probe.w[:] = self.w
            probe.run(probe.gradient)
            weighted = probe.loss.copy(), probe.dz.copy()
            self._differences(probe, *weighted)
            self._rows_apart(probe)
            self._weights(probe, *weighted)
            self._plain(probe, *plain)
        self._two_threads(*weighted)
        self._mean()

    def _probe(self, dtype: str, threads: int = 1) -> _Probe:
        return _Probe(self.loss, self.z, self.y, dtype, threads)

    def _say(
        self,
        array: str,
        against: str,
        expected: Array,
        got: Array,
        hint: str,
        limits: dict[str, float] = _CLOSE,
    ) -> None:
        against = f"{against} ({self.kind})"
        self.report.findings.append(compare(array, against, expected, got, hint=hint, **limits))

    def _differences(self, probe: _Probe, loss: Array, dz: Array) -> None:
        """Compare dz with central differences of the loss, and the loss of both kernels."""

        def terms() -> Array:
            probe.run(probe.value)
            return _SCALE * probe.loss

        found = slopes(terms, probe.z, self.settings)
        self.report.findings.append(compare_slopes("dz", found, dz, self.settings))
        probe.run(probe.value)
        hint = "`value` and `gradient` must write the same loss"
        self._say("loss", "`gradient`", loss, probe.loss.copy(), hint)

    def _rows_apart(self, probe: _Probe) -> None:
        """Move the outputs of one row after the other; the loss of the others must stay."""
        before = probe.loss.copy()
        for i in range(len(self.z)):
            probe.z[i] += 1
            probe.run(probe.value)
            others = np.arange(len(self.z)) != i
            hint = f"the loss of a row depends on the outputs of row {i}"
            self._say("loss", "the other rows", before[others], probe.loss[others], hint)
            probe.z[i] = self.z[i]

    def _weights(self, probe: _Probe, loss: Array, dz: Array) -> None:
        """Double the weights; loss and dz must double."""
        probe.w[:] = 2 * self.w
        probe.run(probe.gradient)
        hint = "the loss must be w times that of an example"
        self._say("loss", "twice the weights", 2 * loss, probe.loss, hint)
        hint = "dz must be scale times w times ∇ℓ"
        self._say("dz", "twice the weights", 2 * dz, probe.dz, hint)

    def _plain(self, probe: _Probe, loss: Array, dz: Array) -> None:
        """Compare with what plain Python gave for weights of 1."""
        probe.w[:] = 1
        probe.run(probe.gradient)
        hint = "plain Python must give the same"
        self._say("loss", "plain Python", loss, probe.loss, hint)
        self._say("dz", "plain Python", dz, probe.dz, hint)

    def _two_threads(self, loss: Array, dz: Array) -> None:
        with self._probe("float32", threads=2) as probe:
            probe.w[:] = self.w
            probe.run(probe.gradient)
            against = "float32, two threads"
            hint = f"{against} must give the same"
            self._say("loss", against, loss, probe.loss, hint, _SINGLE)
            self._say("dz", against, dz, probe.dz, hint, _SINGLE)

    def _mean(self) -> None:
        mean = self.loss.mean(self.z.astype(np.float64))
        if not np.isfinite(mean).all() or len(mean) != len(self.z):
            hint = "must turn (n, q) outputs into n finite rows"
            self.report.findings.append(Finding("mean", "its contract", hint=hint))


class _Probe(Runner):
    """The kernels of a loss, lowered as training and validation lower them."""

    def __init__(self, loss: Loss, z: Array, y: Array, dtype: str, threads: int = 1) -> None:
        super().__init__()
        (n, q), arena = z.shape, Arena(dtype)
        prepared = loss.targets(y, q, dtype)
        kind = "i" if prepared.ndim == 1 else "f"
        arrays = {
            "z": arena.array("z", n, q),
            "dz": arena.array("dz", n, q),
            "loss": arena.array("loss", n),
            "w": arena.array("w", n),
            "y": arena.array("y", *prepared.shape, kind=kind),
        }
        names: dict[str, Any] = {**arrays, "scale": _SCALE}
        self.value, self.gradient = (Program("check", n, dtype, threads) for _ in range(2))
        network = Network(Identity(), inputs=q, dtype=dtype)
        for program, gradient in ((self.value, False), (self.gradient, True)):
            low = Lowering(
                program,
                arena,
                network.built,
                self.control,
                Buffer.number("t"),
                training=TrainingSettings(),
            )
            loss.lower(low, names, prepared, gradient=gradient)
        arena.allocate()
        self.z, self.dz, self.loss, self.w = (arrays[k].array for k in ("z", "dz", "loss", "w"))
        self.z[...], self.w[:], arrays["y"].array[...] = z, 1, prepared
        self.dz[...], self.loss[:] = np.nan, np.nan
