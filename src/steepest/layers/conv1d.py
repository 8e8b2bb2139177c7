"""Conv1D: y = b + Σ x A over windows of a sequence; (n, t, p) -> (n, t', q).

y[i] = b + Σ_u x[s i + d u] A[u], A (k, p/groups, q), b (q,): stride s, dilation d; x is 0 outside.
t' = ⌊(t + padding − d (k − 1) − 1)/s⌋ + 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..onnx_reading import Form, Op
from ._convolution.onnx import read_convolution
from ._convolution.settings import ConvolutionLayer

__all__ = ["Conv1D"]


@dataclass(frozen=True, repr=False)
class Conv1D(ConvolutionLayer):
    """Convolution of sequences whose last axis holds the channels.

    Φ: dA[u] = Σ x[s i + d u]ᵀ dy[i] and db = Σ dy, over all places and examples; dx = Σ dy Aᵀ, over
    the windows that hold it.

    Parameters
    ----------
    filters : int
        q, the output channels.
    kernel_size : int
        k.
    stride : int
        From window to window.
    padding : {"valid", "same"}, int, or ((int, int),)
        Zeros around the sequence. "valid" is none; "same" gives ⌈t/stride⌉ places (and of an odd
        number of zeros one more behind, as in Keras); a number for both sides, or a pair (before,
        behind) in a tuple: ``((2, 0),)`` with a kernel of 3 sees nothing of what comes later.
    dilation : int
        From entry to entry of a window.
    groups : int
        Groups of channels that are convolved apart; as many as channels for a depthwise one.
    weights : str or callable
        How A begins, as a matrix of q rows: a name of `steepest.init.INITIALISERS`, or
        ``(rng, (q, k·p/groups)) -> array``.
    bias : bool
        Whether there is a b. It begins at zero.
    """

    axes: ClassVar[int] = 1
    torch_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {"A": (2, 1, 0)}

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Conv"), read_convolution),)


examples = (
    Conv1D(17, 3, padding="same"),
    Conv1D(5, 2),
    Conv1D(5, 2, stride=2, bias=False),
    Conv1D(10, 2, padding=((2, 0),), dilation=2, groups=5),
)
