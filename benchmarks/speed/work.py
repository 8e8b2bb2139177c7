"""What is timed: the data, what has to be computed, and how much work that is at least.

A work is a small value that travels to the process of each contestant, which makes the data there
from the same seed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

SAME = 16  # steps after which all contestants must have the same loss


class Problem(NamedTuple):
    """X (n, p), dense or CSR; labels y (n,); the parameters (A, b or None) from which all begin."""

    X: np.ndarray | sparse.csr_matrix
    y: np.ndarray
    parameters: list[tuple[np.ndarray, np.ndarray]]


def mnist(path: Path, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Return images as rows in [0, 1], and labels."""
    with np.load(path) as data:
        X = data[f"X_{part}"].reshape(-1, 784).astype(np.float32) / 255
        return X, data[f"y_{part}"].astype(np.int64)


def start(sizes: tuple[int, ...], rng: np.random.Generator) -> list:
    """Return He's random matrices, and zeros."""
    return [
        ((rng.standard_normal((q, p)) * np.sqrt(2 / p)).astype(np.float32), np.zeros(q, np.float32))
        for p, q in pairwise(sizes)
    ]


@dataclass(frozen=True)
class Training:
    """Steps of a ReLU network with softmax cross-entropy, rows in order; one run's count is steps.

    ``density`` below 1: X is given in CSR form, with that part of it not zero, or of ``images``.
    """

    sizes: tuple[int, ...]
    batch: int
    rule: str = "SGD"
    density: float = 1.0
    images: Path | None = None
    bf16: bool = False

    lr = 0.01
    unit_of = "a step"

    @property
    def rows(self) -> int:
        return self.batch * max(16, 1024 // self.batch)

    @property
    def unit(self) -> int:
        """Steps of a pass over the data: some peers know nothing shorter."""
        return self.rows // self.batch

    @property
    def sparse(self) -> bool:
        return self.density < 1

    def problem(self) -> Problem:
        rng = np.random.default_rng(0)
        n, p = self.rows, self.sizes[0]
        if self.images is not None:
            X, y = mnist(self.images)
            X, y = X[:n], y[:n]
        else:
            X = rng.standard_normal((n, p)).astype(np.float32)
            if self.sparse:
                X = np.abs(X) * (rng.random((n, p)) < self.density)
            y = rng.integers(0, self.sizes[-1], n)
        X = sparse.csr_matrix(X.astype(np.float32)) if self.sparse else X
        return Problem(X, y, start(self.sizes, rng))

    @property
    def _weights(self) -> list[float]:
        """The entries of A that a row meets, layer by layer."""
        pairs = [float(p * q) for p, q in pairwise(self.sizes)]
        return [pairs[0] * self.density, *pairs[1:]]

    @property
    def flops(self) -> float:
        """Forward, dA and dx; no dx for the first layer."""
        return 2 * self.batch * (3 * sum(self._weights) - self._weights[0])

    @property
    def nbytes(self) -> float:
        """Bytes of the parameters (and of Adam's averages) read and written, and of the rows."""
        met = min(1.0, self.density * self.batch)
        weights = self._weights[0] / self.density * met + sum(self._weights[1:])
        slots = {"SGD": 2, "Adam": 8}[self.rule]  # θ and, read and written too, g, m and v
        return 4 * (slots * weights + self.batch * self.sizes[0] * self.density)

    @property
    def working_set(self) -> float:
        """Bytes that a step comes back to."""
        return 4 * sum(p * q for p, q in pairwise(self.sizes)) * {"SGD": 1, "Adam": 4}[self.rule]

    @property
    def within(self) -> float:
        """The relative difference of losses that rounding explains."""
        return 0.05 if self.bf16 else 1e-3


@dataclass(frozen=True)
class Stream:
    """One pass of logistic regression without b over sparse text, one example at a time.

    (Where X is sparse, scikit-learn moves its b a hundred times as slowly as the rest.) The columns
    of a row are drawn as words are (Zipf's law), and the label by a hidden model.
    """

    columns: int = 100_000
    rows: int = 20_000
    words: int = 80

    lr = 0.5
    batch = 1
    unit_of = "an example"
    within = 1e-3

    @property
    def unit(self) -> int:
        return self.rows

    def problem(self) -> Problem:
        rng = np.random.default_rng(0)
        zipf = 1 / np.arange(1, self.columns + 1)
        words = rng.permutation(self.columns)  # frequent words stand anywhere
        lengths = rng.integers(self.words // 2, 2 * self.words, self.rows)
        drawn = np.searchsorted(np.cumsum(zipf / zipf.sum()), rng.random(lengths.sum()))
        texts = np.split(words[np.minimum(drawn, self.columns - 1)], np.cumsum(lengths)[:-1])
        rows = [np.unique(text) for text in texts]
        starts = np.cumsum([0, *map(len, rows)])
        values = (1 + rng.random(starts[-1])).astype(np.float32)
        values /= np.sqrt(np.repeat(np.diff(starts), np.diff(starts))).astype(np.float32)
        X = sparse.csr_matrix(
            (values, np.concatenate(rows).astype(np.int32), starts.astype(np.int32)),
            shape=(self.rows, self.columns),
        )
        z = X @ rng.standard_normal(self.columns)
        y = (z + 0.3 * rng.standard_normal(self.rows) > 0).astype(np.int64)
        return Problem(X, y, [(np.zeros((1, self.columns), np.float32), None)])

    @cached_property
    def _nonzeros(self) -> float:
        return self.problem().X.nnz / self.rows

    @property
    def flops(self) -> float:
        return 4 * self._nonzeros

    @property
    def nbytes(self) -> float:
        """Values, columns, and θ read and written."""
        return 16 * self._nonzeros

    @property
    def working_set(self) -> float:
        return 4 * self.columns


@dataclass(frozen=True)
class Prediction:
    """Predictions of a ReLU network for so many rows at a time; one run's count is calls."""

    sizes: tuple[int, ...]
    rows: int

    unit_of = "a call"
    within = 1e-4

    @property
    def unit(self) -> int:
        return max(1, 2000 // self.rows)

    def problem(self) -> Problem:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.rows, self.sizes[0])).astype(np.float32)
        return Problem(X, np.zeros(self.rows, np.int64), start(self.sizes, rng))

    @property
    def flops(self) -> float:
        return 2 * self.rows * sum(p * q for p, q in pairwise(self.sizes))

    @property
    def nbytes(self) -> float:
        return 4 * self.rows * (self.sizes[0] + self.sizes[-1])

    @property
    def working_set(self) -> float:
        return self.nbytes


@dataclass(frozen=True)
class Sweep:
    """Going through many rows of few columns: in a shuffled order, or in theirs to evaluate them.

    One run's count is passes.
    """

    what: str  # "gather" or "evaluate"
    rows: int
    columns: int = 16
    batch: int = 1024

    unit = 1
    unit_of = "a pass"
    within = 1e-4

    def problem(self) -> Problem:
        rng = np.random.default_rng(zlib.crc32(self.what.encode()))
        X = rng.standard_normal((self.rows, self.columns), np.float32)
        return Problem(X, (X[:, 0] > 0).astype(np.int64), start((self.columns, 2), rng))

    @property
    def flops(self) -> float:
        return 4 * self.rows * self.columns if self.what == "evaluate" else 0.0

    @property
    def nbytes(self) -> float:
        """The rows once, and the labels and the logits where they count."""
        return self.rows * (4 * self.columns + (16 if self.what == "evaluate" else 0))

    @property
    def working_set(self) -> float:
        return self.nbytes
