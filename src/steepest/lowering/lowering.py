"""Lowering: from layers to instructions.

`Lowering` is what a layer sees while it emits its instructions. The whole programs are written in
`steepest.lowering.predict` and `steepest.training.step`.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compiler.gemm import (
    channel_windows_address,
    gemm_address,
    multiplies_pairs,
    summing_windows_address,
    windows_address,
)
from ..contract import kernel_fault
from ..emitter import Backward
from ..engine import driver
from ..engine.arena import Arena
from ..engine.operands import (
    DTYPES,
    Buffer,
    Constant,
    CountedShare,
    DynamicShare,
    HalfShare,
    Handle,
    Share,
    SparseBatch,
    Special,
    Whole,
)
from ..engine.pipelining import Seam
from ..engine.program import Instruction, Program
from ..errors import InputError
from ..kernels.random import key_of
from ..layer import Layer
from ..parameters import Parameters, check_training_shapes
from ..printing import shown
from ..schedules import Schedule
from ..shape import Shape
from ..system.cores import spins_for
from .halves import add_second, half_of_rows, in_rows, units_to_share
from .observer import Observer
from .training_settings import RowsBefore, TrainingSettings

__all__ = [
    "Accumulator",
    "Lowering",
    "SparseBatch",
]

_PART = 32  # units or inputs that a thread takes at once


@dataclass
class Accumulator:
    """Where the parameter half of Φ accumulates, and with which factor."""

    theta: dict[str, Buffer]
    alpha: Buffer | Constant


class Lowering:
    """Collects the instructions of one program.

    Parameters
    ----------
    program : Program
        Receives the instructions.
    arena : Arena
        Gives memory.
    parameters : Parameters
        Of the network, which are operands.
    control : driver.Control
        For barriers.
    step : Buffer
        Where the number of the current step lies.
    training : TrainingSettings, optional
        Given for a program that trains.
    target : Accumulator, optional
        Where gradients accumulate, in a program that has a backward pass.
    observers : sequence of Observer
        See every layer while its backward pass is lowered (`steepest.inspection.observers`).

    Attributes
    ----------
    training : bool
        Whether this is a program that trains; dropout asks.
    seam : Seam or None
        What a layer offered last by `join`.
    keys : int
        How many keys for random numbers are taken.
    spans : Buffer or None
        Which steps of sequences belong together (`steepest.emitter.Emitter`).
    window : int or None
        How many steps are remembered, if they are taken one by one.
    """

    def __init__(
        self,
        program: Program,
        arena: Arena,
        parameters: Parameters,
        control: driver.Control,
        step: Buffer,
        *,
        training: TrainingSettings | None = None,
        target: Accumulator | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.program, self.arena, self.training = program, arena, training is not None
        self.parameters, self._control, self._step = parameters, control, step
        if self.training:
            check_training_shapes(parameters.layer, parameters.input_shape)
        self._settings = training or TrainingSettings()
        self._target, self.observers = target, observers
        self._followed: dict[tuple[Schedule, float], Buffer] = {}
        self._path: tuple[str, ...] = ()
        self._layer = ""
        self._rows = program.batch
        self._last: object = _BARRIER  # every step ends in one
        self.keys, shared = self._settings.keys, self._settings.shared
        self._shared, self._before = shared, shared.before if shared else RowsBefore()
        self._waiting: list[Instruction] = []
        self._halved: list[tuple[Buffer, Buffer]] = []  # where both halves of a gradient go
        self._entries: list[tuple[Buffer, Share]] = []  # changed since threads met last
        self.seam: Seam | None = None
        self.spans: Buffer | None = None
        self.window: int | None = None

    @property
    def examples(self) -> int:
        """How many examples the batch has."""
        return self.program.batch

    @property
    def rows(self) -> int:
        """The rows of the current layer's input as the layer sees it; outside, the examples."""
        return self._rows

    @property
    def all_rows(self) -> int:
        """How many rows it has together with those in other processes that share the batch."""
        size = self.examples if self._shared is None else self._shared.size
        return self.rows // self.examples * size

    @property
    def shares_batch(self) -> bool:
        """Whether other processes have examples of the batch, too."""
        return self._shared is not None

    @property
    def threads(self) -> int:
        """How many threads run the program."""
        return self.program.threads

    @property
    def most_threads(self) -> int:
        """How many threads may run programs in the same memory."""
        return max(self.program.threads, self.arena.most_threads)

    @property
    def watched(self) -> bool:
        """Whether somebody looks at what each layer computes."""
        return bool(self.observers)

    @property
    def dtype(self) -> str:
        """What real numbers are in memory: "float32" or "float64"."""
        return str(self.arena.dtype)

    @property
    def pairs(self) -> Constant | None:
        """What a kernel gets as ``windows`` for products of pairs of bfloat16; None for numbers.

        Where the processor is no quicker with pairs, nothing is rounded.
        """
        wanted = self._settings.matmul_dtype == "bfloat16" and multiplies_pairs()
        return Constant(windows_address("bfloat16")) if wanted else None

    @property
    def channel_windows(self) -> Constant:
        """What a kernel gets as ``windows`` for products of channels one by one."""
        return Constant(channel_windows_address(str(self.arena.dtype)))

    @property
    def summing_windows(self) -> Constant:
        """What a kernel gets as ``summing`` for such products that sum B, too."""
        return Constant(summing_windows_address(str(self.arena.dtype)))

    @property
    def prefix(self) -> str:
        """The name of the current layer among the parameters, like ``2.0``."""
        return ".".join(self._path)

    def array(self, name: str, *shape: int, kind: str = "f") -> Buffer:
        """Return memory for an array of the current layer."""
        return self.arena.array(f"{name}{self.prefix}", *shape, kind=kind)

    def child(self, name: str, layer: Layer, x: Buffer) -> tuple[Buffer, Backward]:
        """Lower a layer of a layer; return its output and what emits its backward pass."""
        path, label = (*self._path, name), f"{'.'.join((*self._path, name))} {layer!r}"
        if isinstance(x, SparseBatch) and not layer.takes_sparse:
            raise InputError(
                f"{label}: can't take CSR input; begin the network with Dense, or give a dense X"
            )
        by_rows = not layer.knows_shapes and isinstance(x, Buffer)
        seen = x.as_rows() if by_rows else x
        with _Scope(self, path, label, seen.shape[0]):
            lowered = layer.lower(self, seen)
            if not isinstance(lowered, tuple) or len(lowered) != 2:
                raise self._error(f"lower must return (y, backward), got {shown(lowered)}")
            y, backward = lowered
            if by_rows:
                y = x if y is seen else self._in_examples(y, x)

        def scoped(dy: Buffer, wants_dx: bool) -> Buffer | None:
            with _Scope(self, path, label, seen.shape[0]):
                for observer in self.observers:
                    observer.layer(self, layer, x, y, dy)
                dx = backward(dy.as_rows() if by_rows else dy, wants_dx)
                return dx.reshaped(*x.shape) if dx is not None else None

        return y, scoped

    def _in_examples(self, y: Buffer, x: Buffer) -> Buffer:
        """Return what a layer has made of the matrix of the rows of x, with the axes of x."""
        shape = *x.shape[:-1], y.shape[-1]
        if y.size != math.prod(shape):
            raise self._error(f"its y is of shape {y.shape}, which has not the rows of its x")
        return y.reshaped(*shape)

    @property
    def learning(self) -> set[str]:
        """The paths of the layers that have parameters."""
        return {name.rpartition(".")[0] for name in self.parameters.buffers}

    def theta(self, layer: Layer, at: int | Shape) -> dict[str, Buffer]:
        """Return the parameters of the current layer, by the names its kernels use.

        ``at`` is the width of its input, or the shape.
        """
        return self._named(layer, at, "", self.parameters.buffers)

    def state(self, layer: Layer, at: int | Shape) -> dict[str, Buffer]:
        """Return the state of the current layer, by the names its kernels use."""
        path, buffers = self.prefix, self.parameters.state_buffers
        return {name: buffers[f"{path}.{name}"] for name in layer.state_at(_shape(at))}

    def targets(
        self, layer: Layer, at: int | Shape, buffers: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return where ∇_θ ℓ of the current layer goes, by the names its kernels use.

        Among ``buffers``, which has one for each parameter of the network; by default where it
        accumulates.
        """
        if buffers is None:
            assert self._target is not None
            buffers = self._target.theta
        return self._named(layer, at, "d", buffers)

    def backward_theta(
        self,
        layer: Layer,
        at: int | Shape,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int = 0,
        *,
        waits: bool = False,
    ) -> None:
        """Emit the parameter half of Φ of the current layer, and what observers make of it.

        Parameters
        ----------
        layer : Layer
            The current layer.
        at : int or tuple of int
            The width of its input, or the shape.
        kernel : callable
            target += alpha · ∇_θ ℓ.
        names : mapping
            The kernel's arguments except the targets and alpha.
        waits : bool
            Whether it comes only in `settle` where several threads run: threads that share rows go
            through all layers without meeting, and then meet once for all that needs every row.
        """
        waits = waits or layer.sums_rows
        if self._target is not None:
            named = {**names, **self.targets(layer, at)}
            shared = units_to_share(kernel, named) if waits else {}
            rows = in_rows(layer, self.examples, self.rows, _shape(at)) if shared else ()
            if rows and self.examples > 1:
                self._in_halves(layer, at, kernel, named, (flops, shared, rows))
            elif waits and self.threads > 1:
                self._waiting.append(self._instruction(kernel, named, flops, None))
            else:
                self.emit(kernel, named, flops=flops)
        for observer in self.observers:
            observer.theta(self, layer, _shape(at), kernel, names, flops)

    def _in_halves(
        self,
        layer: Layer,
        at: int | Shape,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        known: tuple[int, dict[str, int], tuple[str, ...]],
    ) -> None:
        """Emit a parameter half of Φ for the first half of the examples, and for the second."""
        flops, shared, rows = known
        targets = self.targets(layer, at)
        second = {k: self.array(f"second {k}", *b.shape) for k, b in targets.items()}
        for k, buffer in second.items():
            self.arena.reset(buffer)
            self._halved.append((targets[k], buffer))
        # θ as the target is still read by threads that are not so far.
        at_once = self.threads == 1 or (self.threads == 2 and self._even and not self.fused)
        for half in (0, 1):
            views = {
                k: half_of_rows(names[k], half, self.examples)
                for k in rows
                if isinstance(names.get(k), Buffer)
            }
            own = {k: self._half_share(extent, half) for k, extent in shared.items()}
            sums = second if half else targets
            named = {**names, **views, **own, **sums}
            instruction = self._instruction(kernel, named, flops // 2, None)
            if not at_once:
                self._waiting.append(instruction)
            elif self._shared is None or not self._shared.idle:
                self._append(instruction)

    def _named(
        self, layer: Layer, at: int | Shape, d: str, buffers: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            f"{d}{name}{'t' if parameter.by_columns else ''}": buffers[
                ".".join((*self._path, name))
            ]
            for name, parameter in layer.parameters_at(_shape(at)).items()
        }

    @property
    def fused(self) -> bool:
        """Whether the parameter half of Φ is the gradient step itself."""
        return self._target is not None and self._target.theta is self.parameters.buffers

    @property
    def goes_back(self) -> bool:
        """Whether a backward pass follows, so that layers keep what it needs."""
        return self._target is not None or bool(self.observers)

    def number(self, value: float | Schedule, below: float = math.inf) -> Constant | Buffer:
        """Return a number as an operand: constant, or one that follows a schedule step by step.

        What a schedule gives must be at least 0, and ``below``.
        """
        if not callable(value):
            return Constant(float(value))
        if (value, below) not in self._followed:
            scheduled = self._settings.scheduled
            if scheduled is None:
                raise self._error(
                    f"{value!r} follows the steps of a training, and this program has none; ask "
                    "low.training before low.number"
                )
            self._followed[value, below] = scheduled.lower(self, value, below)
        return self._followed[value, below]

    def share(self, extent: int, grain: int = 1) -> Share:
        """Return each thread's part of ``range(extent)``."""
        return Share(extent, grain, alone=self.threads == 1)

    def row_share(self, extent: int) -> Share:
        """Return each thread's part of a range with as many entries for each example.

        Of whole examples where these can be shared out evenly.
        """
        examples = self.examples
        if extent % examples or not self._even:
            return self.share(extent)
        return Share(extent, extent // examples, self.threads == 1, examples)

    @property
    def _even(self) -> bool:
        """Whether threads that share whole examples have nearly as much to do."""
        return self.examples % self.threads == 0 or self.examples >= 8 * self.threads

    def _half_share(self, extent: int, half: int) -> Share | HalfShare:
        """Return each thread's part of a range that is to be computed for half of the rows."""
        if self.threads % 2 or self.threads == 0:
            return self.share(extent, 16)
        return HalfShare(extent, 16, half)

    def dynamic_share(self, extent: int) -> Share | DynamicShare:
        """Return parts of ``range(extent)`` that threads take when they are free, if it has many.

        For kernels that take long, and of which no part needs what another one has prepared.
        """
        threads = self.threads
        if threads == 1 or extent < 2 * threads * _PART:
            return self.share(extent, 16)
        return DynamicShare(extent, _PART, self._control.counts(threads))

    def key(self) -> Constant:
        """Return a key for random numbers that no other instruction has."""
        self.keys += 1
        return Constant(key_of(self._settings.seed, self.keys))

    def emit(
        self,
        function: Callable[..., None],
        names: Mapping[str, Any],
        *,
        flops: int = 0,
        nbytes: int | None = None,
    ) -> Instruction:
        """Append one instruction: ``function``, its arguments taken by name from ``names``.

        The names of `steepest.layer` that are not in ``names`` (shares, ``alpha``, ``blas``,
        ``key``, ``step``) are filled in.
        """
        instruction = self._instruction(function, names, flops, nbytes)
        if self._shared is None or not self._shared.idle:
            self._append(instruction)
        return instruction

    def _append(self, instruction: Instruction) -> None:
        self._meet(instruction.operands)
        self.program.instructions.append(instruction)

    def jointly(
        self,
        summed: Buffer,
        kernel: Callable[..., None] | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        """Have an array summed up over all processes that share the batch; append what follows."""
        if self._shared is not None:
            self.barrier()
            done = self.program
            self._shared.begun.append((done, summed))
            self.program = Program(done.title, done.batch, done.dtype, done.threads)
        if kernel is not None:
            self._append(self._instruction(kernel, names or {}, 0, 0))

    def join(
        self,
        forward: Instruction,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int,
    ) -> None:
        """Offer one kernel for the update just emitted and the ``forward`` of the next step.

        It gets the next input by the name ``ahead``, and leaves it in ``x``. It is of use where the
        update is the parameter half of Φ itself, and runs on one thread
        (`steepest.engine.pipelining`).
        """
        assert self.fused
        if self.threads == 1 and not self.watched:
            x, update = names["x"], self.program.instructions[-1]
            ahead = self.array("ahead", *x.shape)
            sweep = self._instruction(kernel, {**names, "ahead": ahead}, flops, None)
            self.seam = Seam(forward, update, sweep, x, ahead)

    def settle(self) -> None:
        """Emit what waits, behind the backward pass."""
        if self._shared is not None and self._shared.idle:
            self._waiting.clear()
        if self._waiting:
            self.barrier()
            self.program.instructions.extend(self._waiting)
            self._waiting.clear()
            self._last = None
        for target, second in self._halved:
            vectors = {"target": target.as_vector(), "second": second.as_vector()}
            self.emit(add_second, {**vectors, "entries": self.share(target.size, 16)})
        self._halved.clear()

    def _instruction(
        self,
        function: Callable[..., None],
        names: Mapping[str, Any],
        flops: int,
        nbytes: int | None,
    ) -> Instruction:
        fault = kernel_fault(function)
        if fault:
            raise self._error(fault)
        operands: dict[str, Any] = {}
        wanted = _arguments(function)
        if "rows" in wanted and "units" in wanted:
            names = {**names, **self._rectangle(names, backward="dy" in wanted)}
        for name in wanted:
            operands[name] = self._operand(name, names, function)
        if nbytes is None:
            sizes = (o.size * _itemsize(o, self.arena) for o in operands.values() if _big(o))
            nbytes = sum(sizes)
        return Instruction(function, operands, self._layer, flops, nbytes)

    def _operand(self, name: str, names: Mapping[str, Any], kernel: Callable[..., None]) -> Any:
        value = names.get(name)
        if name in _SHARES and not isinstance(value, _SHARE):
            value = None  # a layer's own field of that name, like Dense's units, is no share
        if isinstance(value, np.ndarray):
            dtype = value.dtype if value.dtype == np.int32 else self.arena.dtype  # places stay so
            return Buffer.of(name, np.ascontiguousarray(value, dtype))
        if isinstance(value, Buffer | Handle | Constant | Special | _SHARE):
            return value
        if value is not None:
            return Constant(value)
        if name == "rows":
            return self.row_share(self.rows)
        if name == "units" and "y" in names:
            return self.share(names["y"].shape[1], 16)
        if name == "inputs" and "x" in names:
            return self.share(names["x"].shape[1], 16)
        if name in ("thread", "threads"):
            return Special(name)
        if name == "step":
            return self._step
        if name == "key":
            return self.key()
        if name == "before":
            return self._before.rows(self.rows // self.examples)
        if name == "blas":
            # One product for all batches of a prediction: a row's does not depend on its place.
            kind = self._settings.matmul_dtype or str(self.arena.dtype)
            return Constant(gemm_address(kind, self.rows if self.training else 1))
        if name == "windows":
            return Constant(windows_address(str(self.arena.dtype)))
        if name == "alpha" and self._target is not None:
            return self._target.alpha
        known = ", ".join(sorted({*names, *_PROVIDED}))
        called = kernel.__name__ if self._layer else kernel.__qualname__.rpartition("<locals>.")[2]
        raise self._error(f"{called} asks for {name!r}, which is not known here; known are {known}")

    def _error(self, fault: str) -> InputError:
        return InputError(f"{self._layer}: {fault}" if self._layer else fault)

    def _rectangle(self, names: Mapping[str, Any], *, backward: bool) -> dict[str, Share | Whole]:
        """Return this thread's rectangle of entries: some of the rows with all units, or all rows
        of those units that the instruction before left in the thread's own cache.
        """
        n, q = names["dy" if backward else "y"].shape
        units = self.share(q, 16)
        if self._last == ("units", units) or (backward and self._last == ("inputs", units)):
            return {"rows": Whole(n), "units": units}
        return {"rows": self.row_share(n), "units": Whole(q)}

    def _meet(self, operands: Mapping[str, Any]) -> None:
        """Put a barrier before an instruction that may read what another thread wrote.

        Work on one thread only, on the same rows, and on a rectangle of the units that the thread
        itself has written, may go on without one.
        """
        if self.threads == 1:
            return
        kind = self._kind(operands)
        rows = operands.get("rows")
        own = isinstance(rows, Share) or isinstance(kind, int) or kind == "alone"
        apart = kind == "entries" == self._last and self._apart(operands)
        if not isinstance(rows, Whole) and not (own and kind == self._last) and not apart:
            self.barrier()
        self._last = kind
        if kind == "entries":
            share = operands["entries"]
            vectors = [o for o in operands.values() if isinstance(o, Buffer) and o.shape]
            self._entries += [(o, share) for o in vectors]

    def _kind(self, operands: Mapping[str, Any]) -> object:
        """Return what threads share: as a number, so many examples; None if nobody knows."""
        shares = [(k, o) for k, o in operands.items() if isinstance(o, Share | CountedShare)]
        if shares and isinstance(shares[0][1], Share) and shares[0][1].examples:
            return shares[0][1].examples
        if shares:
            return "entries" if _entry_by_entry(operands) else shares[0]
        if any(isinstance(o, HalfShare) for o in operands.values()):
            return self.examples if self.threads == 2 and self._even else None
        some = any(isinstance(o, Special | DynamicShare) for o in operands.values())
        return None if some else "alone"

    def _apart(self, operands: Mapping[str, Any]) -> bool:
        """Whether each thread has, of vectors changed since threads met, the entries it changed."""
        own = [o for o in operands.values() if isinstance(o, Buffer) and o.shape]
        return all(
            new.is_apart_from(old) or (new.begins_with(old) and operands["entries"] == share)
            for new in own
            for old, share in self._entries
        )

    def barrier(self) -> None:
        """Emit a barrier, if there are threads to meet."""
        if self.threads > 1 and self._last is not _BARRIER:
            operands: dict[str, Any] = {
                "arrivals": Constant(self._control.address),
                "threads": Special("threads"),
                "patience": Constant(spins_for(self.threads)),
            }
            self.program.instructions.append(Instruction(driver.barrier, operands, "barrier"))
            self._last = _BARRIER
            self._entries.clear()


_BARRIER = object()
_SHARE = Share | CountedShare | DynamicShare | HalfShare | Whole
_SHARES = ("rows", "units", "inputs")
_PROVIDED = (
    "alpha",
    "before",
    "blas",
    "inputs",
    "key",
    "rows",
    "step",
    "thread",
    "threads",
    "units",
    "windows",
)


class _Scope:
    """Sets the current layer of a lowering and its rows, and puts the former ones back."""

    def __init__(self, low: Lowering, path: tuple[str, ...], label: str, rows: int) -> None:
        self._low, self._new = low, (path, label, rows)

    def __enter__(self) -> None:
        self._old = (self._low._path, self._low._layer, self._low._rows)
        self._low._path, self._low._layer, self._low._rows = self._new

    def __exit__(self, *exception: Any) -> None:
        self._low._path, self._low._layer, self._low._rows = self._old


@functools.lru_cache(1024)
def _arguments(kernel: Callable[..., None]) -> tuple[str, ...]:
    return tuple(inspect.signature(kernel).parameters)


def _entry_by_entry(operands: Mapping[str, Any]) -> bool:
    """Whether a kernel goes through vectors, all as long as what threads share."""
    share = operands.get("entries")
    arrays = [o for o in operands.values() if isinstance(o, Buffer) and o.shape]
    return isinstance(share, Share) and all(o.shape == (share.extent,) for o in arrays)


def _shape(at: int | Shape) -> Shape:
    return at if isinstance(at, tuple) else (at,)


def _big(operand: Any) -> bool:
    return isinstance(operand, Buffer) and bool(operand.shape)


def _itemsize(buffer: Buffer, arena: Arena) -> int:
    return DTYPES.get(buffer.kind, arena.dtype).itemsize
