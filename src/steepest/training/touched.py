"""Tables of which a step touches few rows: their update, and how a chunk is taken back.

A layer says which parameter is such a table, and which rows a batch touches (`FewRows`). They are
listed in every step, each once:

=========  ==================================================================
touches    places ← the rows of the table that each row of x touches
list       found ← the rows in places, each once; kept ← those that the log has not yet
keep       log ← θ[kept], and what the rule remembers of these rows
backward   ∇θ, or for plain SGD θ itself, changes in these rows alone
update     own ← θ[found], ∇θ[found], …; the rule's kernel; θ[found], … ← own
watch      sums ← NaN, once a number in these rows is not finite
=========  ==================================================================

Of a matrix in CSR form the columns of the batch's entries are the rows touched. So work, and memory
for going back, grow with the rows touched and not with the table; what might hold all of its rows
is memory that the system gives only when it is written to. The update
comes to the same bits as that of all rows if a step with g = 0 changes nothing (`Rule.rests`).
Other rules go by rows only where the parameter is declared ``lazy``: what the rule remembers of a
row then stands still while the row is not touched, and so does the row, as with PyTorch's
``SparseAdam``. A small table is copied for going back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, aligned, is_finite
from ..declarations import FewRows, Parameter
from ..engine.operands import Buffer, CountedShare, SparseBatch
from ..errors import InputError
from ..kernels.prefetch import fetch_ahead
from ..layer import Layer
from ..lowering.observer import Observed, Observer
from ..parameters import Parameters, walk
from ..rule import Rule
from ..shape import Shape
from .board import CHUNK
from .slots import memory_of

__all__ = ["TouchedRows"]

_LOGGED = 1 << 16  # rows of a log, at least, if the table has more
_AHEAD = 16  # rows that are asked for before their turn
_STEPS = 16  # that it has room for, at least


@dataclass(frozen=True)
class _Table:
    """A parameter (rows, width) that lies in θ from ``start`` to ``stop``.

    A step touches ``most`` of its rows at most. ``room`` is how many its log can hold; None if it
    has none.
    """

    start: int
    stop: int
    shape: tuple[int, int]
    most: int
    room: int | None


class _Places:
    """The rows that a step touches, each once.

    ``span`` tells where those begin that this step has added to the log, how many rows it touches,
    how many of them it has added, and how often a log was begun.
    """

    def __init__(self, table: _Table) -> None:
        self.found = Buffer.of("found", aligned(table.most, np.int32))
        self.seen = Buffer.of("seen", aligned(table.shape[0], np.int32))
        self.span = Buffer.of("span", aligned(4, np.int64))

    @property
    def entries(self) -> CountedShare:
        """Each thread's share of the rows that are touched."""
        return CountedShare(self.span.part(1, 1))

    @property
    def added(self) -> CountedShare:
        """Each thread's share of those that are added to the log."""
        return CountedShare(self.span.part(2, 1))


class _Log:
    """What rows were before they were first touched; and whether all of them are finite."""

    def __init__(self, table: _Table, names: list[str], dtype: Any) -> None:
        width, room = table.shape[1], table.room or 0
        self.has = Buffer.of("has", aligned(table.shape[0] if room else 0, np.int32))
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
                "rank touches others; leave lazy out, or train by one process"
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
        self._places = {name: _Places(table) for name, table in self.tables.items()}
        names, dtype = list(self._vectors), parameters.dtype
        self._all_logs = {name: _Log(table, names, dtype) for name, table in self.tables.items()}
        logged = {name: log for name, log in self._all_logs.items() if log.rows.size}
        self._logs = logged
        self._own = {
            name: {key: _rows_of(table, f"own {key}", dtype) for key in self._flat}
            for name, table in self.tables.items()
            if gradient is not None
        }
        self._looked = False  # at all rows
        self.mark()

    @property
    def most_steps(self) -> int:
        """How many steps the logs have room for."""
        rooms = [
            t.room // t.most
            for t in self.tables.values()
            if t.room is not None and t.room < t.shape[0]
        ]
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
            named: dict[str, Any]
            if isinstance(x, SparseBatch):
                named = {"columns": x.indices, "starts": x.indptr, "i": x.chosen}
            else:
                named = _listed(low, layer, x, declared.rows)
            rows, log = self._places[name], self._all_logs[name]
            known = {"seen": rows.seen, "found": rows.found, "span": rows.span}
            low.emit(list_rows, {**named, **known, "has": log.has, "kept": log.rows}, nbytes=0)
            for key, values in log.values.items() if name in self._logs else ():
                kept: dict[str, Any] = {"kept": log.rows, "values": values}
                self._on_rows(low, keep_rows, key, name, **kept, entries=rows.added)

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

        There are as many rows as a step can touch. What is beyond those that it does touch has a
        gradient of 0, and is not to be looked at.
        """
        for key in self._vectors:
            self._on_rows(low, copy_rows, key, name, own=self._own[name][key])
        return {key: own.as_vector() for key, own in self._own[name].items()}

    def entries(self, name: str) -> CountedShare:
        """Return each thread's share of the numbers in the rows touched, of what `take` returns."""
        count = self._places[name].span.part(1, 1)
        return CountedShare(count, self.tables[name].shape[1], 16)

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
        self, low: Any, kernel: Callable[..., None], key: str, name: str, **more: Any
    ) -> None:
        """Emit a kernel for the rows touched of a table, in the vector ``key``."""
        own = self._places[name]
        names = {"found": own.found, "span": own.span, "entries": own.entries, **more}
        low.emit(kernel, {**names, "table": self._view(key, name)}, nbytes=0)

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
        for own in self._places.values():
            own.span.array[:3] = 0
            own.span.array[3] += 1
        for log in self._logs.values():
            log.sums.array[:] = 0

    def undo(self) -> None:
        """Put the rows that were touched since `mark` back as they were, and their ∇θ to 0."""
        for name, log in self._logs.items():
            start, _, added, _ = self._places[name].span.array.tolist()
            rows = log.rows.array[: start + added]
            for key, values in log.values.items():
                self._view(key, name).array[rows] = values.array[: rows.size]
                values.array[: rows.size] = 0
            if self._gradient is not None:
                self._view("g", name).array[rows] = 0
        for name, buffers in self._own.items():
            buffers["g"].array[: self._places[name].span.array[1]] = 0
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
                buffer, many = parameters.buffers[f"{path}.{own}"], declared.shape[0]
                most = min(many, rows * declared.rows.each)
                found[f"{path}.{own}"] = _Table(
                    buffer.offset,
                    buffer.offset + buffer.size,
                    (buffer.shape[0], buffer.shape[1]),
                    most,
                    min(many, max(_LOGGED, _STEPS * most)) if many > _LOGGED else None,
                )
    return found


def _rows_of(table: _Table, name: str, dtype: Any) -> Buffer:
    """Return memory for as many rows of a table as a step can touch."""
    width = table.shape[1]
    return Buffer.of(name, aligned(table.most * width, dtype).reshape(table.most, width))


def _listed(low: Observed, layer: Layer, x: Buffer, rows: FewRows) -> dict[str, Buffer]:
    """Emit what finds the rows that each row of x touches; return them in CSR form."""
    seen = x.as_examples() if layer.knows_shapes else x.as_rows()
    n, shape = seen.shape[0], x.shape[1:]
    places = low.array("places", n, rows.each, kind="j")
    known = {**layer.settings_at(shape), **low.theta(layer, shape)}
    low.emit(rows.touches, {**known, "x": seen, "places": places}, nbytes=0)
    return {
        "columns": places.as_vector(),
        "starts": Buffer.of("starts", np.arange(n + 1) * rows.each),
        "i": Buffer.of("i", np.arange(n)),
    }


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


def list_rows(columns, starts, i, seen, found, span, has, kept):  # type: ignore[no-untyped-def]
    """found ← columns[i], each once; kept ← those of them that the log has not; span ← how many"""
    start, n, added, log = span[0] + span[2], 0, 0, span[3]
    room = kept.shape[0] - start
    for r in range(i.shape[0]):
        for e in range(starts[i[r]], starts[i[r] + 1]):
            row = columns[e]
            if seen[row] == 0:
                seen[row] = 1
                found[n] = row
                n += 1
    for k in range(n):
        row = found[k]
        seen[row] = 0
        if added < room and has[row] != log:
            has[row] = log
            kept[start + added] = row
            added += 1
    span[0], span[1], span[2] = start, n, added


def keep_rows(table, kept, span, values, entries):  # type: ignore[no-untyped-def]
    """values ← table[kept], behind what is there"""
    start, n = span[0], span[2]
    for k in entries:
        if k + _AHEAD < n:
            fetch_ahead(table, kept[start + k + _AHEAD])
        row = kept[start + k]
        for d in range(table.shape[1]):
            values[start + k, d] = table[row, d]


def copy_rows(table, found, own, entries):  # type: ignore[no-untyped-def]
    """own = table[found]"""
    for k in entries:
        row = found[k]
        for d in range(table.shape[1]):
            own[k, d] = table[row, d]


def move_rows_out(table, found, own, entries):  # type: ignore[no-untyped-def]
    """own = table[found]; table[found] = 0"""
    zero = table.dtype.type(0)
    for k in entries:
        row = found[k]
        for d in range(table.shape[1]):
            own[k, d] = table[row, d]
            table[row, d] = zero


def put_rows(table, found, own, entries):  # type: ignore[no-untyped-def]
    """table[found] = own"""
    for k in entries:
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
