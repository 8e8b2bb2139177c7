"""Toy data of two columns, or one, on which a network is seen at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import Array
from ...layer import Layer
from ...layers import Dense, Tanh
from ...losses import Logistic, Squared
from ...network import Network
from .play import Play, PlaySet, packed
from .remote import start_of

__all__ = ["play_toys"]

_ROWS, _HELD = 240, 60
_CLASSES = ("blue", "orange")


def play_toys(seed: int = 0) -> Play:
    """Return the playground of toy data: two moons, spirals, exclusive or, a sine.

    Parameters
    ----------
    seed : int
        Of the draws.
    """
    kinds: dict[str, Callable[[np.random.Generator], tuple[Array, Array]]] = {
        "Two moons": _moons,
        "Two spirals": _spirals,
        "Exclusive or": _xor,
        "A sine": _sine,
    }
    rngs = np.random.default_rng(seed).spawn(len(kinds))
    drawn = ((name, *draw(rng)) for (name, draw), rng in zip(kinds.items(), rngs, strict=True))
    return Play("Playground", tuple(PlaySet(_record(*one)) for one in drawn))


def _moons(rng: np.random.Generator) -> tuple[Array, Array]:
    turn, y = rng.uniform(0, np.pi, _ROWS), np.arange(_ROWS) % 2
    x = np.where(y == 0, np.cos(turn), 1 - np.cos(turn)) - 0.5
    up = np.where(y == 0, np.sin(turn), 0.5 - np.sin(turn)) - 0.25
    return 1.3 * np.stack([x, up], 1) + rng.normal(0, 0.13, (_ROWS, 2)), y


def _spirals(rng: np.random.Generator) -> tuple[Array, Array]:
    y, radius = np.arange(_ROWS) % 2, rng.uniform(0.1, 1, _ROWS)
    turn = 1.6 * 2 * np.pi * radius + np.pi * y
    around = np.stack([np.cos(turn), np.sin(turn)], 1)
    return 2 * radius[:, None] * around + rng.normal(0, 0.05, (_ROWS, 2)), y


def _xor(rng: np.random.Generator) -> tuple[Array, Array]:
    X = rng.uniform(-1.8, 1.8, (_ROWS, 2))
    X += 0.15 * np.sign(X)
    return X, (X[:, 0] * X[:, 1] < 0).astype(np.int64)


def _sine(rng: np.random.Generator) -> tuple[Array, Array]:
    x = rng.uniform(-2.5, 2.5, _ROWS)
    return x[:, None], np.sin(2 * x) + rng.normal(0, 0.12, _ROWS)


def _record(name: str, X: Array, y: Array) -> dict[str, Any]:
    classes = y.dtype.kind == "i"
    names = ("x₁", "x₂")[: X.shape[1]] if classes else ("x",)
    hidden: tuple[Layer, ...] = (Dense(6), Tanh(), Dense(4), Tanh(), Dense(1))
    network = Network(*hidden, inputs=len(names))
    start = {**start_of(network, Logistic() if classes else Squared()), "batch": 16}
    del start["theta"]  # the page draws its own
    low, high = np.floor(X.min(axis=0) * 2) / 2 - 0.5, np.ceil(X.max(axis=0) * 2) / 2 + 0.5
    return {
        "name": name,
        "says": f"{_ROWS} made-up rows; {_HELD} of them are held out, and no step is made on them.",
        "task": {
            "kind": "binary" if classes else "regression",
            "name": "colour" if classes else "y",
            "classes": list(_CLASSES) if classes else [],
            "mean": 0.0,
            "deviation": 1.0,
        },
        "inputs": list(names),
        "shape": [len(names)],
        "rows": _ROWS,
        "train": _ROWS - _HELD,
        "X": packed(X),
        "y": packed(y),
        "columns": [
            {
                "name": each,
                "places": [k],
                "at": [float(low[k]), 0.0, float(high[k])],
                "encoded": [[float(low[k])], [0.0], [float(high[k])]],
                "range": [float(low[k]), float(high[k])],
                "raw": packed(X[:, k]),
            }
            for k, each in enumerate(names)
        ],
        "toy": True,
        "rule": {"type": "SGD", "lr": 0.1},
        **start,
    }
