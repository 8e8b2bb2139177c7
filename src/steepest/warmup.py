"""Compile kernels ahead: by a step of training with everything that the package exports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from . import layers, losses, rules
from ._kernels import cache_folder
from .errors import InputError
from .layer import Layer
from .layers._combinator import Combinator
from .loss import Loss
from .network import Network
from .rule import Rule
from .sampling import SAMPLERS
from .trainer import Trainer

__all__ = ["warm_up"]

Array = NDArray[Any]
_WIDTH, _ROWS = 20, 5


def warm_up(dtypes: tuple[str, ...] = ("float32", "float64")) -> tuple[int, float]:
    """Compile the kernels of every layer, loss and rule.

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
            for layer, loss, rule, sampling, X in _cases():
                # Two epochs of a whole and a short batch; one example at a time.
                for batch in (_ROWS - 2, 1):
                    network = Network(*layer, dtype=dtype)
                    network.build(X.shape[1])
                    y = _targets(loss, network.outputs)
                    trainer = Trainer(network, loss, rule, batch=batch, sampling=sampling,
                                      threads=threads)  # fmt: skip
                    trainer.fit(X, y, epochs=1, validation=(X, y))
    return len(list(cache_folder().glob("*.o"))), time.perf_counter() - start


def _cases() -> Iterator[tuple[tuple[Layer, ...], Loss, Rule, str, Any]]:
    """Yield what to train: layers, loss, rule, sampling and inputs."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(_ROWS, _WIDTH)).astype(np.float64)
    dense, squared, plain = layers.Dense(32), losses.Squared(), rules.SGD(lr=1e-3)
    for layer in _every_layer():
        codes = isinstance(layer, layers.Embedding)
        inputs = np.zeros_like(X) if codes else X
        first = (layer,) if codes else (dense, layer)
        yield (*first, layers.Dense(4)), squared, plain, "shuffled", inputs
    for name in losses.__all__:
        loss = getattr(losses, name)()
        outputs = 3 if name in ("SoftmaxCrossEntropy", "Quantile") else 1
        yield (dense, layers.Dense(outputs)), loss, plain, "shuffled", X
    for rule in _every_rule():
        yield (dense, layers.Dense(4)), squared, rule, "shuffled", X
    for sampling in SAMPLERS:
        yield (dense, layers.Dense(4)), squared, plain, sampling, X
    for units in (32, 4):
        both = (layers.Dense(units), layers.Dense(units), layers.Dense(20))
        yield both, squared, plain, "shuffled", sparse.csr_matrix(X)
        yield both, squared, rules.Adam(lr=1e-3), "shuffled", sparse.csr_matrix(X)
        yield both, squared, rules.Adam(lr=1e-3), "shuffled", X


def _every_layer() -> Iterator[Layer]:
    for name in layers.__all__:
        kind = getattr(layers, name)
        if kind is layers.Dense:
            continue
        if kind is layers.Parallel:
            yield layers.Parallel((16, layers.Identity()), (16, layers.Dense(16)))
        elif issubclass(kind, Combinator):
            yield kind(layers.Dense(32))
        elif kind is layers.Dropout:
            yield layers.Dropout(0.5)
        elif kind is layers.Embedding:
            yield layers.Embedding(3, 4)
        else:
            yield kind()


def _every_rule() -> Iterator[Rule]:
    for name in rules.__all__:
        yield getattr(rules, name)(lr=1e-3)
    yield rules.SGD(lr=1e-3, momentum=0.9)
    yield rules.SGD(lr=1e-3, momentum=0.9, nesterov=True)
    yield rules.SGD(lr=1e-3, l1=0.1, l2=0.1, weight_decay=0.1, clip_norm=1.0, clip_value=1.0,
                    factors={"*.b": 0.1})  # fmt: skip


def _targets(loss: Loss, outputs: int) -> Array:
    if isinstance(loss, losses.SoftmaxCrossEntropy):
        return np.arange(_ROWS) % outputs
    if isinstance(loss, losses.Quantile):
        return np.zeros((_ROWS, 1))
    return np.zeros((_ROWS, outputs))
