"""A user's pictures as the playground takes them: their pixels, and the class of each."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array
from ...errors import InputError
from ...images.archives import read_archive
from ...images.arrays import pixels
from ...images.encoder import ImageEncoder, sizes
from ...images.files import read_parts
from ...layer import Layer
from ...layers import Dense, Flatten, Tanh
from ...loss import Loss
from ...losses import Logistic, SoftmaxCrossEntropy
from ...network import Network
from ...tables.task import Task, infer_task
from ..fit_images import label_column
from .play import HELD, ROWS, Play, PlaySet, check_loss, packed
from .remote import start_of

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["play_pictures"]

_SIDE = 24
"""Pixels of a side that pictures are scaled to where no model says otherwise."""
_BYTES = 160_000
"""Pixels of a page, so that it can be mailed."""
_LEAST = 12


def play_pictures(place: Path, model: Model | None = None, *, seed: int = 0) -> Play:
    """Return the playground of a folder of classes, or of the arrays of an .npz file.

    Parameters
    ----------
    place : Path
    model : Model, optional
        Of images; without one there is a small network that nothing is trained of.
    seed : int
        Of what is drawn: which pictures, and which of them are held out.

    Raises
    ------
    InputError
        If the model takes no images, or its loss is one that the page does not compute.
    ImageError
        If pictures can't be read.
    """
    encoder, front = None if model is None else model.encoder, None
    if encoder is not None and not isinstance(encoder, ImageEncoder):
        raise InputError(f"the model takes tables, and {place.name} holds pictures")
    images, labels, scaled = _read(place, encoder)
    found = label_column(labels)
    task = infer_task(found, "class", "classification") if model is None else model.task
    codes = task.encode(found)
    known = np.flatnonzero(codes >= 0)
    most = min(ROWS, _BYTES // images[0].size)
    if most < _LEAST:
        raise InputError(
            f"{place.name} has images of {sizes(images.shape[1:])}, of which {most} fit onto a "
            f"page; scale them so that {_LEAST} do: to {_BYTES // _LEAST:,} numbers each"
        )
    drawn = np.random.default_rng(seed).permutation(known)[:most]
    images, codes = images[drawn], codes[drawn]
    train = len(drawn) - max(1, round(HELD * len(drawn)))
    if model is None:
        mean, deviation = pixels(images[:train])
        encoder, scale = ImageEncoder.fit(images, scaled), 1 / deviation
        front = mean, scale
        start = _small(task, images.shape[1:])
    else:
        mean, scale = np.zeros(images.shape[-1]), np.ones(images.shape[-1])
        check_loss(model.loss)
        start = {**start_of(model.network, model.loss), "rule": {"type": "SGD", "lr": 0.01}}
    if images.dtype != np.uint8:  # up to 1
        images = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
        mean, scale = 255 * mean, scale / 255
    count = len(drawn)
    says = f"{count:,} of the {len(known):,} pictures" if count < len(known) else "All pictures"
    record = {
        "name": place.name,
        "says": f"{says} of {place.name}, at {sizes(images.shape[1:])}; {count - train:,} of them "
        "are held out, and no step is made on them.",
        "archive": place.suffix.lower() == ".npz",
        "task": {
            "kind": task.kind,
            "name": task.name,
            "classes": [str(label) for label in task.classes],
            "mean": 0.0,
            "deviation": 1.0,
        },
        "inputs": [f"pixel {k}" for k in range(images[0].size)],
        "shape": list(images.shape[1:]),
        "rows": count,
        "train": train,
        "numbers": drawn.tolist(),
        "pixels": base64.b64encode(np.ascontiguousarray(images).tobytes()).decode(),
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "y": packed(codes),
        "columns": [],
        **start,
    }
    return Play(f"Playground: {place.name}", (PlaySet(record, encoder, task, front=front),))


def _read(place: Path, encoder: ImageEncoder | None) -> tuple[Array, Array, bool]:
    """Return images, their labels, and whether they were scaled."""
    if place.suffix.lower() == ".npz" and not place.is_dir():
        X, y, *_ = read_archive(place)
        return X if encoder is None else _like(X, encoder), y, False
    scaled = encoder is None or encoder.scaled
    size = (_SIDE, _SIDE) if encoder is None else encoder.shape[:2]
    parts = read_parts(place, size=size if scaled else None).values()
    images = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    return images if encoder is None else _like(images, encoder), labels, scaled


def _like(images: Array, encoder: ImageEncoder) -> Array:
    """Return images as the encoder has them; its range of values is that of the page, too."""
    encoder.transform(images[:1])
    return images


def _small(task: Task, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return a small network to begin with."""
    binary = task.kind == "binary"
    loss: Loss = Logistic() if binary else SoftmaxCrossEntropy()
    layers: tuple[Layer, ...] = (Flatten(), Dense(12), Tanh(), Dense(task.width(loss)))
    start = start_of(Network(*layers, inputs=shape), loss)
    del start["theta"]  # the page draws its own
    return {**start, "rule": {"type": "SGD", "lr": 0.05}}
