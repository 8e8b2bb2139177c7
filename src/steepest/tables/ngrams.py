"""Texts as bags of hashed n-grams: of words, and of the characters in them.

Texts are lowered. A word is a run of letters, marks and digits of any script; a symbol (emoji too)
and a character of a script that is written without spaces is a word of its own; what is between
words separates them. An n-gram of characters lies in a word and the space on both sides of it.

A hash of characters c_s … c_{e−1} is Σ_j c_j P^{j−s} modulo 2⁶⁴ (Karp & Rabin 1987): differences of
one cumulative sum give those of all n-grams at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bags", "bags", "named", "words_in"]

PIECE = 1 << 20
"""So many characters are looked at at once; a longer text is cut, where there is a space."""

_P = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2⁶⁴
_INVERSE = pow(_P, -1, 1 << 64)
_MIX = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)  # of MurmurHash3
_CHARACTERS = np.uint64(0xD6E8FEB86659FD93)  # tells their n-grams from words
_APART, _WORD, _ALONE = 0, 1, 2
_SPACELESS = (  # scripts that are written without spaces between words
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True)
class Bags:
    """The n-grams of some texts.

    Attributes
    ----------
    hashes : ndarray of uint32
        Of each different n-gram of the first text, of the second, …
    counts : ndarray of float32
        How often it occurs there.
    starts : ndarray of int64, (n + 1,)
        Where those of each text begin.
    words : int
        How many words there are.
    """

    hashes: NDArray[np.uint32]
    counts: NDArray[np.float32]
    starts: NDArray[np.int64]
    words: int


def bags(texts: Sequence[str], words: int, characters: int) -> Bags:
    """Return the n-grams of texts.

    Parameters
    ----------
    texts : sequence of str
    words : int
        N-grams of words are of so many at most.
    characters : int
        N-grams of characters are of 3 up to so many; there are none if it is less.
    """
    keys, counts, many = [], [], 0
    for block in _blocks(texts):
        found, owners, n = _ngrams([text for _, text in block], words, characters)
        own = np.array([k for k, _ in block], np.uint64)[owners]
        key, count = np.unique((own << np.uint64(32)) | found, return_counts=True)
        keys.append(key)
        counts.append(count)
        many += n
    key = np.concatenate(keys or [np.zeros(0, np.uint64)])
    count = np.concatenate(counts or [np.zeros(0, np.int64)])
    if (key[1:] <= key[:-1]).any():  # a text was cut, and its pieces share n-grams
        key, places = np.unique(key, return_inverse=True)
        count = np.bincount(places, count, key.size)
    rows = (key >> np.uint64(32)).astype(np.int64)
    starts = np.searchsorted(rows, np.arange(len(texts) + 1))
    return Bags(key.astype(np.uint32), count.astype(np.float32), starts, many)


def words_in(text: str) -> int:
    """Return how many words there are, where scripts without spaces have one for a character."""
    codes = _codes([text[:PIECE]])[0]
    return int(_bounds(_kinds(codes))[0].size)


def named(text: str, words: int, characters: int) -> dict[int, str]:
    """Return the n-grams of a text by their hashes, as somebody reads them."""
    found: dict[int, str] = {}
    for block in _blocks([text]):
        pieces = [piece for _, piece in block]
        joined, (codes, _) = f" {pieces[0].lower()} ", _codes(pieces)
        spans, hashes = _spans(codes, _kinds(codes), words, characters)
        for (start, end), hashed in zip(spans, hashes, strict=True):
            for s, e, h in zip(start.tolist(), end.tolist(), hashed.tolist(), strict=True):
                found.setdefault(h, joined[s:e])
    return found


def _blocks(texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield texts with their numbers, some at once; long ones in pieces."""
    block: list[tuple[int, str]] = []
    size = 0
    for k, text in enumerate(texts):
        while len(text) > PIECE:
            cut = text.rfind(" ", PIECE // 2, PIECE)
            cut = PIECE if cut < 0 else cut
            yield [(k, text[:cut])]
            text = text[cut:]
        block.append((k, text))
        size += len(text)
        if size > PIECE:
            yield block
            block, size = [], 0
    if block:
        yield block


def _codes(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return lowered texts with a space before, between and after, and where each ends."""
    lowered = [text.lower() for text in texts]
    joined = " " + " ".join(lowered) + " "
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes, np.cumsum([len(text) + 1 for text in lowered])


def _ngrams(
    texts: Sequence[str], words: int, characters: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], int]:
    """Return the hashes of n-grams, the place of the text of each, and how many words there are."""
    codes, ends = _codes(texts)
    kinds = _kinds(codes)
    hashes, owners = [], []
    spans, found = _spans(codes, kinds, words, characters, ends)
    for (start, _), hashed in zip(spans, found, strict=True):
        hashes.append(hashed)
        owners.append(np.searchsorted(ends, start + 1, side="left"))  # behind a space
    return np.concatenate(hashes), np.concatenate(owners), found[0].size


def _spans(
    codes: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    words: int,
    characters: int,
    ends: NDArray[np.int64] | None = None,
) -> tuple[list[tuple[Any, Any]], list[NDArray[np.uint64]]]:
    """Return where n-grams begin and end, and their hashes: of one word, of two, …, characters."""
    spaced = np.where(kinds == _APART, np.uint32(32), codes)
    powers, inverses = _powers(1 << max(10, int(codes.size - 1).bit_length()))
    sums = np.zeros(codes.size + 1, np.uint64)
    np.cumsum(spaced * powers[: codes.size], out=sums[1:])
    start, end = _bounds(kinds)
    alone = _mixed((sums[end] - sums[start]) * inverses[start])
    spans: list[tuple[Any, Any]] = [(start, end)]
    hashes, last = [_bits(alone)], alone
    texts = None if ends is None else np.searchsorted(ends, start, side="left")
    for n in range(1, words):
        first, then = start[: start.size - n], end[n:]
        last = _mixed(last[: first.size] * np.uint64(31) + alone[n:])
        within = slice(None) if texts is None else texts[n:] == texts[: first.size]
        spans.append((first[within], then[within]))
        hashes.append(_bits(last[within]))
    apart = np.zeros(codes.size + 1, np.int64)
    np.cumsum(kinds == _APART, out=apart[1:])
    for n in range(3, characters + 1):
        begin = np.arange(max(0, codes.size - n + 1))
        inside = apart[begin + n - 1] == apart[begin + 1]  # spaces at both ends alone
        begin = begin[inside]
        hashed = (sums[begin + n] - sums[begin]) * inverses[begin]
        spans.append((begin, begin + n))
        hashes.append(_bits(_mixed(hashed ^ _CHARACTERS)))
    return spans, hashes


def _bounds(kinds: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where words begin and end."""
    alone, word = kinds == _ALONE, kinds == _WORD
    begins, ends = word.copy(), word.copy()
    begins[1:] &= ~word[:-1]
    ends[:-1] &= ~word[1:]
    return np.flatnonzero(begins | alone), np.flatnonzero(ends | alone) + 1


def _mixed(hashed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return hashes of which every bit depends on every other."""
    for factor in _MIX:
        hashed = (hashed ^ (hashed >> np.uint64(33))) * factor
    return hashed ^ (hashed >> np.uint64(33))


def _bits(hashed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return hashed & np.uint64(0xFFFFFFFF)


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return what each character is: between words, of a word, or a word of its own."""
    small = np.minimum(codes, 127)
    kinds = _ascii()[small]
    beyond = np.flatnonzero(codes > 127)
    if beyond.size:
        different, places = np.unique(codes[beyond], return_inverse=True)
        kinds[beyond] = np.array([_kind(int(code)) for code in different], np.uint8)[places]
    return kinds


@cache
def _ascii() -> NDArray[np.uint8]:
    return np.array([_kind(code) for code in range(128)], np.uint8)


@cache
def _kind(code: int) -> int:
    category = unicodedata.category(chr(code))
    if category[0] == "S":
        return _ALONE
    if category[0] not in "LMN":
        return _APART
    spaceless = any(first <= code <= last for first, last in _SPACELESS)
    return _ALONE if spaceless and category[0] != "N" else _WORD


@cache
def _powers(n: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return P^j and P^−j modulo 2⁶⁴ for j below n."""
    found = []
    for factor in (_P, _INVERSE):
        powers = np.full(n, factor, np.uint64)
        powers[0] = 1
        found.append(np.multiply.accumulate(powers))
    return found[0], found[1]
