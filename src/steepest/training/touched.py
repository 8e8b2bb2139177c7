"""Tables of which a step touches few rows: their update, and how a chunk is taken back.

A layer says which parameter is such a table, and which rows a batch touches (`FewRows`). They are
listed in every step, each once:

=========  ==================================================================
touches    places ← the rows of the table that each row of x touches
list       found ← the rows in places, each once
keep       log ← θ[found], and what the rule remembers of these rows
backward   ∇θ, or for plain SGD θ itself, changes in these rows alone
update     own ← θ[found], ∇θ[found], …; the rule's kernel; θ[found], … ← own
watch      sums ← NaN, once a number in these rows is not finite
=========  ==================================================================

So work, and memory for going back, grow with the rows touched and not with the table. The update
comes to the same bits as that of all rows if a step with g = 0 changes nothing (`Rule.rests`).
Other rules go by rows only where the parameter is declared ``lazy``: what the rule remembers of a
row then stands still while the row is not touched, and so does the row, as with PyTorch's
``SparseAdam``. A table with fewer rows than the log would have is copied for going back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, aligned, is_finite
from ..engine.operands import Buffer
from ..errors import InputError
from ..kernels.prefetch import fetch_ahead
from ..layer import Layer, Parameter
from ..lowering.observer import Observed, Observer
from ..parameters import Parameters, walk
from ..rule import Rule
from ..shape import Shape
from .board import CHUNK
from .slots import memory_of

__all__ = ["TouchedRows"]

_LOGGED = 1 << 16  # rows of a log, at least
_AHEAD = 16  # rows that are asked for before their turn
_STEPS = 16  # that it has room for, at least


@dataclass(frozen=True)
class _Table:
    """A parameter (rows, width) that lies in θ from ``start`` to ``stop``.

    A step touches ``most`` of its rows. ``room`` is how many rows its log has; None if it has none.
    """

    start: int
    stop: int
    shape: tuple[int, int]
    most: int
    room: int | None


class _Log:
    """What rows were, in the order in which steps have touched them; and whether all are finite."""

    def __init__(self, table: _Table, room: int, names: list[str], dtype: Any) -> None:
        width = table.shape[1]
        self.rows = Buffer.of("kept rows", aligned(room, np.int32))
        self.values = {
            name: Buffer.of(f"kept {name}", aligned(room * width, dtype).reshape(room, width))
            for name in names
        }
        self.sums = Buffer.of("sums", aligned(width, dtype))


class TouchedRows(Observer):
    """The tables of a network that a rule updates by rows.

    Parameters
    ----------
    parameters : Parameters
    rule : Rule
    batch : int
        The most examples of a step.
    slots : mapping of str to ndarray
        What the rule remembers.
    gradient : ndarray, (m,), optional
        Like θ; None if there is none, because θ itself is the target of ∇θ.
    by_rows : bool
        Whether tables may be updated by rows: whether ``x`` has all that a step touches.

    Attributes
    ----------
    tables : dict of str to _Table
        By the names of the parameters.

    Raises
    ------
    InputError
        If a parameter is declared lazy, and the rule can't leave rows alone.
    """

    def __init__(
        self,
        parameters: Parameters,
        rule: Rule,
        batch: int,
        slots: Mapping[str, Array],
        gradient: Array | None,
        *,
        by_rows: bool = True,
    ) -> None:
        declared = _declared(parameters, batch)
        lazy = [name for name in declared if (r := parameters.declared[name].rows) and r.lazy]
        if lazy and not by_rows:
            raise InputError(
                f"{lazy[0]} is lazy, so that a step changes only rows that it touches, and each "
                "rank touches others; leave lazy out, or let ranks average every few steps, "
                "Ranks(comm, every=4)"
            )
        self.tables = {
            name: table
            for name, table in declared.items()
            if by_rows and _goes_by_rows(rule, name, parameters.declared[name], table)
        }
        flat = [name for name, slot in memory_of(rule).items() if slot.shape is None]
        self._vectors = {"theta": parameters.theta, **{name: slots[name] for name in flat}}
        self._gradient = gradient
        self._flat = {name: Buffer.of(name, vector) for name, vector in self._vectors.items()}
        if gradient is not None:
            self._flat["g"] = Buffer.of("∇ℓ", gradient)
        self._spans = {name: Buffer.of("span", aligned(2, np.int64)) for name in self.tables}
        self._seen = {
            name: Buffer.of("seen", aligned(table.shape[0], np.int32))
            for name, table in self.tables.items()
        }
        self._logs = {
            name: _Log(table, table.room, list(self._vectors), parameters.dtype)
            for name, table in self.tables.items()
            if table.room is not None
        }
        self._found: dict[str, Buffer] = {}  # of the program that is being lowered
        self._own: dict[str, dict[str, Buffer]] = {}
        self._looked = False  # at all rows

    @property
    def most_steps(self) -> int:
        """How many steps the logs have room for."""
        rooms = [t.room // t.most for t in self.tables.values() if t.room is not None]
        return min([CHUNK, *rooms])

    @property
    def logged_bytes(self) -> int:
        """The bytes of the logs."""
        logs = self._logs.values()
        return sum(b.array.nbytes for log in logs for b in (log.rows, *log.values.values()))

    # ------------------------------------------------------------------ the instructions of a step

    def layer(self, low: Observed, layer: Layer, x: Any, y: Buffer, dy: Buffer) -> None:
        """List the rows that the batch touches, and keep them."""
        shape = x.shape[1:]
        for own, declared in layer.parameters_at(shape).items():
            name = f"{low.prefix}.{own}"
            if name not in self.tables:
                continue
            assert declared.rows is not None
            table, seen = self.tables[name], x.as_examples() if layer.knows_shapes else x.as_rows()
            places = low.array("places", seen.shape[0], declared.rows.each, kind="j")
            found = self._found[name] = low.array("found", places.size, kind="j")
            known = {**layer.settings_at(shape), **low.theta(layer, shape)}
            low.emit(declared.rows.touches, {**known, "x": seen, "places": places}, nbytes=0)
            listed = {"found": found, "span": self._spans[name]}
            low.emit(list_rows, {**listed, "places": places, "seen": self._seen[name]}, nbytes=0)
            if name in self._logs:
                log = self._logs[name]
                for key, values in log.values.items():
                    self._on_rows(low, keep_rows, key, name, kept=log.rows, values=values)
            if self._gradient is not None:
                self._own[name] = {
                    key: low.array(f"own {key}", found.size, table.shape[1]) for key in self._flat
                }

    def theta(
        self,
        low: Observed,
        layer: Layer,
        shape: Shape,
        kernel: Callable[..., None],
        names: Mapping[str, Any],
        flops: int,
    ) -> None:
        """Watch the rows that the parameter half of Φ has changed, if that is the update."""
        if low.fused:
            for own in layer.parameters_at(shape):
                self._watch(low, f"{low.prefix}.{own}")

    def take_gradient(self, low: Any, name: str) -> Buffer:
        """Emit what takes ∇θ of the rows touched, and leaves zeros; return it as a vector."""
        own = self._own[name]["g"]
        self._on_rows(low, move_rows_out, "g", name, own=own)
        return own.as_vector()

    def take(self, low: Any, name: str) -> dict[str, Buffer]:
        """Emit what copies the rows touched; return what a rule's kernel gets, as vectors.

        There are as many rows as a step can touch; those beyond have a gradient of 0.
        """
        for key in self._vectors:
            self._on_rows(low, copy_rows, key, name, own=self._own[name][key])
        return {key: own.as_vector() for key, own in self._own[name].items()}

    def put(self, low: Any, name: str) -> None:
        """Emit what puts the rows touched back."""
        for key in self._vectors:
            self._on_rows(low, put_rows, key, name, own=self._own[name][key])
        self._watch(low, name)

    def _watch(self, low: Any, name: str) -> None:
        if name in self._logs:
            for key in self._vectors:
                self._on_rows(low, watch_rows, key, name, sums=self._logs[name].sums)

    def _on_rows(
        self, low: Any, kernel: Callable[..., None], key: str, name: str, **more: Buffer
    ) -> None:
        """Emit a kernel for the rows touched of a table, in the vector ``key``."""
        found, table = self._found[name], self._view(key, name)
        names = {"found": found, "span": self._spans[name], "table": table, **more}
        nbytes = 2 * found.size * table.shape[1] * low.arena.dtype.itemsize
        low.emit(kernel, {**names, "entries": low.share(found.size)}, nbytes=nbytes)

    def _view(self, key: str, name: str) -> Buffer:
        """Return a table's part of a vector, as a matrix."""
        table, whole = self.tables[name], self._flat[key]
        return Buffer(f"{whole.name} of {name}", table.shape, "f", whole.block, table.start)

    # ------------------------------------------------------------------ between chunks

    def without_logged(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return the arrays without the tables that have a log: views of what is left, by name."""
        if not self._logs:
            return dict(arrays)
        found = {}
        logged = {id(vector) for vector in self._vectors.values()} | {id(self._gradient)}
        for name, array in arrays.items():
            if id(array) not in logged:
                found[name] = array
                continue
            start = 0
            for table in (*(self.tables[key] for key in self._logs), None):
                stop = array.size if table is None else table.start
                found[f"{name}[{start}:{stop}]"] = array[start:stop]
                start = array.size if table is None else table.stop
        return found

    def mark(self) -> None:
        """Begin new logs: `undo` will go back to here."""
        for name, log in self._logs.items():
            self._spans[name].array[:] = 0
            log.sums.array[:] = 0

    def undo(self) -> None:
        """Put the rows that were touched since `mark` back as they were, and their ∇θ to 0."""
        for name, log in self._logs.items():
            end = int(self._spans[name].array.sum())
            assert end <= log.rows.size, f"{name}: {end} rows touched, {log.rows.size} kept"
            rows, first = np.unique(log.rows.array[:end], return_index=True)
            for key, values in log.values.items():
                self._view(key, name).array[rows] = values.array[first]
                values.array[:end] = 0
            if self._gradient is not None:
                self._view("g", name).array[rows] = 0
        self.mark()

    @property
    def finite(self) -> bool:
        """Whether all numbers of the tables with a log are; the rows touched are watched."""
        if not self._looked:
            views = [self._view(key, name) for name in self._logs for key in self._vectors]
            if not all(is_finite(view.array) for view in views):
                return False
            self._looked = True
        return all(np.isfinite(log.sums.array).all() for log in self._logs.values())


def _declared(parameters: Parameters, batch: int) -> dict[str, _Table]:
    """Return the parameters that are declared to be tables, by name."""
    found = {}
    for path, layer, shape in walk(parameters.layer, parameters.input_shape):
        rows = batch if layer.knows_shapes else batch * math.prod(shape[:-1])
        for own, declared in layer.parameters_at(shape).items():
            if declared.rows is not None:
                if len(declared.shape) != 2 or declared.by_columns:
                    raise InputError(
                        f"{path}.{own}: a parameter that says which rows are touched must be a "
                        f"matrix (rows, width) and not by_columns, got {declared}"
                    )
                buffer, most = parameters.buffers[f"{path}.{own}"], rows * declared.rows.each
                room = max(_LOGGED, _STEPS * most)
                found[f"{path}.{own}"] = _Table(
                    buffer.offset,
                    buffer.offset + buffer.size,
                    (buffer.shape[0], buffer.shape[1]),
                    most,
                    room if buffer.shape[0] > room else None,
                )
    return found


def _goes_by_rows(rule: Rule, name: str, declared: Parameter, table: _Table) -> bool:
    """Return whether a table is updated by rows: because it is lazy, or nobody can tell."""
    decays = declared.decays or rule.decay_all
    swept = {
        "ema": rule.ema is not None,
        "another θ to predict with": rule.predicts is not None,
        "penalties or weight_decay": decays and bool(rule.l1 or rule.l2 or rule.weight_decay),
        "a step for the whole of it": rule.takes_block(name, declared),
    }
    large = table.room is not None
    if declared.rows is None or not declared.rows.lazy:
        return large and rule.rests and rule.clip_norm is None and not any(swept.values())
    for what, is_so in swept.items():
        if is_so:
            raise InputError(
                f"{name} is lazy, so that a step changes only rows that it touches, but "
                f"{rule!r} has {what}, which changes all rows; take another rule, or leave lazy out"
            )
    return large or not rule.fuses


def list_rows(places, seen, found, span):  # type: ignore[no-untyped-def]
    """found ← the rows in places, each once; span ← the end of the log, and how many there are"""
    n = 0
    for i in range(places.shape[0]):
        for j in range(places.shape[1]):
            row = places[i, j]
            found[n] = row
            n += 1 - seen[row]
            seen[row] = 1
    for k in range(n):
        seen[found[k]] = 0
    span[0] += span[1]
    span[1] = n


def keep_rows(table, found, span, kept, values, entries):  # type: ignore[no-untyped-def]
    """kept, values ← found, table[found], behind what is there"""
    end, n = span[0], span[1]
    if end + n > kept.shape[0]:
        n = 0  # there is no room
    for k in entries:
        if k + _AHEAD < n:
            fetch_ahead(table, found[k + _AHEAD])
        if k < n:
            row = found[k]
            kept[end + k] = row
            for d in range(table.shape[1]):
                values[end + k, d] = table[row, d]


def copy_rows(table, found, span, own, entries):  # type: ignore[no-untyped-def]
    """own = table[found]"""
    for k in entries:
        row = found[k] if k < span[1] else found[0]
        for d in range(table.shape[1]):
            own[k, d] = table[row, d]


def move_rows_out(table, found, span, own, entries):  # type: ignore[no-untyped-def]
    """own = table[found]; table[found] = 0"""
    zero = table.dtype.type(0)
    for k in entries:
        if k < span[1]:
            row = found[k]
            for d in range(table.shape[1]):
                own[k, d] = table[row, d]
                table[row, d] = zero
        else:
            for d in range(table.shape[1]):
                own[k, d] = zero


def put_rows(table, found, span, own, entries):  # type: ignore[no-untyped-def]
    """table[found] = own"""
    for k in entries:
        if k < span[1]:
            row = found[k]
            for d in range(table.shape[1]):
                table[row, d] = own[k, d]


def watch_rows(table, found, span, sums):  # type: ignore[no-untyped-def]
    """sums += 0 table[found]"""
    zero = table.dtype.type(0)
    for k in range(span[1]):
        row = found[k]
        for d in range(table.shape[1]):
            sums[d] += zero * table[row, d]
