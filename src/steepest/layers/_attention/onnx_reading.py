"""Attention, positions and their rotation as files have them that `.onnx` has written."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ...layer import Array
from ...onnx_reading import Form, OnnxNode, Op, Reading, Spans
from ..dense import Dense
from .heads import AttentionHeads
from .onnx_spans import begin_pattern, read_spans, seen_pattern
from .rotary import cosines_and_sines

__all__ = ["attention_forms", "position_forms"]

_UNSEEN = -1e4  # a score from which on a step is as good as hidden
_ALIKE = 1e-5


def attention_forms() -> tuple[Form, ...]:
    """Return the forms of attention: with and without biases, rotation, masks, and a scale."""
    choices = itertools.product((False, True), repeat=5)
    return tuple(Form(_pattern(*choice), _reader(*choice)) for choice in choices)


def _pattern(bias: bool, rotary: bool, causal: bool, spans: bool, scaled: bool) -> Op:
    rows = Op("Reshape", "x", "rows")
    inner = Op("Gemm", rows, "I", *(("i",) if bias else ()), transB=1)
    split = Op("Reshape", Op("Reshape", inner, "wide"), "split")
    parts = Op("Transpose", split, perm=[0, 2, 1, 3]).called("parts")
    q = Op("Gather", parts, "of_q", axis=1).called("q")
    k = Op("Gather", "parts", "of_k", axis=1).called("k")
    if rotary:
        q, k = _rotated(q), _rotated(k)
    scores = Op("MatMul", q, Op("Transpose", k, perm=[0, 1, 3, 2]))
    scores = Op("Mul", scores, "scale") if scaled else scores
    scores = Op("Where", "mask", scores, "hidden") if causal else scores
    scores = Op("Where", "seen", scores, "unseen") if spans else scores
    y = Op("MatMul", Op("Softmax", scores, axis=-1), Op("Gather", "parts", "of_v", axis=1))
    joined = Op("Reshape", Op("Transpose", y, perm=[0, 2, 1, 3]), "joined")
    back = Op("Reshape", joined, "back")
    outer = Op("Gemm", back, "O", *(("o",) if bias else ()), transB=1)
    return Op("Reshape", outer, "made")


def _rotated(value: Op) -> Op:
    """Return the pattern of rotated queries or keys; names begin with theirs."""
    own = value.name
    low, high, cosines, sines = (f"{own}_{word}" for word in ("low", "high", "cosines", "sines"))
    u = Op("Slice", value, *(f"{low}{k}" for k in range(3))).called(low)
    v = Op("Slice", own, *(f"{high}{k}" for k in range(3))).called(high)
    first = Op("Sub", Op("Mul", u, cosines), Op("Mul", v, sines))
    second = Op("Add", Op("Mul", high, cosines), Op("Mul", low, sines))
    return Op("Concat", first, second, axis=3)


def _reader(bias: bool, rotary: bool, causal: bool, spans: bool, scaled: bool) -> Any:
    def read(kind: Any, node: OnnxNode) -> Reading | None:
        shape, into, out = node.examples("x"), node.array("I"), node.array("O")
        if shape is None or shape != node.makes() or shape[0] != 1 or len(shape[1]) != 2:
            return None
        steps, d = shape[1]
        heads, groups = len(node.whole("of_q")), max(node.whole("of_k")) + 1
        groups -= heads
        size = d // max(heads, 1)
        if groups < 1 or heads % groups or out.shape != (d, d):
            return None
        if into.shape != ((heads + 2 * groups) * size, d) or not _heads_are(node, steps, groups):
            return None
        if not math.isclose(node.number("scale") if scaled else 1, size**-0.5, rel_tol=_ALIKE):
            return None
        if spans and node.is_constant("seen"):
            return None
        if causal and not _hides_later(node, steps):
            return None
        known = _spans(node, steps) if spans else None
        base = _base(node, steps, size) if rotary else None
        if rotary and base is None:
            return None
        shared = groups if groups < heads else None
        layer = kind(heads, causal, base, shared, bias=bias)
        inside = [
            _dense(node, into, "i", bias),
            Reading(AttentionHeads(heads, groups, causal, base), ""),
            _dense(node, out, "o", bias),
        ]
        return Reading(layer, node.value("x"), {}, inside, rank=2, spans=known)

    return read


def _dense(node: OnnxNode, A: Array, name: str, bias: bool) -> Reading:
    theta = {"A": A, "b": node.row(name)} if bias else {"A": A}
    return Reading(Dense(len(A), bias=bias), "", theta)


def _heads_are(node: OnnxNode, steps: int, groups: int) -> bool:
    """Whether queries, keys and values are cut as `AttentionHeads` has them."""
    heads = len(node.whole("of_q"))
    shared = np.arange(heads) // (heads // groups)
    known = {"of_q": np.arange(heads), "of_k": heads + shared, "of_v": heads + groups + shared}
    cut = node.whole("split")
    same = all(node.whole(name) == places.tolist() for name, places in known.items())
    return same and len(cut) == 4 and cut[1:3] == [steps, heads + 2 * groups]


def _hides_later(node: OnnxNode, steps: int) -> bool:
    """Whether each step sees itself and earlier ones only."""
    if not node.is_constant("mask"):
        return False
    mask = node.truths("mask")
    shape = mask.shape[-2:]
    if mask.size != steps**2 or shape != (steps, steps) or node.number("hidden") > _UNSEEN:
        return False
    return bool((mask.reshape(shape) == np.tri(steps, dtype=bool)).all())


def _spans(node: OnnxNode, steps: int) -> Spans:
    """Return what tells which steps see each other.

    Raises
    ------
    ModelError
        If they are hidden in another way than by padding and starts among the tokens.
    """
    for start in (False, True):
        mask = node.fitting("seen", seen_pattern(start))
        found = read_spans(mask, steps, start, True) if mask is not None else None
        if found is not None and node.number("unseen") <= _UNSEEN:
            return found
    raise node.error(
        f"is the end of attention that hides steps by {node.value('seen')!r}; expected the mask "
        "that export_onnx writes for TokenEmbedding(…, padding=…, start=…), found another one"
    )


def _base(node: OnnxNode, steps: int, size: int) -> float | None:
    """Return the base of the angles by which queries and keys are rotated, alike."""
    half = size // 2
    of_q = [node.array(f"q_{word}") for word in ("cosines", "sines")]
    if size % 2 or any(each.size != steps * half for each in of_q):
        return None
    for own in ("q", "k"):
        for word, start in (("low", 0), ("high", half)):
            cut = [node.whole(f"{own}_{word}{k}") for k in range(3)]
            if cut != [[start], [start + half], [3]]:
                return None
    cosines, sines = (each.astype(np.float64).reshape(steps, half) for each in of_q)
    base = 10000.0  # where there is nothing to tell it by
    if steps > 1 and half > 1:
        angle = math.atan2(sines[1, -1], cosines[1, -1])
        base = angle ** (-half / (half - 1)) if angle > 0 else 0.0
        base = round(base, 1) if math.isclose(base, round(base, 1), rel_tol=1e-4) else base
    if base <= 1:
        return None
    known = cosines_and_sines(steps, size, base)
    found = (node.array(f"{own}_{word}") for own in "qk" for word in ("cosines", "sines"))
    alike = (
        each.size == steps * half and np.abs(each.reshape(steps, half) - k).max() < _ALIKE
        for each, k in zip(found, (*known, *known), strict=True)
    )
    return base if all(alike) else None


def position_forms() -> tuple[Form, ...]:
    """Return the forms of x + P: by the step in the example, or from the start of a sequence."""
    row_of = {
        start: Op("Gather", "P", Op("Sub", "numbers", begin_pattern(start)))
        for start in (False, True)
    }
    return (
        Form(Op("Add", "x", "P"), _read_rows),
        *(Form(Op("Add", "x", rows), _positions_from(start)) for start, rows in row_of.items()),
    )


def _read_rows(kind: Any, node: OnnxNode) -> Reading | None:
    """Read x + P, a row of P for each step."""
    P, shape = node.array("P") if node.is_constant("P") else None, node.examples("x")
    if P is None or node.is_constant("x") or shape is None or len(shape[1]) != 2:
        return None
    if shape[0] != 1 or P.shape[-2:] != shape[1] or P.size != math.prod(shape[1]):
        return None
    P = P.reshape(shape[1])
    return Reading(kind(len(P)), node.value("x"), {"P": P}, rank=2)


def _positions_from(start: bool) -> Any:
    def read(kind: Any, node: OnnxNode) -> Reading | None:
        P, shape = node.array("P"), node.examples("x")
        if shape is None or shape[0] != 1 or shape != node.makes() or len(shape[1]) != 2:
            return None
        steps, d = shape[1]
        if P.ndim != 2 or len(P) < steps or P.shape[1] != d:
            return None
        if node.whole("numbers") != list(range(steps)):
            return None
        spans = read_spans(node, steps, start, False) if start else None
        if spans is None and (start or node.whole("zero") != [0]):
            return None
        return Reading(kind(len(P)), node.value("x"), {"P": P}, rank=2, spans=spans)

    return read
