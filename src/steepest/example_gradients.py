"""What a layer may say of the gradients of single examples, for `steepest.inspection`.

Three kernels, all optional. Without one, ``backward_theta`` runs on one example after the other.

``example_norms``      norms[i[r]] = ‖∇_θ ℓ_r‖², where ``i[r]`` is the place of row r in the data
``example_gradients``  dA[i[r]] = ∂ℓ_r/∂A: the targets have an axis of rows in front
``example_squares``    target += alpha · Σ_r (∇_θ ℓ_r)², entry by entry

They are asked for where an example is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from .emitter import Emitter

__all__ = ["ExampleGradients"]


class ExampleGradients:
    """The part of a layer's contract that is about single examples, or some of a batch.

    Where ``sums_rows``, ``backward_theta`` is a sum over rows whose units threads share: of many
    rows it is called for each half (`steepest.lowering.halves`).
    """

    sums_rows: ClassVar[bool] = False

    def lower_examples(
        self, low: Emitter, what: str, kernel: Callable[..., None], names: Mapping[str, Any]
    ) -> bool:
        """Emit the optional kernel of the name ``what``; return whether the layer has it.

        ``names`` are its arguments. A layer that overrides this may also use ``kernel``, the
        parameter half of Φ for the whole batch.
        """
        own = getattr(self, what, None)
        if own is not None:
            low.emit(own, names)
        return own is not None
