"""The contestants: ours, and one file for each peer.

A contestant is a class

    class Contestant:
        name: str                    how the table calls it
        module: str                  what must be installed
        ours = False                 whether it is a part of Steepest
        comparable = True            whether it computes just what the others do

        @staticmethod
        def takes(work) -> bool      whether it can do this work
        def __init__(self, work, problem)
        def run(self, count)         does so many steps, examples, calls or passes, and goes on
                                     where the last run stopped
        says = ""                    how it goes about it, where it may choose
        def found(self) -> ndarray   what the last run computed: the losses of its steps or the
                                     average of each pass; the parameters; or the outputs
"""

from __future__ import annotations

import importlib.util

from . import jax, keras, onnxruntime, pytorch, river, sklearn, steepest, vowpal_wabbit

KINDS = [
    steepest.Training, steepest.OneThread, steepest.OneRow, steepest.Prediction, steepest.Sweep,
    steepest.Race,
    pytorch.Eager, pytorch.Compiled, pytorch.Autocast, pytorch.Prediction, pytorch.Race,
    jax.Scan, jax.Race, sklearn.Network, sklearn.Linear, keras.Fit, onnxruntime.Session,
    river.Logistic, vowpal_wabbit.Cached,
]  # fmt: skip
"""Ours first: the others are compared with it."""


def contestants(work) -> tuple[list[type], list[type]]:
    """Return those that can do the work and are installed, and those that are missing."""
    able = [kind for kind in KINDS if kind.takes(work)]
    here = [kind for kind in able if importlib.util.find_spec(kind.module) is not None]
    return here, [kind for kind in able if kind not in here]
