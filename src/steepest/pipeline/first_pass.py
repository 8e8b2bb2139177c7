"""The passes over a table that is larger than memory: how its rows divide, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrays import Array
from ..errors import TableError
from ..tables.door import check_column, index_columns, lay_out_table
from ..tables.encoder import Counts, Encoder
from ..tables.files import stream_share
from ..tables.parsing import plain
from ..tables.split import SPLIT_COLUMN, read_parts
from ..tables.task import Task, infer_task, task_rows
from .request import Request
from .shuffled_blocks import Sample, Scratch, draws

__all__ = ["Source", "Survey"]


SAMPLE = 100_000
"""The most rows of each sample."""
CLASSES = 10_000
"""The most values of a target that are remembered as classes."""


@dataclass
class Survey:
    """What the first pass found. ``spare`` validates if a column split names no rows for that."""

    rows: int
    train: Sample
    validation: Sample
    test: Sample
    spare: Sample
    labels: set[Any] | None
    sample: pa.Table = field(default_factory=lambda: pa.table({}))


class Source:
    """The file, and how its rows are divided."""

    def __init__(self, path: Path, request: Request, seed: int) -> None:
        self.path, self.request, self.seed = path, request, seed
        self.target, self.named = request.target, False
        self.validates = "validation"
        self.inputs: list[str] = []

    def survey(self, memory: int) -> Survey:
        """Read the file once: count, check, and keep samples."""
        found: Survey | None = None
        for block, draw in self._blocks():
            if found is None:
                self._look(block)
                room = memory // 16 * block.num_rows // max(1, block.nbytes)
                size = int(min(SAMPLE, max(1000, room)))
                found = Survey(0, Sample(size), Sample(size), Sample(size), Sample(size), set())
            usable = task_rows(block.column(self.target), self.request.written.missing)
            block, draw = block.filter(pa.array(usable)), draw[usable]
            found.rows += len(draw)
            part = self._parts(block, draw)
            for name in ("train", "validation", "test", "spare"):
                mine = part == name
                getattr(found, name).add(block.filter(pa.array(mine)), draw[mine])
            if found.labels is not None:
                found.labels.update(pc.unique(plain(block.column(self.target))).to_pylist())
                found.labels = found.labels if len(found.labels) <= CLASSES else None
        assert found is not None  # a table has rows
        if not found.validation.seen:  # a column split that names none
            found.validation, found.spare, self.validates = found.spare, found.validation, "spare"
        for sample in (found.train, found.validation, found.test):
            sample.settle()
        table = found.train.table()
        if table is None:
            raise TableError(f"{self.path} leaves no row for training; hold out fewer")
        found.sample = table
        return found

    def task(self, survey: Survey) -> Task:
        """Infer the task from the sample, and add the classes that are too rare to be in it."""
        target = self.target
        column, written = check_column(survey.sample, target), self.request.written
        task = infer_task(column, target, self.request.task, written)
        if task.is_regression:
            return task
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
        share: tuple[int, int] = (0, 1),
    ) -> int:
        """Read the file again, or a share of it (`steepest.tables.files.stream_share`).

        Encodes what is not held out, and returns how many rows have no target.
        """
        dropped, (encoder, task) = 0, plan
        for block, draw in self._blocks(share):
            usable = task.rows(block.column(self.target))
            dropped += int((~usable).sum())
            keep = usable & self._trains(self._parts(block, draw), draw, survey)
            rows = block.filter(pa.array(keep))
            if rows.num_rows:
                X = encoder.transform(rows, odd, scratch.dtype)
                scratch.add(X, task.encode(rows.column(self.target)), draw[keep])
        return dropped

    def _blocks(self, share: tuple[int, int] = (0, 1)) -> Iterator[tuple[pa.Table, Array]]:
        first: pa.Schema | None = None
        for start, block in stream_share(self.path, share, self.request.written):
            block = lay_out_table(block)
            first = block.schema if first is None else first
            if block.schema.types != first.types:  # of some rows, what is no text
                for name in block.column_names:
                    check_column(block, name)
            yield block, draws(start, block.num_rows, self.seed)

    def _look(self, block: pa.Table) -> None:
        self.request.check_columns(block)
        if SPLIT_COLUMN in block.column_names and self.target != SPLIT_COLUMN:
            self.named = read_parts(block.column(SPLIT_COLUMN)) is not None
        check_column(block, self.target)
        split = [SPLIT_COLUMN] * self.named
        out = (self.target, *self.request.ignore, *split, *index_columns(block))
        self.inputs = [name for name in block.column_names if name not in out]

    def _parts(self, block: pa.Table, draw: Array) -> Array:
        if self.named:
            parts = read_parts(block.column(SPLIT_COLUMN))
            if parts is None:
                raise TableError(
                    f"{self.path}: column {SPLIT_COLUMN!r} says train, test or validation in its "
                    "first rows, and something else further down; rename it, or mend it"
                )
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
