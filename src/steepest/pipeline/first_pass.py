"""The passes over a table that is larger than memory: how its rows divide, and what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrays import Array
from ..errors import TableError
from ..ranks.together import Ranks
from ..tables.door import check_column, index_columns, lay_out_table
from ..tables.encoder import Counts, Encoder
from ..tables.files import contents_of, look_at_share, stream_share
from ..tables.parsing import plain, read_numbers
from ..tables.ranges import Look
from ..tables.split import SPLIT_COLUMN, read_parts
from ..tables.task import Task, infer_task, task_rows
from .request import Request
from .shuffled_blocks import Sample, Scratch, draws

__all__ = ["Source", "Survey"]


SAMPLE = 100_000
"""The most rows of each sample."""
CLASSES = 10_000
"""The most values of a target that are remembered as classes."""
PARTS = ("train", "validation", "test", "spare")


class Moments(NamedTuple):
    """Of all numbers among targets to train on: how many, their mean, Σ (y − mean)², their ends."""

    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    @classmethod
    def of(cls, values: Array) -> Moments:
        """Return those of some numbers; what is not finite is left out."""
        values = values[np.isfinite(values)]
        if not len(values):
            return cls()
        mean = float(values.mean())
        squares = float(((values - mean) ** 2).sum())
        return cls(len(values), mean, squares, float(values.min()), float(values.max()))

    def merged(self, other: Moments) -> Moments:
        """Return those of both (Chan, Golub & LeVeque 1983)."""
        n, apart = self.rows + other.rows, other.mean - self.mean
        if not n:
            return self
        share = other.rows / n
        squares = self.squares + other.squares + apart * apart * self.rows * share
        ends = min(self.low, other.low), max(self.high, other.high)
        return Moments(n, self.mean + apart * share, squares, *ends)


@dataclass
class Survey:
    """What the first pass found. ``spare`` validates if a column split names no rows for that."""

    rows: int
    train: Sample
    validation: Sample
    test: Sample
    spare: Sample
    labels: set[Any] | None
    moments: Moments = field(default_factory=Moments)
    sample: pa.Table = field(default_factory=lambda: pa.table({}))

    def merge(self, other: Survey) -> None:
        """Take in what a pass over other rows has found."""
        self.rows += other.rows
        for name in PARTS:
            getattr(self, name).merge(getattr(other, name))
        if self.labels is not None and other.labels is not None:
            self.labels |= other.labels
        few = self.labels is not None and other.labels is not None and len(self.labels) <= CLASSES
        self.labels = self.labels if few else None
        self.moments = self.moments.merged(other.moments)


class Source:
    """The file, and how its rows are divided."""

    def __init__(self, path: Path, request: Request, seed: int) -> None:
        self.path, self.request, self.seed = path, request, seed
        self.target, self.named = request.target, False
        self.validates = "validation"
        self.inputs: list[str] = []
        self._share, self._looks = (0, 1), list[Look | None]()

    def divide(self, ranks: Ranks) -> None:
        """Have this rank read its share of the table from now on.

        Raises
        ------
        InputError
            If other ranks have other files.
        """
        self._share = ranks.rank, ranks.size
        if ranks.size > 1:
            with ranks.alike():
                held, look = contents_of(self.path), None
            ranks.check({f"the files of {self.path.name}": held})
            with ranks.alike(math.inf):
                look = look_at_share(self.path, self._share, self.request.written)
            self._looks = ranks.gather(look)

    def survey(self, memory: int) -> Survey | None:
        """Read this share of the table: count, check, and keep samples; None if it has no rows."""
        found: Survey | None = None
        for block, draw, place in self._blocks():
            if found is None:
                self._look(block)
                room = memory // 16 * block.num_rows // max(1, block.nbytes)
                size = int(min(SAMPLE, max(1000, room)))
                found = Survey(0, Sample(size), Sample(size), Sample(size), Sample(size), set())
            usable = task_rows(block.column(self.target), self.request.written.missing)
            block, draw, place = block.filter(pa.array(usable)), draw[usable], place[usable]
            found.rows += len(draw)
            part = self._parts(block, draw)
            for name in PARTS:
                mine = part == name
                getattr(found, name).add(block.filter(pa.array(mine)), draw[mine], place[mine])
            targets = plain(block.column(self.target))
            if found.labels is not None:
                found.labels.update(pc.unique(targets).to_pylist())
                found.labels = found.labels if len(found.labels) <= CLASSES else None
            numbers = read_numbers(targets.filter(pa.array(part == "train")))[0]
            found.moments = found.moments.merged(Moments.of(numbers))
        return found

    def gathered(
        self, own: Survey | None, ranks: Ranks
    ) -> list[tuple[Survey | None, bool, list[str]]]:
        """Return what `joined` takes, on the first rank; of samples only what it will keep."""
        if ranks.size > 1:
            for name in PARTS:
                sample: Sample = Sample(SAMPLE) if own is None else getattr(own, name)
                sample.agree(ranks)
        return ranks.gather_at_first((own, self.named, self.inputs))

    def joined(self, every: list[tuple[Survey | None, bool, list[str]]]) -> Survey:
        """Return what the passes over all shares have found; each with `named` and `inputs`."""
        parts = [(found, named, inputs) for found, named, inputs in every if found is not None]
        found, self.named, self.inputs = parts[0]
        for other, named, _ in parts[1:]:
            if named != self.named:
                raise self._changes()
            found.merge(other)
        if not found.validation.seen:  # a column split that names none
            found.validation, found.spare, self.validates = found.spare, found.validation, "spare"
        for sample in (found.train, found.validation, found.test):
            sample.settle()
        table = found.train.table()
        if table is None:
            raise TableError(f"no row of {self.path} is left for training; hold out fewer")
        found.sample, found.train = table, found.train.bare()
        return found

    def task(self, survey: Survey) -> Task:
        """Infer the task from the sample, and add the classes that are too rare to be in it."""
        target = self.target
        column, written = check_column(survey.sample, target), self.request.written
        task = infer_task(column, target, self.request.task, written)
        if task.is_regression:
            known = survey.moments
            if task.pattern or not known.rows:  # written in a way that the sample tells
                return task
            deviation = math.sqrt(known.squares / known.rows)
            return task.scaled(known.mean, deviation, known.low, known.high)
        if survey.labels is None:
            raise TableError(
                f"target {target!r}: more than {CLASSES:,} classes are too many to learn; is this "
                "the right column? For numbers, ask for regression"
            )
        known = plain(column)
        labels = pa.array(sorted(survey.labels - {None}), known.type)
        whole = pa.chunked_array([*known.chunks, labels])
        if pa.types.is_dictionary(column.type):  # they are declared to be classes
            whole = whole.dictionary_encode()
        found = infer_task(whole, target, "classification", written)
        return replace(found, reason=task.reason)

    def fill(
        self,
        scratch: Scratch,
        survey: Survey,
        plan: tuple[Encoder, Task],
        odd: Counts,
    ) -> int:
        """Read this share of the table again.

        Encodes what is not held out, and returns how many rows have no target.
        """
        dropped, (encoder, task) = 0, plan
        for block, draw, _ in self._blocks():
            usable = task.rows(block.column(self.target))
            dropped += int((~usable).sum())
            keep = usable & self._trains(self._parts(block, draw), draw, survey)
            rows = block.filter(pa.array(keep))
            if rows.num_rows:
                X = encoder.transform(rows, odd, scratch.dtype)
                scratch.add(X, task.encode(rows.column(self.target)), draw[keep])
        return dropped

    def _blocks(self) -> Iterator[tuple[pa.Table, Array, Array]]:
        """Yield blocks of this share, the draws of their rows, and which rows these are."""
        first: pa.Schema | None = None
        written = self.request.written
        for start, block in stream_share(self.path, self._share, written, looks=self._looks):
            block = lay_out_table(block)
            first = block.schema if first is None else first
            if block.schema.types != first.types:  # of some rows, what is no text
                for name in block.column_names:
                    check_column(block, name)
            place = np.arange(start, start + block.num_rows)
            yield block, draws(start, block.num_rows, self.seed), place

    def _look(self, block: pa.Table) -> None:
        self.request.check_columns(block)
        if SPLIT_COLUMN in block.column_names and self.target != SPLIT_COLUMN:
            self.named = read_parts(block.column(SPLIT_COLUMN)) is not None
        check_column(block, self.target)
        split = [SPLIT_COLUMN] * self.named
        out = (self.target, *self.request.ignore, *split, *index_columns(block))
        self.inputs = [name for name in block.column_names if name not in out]

    def _changes(self) -> TableError:
        return TableError(
            f"{self.path}: column {SPLIT_COLUMN!r} says train, test or validation in its "
            "first rows, and something else further down; rename it, or mend it"
        )

    def _parts(self, block: pa.Table, draw: Array) -> Array:
        if self.named:
            parts = read_parts(block.column(SPLIT_COLUMN))
            if parts is None:
                raise self._changes()
            drawn = (parts == "train") & (draw < self.request.validation)
            return np.where(drawn, "spare", parts)
        test, validation = self.request.test, self.request.validation
        middle = test + (1 - test) * validation
        return np.select([draw < test, draw < middle], ["test", "validation"], "train")

    def _trains(self, part: Array, draw: Array, survey: Survey) -> Array:
        """Say which rows train: also what was drawn, not named, and is more than is looked at."""
        trains: Array = part == "train"
        if self.validates == "spare" or not self.named:
            trains |= (part == self.validates) & (draw >= survey.validation.bound)
        else:
            trains |= part == "spare"
        if not self.named:
            trains |= (part == "test") & (draw >= survey.test.bound)
        return trains
