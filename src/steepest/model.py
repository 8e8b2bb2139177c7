"""The former place of `Model`, for one release more: `steepest.pipeline.model` has it."""

import warnings

from .pipeline.model import Model

__all__ = ["Model"]

warnings.warn(
    "steepest.model is steepest.pipeline.model now; the former name goes with the next release",
    DeprecationWarning,
    stacklevel=2,
)
