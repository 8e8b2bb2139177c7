"""TokenEmbedding: row x_t of a table E for token x_t; (n, T) -> (n, T, dim), E (codes, dim).

The tokens 0, …, codes − 1 come as real numbers or as bytes, as everything in a batch does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..arrays import is_sparse
from ..declarations import FewRows
from ..emitter import Backward, Emitter
from ..engine.operands import Buffer
from ..errors import InputError
from ..layer import Array, Layer, Parameter
from ..onnx_form import OnnxGraph
from ..onnx_reading import Form, OnnxNode, Op, Reading
from ..shape import Shape
from ..validate import flag, number, positive_count
from ._attention.onnx import note_spans
from ._attention.spans import find_spans
from .embedding import Embedding

__all__ = ["TokenEmbedding"]

_INT64 = 7  # in ONNX


@dataclass(frozen=True, repr=False)
class TokenEmbedding(Layer):
    """Replace every token of a sequence by its row of a learnable table.

    Φ: dE[x_t] = Σ dy_t, over the steps and examples that hold the token.

    Parameters
    ----------
    codes : int
        The number of tokens there are.
    dim : int
        The number of entries that stand for one.
    std : float
        E begins with normal numbers of this standard deviation.
    lazy : bool
        Whether a step leaves the rows of E alone whose tokens don't occur in it (`Embedding`).
    padding : int, optional
        The token that fills up sequences that are shorter than T, behind their end. Zeros stand
        for it, whatever its row of E is, and no `Attention` behind looks at it. PyTorch's
        ``padding_idx`` is the same where its row is zero.
    start : int, optional
        The token that every sequence begins with, where an example holds several, one behind the
        other. None of them then sees another one, and positions count from the start of each.
    """

    torch_names: ClassVar[Mapping[str, str]] = {"E": "weight"}
    backward_x = staticmethod(Embedding.backward_x)
    touches = staticmethod(Embedding.touches)

    codes: int
    dim: int
    std: float = 1.0
    lazy: bool = False
    padding: int | None = None
    start: int | None = None

    def __post_init__(self) -> None:
        positive_count("TokenEmbedding", "codes", self.codes)
        positive_count("TokenEmbedding", "dim", self.dim)
        number("TokenEmbedding", "std", self.std, least=0)
        flag("TokenEmbedding", "lazy", self.lazy)
        for name in ("padding", "start"):
            token = getattr(self, name)
            if token is not None:
                what = "TokenEmbedding", name, token
                number(*what, least=0, most=self.codes - 1, whole=True)
        if self.padding is not None and self.padding == self.start:
            raise InputError(f"TokenEmbedding: padding and start are both {self.start}")

    @property
    def most_steps(self) -> float:
        return math.inf

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise InputError(
                f"TokenEmbedding: expected examples of T tokens, (T,), got the shape {shape}"
            )
        return (*shape, self.dim)

    def parameters_at(self, shape: Shape) -> dict[str, Parameter]:
        """Return E (codes, dim)."""
        rows = FewRows(shape[0], self.touches, self.lazy)
        return {"E": Parameter((self.codes, self.dim), rows=rows)}

    def flops_at(self, shape: Shape) -> int:
        return math.prod(self.output_shape(shape))

    def settings_at(self, shape: Shape) -> dict[str, Any]:
        """Return for which token zeros stand; −1 if for none."""
        return {"hidden": -1 if self.padding is None else self.padding}

    def init(self, rng: np.random.Generator, theta: Mapping[str, Array]) -> None:
        """E is normal with mean 0 and standard deviation ``std``; 0 for padding."""
        theta["E"][...] = rng.normal(0, self.std, theta["E"].shape)
        if self.padding is not None:
            theta["E"][self.padding] = 0

    def check_inputs(self, X: Array) -> None:
        """Raise `InputError` unless every entry is a token, and every sequence has one."""
        if is_sparse(X):
            raise InputError("TokenEmbedding: can't take CSR input; give a dense X")
        values = np.asarray(X)
        if values.dtype != np.uint8 or self.codes < 256:
            with np.errstate(invalid="ignore"):
                good = (values >= 0) & (values < self.codes) & (values == np.floor(values))
            if not good.all():
                example, step = (int(index) for index in np.argwhere(~good)[0])
                raise InputError(
                    f"TokenEmbedding: example {example}, step {step}: the token must be one of 0, "
                    f"…, {self.codes - 1}, got {values[example, step].item()!r}"
                )
        if self.padding is not None:
            empty = (values == self.padding).all(axis=1)
            if empty.any():
                raise InputError(
                    f"TokenEmbedding: example {int(np.argmax(empty))} holds nothing but padding "
                    f"({self.padding}); a sequence needs at least one other token"
                )

    def lower(self, low: Emitter, x: Buffer) -> tuple[Buffer, Backward]:
        self.lower_spans(low, x)
        return super().lower(low, x)

    def lower_spans(self, low: Emitter, x: Buffer) -> None:
        """Emit what finds out which steps belong together, if not all do."""
        if low.window is not None or (self.padding is None and self.start is None):
            return
        low.spans = low.array("spans", x.shape[0], 2 * x.shape[1], kind="j")
        special = {"padding": self.padding, "start": self.start}
        tokens = {name: -1 if token is None else token for name, token in special.items()}
        low.emit(find_spans, {"x": x.as_examples(), "spans": low.spans, **tokens})

    def onnx(self, g: OnnxGraph) -> str:
        return self.onnx_rows(g)

    def onnx_rows(self, g: OnnxGraph) -> str:
        """Add what stands for the tokens x to a graph of a layer that has E; return its name."""
        if self.padding is not None or self.start is not None:
            note_spans(g, self.padding, self.start)
        rows = np.array(g.theta["E"])
        if self.padding is not None:
            rows[self.padding] = 0
        return g.op("Gather", g.constant(rows), g.cast(g.x, np.int64))

    @staticmethod
    def onnx_import() -> tuple[Form, ...]:
        return (Form(Op("Gather", "E", Op("Cast", "x", to=_INT64)), _read),)

    @staticmethod
    def forward(x: Array, y: Array, E: Array, hidden: int, rows: range) -> None:
        """y = E[x], and 0 where x is hidden"""
        codes, dim = E.shape
        zero, above = x.dtype.type(0), x.dtype.type(codes)
        for i in rows:
            for t in range(x.shape[1]):
                v = x[i, t]
                code = np.int64(v if (v >= zero) & (v < above) else zero)  # stays inside E
                seen = code != hidden
                for d in range(dim):
                    e = E[code, d]
                    y[i, t * dim + d] = e if seen else zero

    @staticmethod
    def backward_theta(
        x: Array, dy: Array, dE: Array, alpha: float, hidden: int, thread: int, threads: int
    ) -> None:
        """dE[x] += alpha dy, unless x is hidden"""
        codes, dim = dE.shape
        zero, above = x.dtype.type(0), x.dtype.type(codes)
        first, last = codes * thread // threads, codes * (thread + 1) // threads
        for i in range(x.shape[0]):
            for t in range(x.shape[1]):
                v = x[i, t]
                code = np.int64(v if (v >= zero) & (v < above) else zero)
                if (first <= code < last) & (code != hidden):  # every thread owns some of them
                    for d in range(dim):
                        dE[code, d] += alpha * dy[i, t * dim + d]


def _read(kind: Any, node: OnnxNode) -> Reading:
    E = node.array("E")
    if E.ndim != 2 or 0 in E.shape:
        raise node.error(f"needs a matrix, got an array {E.shape}")
    return Reading(kind(*E.shape), node.value("x"), {"E": E}, rank=1)


examples = (
    TokenEmbedding(4, 3),
    TokenEmbedding(7, 2, padding=5),
    TokenEmbedding(5, 2, lazy=True, start=1),
)
