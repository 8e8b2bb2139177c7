"""Category: flags, or a code for an embedding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...arrays import distinct
from ...printing import counted
from .column import MISSING, UNSEEN, Floats, Part, Source, UnusableColumn

__all__ = ["Category"]

FEW = 8
"""A category of more values is a code, for an embedding, and not flags."""
CODES = 4096
"""The most values of a category that are told apart; the others count as rare."""
_TRUTHS = {"true": "True", "True": "true", "false": "False", "False": "false"}
IDENTIFIER = 0.9
"""A text column with more distinct values than this share of its rows is an identifier."""


@dataclass(frozen=True)
class Category:
    """One of several texts, as flags or, if there are more than `FEW`, as a code.

    Flags: one flag per text, one for all rare ones, one for missing. A text that was
    not seen takes the flag of the rare ones, and so does a missing one if none was missing before;
    without that flag they are all zeros. Two texts, none rare or missing, share one flag, −1 for
    the first and 1 for the second.

    A code: the place of the text, the most frequent first; after them the place of the rare
    ones and that of a missing one, if there were such. What has no place of its own takes, in this
    order, that of the rare ones, of the missing ones, of the most frequent one.
    """

    label: ClassVar[str] = "category"
    values: Sequence[str]
    rare: bool
    missing: bool
    code: bool

    @classmethod
    def fit(cls, source: Source, rare: int) -> Self:
        """Fit to the column."""
        texts, indices = source.texts()
        counts = np.where(source.gone(texts), 0, source.rows())
        texts, counts = _merged(texts, counts)
        found, known = int((counts > 0).sum()), int(counts.sum())
        missing = known < len(indices)
        if not known:
            raise UnusableColumn("all values are missing")
        if found == 1 and not missing:
            raise UnusableColumn("all values are the same")
        if found > IDENTIFIER * known and found > 2:
            raise UnusableColumn(
                f"{found} distinct texts in {known} rows look like identifiers, free text or "
                "numbers with stray text"
            )
        used = np.flatnonzero(counts)
        seen = sorted(zip(-counts[used], texts.take(pa.array(used)).to_pylist(), strict=True))
        values = [text for count, text in seen[:CODES] if -count >= rare]
        if not values:
            raise UnusableColumn(f"no text is seen in {rare} rows or more")
        return cls(values, len(values) < found, missing, len(values) > FEW)

    @property
    def parts(self) -> list[Part]:
        """The columns of the matrix."""
        if self._is_pair:
            return [Part(f"={self.values[1]}")]
        if self.code:
            return [Part("", "code", len(self.values) + self.rare + self.missing)]
        shown = [Part(f"={value}") for value in self.values]
        return [*shown, *[Part(" (rare)")] * self.rare, *[MISSING] * self.missing]

    @property
    def _is_pair(self) -> bool:
        return len(self.values) == 2 and not self.rare and not self.missing

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out``."""
        texts, indices = source.texts()
        kept = len(self.values)
        known = pa.array(self.values, pa.string())
        slots = pc.index_in(texts, value_set=known).fill_null(-1)
        slots = slots.to_numpy(zero_copy_only=False)
        # The last entry is found by index −1: a missing value.
        places = np.append(np.where(slots < 0, -2, slots), -1)
        slots = places[indices]
        if (slots == -2).any():  # perhaps spelled in another way, or a word for a missing value
            others = distinct(indices[slots == -2])
            rest = texts.take(pa.array(others))
            found = np.array([_spelled(text, self._places) for text in rest.to_pylist()])
            places[others] = np.where((found == -2) & source.gone(rest), -1, found)
            slots = places[indices]
        source.count(UNSEEN, int((slots == -2).sum()))
        if self._is_pair:
            out[:, 0] = np.select([slots == 0, slots == 1], [-1, 1], 0)
            return
        missing = kept + self.rare if self.missing else -1
        rare = kept if self.rare else -1
        if self.code and rare < 0:  # every row has one: at worst that of the most frequent value
            rare = max(missing, 0)
        slots[slots == -1] = missing if self.missing else rare
        slots[slots == -2] = rare
        if self.code:
            out[:, 0] = slots
            return
        rows = np.flatnonzero(slots >= 0)
        out[rows, slots[rows]] = 1

    def one(self, value: Any) -> tuple[float, ...] | None:
        """Return what a text turns into that is written as in training."""
        return self._ones.get(value) if type(value) is str else None

    @cached_property
    def _ones(self) -> dict[str, tuple[float, ...]]:
        """What each of the values turns into."""
        if self._is_pair:
            return {text: (sign,) for text, sign in zip(self.values, (-1.0, 1.0), strict=True)}
        if self.code:
            return {text: (float(k),) for text, k in self._places.items()}
        width = len(self.parts)
        return {
            text: tuple(float(j == k) for j in range(width)) for text, k in self._places.items()
        }

    @cached_property
    def _places(self) -> dict[str, int]:
        return {text: k for k, text in enumerate(self.values)}

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        also = ", the rare ones together" * self.rare + ", missing marked" * self.missing
        shape = "embedded" if self.code else "as flags"
        return f"category, {counted(len(self.values), 'value')}{also}, {shape}"


def _merged(texts: Any, counts: NDArray[np.int64]) -> tuple[Any, NDArray[np.int64]]:
    """Return each text once: a category may name one twice."""
    once = texts.dictionary_encode()
    if len(once.dictionary) == len(texts):
        return texts, counts
    places = once.indices.fill_null(len(once.dictionary)).to_numpy(zero_copy_only=False)
    summed = np.bincount(places, counts, len(once.dictionary) + 1)[:-1]
    return once.dictionary, summed.astype(np.int64)


def _spelled(text: str, places: Mapping[str, int]) -> int:
    """Return the place of a value that is written in another way: 1 as 1.0, midnight, True."""
    spaced = text.replace("T", " ")
    others = (
        text.removesuffix(".0"),
        f"{text}.0",
        spaced,
        spaced.removesuffix(" 00:00:00"),
        f"{text} 00:00:00",
        _TRUTHS.get(text, text),
    )
    return next((places[other] for other in others if other in places), -2)
