"""What is decided and dropped on the way from a table to a model, one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..tables.encoder import counts_text, fit_notes
from ..tables.split import SPLIT_COLUMN

if TYPE_CHECKING:
    from ..tables.encoder import Counts, Encoder

__all__ = ["Notes"]


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

    def dropped_rows(
        self, count: int, which: str = "rows", why: str = "missing or not finite"
    ) -> None:
        """Say how many rows have no target that can be used, if there are any."""
        if count:
            self.add(f"{count:,} {which} dropped: their target is {why}")

    def split_column(self) -> None:
        """Say that the table itself says which rows are for what."""
        self.add(
            f"column {SPLIT_COLUMN!r} says which rows train, validate and test; it is no input"
        )

    def columns(self, encoder: Encoder, counts: Counts) -> None:
        """Say which columns are no inputs, and what was odd about the others."""
        for line in fit_notes(encoder, counts):
            self.add(line)

    def odd_values(self, counts: Counts, where: str = "") -> None:
        """Say how many values were not what their column is of."""
        for line in counts_text(counts):
            self.add(where + line)

    def rows(self, train: int, validation: int, encoder: Encoder, where: str = "") -> None:
        """Say how many rows there are for what, and what the columns become."""
        self.add(
            f"{train:,} rows to train{where}, {validation:,} to validate; "
            f"{len(encoder.columns)} columns become {encoder.width} inputs"
        )
