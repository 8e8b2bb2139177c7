"""Maps s ⊙ x + b of a file, put into the layers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..layers import Affine, Dense, Identity, Scale
from ..onnx_reading import Reading
from .onnx_file import OnnxFile

__all__ = ["folded", "settled"]

_FAR = 8.0  # a mean so many standard deviations from 0 costs float32 a digit


def folded(file: OnnxFile, pieces: Sequence[Reading]) -> list[Reading]:
    """Return a chain of layers without what changes nothing, and with few maps s ⊙ x + b.

    Neighbours become one; with b ≠ 0 the layer before takes them up if it can, as a `Dense` one,
    s ⊙ (A x + c) + b = (s ⊙ A) x + (s ⊙ c + b); else a `Dense` layer after does,
    A (s ⊙ x + b) + c = (A s) x + (A b + c), in float64, since the sums may be far larger than their
    difference.

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
        if before is not None and _takes_up(before, piece):
            result[-1] = _into_the_one_before(file, before, piece)
        elif before is not None and _moves(before) and _is_dense(piece):
            result[-1] = _into_the_one_after(file, before, piece)
        else:
            result.append(piece)
    return result


def _is_map(piece: Reading) -> bool:
    return type(piece.layer) is Affine


def _is_dense(piece: Reading) -> bool:
    return type(piece.layer) is Dense


def _takes_up(before: Reading, piece: Reading) -> bool:
    """Whether a layer is the same with other parameters when a map comes behind it.

    A mere scaling is left apart, unless the layer does not scale by itself yet.
    """
    declared = before.layer.scales_and_shifts if _is_map(piece) and before.layer else None
    if declared is None:
        return False
    factor, _, shift = declared
    scales = before.theta[factor]
    if not _moves(piece):
        return scales.ndim == 1 and bool((scales == 1).all())
    return bool(shift)


def _moves(piece: Reading) -> bool:
    return _is_map(piece) and bool(piece.theta["b"].any())


def _without_identities(file: OnnxFile, pieces: Sequence[Reading]) -> list[Reading]:
    """Leave out what changes nothing; the width that it says goes to the one before or after."""
    found: list[Reading] = []
    width: int | None = None
    for piece in pieces:
        if type(piece.layer) is not Identity or piece.rows or piece.rank or piece.shape:
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


def _into_the_one_before(file: OnnxFile, before: Reading, piece: Reading) -> Reading:
    factor, axis, shift = before.layer.scales_and_shifts
    A = np.moveaxis(before.theta[factor], axis, -1)
    s, b = _rows(file, piece, _outputs(before, piece))
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = _finite(file, np.moveaxis((A * s).astype(A.dtype), -1, axis))
        theta = {**before.theta, factor: scaled}
        if shift:
            theta[shift] = _finite(file, (before.theta.get(shift, 0) * s + b).astype(A.dtype))
    makes = _same(file, before.makes, piece.makes, piece.said_by)
    said_by = piece.said_by if piece.makes else before.said_by
    layer = before.layer
    if shift in theta and shift not in before.theta:
        layer = replace(layer, bias=True)
    return replace(before, layer=layer, theta=theta, makes=makes, said_by=said_by)


def _outputs(before: Reading, piece: Reading) -> int:
    """Return the outputs of a layer that takes up a map: all that its parameters or the map say."""
    factor, axis, _ = before.layer.scales_and_shifts
    found: int = before.theta[factor].shape[axis]
    return (_width(piece) or 1) if before.theta[factor].ndim == 1 and found == 1 else found


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


def settled(file: OnnxFile, pieces: Sequence[Reading]) -> list[Reading]:
    """Return layers with a `Scale` for each map that is left and has no b.

    Others are an `Affine`, in float64 if b is large.

    Raises
    ------
    ModelError
        If a number is too large for its type.
    """
    return [_settled(file, piece) if _is_map(piece) else piece for piece in pieces]


def _settled(file: OnnxFile, piece: Reading) -> Reading:
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
