"""What a page of the playground is made of, and the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array
from ...errors import InputError
from ...loss import Loss
from ...pages import page

if TYPE_CHECKING:
    from ...images.encoder import ImageEncoder
    from ...tables.encoder import Encoder
    from ...tables.task import Task
    from .cut import Cut

__all__ = [
    "HELD",
    "LAYERS",
    "LOSSES",
    "MODULE",
    "REMOTE",
    "ROWS",
    "VALUES",
    "Play",
    "PlaySet",
    "check_loss",
    "packed",
    "play_page",
    "remote_in",
]

MODULE = "play.js"
ROWS, VALUES = 2_000, 40_000
"""The most rows of a page, and the most numbers in them: pages that can be mailed are small."""
LAYERS = frozenset(
    (
        *("Adapters", "Affine", "Average", "Concat", "Dense", "Dropout", "ELU", "Embedding"),
        *("EmbeddingBag", "Flatten", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "Heads"),
        *("Identity", "LayerNorm", "LeakyReLU", "LogSoftmax", "MemberMean", "Mish", "PReLU"),
        *("Parallel", "Parametric", "Periodic", "PiecewiseLinear", "RMSNorm", "ReLU", "Residual"),
        *("RootScale", "SELU", "Scale", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus"),
        *("Standardise", "Tanh"),
    )
)
"""What ``pages/web/engine`` computes; all else is Python's."""
REMOTE = "Remote"
"""The type of a layer that Python computes for the page."""
HELD = 0.25
"""The share of the rows of a page that are held out."""
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
    cuts : list of Cut
        Tables of embeddings of which the page has some rows.
    front : tuple of ndarray, optional
        Mean and scale of each channel of pictures: the page's network gets them standardised, one
        in a folder does that itself.
    """

    record: Mapping[str, Any]
    encoder: Encoder | ImageEncoder | None = None
    task: Task | None = None
    cuts: list[Cut] = field(default_factory=list)
    front: tuple[Array, Array] | None = None


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

    def document(self, place: str | None = None, *, served: bool = False) -> dict[str, Any]:
        """Return what the page reads.

        Parameters
        ----------
        place : str, optional
            Where its network may be kept, in words.
        served : bool
            Whether it can ask `Remote`.
        """
        return {
            "title": self.title,
            "sets": [dict(one.record) for one in self.sets],
            "place": place,
            "served": served,
        }


def play_page(play: Play) -> bytes:
    """Return the page as one file of HTML that works without Python, and offline.

    Raises
    ------
    InputError
        If a network has layers that only Python computes.
    """
    remote = remote_in([layer for one in play.sets for layer in one.record["layers"]])
    if remote:
        raise InputError(
            f"only Python computes {', '.join(remote)}, so this page can't be a file without it; "
            "serve it: leave out --output"
        )
    return page(play.document(), MODULE)


def check_loss(loss: Loss) -> None:
    """Raise `InputError` for a loss that the page does not compute."""
    unlike = [n for n in ("pos_weight", "weight") if getattr(loss, n, None) is not None]
    if type(loss).__name__ not in LOSSES or unlike:
        what = f"with {unlike[0]}" if unlike else ""
        raise InputError(
            f"the loss is {type(loss).__name__} {what}".rstrip() + ", which the playground does "
            f"not compute; it has {', '.join(sorted(LOSSES))}"
        )


def remote_in(records: Sequence[Any]) -> list[str]:
    """Return the names of remote layers among records, each once."""
    found: dict[str, None] = {}
    for record in records:
        if record["type"] == REMOTE:
            found[record["layer"]["type"]] = None
        else:
            found |= dict.fromkeys(remote_in(record.get("layers", ())))
    return list(found)


def packed(values: Array) -> str:
    """Return numbers as the page unpacks them: float32, little-endian, in base 64."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
