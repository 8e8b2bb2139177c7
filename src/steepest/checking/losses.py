"""The check of a loss: ∇_z ℓ, weights, and that every example counts for itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..engine.arena import Arena
from ..engine.operands import Buffer
from ..engine.program import Program
from ..errors import SteepestError
from ..layers.identity import Identity
from ..loss import Loss
from ..lowering.lowering import Lowering, TrainingSettings
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
                drawn = rng.standard_normal((n, q)) if z is None else z[:n]
                _check(loss, kind, np.asarray(drawn, np.float32), targets, settings, report)
                if not report.ok:
                    return report
    except PlainError as error:
        report.findings.append(Finding(error.array, "plain Python", hint=str(error)))
    except SteepestError as error:
        report.findings.append(Finding("loss", "its contract", hint=str(error)))
    return report


def _check(loss: Loss, kind: str, z: Array, y: Array, settings: Settings, report: Report) -> None:
    rng = np.random.default_rng(settings.seed)
    w = rng.uniform(0.5, 2.0, len(z)).astype(np.float32)

    def say(
        array: str,
        against: str,
        expected: Array,
        got: Array,
        hint: str,
        limits: dict[str, float] = _CLOSE,
    ) -> None:
        against = f"{against} ({kind})"
        report.findings.append(compare(array, against, expected, got, hint=hint, **limits))

    with _Probe(loss, z, y, "float64") as probe:
        probe.run(probe.gradient, plain=True)
        plain = probe.loss.copy(), probe.dz.copy()
    with _Probe(loss, z, y, "float64") as probe:
        probe.w[:] = w
        probe.run(probe.gradient)
        both, dz = probe.loss.copy(), probe.dz.copy()

        def terms() -> Array:
            probe.run(probe.value)
            return _SCALE * probe.loss

        found = slopes(terms, probe.z, settings)
        report.findings.append(compare_slopes("dz", found, dz, settings))
        probe.run(probe.value)
        hint = "`value` and `gradient` must write the same loss"
        say("loss", "`gradient`", both, probe.loss.copy(), hint)
        alone = probe.loss / w
        for i in range(len(z)):
            probe.z[i] += 1
            probe.run(probe.value)
            others = np.arange(len(z)) != i
            hint = f"the loss of a row depends on the outputs of row {i}"
            say("loss", "the other rows", (alone * w)[others], probe.loss[others], hint)
            probe.z[i] = z[i]
        probe.w[:] = 2 * w
        probe.run(probe.gradient)
        hint = "the loss must be w times that of an example"
        say("loss", "twice the weights", 2 * alone * w, probe.loss, hint)
        hint = "dz must be scale times w times ∇ℓ"
        say("dz", "twice the weights", 2 * dz, probe.dz, hint)
        probe.w[:] = 1
        probe.run(probe.gradient)
        hint = "plain Python must give the same"
        say("loss", "plain Python", plain[0], probe.loss, hint)
        say("dz", "plain Python", plain[1], probe.dz, hint)
    with _Probe(loss, z, y, "float32", threads=2) as probe:
        probe.w[:] = w
        probe.run(probe.gradient)
        against = "float32, two threads"
        hint = f"{against} must give the same"
        say("loss", against, both, probe.loss, hint, _SINGLE)
        say("dz", against, dz, probe.dz, hint, _SINGLE)
    mean = loss.mean(z.astype(np.float64))
    if not np.isfinite(mean).all() or len(mean) != len(z):
        report.findings.append(
            Finding("mean", "its contract", hint="must turn (n, q) outputs into n finite rows")
        )


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
        names: dict[str, Any] = {**arrays, "scale": _SCALE, **loss.settings()}
        self.value, self.gradient = (Program("check", n, dtype, threads) for _ in range(2))
        network = Network(Identity(), inputs=q, dtype=dtype)
        for program, kernel in zip(
            (self.value, self.gradient), loss.kernels(prepared), strict=True
        ):
            low = Lowering(
                program,
                arena,
                network.built,
                self.control,
                Buffer.number("t"),
                training=TrainingSettings(),
            )
            low.emit(kernel, names)
        arena.allocate()
        self.z, self.dz, self.loss, self.w = (arrays[k].array for k in ("z", "dz", "loss", "w"))
        self.z[...], self.w[:], arrays["y"].array[...] = z, 1, prepared
        self.dz[...], self.loss[:] = np.nan, np.nan
