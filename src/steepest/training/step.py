"""The training program: what one step of gradient descent consists of.

tick, sample, gather; forward; ℓ and ∇ℓ; backward; the update rule; record. `TrainingRun` lowers
that once, for whole batches and for the last, shorter one, and runs it in chunks.
"""

from __future__ import annotations

import fnmatch
import math
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import aligned, is_finite, is_sparse
from ..engine.arena import Arena
from ..engine.driver import Control, Engine
from ..engine.operands import Buffer, Constant
from ..engine.pipelining import Seam, pipeline
from ..engine.program import Program
from ..kernels.atomics import store
from ..kernels.moves import advance
from ..kernels.prefetch import rows_ahead
from ..loss import Loss
from ..lowering.lowering import Accumulator, Lowering
from ..lowering.objective import Objective
from ..lowering.scheduled import ScheduledValues
from ..network import Network
from ..rule import Rule
from ..rules.clip import clip_norm, clip_value, share_norms
from ..rules.penalise import decay, penalise
from ..sampling import Sampler
from ..system.cores import threads_for

__all__ = ["CHUNK", "MATMUL_DTYPES", "TrainingRun"]

Array = NDArray[Any]

MATMUL_DTYPES = ("bfloat16",)
"""To what the factors of products of matrices may be rounded."""

CHUNK = 4096
"""The most steps between which Python looks up."""


@dataclass
class _Segment:
    """Neighbouring parameters that the rule treats alike."""

    start: int
    stop: int
    decays: bool
    factor: float


class TrainingRun:
    """A network, data, a loss, a rule and a sampler, lowered to programs.

    Parameters
    ----------
    network : Network
        Built. Its parameters are updated in place.
    loss, rule, sampler
        What to minimise, how to step, what each step sees.
    X, y, w
        Prepared data (`steepest.arrays`, `Loss.targets`); ``w`` None for weights of 1.
    batch : int
    threads : int, optional
    seed : int
    slots : dict of str to ndarray
        What the rule remembers, each like θ; updated in place.
    step : int
        The number of the next step.
    first : int, optional
        The number of the first step of the first epoch, if ``step`` is not that.
    matmul_dtype : {"bfloat16"}, optional
        To what the factors of products of matrices are rounded, if to anything.
    per_weight : bool
        Divide the sums of a batch by its weights, not by its rows, and so the penalties of a rule
        with ``penalty_over_batch``. Weights then need no common scale.

    Attributes
    ----------
    scheduled : ScheduledValues
        Numbers that follow schedules; their ``total`` is to be set before the first step.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        rule: Rule,
        sampler: Sampler,
        X: Any,
        y: Array,
        w: Array | None,
        *,
        batch: int,
        threads: int | None,
        seed: int,
        slots: dict[str, Array],
        step: int,
        first: int | None = None,
        matmul_dtype: str | None = None,
        per_weight: bool = False,
    ) -> None:
        assert network.inputs is not None
        self.network, self.loss, self.rule, self.sampler = network, loss, rule, sampler
        n = X.shape[0]
        self._n, self._batch, self._seed = n, batch, seed
        self._first = step if first is None else first
        self._per_weight, self._matmul_dtype = per_weight, matmul_dtype
        self.per_epoch = -(-n // batch)
        self._control = Control()
        self._arena = Arena(network.dtype)
        self._step = Buffer.number("t")
        self._step.array[()] = step
        self._begin = Buffer.number("t0")  # the first step of the chunk
        self.scheduled = ScheduledValues(self._arena, self._begin, CHUNK)
        self._objective = Objective(loss, is_sparse(X), y, w is not None)
        self.exchange(X, y, w)
        self._rates = self._arena.array("rates", CHUNK)
        self._sums = self._arena.array("losses", CHUNK)
        self._epoch = self._arena.array("epoch", 2, kind="i")
        self.fused = rule.fuses
        self.slots = slots
        self._gradient = None if self.fused else aligned(network.theta.size, network.dtype)
        # Threads would share the columns of A that a row in CSR form meets, and lose by it: there
        # the first layer is no reason for a second one.
        layers = network.layer.children(network.inputs)[is_sparse(X) :]
        flops = batch * 3 * sum(layer.flops(width) for _, layer, width in layers)
        self.threads = threads_for(batch, flops, threads)
        rest = n % batch if sampler.epochs else 0
        self.whole, seam = self._program(batch)
        self.short = self._program(rest)[0] if rest else None
        pipelined = pipeline(self.whole, seam) if self.short is None else None
        self._arena.allocate()
        self._epoch.array[0] = self._first
        self.engine = Engine(self.whole, self.short, self.per_epoch, self._control, pipelined)
        for program in self.engine.programs:
            program.assemble()

    def exchange(self, X: Any, y: Array, w: Array | None) -> None:
        """Put other data in, as many rows and of the same kind."""
        assert X.shape[0] == self._n
        self._objective.set(X, y, w)
        self.data = X, y, w

    @property
    def step(self) -> int:
        """The number of the next step."""
        return int(self._step.array)

    def rows(self, step: int) -> int:
        """Return how many examples step number ``step`` sees."""
        last = (step - self._first + 1) % self.per_epoch == 0
        return self.short.batch if last and self.short is not None else self.whole.batch

    def run(self, rates: Array) -> Array:
        """Run as many steps as there are learning rates; return the loss of each.

        The last one is not finite if training stopped at it; those after it were not run.
        """
        first = self.step
        self._begin.array[()] = first
        self._rates.array[: rates.size] = rates
        self.scheduled.fill(first, rates.size)
        done = self.engine.run(first - self._first, rates.size)
        return self._sums.array[:done].astype(np.float64)

    def state(self) -> tuple[Array, ...]:
        """Return copies of all that a step changes and a later one needs."""
        return tuple(array.copy() for array in self._state())

    def restore(self, state: tuple[Array, ...]) -> None:
        """Go back to a `state`."""
        for array, saved in zip(self._state(), state, strict=True):
            array[...] = saved
        if self._gradient is not None:
            self._gradient[:] = 0
        self._arena.clean()

    def _state(self) -> list[Array]:
        return [self.network.theta, *self.slots.values(), self._step.array]

    def finite(self, *, hidden: bool) -> bool:
        """Whether all numbers are, in the parameters and in what the rule remembers.

        ``hidden`` asks for all numbers of the last step too: behind a tanh an infinite one is 1.
        """
        kept = (self.network.theta, *self.slots.values())
        return all(map(is_finite, kept)) and (not hidden or self._arena.finite)

    def first_nonfinite(self, rate: float) -> str:
        """Run one step instruction by instruction; return which was the first to go wrong."""
        self._begin.array[()] = self.step
        self._rates.array[0] = rate
        self.scheduled.fill(self.step, 1)
        short = self.rows(self.step) != self.whole.batch
        program = self.short if short and self.short is not None else self.whole
        for instruction in self.engine.trace(program):
            for operand in instruction.operands.values():
                if not isinstance(operand, Buffer) or operand.kind != "f" or not operand.shape:
                    continue
                if not np.isfinite(operand.array).all():
                    return f"{instruction.layer or 'loss'}: {instruction.formula}"
        return "loss"

    # ------------------------------------------------------------------------------ lowering

    def _program(self, n: int) -> tuple[Program, Seam | None]:
        network, arena = self.network, self._arena
        assert network.inputs is not None
        program = Program("train", n, network.dtype, self.threads)
        eta, minus_eta = arena.array("η", 1), arena.array("−η", 1)
        if self.fused:
            target = Accumulator(network.buffers, Buffer("−η", (), "f", minus_eta.block))
        else:
            assert self._gradient is not None
            target = Accumulator.like_theta(network, self._gradient, Constant(1.0))
        low = Lowering(
            program, arena, network, self._control, self._step,
            training=True, seed=self._seed, target=target, scheduled=self.scheduled,
            matmul_dtype=self._matmul_dtype,
        )  # fmt: skip
        low.emit(
            tick,
            {
                "t0": self._begin,
                "rates": self._rates,
                "eta": eta,
                "minus_eta": minus_eta,
                "count": arena.array("count", 1, kind="i"),
            },
            nbytes=0,
        )
        later = rows_ahead(n) if self.sampler.scattered else 0
        chosen = arena.array("i", n + later, kind="i")
        self.sampler.lower(low, self._n, self._batch, self.per_epoch, self._epoch, chosen)
        weight = arena.array("Σw", 1) if self._per_weight else None
        losses = self._objective.lower(low, network, chosen, scale=1.0 / n, weight=weight)
        penalty = arena.array("penalty", 8 * self.threads)
        if not self.fused:
            self._update(low, Buffer("η", (), "f", eta.block), penalty, weight)
        low.emit(
            record,
            {
                "t0": self._begin,
                "loss": losses,
                "penalty": penalty,
                "losses": self._sums,
                "flag": self._control.address + 8,
            },
        )
        low.emit(advance, {"t": self._step.as_vector()}, nbytes=0)
        low.barrier()
        return program, low.seam

    def _update(self, low: Lowering, eta: Buffer, penalty: Buffer, weight: Buffer | None) -> None:
        """Emit the update rule: clip, penalise, step, decay."""
        rule, theta = self.rule, self.network.theta
        assert self._gradient is not None
        flat = {"theta": theta, "g": self._gradient, **self.slots}
        whole = {name: Buffer.of(_SHOWN.get(name, name), array) for name, array in flat.items()}
        entries = low.share(theta.size, 16)
        if rule.clip_value is not None:
            low.emit(clip_value, {**whole, "limit": rule.clip_value, "entries": entries})
        if rule.clip_norm is not None:
            norms = low.arena.array("norms", 8 * self.threads)
            names = {**whole, "norms": norms, "limit": rule.clip_norm, "entries": entries}
            low.emit(share_norms, names, flops=2 * theta.size)
            low.emit(clip_norm, names, flops=theta.size)
        strengths = self._strengths(low, weight)
        for segment in self._segments():
            size = segment.stop - segment.start
            part = {
                name: Buffer(f"{b.name}[{segment.start}:{segment.stop}]", (size,), "f", b.block,
                             segment.start)
                if size < theta.size else b
                for name, b in whole.items()
            }  # fmt: skip
            rate = eta
            if segment.factor != 1.0:
                rate = low.arena.array(f"{segment.factor:g}η")
                names = {"eta": eta, "factor": segment.factor, "own": rate.as_vector()}
                low.emit(scale_rate, names, nbytes=0)
            names = {**part, "eta": rate, "entries": low.share(size, 16)}
            if segment.decays and (rule.l1 or rule.l2):
                low.emit(penalise, {**names, **strengths, "penalty": penalty}, flops=4 * size)
            if segment.decays and rule.weight_decay:
                strength = low.number(rule.weight_decay)
                low.emit(decay, {**names, "weight_decay": strength}, flops=2 * size)
            number = {"t": low.arena.array("count", kind="i")} | rule.settings()
            low.emit(rule.kernel, {**names, **number}, flops=10 * size)

    def _strengths(self, low: Lowering, weight: Buffer | None) -> dict[str, Any]:
        """Return l1 and l2 as the penalties of a batch want them."""
        rule = self.rule
        own = {"l1": rule.l1, "l2": rule.l2}
        if not rule.penalty_over_batch:
            return own
        if weight is None or not (rule.l1 or rule.l2):
            return {name: value / low.n for name, value in own.items()}
        divided = {name: low.arena.array(f"{name}/Σw") for name in own}
        for name, buffer in divided.items():
            names = {"strength": own[name], "total": weight, "own": buffer.as_vector()}
            low.emit(divide, names, nbytes=0)
        return divided

    def _segments(self) -> list[_Segment]:
        """Return the parameters in runs that the rule treats alike."""
        rule, network = self.rule, self.network
        penalised = bool(rule.l1 or rule.l2 or rule.weight_decay)
        each = [
            _Segment(
                buffer.offset,
                buffer.offset + buffer.size,
                penalised and network.declared[name].decays,
                next((f for key, f in rule.factors.items() if fnmatch.fnmatch(name, key)), 1.0),
            )
            for name, buffer in network.buffers.items()
        ]
        runs = [list(run) for _, run in groupby(each, lambda s: (s.decays, s.factor))]
        return [_Segment(r[0].start, r[-1].stop, r[0].decays, r[0].factor) for r in runs]


_SHOWN = {"theta": "θ", "g": "∇ℓ"}


def tick(step, t0, rates, eta, minus_eta, count):  # type: ignore[no-untyped-def]
    """η ← η_t"""
    count[0] = step + 1
    eta[0] = rates[step - t0]
    minus_eta[0] = -rates[step - t0]


def scale_rate(eta, factor, own):  # type: ignore[no-untyped-def]
    """own ← factor · eta"""
    own[0] = factor * eta


def divide(strength, total, own):  # type: ignore[no-untyped-def]
    """own ← strength / total"""
    own[0] = strength / total[0] if total[0] > 0 else total[0]


def record(step, t0, loss, penalty, losses, flag):  # type: ignore[no-untyped-def]
    """losses[t] ← the average of loss, plus penalty; stop if it is not finite"""
    total = 0.0
    for i in range(loss.shape[0]):
        total += loss[i]
    total /= loss.shape[0]
    for thread in range(penalty.shape[0]):
        total += penalty[thread]
        penalty[thread] = 0
    losses[step - t0] = total
    if not math.isfinite(total):
        store(flag, 1)
