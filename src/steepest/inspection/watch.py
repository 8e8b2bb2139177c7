"""Watch: what the gradient is like while a network trains.

A look draws examples uniformly from the training set, runs one sweep over them, and tries the next
step to see how far it goes; the trial is taken back. Looks are averaged over an epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, rows_of
from ..compiler.ahead import Ahead
from ..engine.program import kernels_of
from ..errors import InputError
from ..network import Network
from ..parameters import walk
from ..printing import Cells, Printed, counted
from ..validate import flag, function, number, positive_count
from ..validate import seed as checked_seed
from .gradient_pass import GradientPass
from .observers import Flow, Norms, Slopes, arrays_for

if TYPE_CHECKING:
    from ..training.progress import Progress
    from ..training.run import TrainingRun

__all__ = ["Watch", "noise_scale", "verdict"]


_FLAT = 0.1  # of the steepest slope: below it a unit passes little of the gradient on
_MOSTLY = 0.95  # of the examples
_BLOCK = 32
"""Examples at once: of one with a gradient of its own each instruction is lowered for itself."""
_FIRST, _COMPILED = 0.1, 0.2  # seconds: of lowering and a first look, and for each kernel it lacks


class Watch(Printed):
    """A callback that reports on gradients, layer by layer, and on the size of the batch.

    Parameters
    ----------
    examples : int
        How many examples a look draws.
    share : float
        Looks take at most this share of the time that passes.
    seed : int
        Of the examples drawn.
    say : callable, optional
        Gets the table at the end of every epoch; ``print``, for example.
    strict : bool
        Whether the first look, too, keeps to the share. Then it comes only after as much training
        as makes up for it, and what has to be compiled for it is compiled by another process at the
        lowest priority. Otherwise it comes at once.

    Attributes
    ----------
    rows : list of dict
        One an epoch and layer: ``epoch``, ``step``, ``layer`` (its path), ``kind``, and

        - ``dy``: ‖∇_y ℓ_i‖, the root of its mean square over examples;
        - ``dtheta``: ‖∇_θ ℓ‖ of the gradient averaged over the examples of a look;
        - ``update``: ‖Δθ‖/‖θ‖ of a step of the update rule, whatever rule it is;
        - ``dead``: the fraction of units whose slope is 0 on every example of a look;
        - ``saturated``: the fraction of the others whose slope is below a tenth of the steepest on
          at least 95 % of the examples.

        Layers without parameters, and layers that are no σ, lack what they have not.
    noise : list of dict
        One an epoch: ``epoch``, ``step``, ``looks``, ``batch``, ``squared`` (|G|²), ``trace``
        (tr Σ), and ``scale``, the gradient noise scale tr(Σ)/|G|²; infinite where the gradient
        can't be told from noise.

    Notes
    -----
    Cost: a look takes its examples forwards and backwards, one step of training, and copies of θ
    and of what the rule remembers; measured at 784-128-10 and batch 64, as long as 20 to 45 steps
    (``benchmarks/gradients.py``). However long it takes, looks take at most ``share`` of the time:
    5 % more than a training that nobody watches. Only a ``strict`` first one, which lowers the
    programs, is counted in. Nothing else changes: the parameters are the same to the last bit.

    Source of the noise scale: McCandlish, Kaplan, Amodei & OpenAI Dota Team, "An empirical model of
    large-batch training", 2018, arXiv:1812.06162: equation 2.9, and appendix A.1 for unbiased
    estimates from two batch sizes, here 1 and ``examples``.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import Dense, Network, SGD, Squared, Tanh, Trainer, Watch
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> watch = Watch()
    >>> trainer = Trainer(Network(Dense(16), Tanh(), Dense(1)), Squared(), SGD(lr=0.1), batch=20)
    >>> history = trainer.fit(X, np.abs(X), epochs=3, callbacks=[watch])
    >>> sorted({row["layer"] for row in watch.rows})
    ['0', '1', '2']
    """

    def __init__(
        self,
        *,
        examples: int = 1024,
        share: float = 0.05,
        seed: int = 0,
        say: Callable[[str], object] | None = None,
        strict: bool = False,
    ) -> None:
        positive_count("Watch", "examples", examples)
        number("Watch", "examples", examples, least=2, whole=True)  # one has no variance
        number("Watch", "share", share, above=0, most=1)
        if say is not None:
            function("Watch", "say", say)
        flag("Watch", "strict", strict)
        self.examples, self.share, self.say = examples, float(share), say
        self.strict = bool(strict)
        self.rows: list[dict[str, Any]] = []
        self.noise: list[dict[str, Any]] = []
        self._rng = np.random.default_rng(checked_seed("Watch", seed))
        self._glass: _Glass | None = None
        self._looks: list[_Look] = []
        self._began = self._spent = 0.0

    def __call__(self, progress: Progress) -> None:
        """Look, if there is time for it; at the end of an epoch, add up."""
        run = progress.run
        if run is None:
            raise InputError("Watch: this callback must be called by a Trainer")
        now = time.perf_counter()
        if self._glass is None or self._glass.run is not run:
            self._glass, self._began, self._spent = _Glass(run, self.examples), now, 0.0
        if self._may_look(self._glass, now):
            first = not self._glass.ready
            self._looks.append(self._glass.look(self._rng, progress.lr))
            if first and not self.strict:
                self._began = time.perf_counter()
            else:
                self._spent += time.perf_counter() - now
        if progress.epoch_ended and self._looks:
            self._add_up(progress, run)
            if self.say is not None:
                self.say(str(self))

    @property
    def waits(self) -> float:
        """Seconds of training after which the first look is had at the earliest."""
        return _FIRST / self.share if self.strict else 0.0

    def _may_look(self, glass: _Glass, now: float) -> bool:
        """Say whether a look keeps to the share; begin what a strict first one needs."""
        left = self.share * (now - self._began) - self._spent
        if glass.ready:
            return left >= 0
        if not self.strict:
            return True
        if not glass.lowered and left < _FIRST:
            return False
        needed = _COMPILED * glass.lacking()
        took = time.perf_counter() - now
        self._spent += took
        return left - took >= needed

    def _add_up(self, progress: Progress, run: TrainingRun) -> None:
        when = {"epoch": progress.epoch, "step": run.step}
        for path, layer, _ in walk(run.network.layer, run.network.built.input_shape):
            found = [look.layers[path] for look in self._looks if path in look.layers]
            names = dict.fromkeys(name for values in found for name in values)
            means = {name: float(np.mean([v[name] for v in found])) for name in names}
            self.rows.append({**when, "layer": path, "kind": repr(layer), **means})
        squared = float(np.mean([look.squared for look in self._looks]))
        trace = float(np.mean([look.trace for look in self._looks]))
        self.noise.append(
            {
                **when,
                "looks": len(self._looks),
                "batch": run.whole.batch,
                "squared": squared,
                "trace": trace,
                "scale": trace / squared if squared > 0 else np.inf,
            }
        )
        self._looks.clear()

    def _printed(self) -> list[str | Cells]:
        if not self.noise:
            return ["nothing watched yet"]
        last = self.noise[-1]
        head = ["layer", "", "‖∇y ℓ‖", "‖∇θ ℓ‖", "‖Δθ‖/‖θ‖", "dead", "saturated"]
        lines = [head]
        for row in self.rows:
            if row["epoch"] == last["epoch"] and row["step"] == last["step"]:
                numbers = [f"{row[k]:.3g}" if k in row else "" for k in ("dy", "dtheta", "update")]
                shares = [f"{row[k]:.1%}" if k in row else "" for k in ("dead", "saturated")]
                lines.append([row["layer"], row["kind"], *numbers, *shares])
        seen = last["looks"] * self.examples
        looks = counted(last["looks"], "look")
        title = (
            f"epoch {last['epoch']}, step {last['step']:,} ({looks} at {self.examples} examples)"
        )
        return [title, Cells(lines, left=2), verdict(last["batch"], last["scale"], seen)]

    def __repr__(self) -> str:
        """Say how much was watched; ``print`` shows the last epoch as a table."""
        epochs = len(self.noise)
        told = f", {self.noise[-1]['scale']:.3g} examples noise scale" if self.noise else ""
        return f"Watch({counted(epochs, 'epoch')} watched{told})"


class _Look:
    """What was seen: by layer, and |G|² and tr(Σ) of the whole network."""

    def __init__(self, layers: dict[str, dict[str, float]], squared: float, trace: float) -> None:
        self.layers, self.squared, self.trace = layers, squared, trace


class _Glass:
    """The sweep of the looks of one fit."""

    def __init__(self, run: TrainingRun, examples: int) -> None:
        self.run, self._n = run, examples
        self._flow, self._norms, self._slopes = Flow(), Norms(), Slopes()
        X, y, _ = run.data
        self._sweep = GradientPass(
            run.network,
            run.descent.loss,
            (X, y),
            (self._flow, self._norms, self._slopes),
            gradient=True,
            batch=min(examples, _BLOCK),
            threads=run.threads,
        )
        self.ready = False
        self._ahead: Ahead | None = None

    @property
    def lowered(self) -> bool:
        """Whether it is known what a look would have to compile."""
        return self._ahead is not None

    def lacking(self) -> float:
        """Return how many kernels a look would have to compile.

        The first question starts a process that compiles them; while it runs they are infinite.
        """
        if self._ahead is None:
            self._ahead = Ahead(kernels_of(self._sweep.lowered(self._n)))
        return self._ahead.lacking()

    def _prepare(self) -> None:
        """Compile, and make the arrays that are written to."""
        self._sweep.program(self._n)
        examples, dtype = self._n, self.run.network.dtype
        shapes = {path: (examples, *shape) for path, shape in self._flow.shapes.items()}
        arrays_for(self._flow.y, shapes, dtype)
        self._dy = arrays_for(self._flow.dy, shapes, dtype)
        self._slope = arrays_for(self._slopes.slopes, shapes, dtype)
        lengths = dict.fromkeys(self._norms.handles, (examples,))
        self._squares = arrays_for(self._norms.handles, lengths, dtype)
        self.ready = True

    def look(self, rng: np.random.Generator, rate: float) -> _Look:
        """Draw examples, sweep over them, and try a step."""
        if not self.ready:
            self._prepare()
        X, y, w = self.run.data
        rows = rng.integers(0, X.shape[0], self._n)
        weights = np.ones(self._n, self.run.network.dtype) if w is None else w[rows]
        for array in self._squares.values():
            array[:] = 0
        self._sweep.run(rows_of(X, rows), y[rows], weights)
        updates = self._try_step(rate)
        gradient = _by_layer(self.run.network, self._sweep.gradient)
        layers: dict[str, dict[str, float]] = {}
        for path, dy in self._dy.items():
            layers[path] = {"dy": float(np.sqrt(np.sum(dy * dy, dtype=np.float64) / self._n))}
        for path, part in gradient.items():
            layers[path] |= {"dtheta": float(np.linalg.norm(part)), "update": updates[path]}
        for path, slope in self._slope.items():
            layers[path] |= _flatness(slope, self._slopes.steepest[path])
        one = sum(float(s.mean(dtype=np.float64)) for s in self._squares.values())
        all_ = float(np.sum(self._sweep.gradient**2, dtype=np.float64))
        return _Look(layers, *noise_scale(one, all_, self._n))

    def _try_step(self, rate: float) -> dict[str, float]:
        """Return ‖Δθ‖/‖θ‖ by layer of the next step, which is taken and taken back."""
        run = self.run
        state = run.state()
        before = run.network.theta.copy()
        run.run(np.full(1, rate))
        after = run.network.theta.copy()
        run.restore(state)
        old = _by_layer(run.network, before)
        with np.errstate(all="ignore"):
            return {
                path: float(np.linalg.norm(part) / np.linalg.norm(old[path]))
                for path, part in _by_layer(run.network, after - before).items()
            }


def noise_scale(one: float, many: float, n: int) -> tuple[float, float]:
    """Return unbiased estimates of |G|² and tr(Σ) from gradients of one and of n examples.

    |G|² = (n |G_n|² − |G_1|²)/(n − 1) and tr(Σ) = (|G_1|² − |G_n|²)/(1 − 1/n); McCandlish et al.
    2018, appendix A.1, with batches of 1 and of n.

    Parameters
    ----------
    one : float
        |G_1|²: the mean of ‖∇ℓ_i‖² over the examples.
    many : float
        |G_n|²: the square of the norm of their mean gradient.
    n : int
    """
    return (n * many - one) / (n - 1), (one - many) / (1 - 1 / n)


def verdict(batch: int, scale: float, seen: int) -> str:
    """Say what a noise scale means for a batch.

    A batch of B needs 1 + scale/B times the fewest steps and 1 + B/scale times the fewest examples
    (McCandlish et al. 2018, equation 2.11).

    Parameters
    ----------
    batch : int
    scale : float
        May be infinite.
    seen : int
        The examples that it was estimated from.
    """
    if not np.isfinite(scale):
        head = f"noise scale: too large to be told from {seen:,} examples. "
        if batch < seen:
            return head + f"The batch of {batch:,} is small beside it: a step is mostly noise"
        return head + f"Draw more than the {batch:,} of a batch, to judge the batch by it"
    about = f"{scale:,.0f}" if scale >= 100 else f"{scale:.3g}"
    head = f"noise scale: about {about} examples. The batch of {batch:,} is "
    if batch < scale / 4:
        return head + (
            f"small: a step is mostly noise. Of the steps, {1 + scale / batch:,.0f} times the "
            f"fewest possible are needed; batches of up to {scale:,.0f} save steps in proportion"
        )
    if batch > 4 * scale:
        return head + (
            f"large: its examples mostly agree. Of the examples, {1 + batch / scale:,.0f} times "
            f"the fewest possible are needed; batches of about {max(1, scale):,.0f} save them"
        )
    return head + "about right: gradient and noise weigh alike in a step"


def _by_layer(network: Network, vector: Array) -> dict[str, Array]:
    """Return the parts of a vector like θ by the path of the layer."""
    spans: dict[str, list[int]] = {}
    for name, buffer in network.built.buffers.items():
        span = spans.setdefault(name.rpartition(".")[0], [buffer.offset, 0])
        span[1] = buffer.offset + buffer.size
    return {path: vector[start:stop] for path, (start, stop) in spans.items()}


def _flatness(slope: Array, steepest: float) -> dict[str, float]:
    """Return the fractions of dead and of saturated units, those of the last axis of (n, …, q)."""
    slope = slope.reshape(-1, slope.shape[-1])
    dead = (slope == 0).all(axis=0)
    flat = (np.abs(slope) < _FLAT * steepest).mean(axis=0) >= _MOSTLY
    return {"dead": float(dead.mean()), "saturated": float((flat & ~dead).mean())}
