"""Which examples a step sees, and how images among them are changed.

A sampler is a few kernels that write the row numbers of the batch, and of rows to come. They depend
on the step, the seed and nothing else, so a fit that is interrupted and resumed sees the same
examples, and the same images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .arrays import Array
from .emitter import Emitter
from .engine.operands import Buffer
from .errors import InputError
from .kernels.prefetch import ENTRIES_AHEAD, fetch_ahead
from .kernels.random import squares, unit
from .validate import flag, number, one_of

__all__ = [
    "SAMPLERS",
    "Among",
    "Augment",
    "FullBatch",
    "InOrder",
    "Sampler",
    "Shuffled",
    "Uniform",
    "sampler_named",
]


_MOST = 1 << 20  # pixels


@dataclass(frozen=True)
class Sampler:
    """What the samplers share: by default, batches are the rows in their order."""

    epochs: ClassVar[bool] = True
    """Whether every row is seen once an epoch, so that the last batch may be shorter."""

    scattered: ClassVar[bool] = False
    """Whether rows lie anywhere, so that it pays to ask memory for those to come."""

    def count(self, n: int) -> int:
        """Return how many of n rows are seen."""
        return n

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        """Emit what writes the numbers of the rows of the batch into ``chosen``.

        A sampler whose rows are scattered writes more of them, as many as there is room for: those
        of the next batch as far as it is known, and of any row otherwise.

        Parameters
        ----------
        n : int
            Rows that are seen.
        batch : int
            Rows of a whole batch.
        per_epoch : int
            Steps in an epoch.
        epoch : Buffer
            (2,): the first step of the fit, and which epoch the order in memory is for.
        chosen : Buffer
            As long as the batch; up to twice that where rows are scattered.
        """
        low.emit(next_rows, {"epoch": epoch, "per_epoch": per_epoch, "batch": batch, "i": chosen})


@dataclass(frozen=True)
class InOrder(Sampler):
    """The rows in their order, batch after batch."""


@dataclass(frozen=True)
class FullBatch(Sampler):
    """All rows in every step."""


@dataclass(frozen=True)
class Shuffled(Sampler):
    """Every row once an epoch, in an order drawn anew each epoch."""

    scattered = True

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        order = low.array("order", n, kind="j" if n < 2**31 else "i")
        moves = low.array("moves", ENTRIES_AHEAD, kind="i")
        names = {"epoch": epoch, "per_epoch": per_epoch, "order": order}
        # The draw belongs to the epoch, not to the program: the shorter batch sees the same order.
        low.emit(shuffle, {**names, "moves": moves}, flops=0, nbytes=0)
        low.emit(take_rows, {**names, "batch": batch, "i": chosen}, nbytes=8 * batch)


@dataclass(frozen=True)
class Uniform(Sampler):
    """Every example drawn uniformly at random, with replacement: the textbook's SGD."""

    epochs = False
    scattered = True

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        low.emit(draw_rows, {"n": n, "batch": batch, "i": chosen})


@dataclass(frozen=True, eq=False)
class Among(Sampler):
    """Some rows alone, as another sampler takes them: the data need no copy without the others.

    Parameters
    ----------
    rows : ndarray of int, (m,)
        Their numbers.
    sampler : Sampler
    """

    rows: Array
    sampler: Sampler

    def __post_init__(self) -> None:
        for name in ("epochs", "scattered"):
            object.__setattr__(self, name, getattr(self.sampler, name))

    def count(self, n: int) -> int:
        return len(self.rows)

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        self.sampler.lower(low, n, batch, per_epoch, epoch, chosen)
        among = Buffer.of("among", np.ascontiguousarray(self.rows, np.int64))
        low.emit(take_among, {"among": among, "i": chosen}, nbytes=0)


@dataclass(frozen=True)
class Augment:
    """Changes images, (height, width, channels), at random while a network trains on them.

    An image is the same in no two epochs, so fewer are learned by heart. What is drawn depends on
    the seed, the step and the place in the batch, and on no number of threads. Pixels that come
    into an image are 0.

    Parameters
    ----------
    shift : int
        Move each image by up to so many pixels, up or down and to the left or right. That is a
        random crop of the image with so many zeros around it.
    cutout : int
        Put a square of zeros with this side over a random place, in part outside perhaps: DeVries
        & Taylor, "Improved regularization of convolutional neural networks with cutout",
        arXiv:1708.04552 (2017). 0 for none.
    flip : bool
        Mirror half of the images from left to right. Not for digits and letters: that makes others
        of them.

    Raises
    ------
    InputError
        If a value makes no sense.
    """

    shift: int = 2
    cutout: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        for name in ("shift", "cutout"):
            number("Augment", name, getattr(self, name), least=0, most=_MOST, whole=True)
        flag("Augment", "flip", self.flip)

    def lower(self, low: Emitter, x: Any) -> Buffer:
        """Emit what changes the images of a batch ``x``, (n, height, width, channels).

        Raises
        ------
        InputError
            If these are no images.
        """
        if not isinstance(x, Buffer) or len(x.shape) != 4:
            raise InputError(
                "Augment: expected images, X of shape (n, height, width, channels), got examples "
                f"of shape {x.shape[1:]}; leave augment out, or give X.reshape(n, height, width, 1)"
            )
        _, height, width, channels = x.shape
        images = low.array("augmented", *x.shape)
        names = {"x": x.as_examples(), "y": images.as_examples()}
        sizes = {"height": height, "width": width, "channels": channels}
        own = {"shift": int(self.shift), "cutout": int(self.cutout), "flip": int(self.flip)}
        low.emit(change_images, {**names, **sizes, **own, "rows": low.row_share(x.shape[0])})
        return images


SAMPLERS = {
    "shuffled": Shuffled(),
    "sequential": InOrder(),
    "uniform": Uniform(),
    "full": FullBatch(),
}


def sampler_named(sampling: str | Sampler) -> Sampler:
    """Return the sampler of this name, or the one given."""
    if isinstance(sampling, Sampler):
        return sampling
    one_of("Trainer", "sampling", sampling, SAMPLERS)
    return SAMPLERS[sampling]


def next_rows(step, epoch, per_epoch, batch, i):  # type: ignore[no-untyped-def]
    """i ← the next rows"""
    start = (step - epoch[0]) % per_epoch * batch
    for k in range(i.shape[0]):
        i[k] = start + k


def take_rows(step, epoch, per_epoch, batch, order, i):  # type: ignore[no-untyped-def]
    """i ← the next rows of the order"""
    start = (step - epoch[0]) % per_epoch * batch
    known = min(i.shape[0], order.shape[0] - start)
    for k in range(known):
        i[k] = order[start + k]
    for k in range(known, i.shape[0]):
        i[k] = i[0]  # the order of the next epoch is not drawn yet


def take_among(among, i):  # type: ignore[no-untyped-def]
    """i ← among[i]"""
    for k in range(i.shape[0]):
        i[k] = among[i[k]]


def shuffle(step, epoch, per_epoch, order, moves, key):  # type: ignore[no-untyped-def]
    """at the start of an epoch: order ← a random permutation

    Fisher & Yates' shuffle as in Knuth, The Art of Computer Programming 2, algorithm 3.4.2P. The
    permutation depends on the first step of its epoch only.
    """
    begin = step - (step - epoch[0]) % per_epoch
    if epoch[1] != begin + 1:
        epoch[1] = begin + 1
        n = order.shape[0]
        for k in range(n):
            order[k] = k
        own = np.int64(squares(begin, key) | np.uint64(1))
        for last in range(n - 1, 0, -moves.shape[0]):
            drawn = min(last, moves.shape[0])
            for j in range(drawn):  # which depends on no memory, so all can be asked for at once
                k = last - j
                moves[j] = np.int64(unit(k, own) * (k + 1))
                fetch_ahead(order, moves[j])
            for j in range(drawn):
                k, other = last - j, moves[j]
                at_k, at_other = order[k], order[other]
                order[k] = at_other
                order[other] = at_k


def draw_rows(step, n, batch, i, key):  # type: ignore[no-untyped-def]
    """i ← rows drawn uniformly from range(n)"""
    for k in range(batch):
        i[k] = np.int64(unit(step * 4294967296 + k, key) * n)
    for k in range(batch, i.shape[0]):
        i[k] = np.int64(unit((step + 1) * 4294967296 + k - batch, key) * n)


def change_images(  # type: ignore[no-untyped-def]
    step, x, y, height, width, channels, shift, cutout, flip, key, before, rows
):
    """y = x, each image moved, mirrored and with a hole, at random"""
    line, zero = width * channels, x.dtype.type(0)
    for r in rows:
        counter = step * 4294967296 + np.int64(before + r) * 8
        down = np.int64(unit(counter, key) * (2 * shift + 1)) - shift
        right = np.int64(unit(counter + 1, key) * (2 * shift + 1)) - shift
        mirrored = flip > 0 and unit(counter + 2, key) < 0.5
        top = np.int64(unit(counter + 3, key) * height) - cutout // 2
        left = np.int64(unit(counter + 4, key) * width) - cutout // 2
        for i in range(height):
            above = i - down  # the line of x that comes here
            begin = min(max(right, 0), width) * channels
            end = max(min(width + right, width), 0) * channels
            if above < 0 or above >= height:
                begin, end = line, line
            for k in range(min(begin, line)):
                y[r, i * line + k] = zero
            for k in range(begin, end):
                y[r, i * line + k] = x[r, above * line + k - right * channels]
            for k in range(max(begin, end), line):
                y[r, i * line + k] = zero
            if mirrored:
                _mirror(y, r, i * line, width, channels)
            if i >= top and i < top + cutout:
                for k in range(max(left, 0) * channels, min(left + cutout, width) * channels):
                    y[r, i * line + k] = zero


def _mirror(y: Any, r: Any, start: int, width: int, channels: int) -> None:
    """the pixels of one line of an image in reverse order"""
    for j in range(width // 2):
        for c in range(channels):
            one, other = start + j * channels + c, start + (width - 1 - j) * channels + c
            kept = y[r, one]
            y[r, one] = y[r, other]
            y[r, other] = kept
