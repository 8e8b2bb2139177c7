"""Dense layers of ONNX files: Gemm and MatMul."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layer import Array
from ...onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["forms"]


def forms() -> tuple[Form, ...]:
    """Return the forms in which files have a dense layer."""
    return (
        Form(Op("Gemm"), _read_gemm),
        Form(Op("MatMul"), _read_matmul),
        Form(Op("ai.onnx.ml.LinearRegressor"), _read_linear),
    )


def _read_gemm(kind: Any, node: OnnxNode) -> Reading:
    given = node.given(3, alpha=1.0, beta=1.0, transA=0, transB=0)
    if given["transA"]:
        raise node.error("transposes its input")
    B = _matrix(node)
    A = _times(node, B if given["transB"] else B.T, given["alpha"])
    theta = {"A": A}
    if node.has(2):
        c = node.row(2)
        if c.size not in (1, len(A)):
            raise node.error(f"adds an array {c.shape} to {len(A)} columns")
        theta["b"] = np.broadcast_to(_times(node, c, given["beta"]), (len(A),))
    return _dense(kind, node, theta)


def _read_matmul(kind: Any, node: OnnxNode) -> Reading:
    node.given(2)
    return _dense(kind, node, {"A": _matrix(node).T}, rank=None)


def _read_linear(kind: Any, node: OnnxNode) -> Reading:
    given = node.given(coefficients=[], intercepts=[], targets=1, post_transform="NONE")
    if given["post_transform"] != "NONE":
        raise node.error(f"has post_transform {given['post_transform']!r}; only 'NONE' is known")
    A, q = np.array(given["coefficients"], np.float32), given["targets"]
    b = np.array(given["intercepts"] or [0.0], np.float32)
    if q < 1 or A.size == 0 or A.size % q or b.size not in (1, q):
        raise node.error(f"has {A.size} coefficients and {b.size} intercepts for {q} targets")
    theta = {"A": A.reshape(q, -1), "b": np.broadcast_to(b, (q,))}
    return _dense(kind, node, theta)


def _dense(kind: Any, node: OnnxNode, theta: dict[str, Array], rank: int | None = 1) -> Reading:
    q, p = theta["A"].shape
    return Reading(kind(q, bias="b" in theta), node.value(0), theta, takes=p, rank=rank)


def _matrix(node: OnnxNode) -> Array:
    B = node.array(1)
    if B.ndim != 2 or 0 in B.shape:
        raise node.error(f"needs a matrix, got an array {B.shape}")
    return B


def _times(node: OnnxNode, array: Array, factor: float) -> Array:
    with np.errstate(over="ignore"):  # what overflows is named below
        product: Array = array * array.dtype.type(factor)
    if not np.isfinite(product).all():
        raise node.error(f"multiplies a constant by {factor:g}: too large for its type")
    return product
