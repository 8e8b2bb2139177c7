"""Rising: a number of which predictions are to rise, or to fall, and its rank; both keep order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ...errors import ModelError
from .column import MISSING, Floats, Part, Source
from .number import Number, read

__all__ = ["Rising"]


@dataclass(frozen=True)
class Rising:
    """A number as a `Number` has it, times ``sign``: −1 where predictions are to fall with it.

    Its columns of the matrix have a role of their own, since nothing may come between them and the
    prediction that does not rise. They never fall as the number rises, in floating point, too:
    z / √(1 + (z/3)²) is reckoned as 1 / √(1/z² + 1/9), each step of which keeps order as it is
    rounded, and the score is kept below that of the next knot. A missing value is the middle of the
    column, and the flag that says so may change a prediction in any way.
    """

    label: ClassVar[str] = "rising"
    number: Number
    sign: int

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise ModelError(f"the sign of a monotone column must be 1 or -1, got {self.sign!r}")

    @classmethod
    def fit(cls, source: Source, rare: int) -> Self:
        """Fit to a column of which predictions are to rise."""
        return cls(replace(Number.fit(source, rare), values=[]), 1)

    @property
    def parts(self) -> list[Part]:
        """The columns of the matrix, in the order of their roles there."""
        ranks = [Part(" (rank)", "rising")] * bool(self.number.knots)
        return [*[MISSING] * self.number.missing, Part("", "rising"), *ranks]

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out``."""
        number = self.number
        values = read(source, number.pattern, number.origin)
        gone = np.isnan(values)
        values = np.where(gone, number.median, values)
        first = int(number.missing)
        if number.missing:
            out[:, 0] = gone
        if number.spread:
            with np.errstate(over="ignore", divide="ignore"):
                z = np.clip((values - number.median) / number.spread, -1e6, 1e6)
                inverse = 1 / np.abs(z)
                size = 1 / np.sqrt(inverse * inverse + 1 / 9)
            out[:, first] = self.sign * np.copysign(size, z)
        if number.knots:
            out[:, first + 1] = self.sign * _ranked(values, np.asarray(number.knots), number.scores)

    def one(self, value: Any) -> tuple[float, ...] | None:
        """Return None: `write` reads it."""
        return None

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        direction = "rise" if self.sign > 0 else "fall"
        return f"{self.number.describe()}; predictions {direction} with it, or stay"


def _ranked(x: Floats, knots: Floats, scores: object) -> Floats:
    """Interpolate between knots, never above the score of the next one."""
    to = np.asarray(scores, np.float64)
    j = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    share = np.clip((x - knots[j]) / (knots[j + 1] - knots[j]), 0, 1)
    ranked: Floats = np.minimum(to[j] + share * (to[j + 1] - to[j]), to[j + 1])
    return ranked
