"""What is said to the lowering of a program that trains."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..engine.operands import Buffer
from ..engine.program import Program
from .scheduled import ScheduledValues

__all__ = ["RowsBefore", "SharedBatch", "TrainingSettings"]


class RowsBefore:
    """How many rows of a batch other processes have before those of this one; 0 at first.

    What is drawn for a row goes by its place in the whole batch.
    """

    def __init__(self) -> None:
        self._by_example: dict[int, Buffer] = {}

    def rows(self, each: int) -> Buffer:
        """Return how many there are where an example has ``each`` rows."""
        if each not in self._by_example:
            self._by_example[each] = Buffer.number("before")
        return self._by_example[each]

    def set(self, examples: int) -> None:
        """Say how many examples there are."""
        for each, buffer in self._by_example.items():
            buffer.array[()] = each * examples


@dataclass(frozen=True)
class SharedBatch:
    """A batch of which other processes have examples, too.

    Parameters
    ----------
    before : RowsBefore
    size : int
        How many examples all processes together have in it.
    idle : bool
        Whether this process has none. Its program is then what all have in common.

    Attributes
    ----------
    begun : list of (Program, Buffer)
        The program up to each meeting, and what is summed up there.
    """

    before: RowsBefore
    size: int
    idle: bool = False
    begun: list[tuple[Program, Buffer]] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingSettings:
    """What a program that trains knows, and one that predicts does not.

    Parameters
    ----------
    seed : int
        Of everything that is drawn at random.
    scheduled : ScheduledValues, optional
        Needed for numbers that follow a schedule.
    matmul_dtype : {"bfloat16"}, optional
        To what the factors of products of matrices are rounded, if to anything.
    shared : SharedBatch, optional
        Given if a step has examples in other processes too.
    keys : int
        How many keys for random numbers are taken already.
    """

    seed: int = 0
    scheduled: ScheduledValues | None = None
    matmul_dtype: str | None = None
    shared: SharedBatch | None = None
    keys: int = 0
