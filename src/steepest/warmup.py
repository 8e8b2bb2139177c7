"""Compile kernels ahead: by a step of training with everything in the catalogue."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from . import catalogue
from ._kernels import cache_folder
from .checking import draw
from .errors import InputError
from .layer import Layer
from .layers import Dense
from .loss import Loss
from .losses import Squared
from .network import Network
from .rule import Rule
from .rules import SGD, Adam
from .sampling import SAMPLERS
from .trainer import Trainer

__all__ = ["warm_up"]

Array = NDArray[Any]
_WIDTH, _ROWS = 20, 5


def warm_up(dtypes: tuple[str, ...] = ("float32", "float64")) -> tuple[int, float]:
    """Compile the kernels of every layer, loss and rule of `steepest.catalogue`.

    Returns
    -------
    kernels : int
        How many the store holds.
    seconds : float
        How long it took.
    """
    for dtype in dtypes:
        if dtype not in ("float32", "float64"):
            raise InputError(f"warmup: dtype must be float32 or float64, got {dtype!r}")
    start = time.perf_counter()
    for dtype in dtypes:
        for threads in (1, 2):
            for layer, loss, rule, sampling, X, y in _cases():
                # Two epochs of a whole and a short batch; one example at a time.
                for batch in (_ROWS - 2, 1):
                    network = Network(*layer, dtype=dtype)
                    trainer = Trainer(network, loss, rule, batch=batch, sampling=sampling,
                                      threads=threads)  # fmt: skip
                    trainer.fit(X, y, epochs=1, validation=(X, y))
    return len(list(cache_folder().glob("*.o"))), time.perf_counter() - start


def _cases() -> Iterator[tuple[tuple[Layer, ...], Loss, Rule, str, Any, Array]]:
    """Yield what to train: layers, loss, rule, sampling, inputs and targets."""
    rng = np.random.default_rng(0)
    X = draw.inputs(Dense(1), _ROWS, _WIDTH, rng)
    four = rng.standard_normal((_ROWS, 4))
    squared, plain = Squared(), SGD(lr=1e-3)
    both: tuple[Rule, ...] = (plain, Adam(lr=1e-3))  # θ as the target, and a gradient
    for layer in catalogue.LAYERS:
        p = draw.width(layer)
        inputs = draw.inputs(layer, _ROWS, p, rng)
        # Where real numbers will do, there is a layer before, which wants dx.
        first = () if draw.codes(layer, inputs).any() else (Dense(p),)
        for rule in both:
            yield (*first, layer, Dense(4)), squared, rule, "shuffled", inputs, four
    for loss in catalogue.LOSSES:
        for _, y, q in draw.targets(loss, _ROWS, rng):
            yield (Dense(q),), loss, plain, "shuffled", X, y
    # What comes before any rule's own step: clipping, penalties, factors.
    beside = SGD(lr=1e-3, l1=0.1, l2=0.1, weight_decay=0.1, clip_norm=1.0, clip_value=1.0,
                 factors={"*.b": 0.1})  # fmt: skip
    for rule in (*catalogue.RULES, beside):
        yield (Dense(32), Dense(4)), squared, rule, "shuffled", X, four
    for sampling in SAMPLERS:
        yield (Dense(32), Dense(4)), squared, plain, sampling, X, four
    for units in (32, 4):
        for rule in both:
            yield (Dense(units), Dense(4)), squared, rule, "shuffled", sparse.csr_matrix(X), four
