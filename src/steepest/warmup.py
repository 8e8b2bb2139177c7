"""Compile kernels ahead: by a step of training with everything in the catalogue.

Then a look at its gradients, and a fit of every estimator.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from .arrays import Array
from .checking import catalogue, draw
from .compiler.store import cache_folder
from .inspection.gradients import Gradients
from .layer import Layer
from .layers import Dense, Flatten
from .loss import Loss
from .losses import SoftmaxCrossEntropy, Squared
from .network import Network
from .rule import Rule
from .rules import SGD, Adam
from .sampling import SAMPLERS
from .system.cores import most_threads
from .trainer import Trainer
from .training.run import MATMUL_DTYPES
from .validate import DTYPES, one_of

__all__ = ["warm_up"]

Case = tuple[tuple[Layer, ...], Loss, Rule, str, Any, Array]
_WIDTH, _ROWS = 20, 40
_SOLVERS = ("adam", "sgd", "lbfgs")


def warm_up(
    dtypes: tuple[str, ...] = ("float32", "float64"), threads: tuple[int, ...] = (1, 2)
) -> tuple[int, float]:
    """Compile the kernels of every layer, loss and rule of `steepest.checking.catalogue`.

    Parameters
    ----------
    dtypes : tuple of str
    threads : tuple of int
        Programs of one thread have kernels of their own; those of two are for any number, but
        wanted only where there are two cores.

    Returns
    -------
    kernels : int
        How many the store holds.
    seconds : float
        How long it took.
    """
    for dtype in dtypes:
        one_of("warmup", "dtype", dtype, DTYPES)
    start = time.perf_counter()
    for dtype in dtypes:
        for count in sorted({min(count, most_threads()) for count in threads}):
            for case in _cases():
                for batch in (32, 3, 1):  # many rows, few, and one, with a short batch at the end
                    _fit_and_look(case, batch, dtype, count)
            _fit_wide(dtype, count)
            _fit_estimators(dtype, count)
    return len(list(cache_folder().glob("*.o"))), time.perf_counter() - start


def _fit_and_look(case: Case, batch: int, dtype: str, threads: int) -> None:
    """Train for an epoch, and look at gradients in every way."""
    layers, loss, rule, sampling, X, y = case
    network = Network(*layers, dtype=dtype)
    trainer = Trainer(network, loss, rule, batch=batch, sampling=sampling, threads=threads)
    trainer.fit(X, y, epochs=1, validation=(X, y))
    gradients = Gradients(network, loss, batch=batch, threads=threads)
    for look in (gradients.mean, gradients.norms, gradients.moments, gradients.each):
        look(X, y)


def _cases() -> Iterator[Case]:
    """Yield what to train: layers, loss, rule, sampling, inputs and targets."""
    rng = np.random.default_rng(0)
    X = draw.inputs(Dense(1), _ROWS, (_WIDTH,), rng)
    four = rng.standard_normal((_ROWS, 4))
    squared, plain = Squared(), SGD(lr=1e-3)
    both: tuple[Rule, ...] = (plain, Adam(lr=1e-3))  # θ as the target, and a gradient
    for layer in catalogue.LAYERS:
        shape = draw.shape(layer)
        inputs = draw.inputs(layer, _ROWS, shape, rng)
        # Where real numbers will do, there is a layer before, which wants dx.
        first = () if draw.codes(layer, inputs).any() else (Dense(shape[-1]),)
        for rule in both:
            yield (*first, layer, Flatten(), Dense(4)), squared, rule, "shuffled", inputs, four
    for loss in catalogue.LOSSES:
        for _, y, q in draw.targets(loss, _ROWS, rng):
            yield (Dense(q),), loss, plain, "shuffled", X, y
    # Examples of two rows of outputs, and a class for each.
    classes = rng.integers(4, size=(_ROWS, 2))
    pairs = np.stack([X, X], axis=1)
    yield (Dense(4),), SoftmaxCrossEntropy(), plain, "shuffled", pairs, classes
    # What comes before any rule's own step: clipping, penalties, factors.
    beside = SGD(
        lr=1e-3,
        l1=0.1,
        l2=0.1,
        weight_decay=0.1,
        clip_norm=1.0,
        clip_value=1.0,
        factors={"*.b": 0.1},
    )
    for rule in (*catalogue.RULES, beside):
        yield (Dense(32), Dense(4)), squared, rule, "shuffled", X, four
    for sampling in SAMPLERS:
        yield (Dense(32), Dense(4)), squared, plain, sampling, X, four
    for units in (32, 4):
        for rule in both:
            yield (Dense(units), Dense(4)), squared, rule, "shuffled", sparse.csr_matrix(X), four


def _fit_wide(dtype: str, threads: int) -> None:
    """Fit a network whose products are so long that threads take parts of them, and round them."""
    X = np.random.default_rng(0).standard_normal((192, _WIDTH))
    for matmul_dtype in (None, *(MATMUL_DTYPES if dtype == "float32" else ())):
        network = Network(Dense(320), Dense(320), Dense(1), dtype=dtype)
        trainer = Trainer(
            network, Squared(), SGD(lr=1e-3), batch=192, threads=threads, matmul_dtype=matmul_dtype
        )
        trainer.fit(X, X[:, 0], epochs=1)


def _fit_estimators(dtype: str, threads: int) -> None:
    """Fit the MLPs of `steepest.estimators` with every solver, dense and sparse."""
    from .estimators import MLPClassifier, MLPRegressor

    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, _WIDTH)).astype(dtype)
    labels, counts = rng.integers(0, 3, 40), rng.integers(1, 5, 40).astype(dtype)
    for solver in _SOLVERS:
        options: dict[str, Any] = {
            "solver": solver,
            "hidden_layer_sizes": (32,),
            "batch_size": 16,
            "max_iter": 2,
            "n_threads": threads,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two iterations do not converge
            for rows in (X, sparse.csr_matrix(X)):
                for y in (labels, labels > 0):
                    MLPClassifier(**options).fit(rows, y).predict(rows)
                MLPRegressor(**options).fit(rows, counts).predict(rows)
            MLPRegressor(loss="poisson", **options).fit(X, counts).predict(X)
