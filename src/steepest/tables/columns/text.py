"""Text: hashed n-grams of words and characters, with weights, for sums of embeddings."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...arrays import distinct
from ...errors import ModelError
from ..ngrams import Bags, named, words_in
from .column import UNSEEN, Floats, Part, Source, UnusableColumn

__all__ = ["Text", "is_prose"]

WORDS = 2
"""N-grams are of so many words at most."""
CHARACTERS = 5
SHORT = 200
"""Where texts have fewer characters on average, n-grams of up to `CHARACTERS` of them are there."""
MOST = 512
"""So many n-grams of a text are looked at: those of the greatest weight."""
SHARE = 0.99
"""Such a share of the texts is looked at as a whole, if they have no more than `MOST`."""
BUCKETS = 1 << 20
"""So many hashes are told apart at most."""
FEWEST = 1 << 14
LEAST = 2
"""An n-gram that fewer rows have in training is not known."""

_PROSE, _SAMPLE = 3.0, 500
_FINE = 16  # steps of a weight
_FULL = 4 * BUCKETS


@dataclass(frozen=True)
class Text:
    """The n-grams of a text that it names most by.

    Codes of ``most`` n-grams (`steepest.tables.ngrams`), and behind them their weights: 1 + log of
    how often an n-gram is there, times 1 + log (n + 1)/(d + 1), where d of n texts in training have
    it; divided by the root of their sum of squares over the text. Code 0 of weight 0 fills up. What
    fewer than `LEAST` rows had in training, or 10 of a private model, has no weight; a missing
    text, or an empty one, has no n-grams.

    Attributes
    ----------
    words, characters : int
        N-grams are of so many words at most, and of 3 up to so many characters.
    most : int
        How many n-grams of a text are looked at.
    buckets : int
        How many codes there are: a power of two.
    rarity : str
        The weight of each code as text: a byte each, 1 + sixteen times the logarithm, 0 if it is
        not known; compressed.
    """

    label: ClassVar[str] = "text"
    words: int
    characters: int
    most: int
    buckets: int
    rarity: str

    def __post_init__(self) -> None:
        if not 1 <= self.words <= 8 or not 0 <= self.characters <= 16:
            raise ModelError(
                f"a text has n-grams of 1 to 8 words and up to 16 characters, got {self.words} and "
                f"{self.characters}"
            )
        if not 1 <= self.most <= 1 << 16 or self.buckets not in {1 << k for k in range(1, 25)}:
            raise ModelError(
                "an encoder keeps 1 to 65,536 n-grams of a text, of 2 to 2^24 codes, got "
                f"{self.most} of {self.buckets}"
            )
        if len(self.rarity) > _FULL or self._levels is None:
            raise ModelError("the weights of a text's n-grams are damaged")

    @classmethod
    def fit(cls, source: Source, rare: int) -> Self:
        """Fit to the column."""
        texts, rows = _some(source)
        if not len(texts):
            raise UnusableColumn("all values are missing")
        short = sum(map(len, texts)) < SHORT * len(texts)
        characters = CHARACTERS if short else 0
        found = source.ngrams(WORDS, characters)
        many = np.repeat(rows, np.diff(found.starts))
        least = max(LEAST, source.least)
        known = int((np.bincount(found.hashes & np.uint32(BUCKETS - 1), many) >= least).sum())
        if not known:
            raise UnusableColumn(f"no word is in {least} rows or more")
        buckets = min(BUCKETS, max(FEWEST, 1 << (4 * known - 1).bit_length()))
        lists = np.repeat(np.arange(len(texts)), np.diff(found.starts))
        once = distinct(lists * buckets + (found.hashes & np.uint32(buckets - 1)))
        having = np.bincount(once % buckets, rows[once // buckets], buckets)
        levels = np.zeros(buckets, np.uint8)
        seen = having >= least
        seen[0] = False  # fills up
        rarity = np.log((rows.sum() + 1) / (having[seen] + 1))
        levels[seen] = 1 + np.clip(np.round(_FINE * rarity), 0, 254)
        lengths = np.bincount(once[seen[once % buckets]] // buckets, minlength=len(texts))
        most = max(1, min(MOST, int(np.quantile(lengths, SHARE, method="higher"))))
        packed = base64.b64encode(zlib.compress(levels.tobytes())).decode()
        return cls(WORDS, characters, most, buckets, packed)

    @property
    def parts(self) -> list[Part]:
        """The columns of the matrix."""
        codes = [Part(f" (n-gram {k + 1})", "text", self.buckets) for k in range(self.most)]
        weights = [Part(f" (its weight {k + 1})", "text", 0) for k in range(self.most)]
        return codes + weights

    @cached_property
    def _levels(self) -> NDArray[np.uint8] | None:
        try:
            stream = zlib.decompressobj()
            packed = base64.b64decode(self.rarity, validate=True)
            content = stream.decompress(packed, self.buckets + 1)
        except (ValueError, zlib.error):
            return None
        whole = len(content) == self.buckets and stream.eof
        return np.frombuffer(content, np.uint8) if whole else None

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        assert self._levels is not None
        levels = self._levels.astype(np.float32)
        return np.where(levels > 0, 1 + (levels - 1) / _FINE, 0).astype(np.float32)

    def weighted(self, found: Bags) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return the known n-grams of texts: which of ``found``, the text of each, its weight."""
        lists = np.repeat(np.arange(len(found.starts) - 1), np.diff(found.starts))
        weights = (1 + np.log(found.counts)) * self._weights[self.code(found.hashes)]
        kept = np.flatnonzero(weights)
        lists, weights = lists[kept], weights[kept]
        many = np.bincount(lists, minlength=len(found.starts) - 1)
        first = np.cumsum(many) - many
        if many.max(initial=0) > self.most:  # order those texts by weight, and leave the rest
            long = np.flatnonzero((many > self.most)[lists])
            order = long[np.lexsort((kept[long], -weights[long], lists[long]))]
            kept[long], weights[long] = kept[order], weights[order]
            inside = np.flatnonzero(np.arange(lists.size) - first[lists] < self.most)
            kept, lists, weights = kept[inside], lists[inside], weights[inside]
        size = np.sqrt(np.bincount(lists, weights.astype(np.float64) ** 2, len(first)))
        return kept, lists, weights / size[lists]

    def code(self, hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the codes of hashes."""
        return hashes & np.uint32(self.buckets - 1)

    def write(self, source: Source, out: Floats) -> None:
        """Write the column into ``out``."""
        texts, indices = source.texts()
        used = source.there()
        found = source.ngrams(self.words, self.characters)
        kept, lists, weights = self.weighted(found)
        first = np.searchsorted(lists, np.arange(used.size + 1))
        place = np.arange(lists.size) - first[lists]
        each = np.zeros((used.size + 1, 2 * self.most), out.dtype)  # the last one: a missing text
        each[lists, place] = self.code(found.hashes[kept])
        each[lists, self.most + place] = weights
        place_of = np.full(len(texts) + 1, used.size)  # the last one: a missing text
        place_of[used] = np.arange(used.size)
        places = place_of[indices]
        out[...] = each[places]
        empty = (first[1:] == first[:-1]) & (np.diff(found.starts) > 0)
        source.count(UNSEEN, int(np.append(empty, False)[places].sum()))

    def named(self, text: str) -> dict[int, list[str]]:
        """Return the n-grams of a text by their codes."""
        codes: dict[int, list[str]] = {}
        for hashed, name in named(text, self.words, self.characters).items():
            codes.setdefault(hashed & (self.buckets - 1), []).append(name)
        return codes

    def told(self, text: str, x: Floats) -> dict[str, float]:
        """Return the weight of each n-gram of a text, from what `write` made of it."""
        names = self.named(text)
        codes, weights = x[: self.most].astype(np.int64).tolist(), x[self.most :].tolist()
        return {
            " / ".join(names.get(code, ["?"])): weight
            for code, weight in zip(codes, weights, strict=True)
            if weight
        }

    def one(self, value: Any) -> tuple[float, ...] | None:
        """Return None: `write` reads it."""
        return None

    def describe(self) -> str:
        """Say in a few words what the column turns into."""
        words = "words" if self.words == 1 else f"1 to {self.words} words"
        also = f" and 3 to {self.characters} characters" * (self.characters > 2)
        return (
            f"text, n-grams of {words}{also}, {self.most:,} at most of a text, in "
            f"{self.buckets:,} buckets, embedded"
        )


def is_prose(source: Source) -> bool:
    """Whether texts have several words each, and hardly two rows the same."""
    texts, rows = _some(source)
    if len(texts) < 2 or len(texts) <= rows.sum() / 3:
        return False
    some = np.unique(np.linspace(0, len(texts) - 1, _SAMPLE).astype(np.int64)).tolist()
    return float(np.mean([_pieces(texts[k]) for k in some])) >= _PROSE


def _pieces(text: str) -> int:
    """Return how many words a text has; what has no letters, such as a code, is none."""
    pieces = [piece for piece in text[:10_000].split() if any(map(str.isalpha, piece))]
    return max(len(pieces), words_in(text) if not text.isascii() else 0)


def _some(source: Source) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct texts that are there, and how many rows have each."""
    there = source.there()
    return source.texts()[0].take(there).to_pylist(), source.rows()[there]
