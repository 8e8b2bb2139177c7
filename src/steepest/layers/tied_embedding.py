"""TiedEmbedding: z = f(E[x]) Eᵀ: tokens come in, and scores of tokens go out, by one table.

(n, T) -> (n, T, codes), E (codes, dim), f_h ∘ … ∘ f_1 between. The table counts once among the
parameters, and its gradient is the sum of both uses.

Source: Press & Wolf, "Using the output embedding to improve language models", EACL 2017,
arXiv:1608.05859.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..kernels import gemm, part
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..printing import shown
from ..shape import Shape
from ._combinator import Combinator, chain, output_shape
from .dense import Dense
from .sequential import Sequential
from .token_embedding import TokenEmbedding

__all__ = ["TiedEmbedding"]


class TiedEmbedding(Combinator):
    """A language model whose last layer is its embedding once more, transposed: z = f(E[x]) Eᵀ.

    Φ: dE = dzᵀ h + (what the embedding's own Φ makes of ∂ℓ/∂E[x]), h = f(E[x]); ∂ℓ/∂h = dz E.

    Parameters
    ----------
    embedding : TokenEmbedding
        Of as many tokens as there are outputs.
    *layers : Layer
        f_1, …, f_h; they must keep the shape (T, dim). There may be none.
    """

    torch_names: ClassVar[Mapping[str, str]] = {"E": "weight"}

    def __init__(self, embedding: TokenEmbedding, *layers: Layer) -> None:
        if not isinstance(embedding, TokenEmbedding):
            raise InputError(
                f"TiedEmbedding: the first layer must be a TokenEmbedding, got {shown(embedding)}"
            )
        super().__init__(embedding, *layers)
        self.embedding, self.inside = embedding, self.layers[1:]

    def output_shape(self, shape: Shape) -> Shape:
        inner = self.embedding.output_shape(shape)
        found = inner
        for k, layer in enumerate(self.inside):
            found = output_shape(str(k), layer, found)
        if found != inner:
            raise InputError(
                f"TiedEmbedding: the layers inside must keep the shape, but turn {inner} into "
                f"{found}; end them with Dense({self.embedding.dim})"
            )
        return (*shape, self.embedding.codes)

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        """Return E (codes, dim)."""
        return {"E": Parameter((self.embedding.codes, self.embedding.dim))}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """E begins as the embedding has it."""
        self.embedding.init(rng, theta)

    def memory_at(self, n: int, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what comes out of the layers inside, and of ∂ℓ/∂E[x]."""
        rows = n * shape[0], self.embedding.dim
        return {"h": rows, "dx": rows}

    def children_at(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        if not self.inside:
            return []
        return Sequential(*self.inside).children_at(self.embedding.output_shape(shape))

    def check_inputs(self, X: Array) -> None:
        self.embedding.check_inputs(X)

    def flops_at(self, shape: Shape) -> int:
        last = 2 * shape[0] * self.embedding.codes * self.embedding.dim
        return super().flops_at(shape) + self.embedding.flops_at(shape) + last

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        n, shape, embedding = x.shape[0], x.shape[1:], self.embedding
        self.embedding.lower_spans(low, x)
        E = low.theta(self, shape)["E"]
        begin = low.array("begin", n, *embedding.output_shape(shape))
        tokens = {"x": x.as_examples(), **embedding.settings_at(shape)}
        low.emit(embedding.forward, {**tokens, "E": E, "y": begin.as_examples()})
        h, back = chain(low, begin, self.children_at(shape))
        z = low.array("z", n, *self.output_shape(shape))
        rows, flops = low.row_share(n * shape[0]), 2 * h.size * embedding.codes
        names: dict[str, Any] = {**tokens, "E": E, "h": h.as_rows(), "y": z.as_rows(), "rows": rows}
        low.emit(self.forward, names, flops=flops)

        def backward(dz: Buffer, wants_dx: bool) -> Buffer | None:
            dh = low.array("dh", *h.shape)
            names.update(dy=dz.as_rows(), dh=dh.as_rows())
            low.emit(self.backward_x, names, flops=flops)
            dbegin = back(dh, True)
            assert dbegin is not None
            names["dx"] = dbegin.as_rows()
            low.backward_theta(self, shape, self.backward_theta, names, flops)
            if not wants_dx:
                return None
            dx = low.array("dtokens", *x.shape)
            low.emit(embedding.backward_x, {"dx": dx.as_examples()})
            return dx

        return z, backward

    def onnx(self, g: OnnxGraph) -> str:
        x = self.embedding.onnx_rows(g)
        for name, layer, shape in self.children_at(g.shape):
            x = g.child(name, layer, x, shape)
        return g.op("MatMul", x, g.constant(g.theta["E"].T))

    @staticmethod
    def forward(h: Array, E: Array, y: Array, blas: int, rows: range) -> None:
        """y = h Eᵀ"""
        one, zero = y.dtype.type(1), y.dtype.type(0)
        gemm(blas, one, h[part(rows)], E.T, zero, y[part(rows)])

    @staticmethod
    def backward_x(dy: Array, E: Array, dh: Array, blas: int, rows: range) -> None:
        """dh = dy E"""
        one, zero = dy.dtype.type(1), dy.dtype.type(0)
        gemm(blas, one, dy[part(rows)], E, zero, dh[part(rows)])

    @staticmethod
    def backward_theta(
        x: Array,
        h: Array,
        y: Array,
        dy: Array,
        dx: Array,
        dE: Array,
        alpha: float,
        hidden: int,
        blas: int,
        units: range,
    ) -> None:
        """dE += alpha dyᵀ h; dE[x] += alpha dx"""
        codes, steps = dE.shape[0], x.shape[1]
        zero, above, one = x.dtype.type(0), x.dtype.type(codes), x.dtype.type(1)
        first, last = np.int64(units.start), np.int64(units.stop)
        gemm(blas, alpha, dy[:, first:last].T, h, one, dE[first:last])
        for i in range(x.shape[0]):
            for t in range(steps):
                v = x[i, t]
                code = np.int64(v if (v >= zero) & (v < above) else zero)
                if (first <= code < last) & (code != hidden):
                    for d in range(dE.shape[1]):
                        dE[code, d] += alpha * dx[i * steps + t, d]


examples = (
    TiedEmbedding(TokenEmbedding(5, 3), Dense(7), Dense(3)),
    TiedEmbedding(TokenEmbedding(4, 3, padding=2)),
)
