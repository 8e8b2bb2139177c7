"""Maps s ⊙ x + b of a file, put into the `Dense` layers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..layers import Affine, Dense, Identity, Scale
from ..onnx_reading import Reading
from .onnx_file import OnnxFile

__all__ = ["folded"]

_FAR = 8.0  # a mean so many standard deviations from 0 costs float32 a digit


def folded(file: OnnxFile, pieces: Sequence[Reading]) -> list[Reading]:
    """Return a chain of layers without what changes nothing, and with few maps s ⊙ x + b.

    With b = 0 such a map is a `Scale`. Otherwise neighbours become one; the `Dense` layer before
    takes them up, s ⊙ (A x + c) + b = (s ⊙ A) x + (s ⊙ c + b); else the one after does,
    A (s ⊙ x + b) + c = (A s) x + (A b + c), in float64, since the sums may be far larger than their
    difference; else it is an `Affine`, in float64 if b is large.

    Raises
    ------
    ModelError
        If widths differ, or what comes out is too large for its type.
    """
    found: list[Reading] = []
    for piece in _without_identities(file, pieces):
        if found and _is_map(found[-1]) and _is_map(piece):
            found[-1] = _one_after_the_other(file, found[-1], piece)
        else:
            found.append(piece)
    result: list[Reading] = []
    for piece in found:
        before = result[-1] if result else None
        if before is not None and _is_dense(before) and _moves(piece):
            result[-1] = _into_the_one_before(file, before, piece)
        elif before is not None and _moves(before) and _is_dense(piece):
            result[-1] = _into_the_one_after(file, before, piece)
        else:
            result.append(piece)
    return [_settled(file, piece) for piece in result]


def _is_map(piece: Reading) -> bool:
    return type(piece.layer) is Affine


def _is_dense(piece: Reading) -> bool:
    return type(piece.layer) is Dense


def _moves(piece: Reading) -> bool:
    return _is_map(piece) and bool(piece.theta["b"].any())


def _without_identities(file: OnnxFile, pieces: Sequence[Reading]) -> list[Reading]:
    """Leave out what changes nothing; the width that it says goes to the one before or after."""
    found: list[Reading] = []
    width: int | None = None
    for piece in pieces:
        if type(piece.layer) is not Identity:
            takes = _same(file, width, piece.takes, piece.said_by)
            found.append(replace(piece, takes=takes))
            width = None
        elif found and piece.takes:
            makes = _same(file, found[-1].makes, piece.takes, piece.said_by)
            found[-1] = replace(found[-1], makes=makes, said_by=piece.said_by)
        elif not found:
            width = _same(file, width, piece.takes, piece.said_by)
    if width is not None:
        found.append(replace(pieces[-1], takes=width))
    return found


def _same(file: OnnxFile, first: int | None, second: int | None, said_by: str) -> int | None:
    """Return a width that is said twice."""
    if None not in (first, second) and first != second:
        raise file.error(f"{said_by} wants {second} columns, where there are {first}")
    return second if first is None else first


def _one_after_the_other(file: OnnxFile, first: Reading, second: Reading) -> Reading:
    """Return t ⊙ (s ⊙ x + b) + c as one map."""
    _same(file, _width(first), _width(second), second.said_by)
    s, b, t, c = (piece.theta[name] for piece in (first, second) for name in ("s", "b"))
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is named there
        theta = {"s": _finite(file, t * s), "b": _finite(file, t * b + c)}
    takes = _same(file, first.takes, second.takes, second.said_by)
    makes = _same(file, first.makes, second.makes, second.said_by)
    return replace(first, theta=theta, takes=takes, makes=makes)


def _width(piece: Reading) -> int | None:
    """Return the width of a map, if its constants tell."""
    return next((part.size for part in piece.theta.values() if part.size > 1), None)


def _into_the_one_before(file: OnnxFile, dense: Reading, piece: Reading) -> Reading:
    q = len(dense.theta["A"])
    s, b = _rows(file, piece, q)
    dtype = dense.theta["A"].dtype
    with np.errstate(over="ignore", invalid="ignore"):
        A = _finite(file, (dense.theta["A"] * s[:, None]).astype(dtype))
        c = _finite(file, (dense.theta.get("b", 0) * s + b).astype(dtype))
    makes = _same(file, dense.makes, piece.makes, piece.said_by)
    said_by = piece.said_by if piece.makes else dense.said_by
    theta = {"A": A, "b": c}
    return replace(dense, layer=Dense(q), theta=theta, makes=makes, said_by=said_by)


def _into_the_one_after(file: OnnxFile, piece: Reading, dense: Reading) -> Reading:
    file.dtype = "float64"
    A = dense.theta["A"].astype(np.float64)
    s, b = _rows(file, piece, A.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        c = _finite(file, A @ b + dense.theta.get("b", 0))
        A = _finite(file, A * s)
    takes = _same(file, piece.takes, dense.takes, dense.said_by)
    return replace(dense, layer=Dense(len(A)), x=piece.x, theta={"A": A, "b": c}, takes=takes)


def _rows(file: OnnxFile, piece: Reading, width: int) -> tuple[Array, Array]:
    """Return s and b of a map of so many columns."""
    parts = []
    for part in (piece.theta["s"], piece.theta["b"]):
        if part.size not in (1, width):
            raise file.error(f"{piece.said_by} has an array {part.shape} for {width} columns")
        parts.append(np.broadcast_to(part, width))
    return parts[0], parts[1]


def _settled(file: OnnxFile, piece: Reading) -> Reading:
    """Return the layer that a map is which no `Dense` layer took up."""
    if not _is_map(piece):
        return piece
    if np.abs(piece.theta["b"]).max() > _FAR:
        file.dtype = "float64"
    if _moves(piece):
        return piece
    dtype = np.float64 if file.dtype == "float64" else np.float32
    with np.errstate(over="ignore"):
        s = _finite(file, piece.theta["s"].astype(dtype))
    return replace(piece, layer=Scale(), theta={"s": s})


def _finite(file: OnnxFile, array: Array) -> Array:
    if not np.isfinite(array).all():
        raise file.error("its constants, taken together, are too large for their type")
    return array
