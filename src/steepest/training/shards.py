"""The rows of a fit: those of this process, and what all processes together have.

Each rank brings rows of its own, as many as it likes, or none. Weights are scaled to a mean of 1
over all ranks, and a share of all rows is held out on each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, as_inputs, as_numbers, check_weights, is_sparse
from ..errors import InputError
from ..loss import Loss
from ..lowering.batches import form_of
from ..network import Network, prepare
from ..printing import shown
from ..ranks.shares import shares_of
from ..ranks.together import ALONE, Ranks
from .checkpoint import fingerprint
from .held_out import checked_rows, hold_out, weights_among

__all__ = ["Shard", "print_of", "shard_of"]

_WHERE = "Trainer.fit"
_AT_ONCE = 1 << 16  # rows that are hashed at once
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Shard(NamedTuple):
    """Prepared rows of this rank.

    Attributes
    ----------
    data : (X, y, w)
    rows : ndarray of int, optional
        The numbers of those to train on; None for all.
    held_out : (X, y, w), optional
        To validate on.
    counts : list of int
        How many rows each rank trains on.
    prints : dict of str to str
        Short names of the contents of all ranks' rows, however these are divided.
    """

    data: tuple[Any, Array, Array | None]
    rows: Array | None
    held_out: tuple[Any, Array, Array] | None
    counts: list[int]
    prints: dict[str, str]


def shard_of(
    network: Network,
    loss: Loss,
    given: tuple[Any, Any, Any, Any, Any],
    seed: int,
    ranks: Ranks,
    *,
    printed: bool,
) -> Shard:
    """Check and prepare what a rank was given: X, y, weights, rows, validation.

    ``printed`` says whether the names of the contents are wanted.

    Raises
    ------
    InputError
        If it fits neither the network nor the loss, or other ranks have another kind of rows, or
        no rank has any.
    RankError
        If that is so on another rank.
    """
    if ranks is ALONE:
        return _whole(network, loss, given, seed, printed=printed)
    X, y, weights, rows, validation = given
    data = _prepared(network, loss, (X, y, weights), ranks, _WHERE)
    X, y, w = data
    with ranks.alike():
        if rows is not None:
            rows = checked_rows(rows, len(y)) if len(y) else np.zeros(0, np.int64)
    if w is not None:
        w = _scaled(w, w if rows is None else w[rows], ranks).astype(network.dtype)
    held_out = None
    if isinstance(validation, tuple):
        with ranks.alike():
            if len(validation) not in (2, 3):
                raise InputError(f"{_WHERE}: validation: expected (X, y) or (X, y, weights)")
        where = f"{_WHERE}: validation"
        Xv, yv, wv = _prepared(network, loss, (*validation, None)[:3], ranks, where)
        scaled = (
            np.ones(len(yv), network.dtype)
            if wv is None
            else _scaled(wv, wv, ranks).astype(network.dtype)
        )
        held_out = Xv, yv, scaled
    elif validation is not None:
        n = len(y) if rows is None else len(rows)
        numbers = np.arange(n) if rows is None else rows
        out, rows = _drawn(numbers, validation, seed, ranks)
        held_out = X[out], y[out], np.ones(len(out), network.dtype) if w is None else w[out]
    counts = ranks.gather(len(y) if rows is None else len(rows))
    if not printed:
        return Shard((X, y, w), rows, held_out, counts, {})
    seen = [part if rows is None or part is None else part[rows] for part in (X, y, w)]
    prints = {
        "data": print_of([seen], ranks),
        "validation data": "none" if held_out is None else print_of([held_out], ranks),
    }
    return Shard((X, y, w), rows, held_out, counts, prints)


def _whole(
    network: Network, loss: Loss, given: tuple[Any, Any, Any, Any, Any], seed: int, *, printed: bool
) -> Shard:
    """Return the rows of a fit by one process; ``printed`` wants short names of them."""
    X, y, weights, rows, validation = given
    X, y, w = prepare(network, loss, X, y, weights, _WHERE)
    if rows is not None:
        rows = checked_rows(rows, len(y))
        w = None if w is None else weights_among(w, rows)
    rows, held_out = hold_out(network, loss, (X, y, w), rows, validation, seed)
    prints = {}
    if printed:
        seen = [part if rows is None or part is None else part[rows] for part in (X, y, w)]
        prints = {"data": fingerprint(*seen), "validation data": fingerprint(*held_out or ())}
    return Shard((X, y, w), rows, held_out, [len(y) if rows is None else len(rows)], prints)


def _prepared(
    network: Network, loss: Loss, given: tuple[Any, ...], ranks: Ranks, where: str
) -> tuple[Any, Array, Array | None]:
    """Return X, y and weights, not scaled; a rank without rows takes the kind of the others'."""
    X, y, w = given
    n, kind = 0, None
    with ranks.alike():
        if X.shape[0] if hasattr(X, "shape") else len(X):
            X = as_inputs(X, network.dtype, where, keeps_bytes=True)
            n, kind = X.shape[0], (form_of(X), X.dtype, X.shape[1:])
    form, dtype, shape = _alike(f"{where}: the kind of X", kind, ranks)  # before it is built
    if not n:
        X = np.zeros((0, *shape), dtype)
        if form == "csr":
            from scipy.sparse import csr_array

            X = csr_array(X)
    targeted = None
    with ranks.alike():
        if n:
            X, y, _ = prepare(network, loss, X, y, None, where)
            if w is not None:
                w = as_numbers(w, "weights", where).astype(np.float64)
                check_weights(w if w.any() else w + 1, n, where)  # others may have some
            targeted = y.dtype, y.shape[1:], "without weights" if w is None else "with weights"
        else:
            network.build(shape)
    dtype, targets, weighted = _alike(f"{where}: the kind of y", targeted, ranks)
    if n:
        return X, y, w
    return X, np.zeros((0, *targets), dtype), np.zeros(0) if weighted == "with weights" else None


def _alike(what: str, kind: tuple[Any, ...] | None, ranks: Ranks) -> tuple[Any, ...]:
    """Return the kind of rows that all ranks have; None on those that have none."""
    known = next((k for k in ranks.gather(kind) if k is not None), None)
    if known is None:
        raise ranks.agreed(InputError(f"{_WHERE}: no rank has any rows"))
    ranks.check({what: " ".join(map(str, kind or known))})
    return known


def _scaled(w: Array, counted: Array, ranks: Ranks) -> Array:
    """Return weights whose mean over ``counted`` of all ranks is 1."""
    most = max(ranks.gather(float(counted.max(initial=0.0))))
    if not most:
        raise ranks.agreed(InputError(f"{_WHERE}: all weights of the rows to train on are 0"))
    # By the largest first, so that the mean of huge or tiny ones is neither infinite nor 0.
    total, n = ranks.total(float((counted / most).sum())), sum(ranks.gather(len(counted)))
    scaled: Array = w / most * (n / total)
    return scaled


def _drawn(numbers: Array, share: Any, seed: int, ranks: Ranks) -> tuple[Array, Array]:
    """Return the rows to hold out, and those to train on: of each rank about as large a share."""
    counts = ranks.gather(len(numbers))
    n = sum(counts)
    held = round(n * share) if isinstance(share, float) and 0 < share < 1 else 0
    if held in (0, n):
        raise ranks.agreed(
            InputError(
                f"{_WHERE}: validation: expected a fraction that leaves rows on both sides of the "
                f"split of {n}, or a tuple (X, y), got {shown(share)}"
            )
        )
    own = int(shares_of(counts, [held])[0, ranks.rank])
    rng = np.random.default_rng((seed, ranks.rank) if ranks.rank else seed)
    order = rng.permutation(len(numbers))
    return numbers[np.sort(order[:own])], numbers[np.sort(order[own:])]


def print_of(parts: Iterable[Sequence[Any]], ranks: Ranks) -> str:
    """Return a short name of rows, whichever ranks have them; each part has arrays of some rows."""
    found, n = np.uint64(0), 0
    with np.errstate(over="ignore"):
        for arrays in parts:
            here = arrays[0].shape[0]
            for start in range(0, here, _AT_ONCE):
                rows = slice(start, min(start + _AT_ONCE, here))
                part = np.zeros(rows.stop - start, np.uint64)
                for array in (a for a in arrays if a is not None):
                    part = _mixed(part * _ODD + _hashes(array[rows]))
                found += part.sum(dtype=np.uint64)
            n += here
    pairs = ranks.gather((n, int(found)))
    total = sum(value for _, value in pairs) % (1 << 64)
    return f"{sum(rows for rows, _ in pairs)} rows {total:016x}"


def _hashes(array: Any) -> Array:
    """Return a number for each row, (n,)."""
    if is_sparse(array):
        bits = _words(array.data.reshape(-1, 1))[:, 0]
        each = _mixed(bits + _ODD * (array.indices.astype(np.uint64) + np.uint64(1)))
        ends = np.concatenate([np.zeros(1, np.uint64), np.cumsum(each, dtype=np.uint64)])
        return np.diff(ends[array.indptr])
    words = _words(np.ascontiguousarray(array).reshape(len(array), math.prod(array.shape[1:])))
    places = _mixed(np.arange(1, words.shape[1] + 1, dtype=np.uint64) * _ODD) | np.uint64(1)
    sums: Array = (words * places).sum(axis=1, dtype=np.uint64)
    return sums


def _words(rows: Array) -> Array:
    """Return the bytes of rows as numbers of 64 bits, filled up with 0."""
    data = rows.view(np.uint8)
    filled = np.zeros((len(rows), -(-data.shape[1] // 8) * 8), np.uint8)
    filled[:, : data.shape[1]] = data
    words: Array = filled.view(np.uint64)
    return words


def _mixed(x: Array) -> Array:
    """Return scattered bits (Steele, Lea & Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = x ^ (x >> np.uint64(31))
    return mixed
