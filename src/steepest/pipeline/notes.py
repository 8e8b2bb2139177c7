"""What is decided and dropped on the way from a table to a model, one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..printing import counted
from ..tables.encoder import counts_text, fit_notes
from ..tables.hints import grades_hint, time_hints
from ..tables.split import SPLIT_COLUMN

if TYPE_CHECKING:
    import pyarrow as pa

    from ..arrays import Array
    from ..tables.encoder import Counts, Encoder
    from ..tables.split import Split, SplitBy
    from ..tables.task import Task
    from .request import Request
    from .train import Trained

__all__ = ["Notes", "training_line"]


class Notes:
    """A list of lines, each told as it comes up.

    Parameters
    ----------
    say : callable
        Gets each line.

    Attributes
    ----------
    lines : list of str
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.lines: list[str] = []
        self._say = say

    def add(self, text: str) -> None:
        """Add a line."""
        self.lines.append(text)
        self._say(text)

    def task(self, task: Task, asked: str | None) -> None:
        """Say what is to be predicted; ``asked`` is what kind of it somebody asked for, if any."""
        self.add(task.describe())
        for line in [] if asked else grades_hint(task, "--task regression"):
            self.add(line)

    def dropped_rows(
        self,
        count: int,
        which: str = "row",
        why: str = "the target is missing or not finite",
    ) -> None:
        """Say how many rows are not used, and why, if there are any."""
        if count:
            self.add(f"{counted(count, which)} dropped: {why}")

    def split_column(self) -> None:
        """Say that the table itself says which rows are for what."""
        self.add(
            f"column {SPLIT_COLUMN!r} says which rows train, validate and test; it is no input"
        )

    def bag(self, folds: int) -> None:
        """Say that a bag is trained, which nobody asked for."""
        self.add(f"{folds} networks over folds of the rows, the default here (--quality 1 has one)")

    def drawn_rows(self, encoder: Encoder, task: Task, targets: Array) -> None:
        """Say what speaks against rows held out that are drawn at random, if anything does."""
        for line in time_hints(encoder.columns, targets, task, "--time {}"):
            self.add(line)

    def split_by(self, table: pa.Table, by: SplitBy, split: Split, request: Request) -> None:
        """Say what the rows held out have in common, if a time or groups decide it."""
        for rows, part in ((split.validation, "validation"), (split.test, "test")):
            if by.time is not None and request.time is not None and len(rows):
                first = int(rows[by.time[rows].argmin()])
                when = f"row {first + 1:,}"
                if request.time in table.column_names:
                    when = f"{request.time} {table.column(request.time)[first].as_py()}"
                self.add(f"the rows for the {part} are those from {when} on")
        if by.groups is not None:
            self.add(f"no group of column {request.groups!r} is on two sides; it is no input")
        left = len(by.labels) - sum(map(len, (split.train, split.validation, split.test)))
        if left:
            are = "is" if left == 1 else "are"
            self.add(f"{counted(left, 'row')} {are} left out: their groups go on in rows held out")

    def columns(self, encoder: Encoder, counts: Counts) -> None:
        """Say which columns are no inputs, and what was odd about the others."""
        for line in fit_notes(encoder, counts):
            self.add(line)

    def odd_values(self, counts: Counts, where: str = "") -> None:
        """Say how many values were not what their column is of."""
        for line in counts_text(counts):
            self.add(where + line)

    def rows(
        self, train: int, validation: int, encoder: Encoder, where: str = "", folds: int = 0
    ) -> None:
        """Say how many rows there are for what, and what the columns become."""
        checked = f"{validation:,} to validate"
        if folds:
            checked = f"each to validate in one of {folds} folds"
        become = "becomes" if len(encoder.columns) == 1 else "become"
        self.add(
            f"{counted(train, 'row')} to train{where}, {checked}; "
            f"{counted(len(encoder.columns), 'column')} {become} {counted(encoder.width, 'input')}"
        )


def training_line(trained: Trained, seconds: float, chosen: bool) -> str:
    """Return how many epochs a training took, and which were best if some rows chose them."""
    counts, best = {len(history) for history in trained.histories}, set(trained.best)
    each = " each" * (len(trained.histories) > 1)
    epochs = counted(max(counts), "epoch") if len(counts) == 1 else f"{_span(counts)} epochs"
    return f"{epochs}{each} in {seconds:.1f} s" + f", best epoch {_span(best)}" * chosen


def _span(numbers: set[int]) -> str:
    """Return "3", or "3 to 7"."""
    least, most = min(numbers), max(numbers)
    return f"{least}" if least == most else f"{least} to {most}"
