"""Boolean: a flag, −1 or 1."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from .column import MISSING, Floats, Part, Source, UnusableColumn

__all__ = ["Boolean"]


@dataclass(frozen=True)
class Boolean:
    """A truth value, as −1 or 1; 0 where missing."""

    label: ClassVar[str] = "truth"
    missing: bool

    @classmethod
    def fit(cls, source: Source, rare: int) -> Self:
        """Fit to the column."""
        values = source.truths()
        gone = np.isnan(values)
        if gone.all():
            raise UnusableColumn("all values are missing")
        if not gone.any() and (values == values[0]).all():
            raise UnusableColumn("all values are the same")
        return cls(bool(gone.any()))

    @property
    def parts(self) -> list[Part]:
        """The columns of the matrix."""
        return [Part(""), *[MISSING] * self.missing]

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out``."""
        values = source.truths()
        out[:, 0] = np.nan_to_num(values)
        if self.missing:
            out[:, 1] = np.isnan(values)

    def one(self, value: Any) -> tuple[float, ...] | None:
        """Return what a truth value turns into."""
        if value is not True and value is not False:
            return None
        return (1.0 if value else -1.0, *[0.0] * self.missing)

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        return "true or false, as 1 or −1" + ", missing marked" * self.missing
