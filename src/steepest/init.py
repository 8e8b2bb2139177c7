"""How the matrix A of an affine layer begins: functions ``(rng, (q, p)) -> array``.

=====================  =====================================================
``glorot_uniform``     uniform on ±√(6/(p + q))
``glorot_normal``      normal, variance 2/(p + q)
``he_uniform``         uniform on ±√(6/p)
``he_normal``          normal, variance 2/p
``lecun_uniform``      uniform on ±√(3/p)
``lecun_normal``       normal, variance 1/p
``standard_normal``    normal, variance 1: for `steepest.RootScale` before the layer
``orthogonal``         orthonormal rows, or columns where q > p
``zeros``              0
=====================  =====================================================

p is the number of inputs (fan-in) and q that of outputs (fan-out). A uniform distribution has the
variance of the normal one beside it.

Sources: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010, equation 16; He, Zhang, Ren & Sun, "Delving deep into rectifiers", ICCV
2015, arXiv:1502.01852, equation 10; LeCun, Bottou, Orr & Müller, "Efficient BackProp", 1998,
section 4.6; Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in
deep linear neural networks", ICLR 2014, arXiv:1312.6120.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .printing import shown
from .validate import function

__all__ = ["INITIALISERS", "check", "draw"]

Shape = tuple[int, int]
Initialiser = Callable[[np.random.Generator, Shape], NDArray[Any]]


def _uniform(rng: np.random.Generator, shape: Shape, variance: float) -> NDArray[Any]:
    bound = np.sqrt(3 * variance)
    return rng.uniform(-bound, bound, shape)


def _normal(rng: np.random.Generator, shape: Shape, variance: float) -> NDArray[Any]:
    return rng.normal(0, np.sqrt(variance), shape)


def _orthogonal(rng: np.random.Generator, shape: Shape) -> NDArray[Any]:
    Q, R = np.linalg.qr(rng.standard_normal(sorted(shape, reverse=True)))
    Q = Q * np.where(np.diagonal(R) < 0, -1, 1)  # uniform over all of them
    return Q if Q.shape == shape else Q.T


INITIALISERS: dict[str, Initialiser] = {
    "glorot_uniform": lambda rng, shape: _uniform(rng, shape, 2 / (shape[0] + shape[1])),
    "glorot_normal": lambda rng, shape: _normal(rng, shape, 2 / (shape[0] + shape[1])),
    "he_uniform": lambda rng, shape: _uniform(rng, shape, 2 / shape[1]),
    "he_normal": lambda rng, shape: _normal(rng, shape, 2 / shape[1]),
    "lecun_uniform": lambda rng, shape: _uniform(rng, shape, 1 / shape[1]),
    "lecun_normal": lambda rng, shape: _normal(rng, shape, 1 / shape[1]),
    "standard_normal": lambda rng, shape: rng.standard_normal(shape),
    "orthogonal": _orthogonal,
    "zeros": lambda rng, shape: np.zeros(shape),
}


def check(where: str, weights: Any, name: str = "weights") -> None:
    """Raise `InputError` unless ``weights`` is a function or the name of an initialiser."""
    if isinstance(weights, str) and weights in INITIALISERS:
        return
    if not callable(weights) or isinstance(weights, type):
        raise InputError(
            f"{where}: {name} must be one of {', '.join(INITIALISERS)}, or a function "
            f"(rng, shape) -> array, got {shown(weights)}"
        )
    function(where, name, weights, "rng", "shape")


def draw(
    where: str, weights: str | Initialiser, rng: np.random.Generator, shape: Shape
) -> NDArray[Any]:
    """Return a matrix drawn by an initialiser, or by a function, which must give this shape."""
    drawn = np.asarray((weights if callable(weights) else INITIALISERS[weights])(rng, shape))
    if drawn.shape != shape or drawn.dtype.kind not in "biuf" or not np.isfinite(drawn).all():
        raise InputError(
            f"{where}: the initialiser must return finite numbers in an array of shape {shape}, "
            f"got {shown(drawn if drawn.ndim else drawn.item())}"
        )
    return drawn
