"""The products of a convolution against its definition, as plain Python."""

from itertools import product as pairs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import InputError
from steepest.layers._convolution import kernels
from steepest.layers._convolution.geometry import axis
from steepest.layers._convolution.products import Convolution, table

IMAGES = 2
few = st.integers(1, 3)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 1, 2, 3, 20]))
    p, q = (
        groups * draw(st.sampled_from([1, 1, 2, 3, 17] if groups < 20 else [1])) for _ in range(2)
    )
    same = draw(st.booleans())
    axes = []
    for _ in range(2):
        inputs, kernel, stride, dilation = draw(st.integers(1, 7)), draw(few), draw(few), draw(few)
        reach = dilation * (kernel - 1) + 1
        low = draw(st.integers(max(0, reach - inputs), reach))
        padding = "same" if same else (low, draw(st.integers(0, 2)))
        axes.append(axis("test", inputs, kernel, stride, padding, dilation))
    return Convolution(*axes, p, q, groups)


def defined(x, A, b, conv):
    """Return the convolution by its definition; x (n, h, w, p), A (kh, kw, p/groups, q)."""
    v, h = conv.vertical, conv.horizontal
    padded = np.pad(x, ((0, 0), (v.low, v.high), (h.low, h.high), (0, 0)))
    y = np.zeros((len(x), v.outputs, h.outputs, conv.q)) + b
    for i, j, t, u in pairs(*map(range, (v.outputs, h.outputs, v.kernel, h.kernel))):
        pixel = padded[:, i * v.stride + t * v.dilation, j * h.stride + u * h.dilation]
        for g in range(conv.groups):
            of_x = slice(g * conv.inputs, (g + 1) * conv.inputs)
            of_y = slice(g * conv.outputs, (g + 1) * conv.outputs)
            y[:, i, j, of_y] += pixel[:, of_x] @ A[t, u][:, of_y]
    return y


def shares(*extents):
    """Yield what each of two threads takes of every extent."""
    for thread in range(2):
        yield tuple(range(thread * n // 2, (thread + 1) * n // 2) for n in extents)


def check_theta(conv, dA, db, x, dy):
    """Assert that −½ ∇ was added to ones and to zeros."""
    np.testing.assert_allclose(db, -0.5 * dy.sum((0, 1, 2)), atol=1e-12)
    along = np.random.default_rng(1).standard_normal(dA.shape)
    derivative = np.sum(defined(x, along, 0, conv) * dy)  # ⟨dA, along⟩
    np.testing.assert_allclose(np.sum((dA - 1) * along), -0.5 * derivative, atol=1e-9)


@given(convolutions(), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_products_are_those_of_the_definition(conv, seed):
    rng = np.random.default_rng(seed)
    v, h = conv.vertical, conv.horizontal
    x = rng.standard_normal((IMAGES, v.inputs, h.inputs, conv.p))
    A = rng.standard_normal((v.kernel, h.kernel, conv.inputs, conv.q))
    b = rng.standard_normal(conv.q)
    wanted = defined(x, A, b, conv)
    y = np.full((IMAGES, wanted[0].size), np.nan)
    flat, fills = x.reshape(IMAGES, -1), int(conv.leaves_outputs)
    kernels.forward(flat, A, b, y, table(conv.forward()), fills, 0, range(IMAGES))
    np.testing.assert_allclose(y.reshape(wanted.shape), wanted, atol=1e-12)

    dy = rng.standard_normal(wanted.shape)
    dA, db, of_dy = np.ones(A.shape), np.zeros(conv.q), dy.reshape(IMAGES, -1)
    products, ones = table(conv.backward_theta()), np.ones(conv.q)
    apart = int(conv.leaves_outputs)
    for weights, channels in shares(conv.weights, conv.q):
        given = -0.5, flat, of_dy, dA, db, ones
        if conv.by_channels:
            summing = 1 - apart  # not called, as plain Python
            kernels.backward_theta_by_channels(*given, products, 0, summing, apart, channels)
        else:
            kernels.backward_theta(*given, products, 0, weights, channels)
    check_theta(conv, dA, db, x, dy)

    turned = np.full(A.size, np.nan)
    kernels.turn(A, turned, conv.inputs, conv.q, *conv.turned(), range(conv.taps))
    dx = np.full(flat.shape, np.nan)
    products, fills = table(conv.backward_x()), int(conv.leaves_inputs)
    zeros = np.zeros(conv.p)
    kernels.backward_x(of_dy, turned, zeros, dx, products, fills, 0, range(IMAGES))
    along = rng.standard_normal(x.shape)
    derivative = np.sum(defined(along, A, 0, conv) * dy)
    np.testing.assert_allclose(np.sum(dx.reshape(x.shape) * along), derivative, atol=1e-9)


@st.composite
def of_few_channels(draw):
    """Draw a convolution that several outputs of a line are one of."""
    several, q, stride = draw(st.sampled_from([2, 3, 4])), draw(few), draw(st.integers(1, 2))
    kernel, low, high = draw(st.integers(stride + 1, 5)), draw(few) - 1, draw(few) - 1
    outputs = several * draw(few)
    inputs = (outputs - 1) * stride + kernel - low - high
    if inputs < 1:
        low, high, inputs = 0, 0, (outputs - 1) * stride + kernel
    across = axis("test", inputs, kernel, stride, (low, high), 1)
    return Convolution(axis("test", 5, 3, 1, "same", draw(few)), across, draw(few), q, 1)


@given(of_few_channels(), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_several_outputs_as_one_are_those_of_the_definition(conv, seed):
    rng, wide, m = np.random.default_rng(seed), conv.widened(), conv.outputs_at_once
    v, h = conv.vertical, conv.horizontal
    assert m > 1
    assert wide.q == m * conv.q <= 16
    assert wide.horizontal.outputs * m == h.outputs
    x = rng.standard_normal((IMAGES, v.inputs, h.inputs, conv.p))
    A = rng.standard_normal((v.kernel, h.kernel, conv.p, conv.q))
    b = rng.standard_normal(conv.q)
    wanted, flat = defined(x, A, b, conv), x.reshape(IMAGES, -1)
    line, rows = h.kernel * conv.p, wide.horizontal.kernel * conv.p
    of_A, of_b = np.full((v.kernel, rows, m, conv.q), np.nan), np.full((m, conv.q), np.nan)
    for (lines,) in shares(v.kernel):
        kernels.widen(A, b, of_A, of_b, conv.shift, line, lines)
    y, fills = np.full((IMAGES, wanted[0].size), np.nan), int(wide.leaves_outputs)
    products = table(wide.forward())
    kernels.forward(flat, of_A, of_b.reshape(-1), y, products, fills, 0, range(IMAGES))
    np.testing.assert_allclose(y.reshape(wanted.shape), wanted, atol=1e-12)

    dy, wides = rng.standard_normal(wanted.shape), np.full((2, *of_A.shape), np.nan)
    dA, db, sums = np.ones(A.shape), np.zeros(conv.q), np.full(h.outputs * conv.q, np.nan)
    products, of_dy = table(wide.backward_theta()), dy.reshape(IMAGES, -1)
    for thread, (weights,) in enumerate(shares(conv.weights)):
        channels = range(conv.q) if thread == 0 else range(0)
        kernels.backward_theta_widened(
            -0.5, flat, of_dy, dA, db, wides, sums, products, 0, conv.shift, line, thread,
            weights, channels,
        )  # fmt: skip
    check_theta(conv, dA, db, x, dy)


@pytest.mark.parametrize("inputs", range(1, 9))
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_gives_as_many_outputs_as_strides(inputs, stride):
    assert axis("test", inputs, 3, stride, "same", 1).outputs == -(-inputs // stride)


def test_a_kernel_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="reaches over 5 entries does not fit into 4"):
        axis("test", 4, 3, 1, "valid", 2)
