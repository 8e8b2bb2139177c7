"""What a page of the playground is made of, and the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array
from ...errors import InputError
from ...layer import Layer
from ...layers import Average, Concat, Sequential
from ...loss import Loss
from ...pages import page
from ...saved.config import to_config

if TYPE_CHECKING:
    from ...tables.encoder import Encoder
    from ...tables.task import Task

__all__ = [
    "LAYERS",
    "LOSSES",
    "MODULE",
    "ROWS",
    "Play",
    "PlaySet",
    "check_playable",
    "packed",
    "play_page",
]

MODULE = "play.js"
ROWS, VALUES = 2_000, 40_000
"""The most rows of a page, and the most numbers in them: pages that can be mailed are small."""
LAYERS = frozenset(
    (
        *("Affine", "Dense", "Dropout", "ELU", "Embedding", "GELU", "Hardsigmoid", "Hardswish"),
        *("Hardtanh", "Identity", "LayerNorm", "LeakyReLU", "LogSoftmax", "Mish", "PReLU"),
        *("Parallel", "Parametric", "Periodic", "RMSNorm", "ReLU", "Residual", "RootScale", "SELU"),
        *("Scale", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh"),
    )
)
LOSSES = frozenset(("Absolute", "Hinge", "Huber", "Logistic", "SoftmaxCrossEntropy", "Squared"))
"""What ``pages/web/engine`` computes."""


@dataclass(frozen=True)
class PlaySet:
    """Rows with a network to begin with.

    Attributes
    ----------
    record : dict
        What the page reads, in plain JSON types.
    encoder, task : optional
        What a model folder needs beside the network.
    """

    record: Mapping[str, Any]
    encoder: Encoder | None = None
    task: Task | None = None


@dataclass(frozen=True)
class Play:
    """What a page is made of.

    Attributes
    ----------
    title : str
    sets : tuple of PlaySet
        The reader chooses among them.
    """

    title: str
    sets: tuple[PlaySet, ...]

    def document(self, place: str | None = None) -> dict[str, Any]:
        """Return what the page reads; ``place`` is where its network may be kept, in words."""
        return {
            "title": self.title,
            "sets": [dict(one.record) for one in self.sets],
            "place": place,
        }


def play_page(play: Play) -> bytes:
    """Return the page as one file of HTML that needs neither Python nor a network."""
    return page(play.document(), MODULE)


def check_playable(layers: tuple[Layer, ...], loss: Loss) -> None:
    """Raise `InputError` for what the page does not compute."""

    def check(layer: Layer, path: str) -> None:
        name = type(layer).__name__
        if name not in LAYERS:
            several = isinstance(layer, Concat | Average)
            hint = (
                "it averages several networks; train one, without --ensemble"
                if several
                else "`steepest report` and `steepest explain` take any model; to play, train one "
                "of layers that it has, such as --layers 16,16"
            )
            raise InputError(
                f"layer {path} is {name}, which the playground does not compute; {hint}"
            )
        for k, inner in enumerate(getattr(layer, "layers", ())):
            check(inner, f"{path}.{k}")

    for k, layer in enumerate(layers):
        check(layer, str(k))
    unlike = [n for n in ("pos_weight", "weight") if getattr(loss, n, None) is not None]
    if type(loss).__name__ not in LOSSES or unlike:
        what = f"with {unlike[0]}" if unlike else ""
        raise InputError(
            f"the loss is {type(loss).__name__} {what}".rstrip() + ", which the playground does "
            f"not compute; it has {', '.join(sorted(LOSSES))}"
        )


def packed(values: Array) -> str:
    """Return numbers as the page unpacks them: float32, little-endian, in base 64."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def network_record(layers: tuple[Layer, ...], loss: Loss) -> dict[str, Any]:
    """Return layers and a loss as the page takes them; a `Sequential` in front is opened."""
    flat = layers
    while len(flat) == 1 and isinstance(flat[0], Sequential):
        flat = flat[0].layers
    return {"layers": [to_config(layer) for layer in flat], "loss": to_config(loss)}
