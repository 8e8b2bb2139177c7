"""What is trained on images when nobody says otherwise: settings -> network, loss, rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from ..errors import InputError
from ..images.arrays import pixels
from ..layer import Layer
from ..layers import (
    BatchNorm,
    Conv2D,
    Dense,
    GlobalAveragePool,
    MaxPool,
    ReLU,
    Residual,
    Standardise,
)
from ..loss import Loss
from ..losses import Logistic, SoftmaxCrossEntropy
from ..network import Network
from ..rule import Rule
from ..rules import SGD
from ..sampling import Augment
from ..schedule import for_steps
from ..schedules import OneCycle
from ..settings import Setting
from ..training.run import MATMUL_DTYPES
from ..validate import DTYPES, flag, fraction, number, one_of, plain, positive_count, renamed_keys
from ..validate import seed as checked_seed
from .monitor import MONITORS

if TYPE_CHECKING:
    from ..arrays import Array
    from ..images.encoder import ImageEncoder
    from ..tables.task import Task

__all__ = ["ImageRecipe"]

_WHERE = "settings"
_images, _network = partial(Setting, "Images"), partial(Setting, "The network")
_training = partial(Setting, "The training")

STEPS, LEAST, MOST = 6_500, 12, 100
"""A training takes so many steps, but so many epochs at least and at most."""
_BATCHES, _MOST_BATCH = ((2_000, 32), (10_000, 64)), 128
_LARGE, _SMALL = 64, 8
"""Sides of an image: larger ones are halved at once, smaller ones not at all."""
_WIDEST = 8
"""Channels go up to so many times those of the first convolution."""


@dataclass(frozen=True)
class ImageRecipe:
    """Settings of a network for images, and of its training.

    The network is a small residual one (He et al., arXiv:1512.03385): a convolution; then, until
    a side has less than 8 pixels, a pool that halves it, a convolution with twice the channels, and
    two more with a connection past them; each with batch normalisation and a ReLU; at last the
    average over the image. It is trained by Nesterov's momentum with one cycle of learning rates
    (Smith & Topin, arXiv:1708.07120) on images that are moved a little at random.

    Attributes
    ----------
    width : int
        Channels of the first convolution.
    lr : float, optional
        The highest learning rate; by default 0.1 for a batch of 128, and less for smaller ones in
        proportion.
    batch, epochs : int, optional
        By default by the number of images.
    shift : int, optional
        How far images are moved (`steepest.Augment`); by default a fourteenth of their shorter
        side.
    cutout, flip
        As of `steepest.Augment`.
    patience : int, optional
        Stop after so many epochs that are no better. By default all epochs are run, since the last
        ones, at low learning rates, are the best; the best is kept.
    """

    loss: ClassVar[None] = None
    folds: ClassVar[int] = 0

    width: Annotated[
        int, _images("How many channels the first convolution has. The others have more.")
    ] = 16
    shift: Annotated[
        int | None,
        _images(
            "While training, move each image by up to this many pixels, at random.",
            "a fourteenth of its shorter side",
        ),
    ] = None
    cutout: Annotated[
        int,
        _images("While training, put a square of zeros with this side in a random place."),
    ] = 0
    flip: Annotated[
        bool,
        _images(
            "While training, mirror half of the images from left to right. Not for digits and "
            "letters."
        ),
    ] = False
    label_smoothing: Annotated[float, _training("As for tables.")] = 0.05
    lr: Annotated[float | None, _training("As for tables.")] = None
    weight_decay: Annotated[float, _training("As for tables.")] = 5e-4
    batch: Annotated[int | None, _training("As for tables.")] = None
    epochs: Annotated[int | None, _training("As for tables.")] = None
    patience: Annotated[int | None, _training("As for tables.")] = None
    monitor: Annotated[str | None, _training("As for tables.")] = None
    calibrate: Annotated[bool, _training("As for tables.")] = True
    threshold: Annotated[str | float | None, _training("As for tables.")] = None
    cost: Annotated[str | Mapping[Any, float] | None, _training("As for tables.")] = None
    ensemble: Annotated[int, _network("As for tables.")] = 1
    seed: Annotated[int, _training("As for tables.")] = 0
    threads: Annotated[int | None, _training("As for tables.")] = None
    dtype: Annotated[str, _training("As for tables.")] = "float32"
    matmul_dtype: Annotated[str | None, _training("As for tables.")] = None
    augment: Augment | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for name in self.names():
            object.__setattr__(self, name, plain(getattr(self, name)))
        for name in ("width", "ensemble"):
            positive_count(_WHERE, name, getattr(self, name))
        for name in ("batch", "epochs", "patience", "threads"):
            if getattr(self, name) is not None:
                positive_count(_WHERE, name, getattr(self, name))
        fraction(_WHERE, "label_smoothing", self.label_smoothing)
        number(_WHERE, "weight_decay", self.weight_decay, least=0)
        if self.lr is not None:
            number(_WHERE, "lr", self.lr, above=0)
        flag(_WHERE, "flip", self.flip)
        flag(_WHERE, "calibrate", self.calibrate)
        for name in ("shift", "cutout"):
            if getattr(self, name) is not None:
                number(_WHERE, name, getattr(self, name), least=0, whole=True)
        object.__setattr__(self, "seed", checked_seed(_WHERE, self.seed))
        if self.monitor is not None:
            one_of(_WHERE, "monitor", self.monitor, MONITORS)
        one_of(_WHERE, "dtype", self.dtype, DTYPES)
        if self.matmul_dtype is not None:
            one_of(_WHERE, "matmul_dtype", self.matmul_dtype, MATMUL_DTYPES)
        found = Augment(self.shift or 0, self.cutout, self.flip)
        changes = found.shift or found.cutout or found.flip
        object.__setattr__(self, "augment", found if changes else None)

    @classmethod
    def for_images(
        cls, images: Array, settings: Mapping[str, Any] | None = None, rows: int | None = None
    ) -> Self:
        """Return the default recipe for training images (n, height, width, channels).

        ``rows`` is how many there are, if not all are given.
        """
        wanted = renamed_keys(_WHERE, {} if settings is None else settings)
        unknown = sorted(set(wanted) - set(cls.names()), key=str)
        if unknown:
            raise InputError(
                f"settings: no {unknown[0]!r} for images; there are {', '.join(cls.names())}"
            )
        recipe, (n, *sides, _) = cls(**wanted), images.shape
        rows = n if rows is None else rows
        batch = recipe.batch or next((b for most, b in _BATCHES if rows <= most), _MOST_BATCH)
        epochs = recipe.epochs or min(MOST, max(LEAST, round(STEPS / -(-rows // batch))))
        shift = round(min(sides) / 14) if recipe.shift is None else recipe.shift
        lr = 0.1 * min(batch, rows) / 128 if recipe.lr is None else recipe.lr
        return replace(recipe, batch=batch, epochs=epochs, shift=shift, lr=lr)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the settings."""
        return tuple(f.name for f in fields(cls) if f.init)

    @property
    def fits(self) -> int:
        """How many networks are trained."""
        return self.ensemble

    def network(
        self, task: Task, encoder: ImageEncoder, seed: int | None = None, steps: int | None = None
    ) -> Network:
        """Return an untrained network for the task and for images of the encoder's shape."""
        height, width, _ = encoder.shape
        side, channels, most = min(height, width), self.width, _WIDEST * self.width
        layers: list[Layer] = [Standardise(), *_convolution(channels)]
        while side > _LARGE:
            layers += _convolution(channels, stride=2)
            side = -(-side // 2)
        while side >= _SMALL:
            channels = min(2 * channels, most)
            layers += [MaxPool(2), *_block(channels)]
            side //= 2
        if channels == self.width:
            layers += _block(2 * channels)
        layers += [GlobalAveragePool(), Dense(task.width(self.make_loss(task)))]
        seed = self.seed if seed is None else seed
        return Network(*layers, inputs=encoder.shape, seed=seed, dtype=self.dtype)

    def start(self, network: Network, sample: Array, seed: int) -> None:
        """Have the network standardise each channel as these images need it."""
        mean, deviation = pixels(sample)
        network.state["0.mean"][...] = mean
        network.state["0.scale"][...] = 1 / deviation

    def make_loss(self, task: Task) -> Loss:
        """Return the loss for the task."""
        if task.outputs == 1:
            return Logistic(label_smoothing=self.label_smoothing)
        return SoftmaxCrossEntropy(label_smoothing=self.label_smoothing)

    def make_rule(self, steps: int | None = None, lazy: bool = False) -> Rule:
        """Return the update rule; ``lazy`` is as of `Recipe.make_rule`, and never so here."""
        assert self.lr is not None
        lr = OneCycle(self.lr)
        return SGD(
            lr=lr if steps is None else for_steps(lr, steps),
            momentum=0.9,
            nesterov=True,
            weight_decay=self.weight_decay,
        )


def _convolution(channels: int, stride: int = 1) -> tuple[Layer, ...]:
    convolution = Conv2D(channels, 3, stride=stride, padding="same", bias=False)
    return convolution, BatchNorm(), ReLU()


def _block(channels: int) -> tuple[Layer, ...]:
    past = Residual(*_convolution(channels), *_convolution(channels))
    return (*_convolution(channels), past)
