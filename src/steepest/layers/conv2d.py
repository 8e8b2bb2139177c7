"""Conv2D: y = b + Σ x A over windows of an image; (n, h, w, p) -> (n, h', w', q).

y[i, j] = b + Σ_t Σ_u x[s i + d t, s j + d u] A[t, u], A (kh, kw, p/groups, q), b (q,): stride s,
dilation d; x is 0 outside the image. That is the cross-correlation which all frameworks call a
convolution. Along each axis, h' = ⌊(h + padding − d (kh − 1) − 1)/s⌋ + 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..onnx_reading import Form, Op
from ._convolution.onnx import read_convolution
from ._convolution.settings import ConvolutionLayer

__all__ = ["Conv2D"]


@dataclass(frozen=True, repr=False)
class Conv2D(ConvolutionLayer):
    """Convolution of images whose last axis holds the channels.

    Φ: dA[t, u] = Σ x[s i + d t, s j + d u]ᵀ dy[i, j] and db = Σ dy, over all pixels and examples;
    dx = Σ dy Aᵀ, over the windows that hold it.

    Parameters
    ----------
    filters : int
        q, the output channels.
    kernel_size : int or (int, int)
        kh and kw.
    stride : int or (int, int)
        From window to window.
    padding : {"valid", "same"}, int, or pair
        Zeros around the image. "valid" is none; "same" gives ⌈h/stride⌉ lines (and of an odd number
        of zeros one more below and to the right, as in Keras); a number for all sides; or for each
        axis a number or a pair (before, behind).
    dilation : int or (int, int)
        From entry to entry of a window.
    groups : int
        Groups of channels that are convolved apart; as many as channels for a depthwise one.
    weights : str or callable
        How A begins, as a matrix of q rows: a name of `steepest.init.INITIALISERS`, or
        ``(rng, (q, kh·kw·p/groups)) -> array``.
    bias : bool
        Whether there is a b. It begins at zero.
    """

    axes: ClassVar[int] = 2
    torch_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {"A": (3, 2, 0, 1)}

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Conv"), read_convolution),)


examples = (
    Conv2D(17, 3, padding="same"),
    Conv2D(5, 2, stride=2, bias=False),
    Conv2D(5, (2, 3), padding=1, dilation=(1, 2), groups=5),
    Conv2D(10, 2, stride=(1, 2), padding="same", groups=5),
)
