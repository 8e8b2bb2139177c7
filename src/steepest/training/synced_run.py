"""A run whose steps are taken by several processes: each gradient is averaged over all of them.

Every rank holds rows of its own, and has its part of each batch; all hold the same θ. The gradient
of the average is the average of the gradients, so a step is two programs with a sum between them:

========  ==========================================================================
order     rows ← the examples of an epoch, by the sampler (of each step, if it draws so)
gradient  g ← (1/N) Σ_i w_i ∂ℓ_i/∂θ, and (1/N) Σ_i w_i ℓ_i, over this rank's examples
(ranks)   g, ℓ ← their sums over the ranks, in the order of these
update    θ ← θ − η g, or what another rule makes of it; record ℓ
========  ==========================================================================

N is how many examples all ranks together have in the step. It is the step of
`steepest.training.step`: one process that sees the same examples in the same order comes to the
same θ, but for rounding. What is drawn at random goes by an example's place in the whole batch, in
which those of a rank follow on those of the rank before.

A layer may need sums over all rows of the batch, such as the means of `BatchNorm`
(`Emitter.jointly`). The gradient's program is then cut into parts, with a sum over the ranks
after each but the last. A rank without examples in a step has its part in these sums, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..engine.arena import Arena
from ..engine.driver import Control, Engine, straight
from ..engine.operands import Buffer
from ..engine.program import Program, assemble
from ..engine.team_size import TeamSize
from ..errors import InputError
from ..kernels.moves import advance
from ..kernels.random import key_of
from ..lowering.lowering import Lowering
from ..lowering.training_settings import RowsBefore, SharedBatch, TrainingSettings
from ..network import Network
from ..parameters import walk
from ..ranks.shares import shares_of
from ..ranks.together import Ranks
from ..system.cores import threads_for
from .board import record, tick
from .descent import Descent
from .run import Data, TrainingRun
from .step import backpropagate, target_of
from .touched import TouchedRows

__all__ = ["SyncedRun", "needs_whole_batches"]


class SyncedRun(TrainingRun):
    """A `TrainingRun` that all ranks take part in; its parameters beside those of that:

    Parameters
    ----------
    ranks : Ranks
    counts : list of int
        How many examples each rank has.

    Attributes
    ----------
    shares : ndarray of int, (steps, ranks)
        How many of the examples of each step of an epoch each rank has.

    Raises
    ------
    InputError
        If a layer or a parameter can't be trained in this way.
    """

    def __init__(
        self,
        network: Network,
        descent: Descent,
        data: Data,
        ranks: Ranks,
        counts: list[int],
        **more: Any,
    ) -> None:
        layer = needs_whole_batches(network)
        if layer:
            raise InputError(
                f"{layer}: it computes with all rows of a batch, and no rank sees a whole one; let "
                "ranks average every few steps, Ranks(comm, every=4)"
            )
        n, batch = sum(counts), descent.batch
        totals = np.arange(1, -(-n // batch) + 1) * batch
        if descent.sampler.epochs:
            totals[-1] = n
        self.ranks, self.shares = ranks, shares_of(counts, totals)
        self._sizes = self.shares.sum(axis=1)
        self._before = RowsBefore()
        self._chosen: dict[int, Buffer] = {}  # by how many they are
        self._idle = False  # whether this rank has no examples in the step
        super().__init__(network, descent, data, **more)

    # ------------------------------------------------------------------ what is lowered

    def _new_gradient(self) -> Array:
        """Return memory for ∇ℓ, whatever the rule is: it lies before ℓ in what is summed up."""
        size, dtype = self.network.theta.size, self.network.dtype
        self._summed = self.ranks.vector(size + 1, dtype)
        self._loss = Buffer.of("ℓ", self._summed.array[size:])
        gradient: Array = self._summed.array[:size]
        return gradient

    def _new_touched(self) -> TouchedRows:
        parameters, rule = self.network.built, self.descent.rule
        return TouchedRows(parameters, rule, 1, self.slots, self._gradient, by_rows=False)

    def _begin(self, threads: int | None, team: TeamSize | None) -> None:
        own, self.per_epoch = self.shares[:, self.ranks.rank], len(self.shares)
        flops = 3 * int(own.max()) * self.network.layer.flops_at(self.network.built.input_shape)
        most = threads_for(max(1, int(own.max())), flops, threads or self.ranks.cores)
        self.team = TeamSize(most, most, least=most)
        self._arena.most_threads = most
        self._order = _Order(self.network, self.descent, (self._n, int(own.max())), self.ranks)
        pairs = dict.fromkeys(zip(own.tolist(), self._sizes.tolist(), strict=True))
        self._gradients = {(b, N): self._lower_gradient(b, N) for b, N in pairs}
        self._updates = {N: self._lower_update(N) for _, N in pairs}
        self._arena.allocate()
        self.whole, self.short = self._updates[int(self._sizes[0])], None
        gradients = [program for parts in self._gradients.values() for program, _ in parts]
        programs = [*self._updates.values(), *gradients]
        # One thread is asked of BLAS for all products of the program that it is made with.
        telling = max(programs, key=lambda program: len(program.products))
        self.engine = Engine(telling, None, 1, self._control)
        assemble(programs)
        self._starts = np.cumsum(own) - own
        self._places = (np.cumsum(self.shares, axis=1) - self.shares)[:, self.ranks.rank]

    def _lowering(self, title: str, n: int, shared: SharedBatch) -> Lowering:
        parameters, descent, board = self.network.built, self.descent, self._board
        return Lowering(
            Program(title, n, parameters.dtype, self.team.threads),
            self._arena,
            parameters,
            self._control,
            board.step,
            training=TrainingSettings(
                descent.seed,
                board.scheduled,
                descent.matmul_dtype,
                shared,
                self._order.keys,
            ),
            target=target_of(parameters, self._gradient, board.minus_eta.as_number()),
        )

    def _lower_gradient(self, n: int, size: int) -> list[tuple[Program, Buffer | None]]:
        """Return what adds the gradient of ``n`` examples of a batch of ``size``.

        That is programs, and what is summed up over the ranks after each but the last.
        """
        shared = SharedBatch(self._before, size, idle=not n)
        low = self._lowering("gradient", n or 1, shared)
        n = low.examples
        i = self._chosen[n] = low.arena.array("i", n, kind="i")
        batch = self.descent.changed(low, self._batches.fetch(low, i))
        losses, _ = backpropagate(low, self.descent.loss, batch, scale=1 / size)
        names = {"losses": losses, "count": float(losses.size // n * size), "loss": self._loss}
        low.emit(take_loss, names)
        low.barrier()  # threads meet
        return [*shared.begun, (low.program, None)]

    def _lower_update(self, size: int) -> Program:
        """Return what follows on the gradient of ``size`` examples."""
        low = self._lowering("update", size, SharedBatch(self._before, size))
        board = self._board
        low.emit(tick, board.ticks, nbytes=0)
        assert self._update is not None
        eta, count = board.eta.as_number(), board.count.as_number()
        penalty = self._update.lower(low, eta, count, None)
        low.emit(record, {**board.records, "loss": self._loss, "penalty": penalty})
        low.emit(advance, {"t": board.step.as_vector()}, nbytes=0)
        low.barrier()  # threads meet
        return low.program

    # ------------------------------------------------------------------ what is run

    @property
    def epoch_sizes(self) -> Array:
        sizes: Array = self._sizes.astype(np.float64)
        return sizes

    def rows(self, step: int) -> int:
        return int(self._sizes[(step - self._first) % self.per_epoch])

    def _steps(self, first: int, most: int) -> int:
        """Run so many steps; return how many were run."""
        for k in range(most):
            for program, summed in self._prepared(first + k):
                self._run_once(program)
                self._add_up(summed)
            self._summed.sum()
            self._run_once(self._updates[self.rows(self.step)])
            if self._control.stopped:
                return k + 1
        return most

    def _run_once(self, program: Program) -> None:
        if program.instructions:
            self.engine.use(program, None)
            self.engine.run(0, 1)

    def _add_up(self, summed: Buffer | None) -> None:
        """Sum up an array of a layer over the ranks."""
        if summed is not None:
            array = summed.array.reshape(-1)
            padded = np.zeros(self.ranks.padded(array.size), array.dtype)
            if not self._idle:
                padded[: array.size] = array
            self.ranks.sum(padded)
            array[:] = padded[: array.size]

    def _prepared(self, place: int) -> list[tuple[Program, Buffer | None]]:
        """Choose this rank's examples of a step; return the parts of what takes their gradient."""
        place %= self.per_epoch
        n, size = int(self.shares[place, self.ranks.rank]), int(self._sizes[place])
        self._loss.array[:] = 0
        self._idle = n == 0
        if n:
            start = int(self._starts[place])
            rows = self._order.rows(self.step, self.step - place, start, n)
            self._chosen[n].array[:] = rows
            self._before.set(int(self._places[place]))
        return self._gradients[n, size]

    def try_steps(self, steps: int) -> None:
        """Take steps of no length, to see how long they take."""
        self.run(np.zeros(steps))

    def finite(self, *, hidden: bool) -> bool:
        """Whether all numbers are, on all ranks."""
        return not self.ranks.any(not super().finite(hidden=hidden))

    def first_nonfinite(self, rate: float) -> str:
        """Run one step instruction by instruction; return which was the first to go wrong."""
        self._board.write(np.array([rate]))
        parts, own = self._prepared(self.step - self._first), None
        with self._shown.trained():
            for program, summed in parts:
                own = own or self._first_of(program)
                self._add_up(summed)
            for rank, found in enumerate(self.ranks.gather(own)):
                if found is not None:
                    return f"{found} (on rank {rank})"
            self._summed.sum()
            return self._first_of(self._updates[self.rows(self.step)]) or "loss"


class _Order:
    """Has a sampler choose the rows of this rank.

    Attributes
    ----------
    keys : int
        How many keys for random numbers the sampler has taken.
    """

    def __init__(
        self, network: Network, descent: Descent, size: tuple[int, int], ranks: Ranks
    ) -> None:
        (n, most), sampler, dtype = size, descent.sampler, network.dtype
        wanted = n if sampler.epochs else most
        arena, self._step, self._epochs = Arena(dtype), Buffer.number("t"), sampler.epochs
        epoch, chosen = arena.array("epoch", 2, kind="i"), arena.array("i", wanted, kind="i")
        # Rows of several ranks that have the same numbers should not always meet in one batch.
        seed = key_of(descent.seed, ranks.rank) if ranks.rank else descent.seed
        low = Lowering(
            Program("order", max(1, wanted), dtype, 1),
            arena,
            network.built,
            Control(),
            self._step,
            training=TrainingSettings(seed),
        )
        sampler.lower(low, n, wanted, 1, epoch, chosen)
        self.keys = low.keys
        arena.allocate()
        assemble([low.program])
        self._run, self._chosen, self._for = straight(low.program), chosen.array, -1

    def rows(self, step: int, begin: int, start: int, n: int) -> Array:
        """Return the numbers of ``n`` rows, of those of the epoch from ``start`` on.

        ``step`` is the number of the step, and ``begin`` that of the first of its epoch.
        """
        drawn = begin if self._epochs else step
        if self._for != drawn:
            self._step.array[()] = self._for = drawn
            self._run()
        chosen: Array = self._chosen
        return chosen[start : start + n] if self._epochs else chosen[:n]


def needs_whole_batches(network: Network) -> str:
    """Return the first layer that needs all rows of a batch in one process; empty if none does."""
    for path, layer, shape in walk(network.layer, network.built.input_shape):
        if layer.sums_over_processes:
            continue
        if layer.forward_training or (layer.state_at(shape) and not layer.predicts_alike):
            return f"{path} {layer!r}"
    return ""


def take_loss(losses, count, loss):  # type: ignore[no-untyped-def]
    """loss ← Σ losses / count"""
    total = 0.0
    for i in range(losses.shape[0]):
        total += losses[i]
    loss[0] = total / count
