"""Attention: every step of a sequence reads what it asks others for; (n, T, d) -> (n, T, d).

y = [head_1 … head_h] Oᵀ + o, head_k = softmax(Q_k K_kᵀ/√size) V_k, where Q, K and V are affine maps
of x, side by side in one, and size = d/heads.

Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762, section 3.2.
With fewer heads for keys and values: Ainslie et al., "GQA", arXiv:2305.13245, section 2.2.
How the heads are computed stands in `steepest.layers._attention.kernels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..init import check
from ..layer import Layer
from ..onnx_form import OnnxGraph
from ..shape import Shape
from ..validate import flag, number, positive_count
from ._attention.heads import AttentionHeads
from ._attention.onnx_reading import attention_forms
from ._combinator import chain, onnx_chain
from .dense import Dense

__all__ = ["Attention"]


@dataclass(frozen=True, repr=False)
class Attention(Layer):
    """Self-attention with several heads, and its projections before and behind.

    Nothing of T × T numbers is kept: memory grows with T, not with its square. Where the network
    begins with a `TokenEmbedding` that knows padding, no step sees padded ones.

    Parameters
    ----------
    heads : int
        The number of heads. It must divide d.
    causal : bool
        Whether a step sees itself and earlier ones only, as in a language model.
    rotary : float, optional
        The base of the angles by which queries and keys are turned, step by step, so that heads
        know how far apart steps are; 10000 is usual. By default they are not turned.
    key_value_heads : int, optional
        AttentionHeads that keys and values have, if they are fewer; it must divide ``heads``.
    weights : str or callable
        How the projections begin: a name of `steepest.init.INITIALISERS`, or a function of
        ``(rng, (outputs, inputs))``.
    bias : bool
        Whether the projections have biases. They begin at zero.
    """

    torch_paths: ClassVar[Mapping[str, str]] = {
        "in_proj.weight": "in_proj_weight",
        "in_proj.bias": "in_proj_bias",
    }

    onnx_import = staticmethod(attention_forms)

    heads: int
    causal: bool = False
    rotary: float | None = None
    key_value_heads: int | None = None
    weights: str | Callable[..., Any] = "glorot_uniform"
    bias: bool = True

    def __post_init__(self) -> None:
        positive_count("Attention", "heads", self.heads)
        flag("Attention", "causal", self.causal)
        flag("Attention", "bias", self.bias)
        check("Attention", self.weights)
        if self.rotary is not None:
            number("Attention", "rotary", self.rotary, above=1)
        if self.key_value_heads is not None:
            positive_count("Attention", "key_value_heads", self.key_value_heads)
            if self.heads % self.key_value_heads:
                raise InputError(
                    f"Attention: key_value_heads must divide heads, got {self.key_value_heads} "
                    f"for {self.heads}"
                )

    @property
    def most_steps(self) -> float:
        return math.inf if self.causal else 0

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise InputError(
                f"Attention: expected examples of shape (T, d), got {shape}; for tokens, put "
                "TokenEmbedding(…) before it, for other shapes Reshape((T, d))"
            )
        if shape[1] % self.heads:
            raise InputError(
                f"Attention: the width must be a multiple of its {self.heads} heads, got {shape[1]}"
            )
        if self.rotary is not None and shape[1] // self.heads % 2:
            raise InputError(
                f"Attention: rotary turns pairs, so heads must be of an even width, got "
                f"{shape[1]}/{self.heads} = {shape[1] // self.heads}"
            )
        return shape

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        (steps, d), groups = shape, self.key_value_heads or self.heads
        inner = d + 2 * groups * (d // self.heads)
        project = Dense(inner, self.weights, self.bias)
        heads = AttentionHeads(self.heads, groups, self.causal, self.rotary)
        back = Dense(d, self.weights, self.bias)
        return [
            ("in_proj", project, shape),
            ("heads", heads, (steps, inner)),
            ("out_proj", back, shape),
        ]

    def flops_at(self, shape: Shape) -> int:
        return sum(layer.flops_at(inner) for _, layer, inner in self.children_at(shape))

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        return chain(low, x, self.children_at(x.shape[1:]))

    def onnx(self, g: OnnxGraph) -> str:
        return onnx_chain(g, self.children_at(g.shape))


examples = (
    Attention(1),
    Attention(5, causal=True),
    Attention(2, causal=True, rotary=100.0),
    Attention(4, key_value_heads=2, bias=False),
)
