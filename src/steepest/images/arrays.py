"""Arrays of images: (n, height, width) or (n, height, width, channels), bytes or real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, as_inputs, as_numbers, is_sparse
from ..errors import InputError

__all__ = ["as_images", "pixels"]

_MOST_CHANNELS = 64
_AT_ONCE = 512  # images


def as_images(X: Any, where: str) -> Array:
    """Return images as (n, height, width, channels): uint8 as they are, all others as float32.

    Parameters
    ----------
    X : array-like, (n, height, width) or (n, height, width, channels)
        Of uint8, with values from 0 to 255, or of any other numbers. Images of uint8 that are
        contiguous in memory are not copied.
    where : str
        What to begin an error with.

    Raises
    ------
    InputError
        If these are no images, or a pixel is not finite.
    """
    if is_sparse(X):
        raise InputError(f"{where}: X is sparse; images are dense: give X.toarray() with its axes")
    given = as_numbers(X, "X", where)
    if given.ndim == 3:
        given = given[..., None]
    if given.ndim != 4:
        hint = "; one image is X[None]" if given.ndim == 2 else ""
        raise InputError(
            f"{where}: X must be images, (n, height, width) or (n, height, width, channels), got "
            f"shape {given.shape}{hint}"
        )
    if given.shape[3] > _MOST_CHANNELS and given.shape[1] <= _MOST_CHANNELS:
        raise InputError(
            f"{where}: X of shape {given.shape} has {given.shape[3]} channels; the channels come "
            "last: give X.transpose(0, 2, 3, 1)"
        )
    kept: Array = as_inputs(given, "float32", where, keeps_bytes=True)
    return kept


def pixels(images: Array) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of each channel, float64, without a copy.

    Where all pixels of a channel are alike the deviation is 1.
    """
    channels = images.shape[-1]
    total, squares, count = np.zeros(channels), np.zeros(channels), 0
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE].reshape(-1, channels).astype(np.float64)
        total += part.sum(axis=0)
        squares += (part * part).sum(axis=0)
        count += len(part)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean * mean, 0))
    flat = deviation <= 1e-7 * np.maximum(1.0, np.abs(mean))
    return mean, np.where(flat, 1.0, deviation)
