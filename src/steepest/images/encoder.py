"""What an image model takes: images of one shape. It stands where a table's `Encoder` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from ..arrays import Array
from ..errors import InputError, ModelError
from ..printing import counted
from ..records import fits
from .arrays import as_images
from .files import read_files

__all__ = ["ImageEncoder"]


@dataclass(frozen=True)
class ImageEncoder:
    """Images of one shape, whose pixels go to the network as they are.

    Attributes
    ----------
    shape : tuple of int
        (height, width, channels).
    bright : bool
        Whether pixels go beyond 1 in training, as those of uint8 do.
    scaled : bool
        Whether pictures of other sizes are scaled to this one.
    """

    rising: ClassVar[int] = 0
    """How many inputs predictions rise with (`steepest.tables.encoder.Encoder`)."""

    shape: tuple[int, int, int]
    bright: bool = True
    scaled: bool = False

    @classmethod
    def fit(cls, images: Array, scaled: bool = False) -> Self:
        """Return what takes images like these, (n, height, width, channels)."""
        _, height, width, channels = images.shape
        bright = images.dtype == np.uint8 or bool(images.max() > 1)
        return cls((height, width, channels), bright, scaled)

    def open(self, X: Any) -> Array:
        """Return images as a user gives them: arrays, a picture, or a folder of pictures."""
        if isinstance(X, str | PathLike):
            return read_files(X, self.shape, scaled=self.scaled).images
        return as_images(X, "Model.predict")

    def transform(
        self, images: Array, counts: object = None, dtype: DTypeLike = np.float32
    ) -> Array:
        """Return images as the network takes them: bytes, or real numbers of ``dtype``.

        Raises
        ------
        InputError
            If they are of another size, or in another range, than those in training.
        """
        if images.shape[1:] != self.shape:
            raise InputError(
                f"expected images of {self.sizes}, as in training, got {sizes(images.shape[1:])}; "
                "bring them to that size"
            )
        if images.dtype == np.uint8:
            if not self.bright:
                raise InputError(
                    "the model was trained on pixels of at most 1, and these are bytes up to 255; "
                    "give X / 255, or scale X as in training"
                )
            return images
        if self.bright and images.size > 0 and _dim(images):
            raise InputError(
                "the model was trained on pixels up to 255, and all of these are fractions of at "
                "most 1; give X * 255, or scale X as in training"
            )
        return images.astype(dtype, copy=False)

    @property
    def sizes(self) -> str:
        """The shape in words."""
        return sizes(self.shape)

    @property
    def source(self) -> str:
        """What a prediction is made from, in words."""
        return f"an image of {self.sizes}"

    @property
    def manner(self) -> str:
        """How that is read, in words that follow `source`."""
        return ", each by itself"

    @property
    def argument(self) -> str:
        """What the command ``steepest predict`` takes."""
        return "IMAGES"

    @property
    def dropped(self) -> dict[str, str]:
        """Nothing of an image is left out."""
        return {}

    def describe(self) -> dict[str, str]:
        """Say what the network is given."""
        return {"image": f"{self.sizes}, pixels {'from 0 to 255' if self.bright else 'up to 1'}"}

    def withheld(self) -> Self:
        """Return itself: it tells nothing that predicting does not need."""
        return self

    def tells(self) -> list[str]:
        """Say what it tells of the training images."""
        return [
            "Of images: the mean and the deviation of each channel, over all of them, and the size."
        ]

    def limits(self) -> list[str]:
        """Say what a model of such inputs can't do."""
        return ["An image of something else than the classes gets one of the classes all the same."]

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        return {"images": list(self.shape), "bright": self.bright, "scaled": self.scaled}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return what `to_dict` described."""
        shape: Any = record["images"]
        flags: Any = record.get("bright"), record.get("scaled")
        if not (fits(shape, list[int]) and all(fits(flag, bool) for flag in flags)):
            raise ModelError("an encoder of images has a shape, and says if bright and if scaled")
        if len(shape) != 3 or min(shape) < 1:
            raise ModelError(f"images must be of shape (height, width, channels), not {shape}")
        return cls((shape[0], shape[1], shape[2]), *flags)


def sizes(shape: tuple[int, ...]) -> str:
    """Return the shape of an image in words."""
    height, width, channels = shape
    return f"{width}×{height} pixels, {counted(channels, 'channel')}"


def _dim(images: Array) -> bool:
    """Whether all pixels lie between 0 and 1, and some within."""
    if images.min() < 0 or images.max() > 1:
        return False
    return bool(((images > 0) & (images < 1)).any())
