"""The check of what a layer tells of single examples: against one example after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..inspection.gradients import Gradients
from ..layer import Layer
from ..losses import Squared
from ..network import Network
from .differences import compare
from .report import Finding, gradient_of

__all__ = ["compare_examples"]


_CLOSE = {"atol": 1e-10, "rtol": 1e-9}  # the same sums in another order
_AGAINST = "single examples"


def compare_examples(
    layer: Layer,
    X: Array,
    theta: Mapping[str, Array],
    state: Mapping[str, Array],
    rng: np.random.Generator,
) -> Iterator[Finding]:
    """Compare ‖∇_θ ℓ_i‖, ∇_θ ℓ_i and Σ_i (∇_θ ℓ_i)², for squared loss, with batches of one.

    Nothing is compared where the examples of a batch meet, so that none has a gradient of its own.
    """
    n = len(X)
    network = Network(layer, inputs=X.shape[1:], dtype="float64")
    for name, values in {**theta, **state}.items():
        network.built.named[f"0.{name}"][...] = values
    y = rng.standard_normal((n, *network.output_shape))
    gradients = Gradients(network, Squared(), batch=n, threads=1)
    single = [gradients.mean(X[i : i + 1], y[i : i + 1]) for i in range(n)]
    alone, together = np.concatenate([one.y["0"] for one in single]), gradients.mean(X, y).y["0"]
    if not np.allclose(alone, together, _CLOSE["rtol"], _CLOSE["atol"]):
        return
    try:
        norms, moments, each = gradients.norms(X, y), gradients.moments(X, y), gradients.each(X, y)
    except InputError:  # (`steepest.inspection.observers` says which arrays they meet in)
        return
    square = np.zeros(n)
    for name in theta:
        known = np.stack([found.theta[f"0.{name}"] for found in single])
        square += (known * known).reshape(n, -1).sum(axis=1)
        d, got = gradient_of(name), each[f"0.{name}"]
        yield compare(f"{d}[i]", _AGAINST, known, got, hint=_hint("example_gradients"), **_CLOSE)
        mean, variance = moments.mean[f"0.{name}"], moments.variance[f"0.{name}"]
        known, got = (known * known).mean(axis=0), variance + mean * mean
        yield compare(f"{d}²", _AGAINST, known, got, hint=_hint("example_squares"), **_CLOSE)
    known = np.sqrt(square)
    yield compare("norms", _AGAINST, known, norms.total, hint=_hint("example_norms"), **_CLOSE)


def _hint(kernel: str) -> str:
    return f"see {kernel}, or name in `memory` every array of rows that backward_theta reads"
