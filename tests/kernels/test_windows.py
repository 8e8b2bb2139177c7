"""The product through windows against NumPy's: as plain Python, and compiled."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.compiler.gemm import (
    channel_windows_address,
    summing_windows_address,
    windows_address,
)
from steepest.kernels.windows import (
    add_windows_and_sum,
    channel_windows,
    multiply_windows,
    summing_windows,
    windows,
)

SENTINEL = 12345.0


@st.composite
def products(draw, most=70):
    """Return the arguments of a product by name: an image of channels, and windows that overlap."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    images, lines, rows = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 30))
    outer, inner = draw(st.integers(1, 4)), draw(st.integers(1, 20))
    columns, between = draw(st.integers(1, most)), draw(st.integers(0, 3))
    step = draw(st.integers(1, 3))  # from row to row: windows overlap
    line = rows * step + inner
    of_a = ((lines + outer) * line, line, step, line, 1, 0)
    if draw(st.booleans()):  # A has columns too, as many as C and more
        of_a = (*(columns * d for d in of_a[:5]), 1)
    a = rng.standard_normal(images * of_a[0]).astype(dtype)
    of_b = (0, inner * (columns + between), columns + between)
    if draw(st.booleans()):  # each image has its own
        of_b = (outer * of_b[1], *of_b[1:])
    b = rng.standard_normal((images if of_b[0] else 1) * outer * of_b[1]).astype(dtype)
    row = columns + between
    of_c = (lines * rows * row, rows * row, row)
    c = rng.standard_normal((images, lines, rows, row)).astype(dtype)
    c[..., columns:] = SENTINEL
    extents = (images, lines, rows, outer, inner, columns)
    p = {
        "extents": extents, "alpha": draw(st.sampled_from([1.0, -0.25])), "a": a, "of_a": of_a,
        "b": b, "of_b": of_b, "s": c, "of_s": of_c, "c": c, "of_c": of_c,
    }  # fmt: skip
    if draw(st.booleans()):  # one row for all of C
        p |= {"s": rng.standard_normal(row).astype(dtype), "of_s": (0, 0, 0)}
    return p


def expected(p):
    images, lines, rows, outer, inner, columns = p["extents"]
    found = p["c"].astype(np.float64)
    b = p["b"].reshape(-1, outer, inner, p["of_b"][2])[..., :columns].astype(np.float64)
    for index in np.ndindex(images, lines, rows):
        begin, start = (np.dot(index, p[name][:3]) for name in ("of_a", "of_s"))
        total, own = 0, b[index[0] % len(b)]
        for o in range(outer):
            x = p["a"][begin + o * p["of_a"][3] :].astype(np.float64)
            if p["of_a"][5]:
                total += np.sum(x[: inner * columns].reshape(inner, columns) * own[o], axis=0)
            else:
                total += x[:inner] @ own[o]
        found[index][:columns] = p["alpha"] * total + p["s"].reshape(-1)[start:][:columns]
    return found


def arguments(p):
    """Return the arguments of `windows`, and what must live as long."""
    size, alpha = p["c"].itemsize, np.array([p["alpha"]], p["c"].dtype)
    found = [alpha.ctypes.data, *p["extents"]]
    for name in "absc":
        found += [p[name].ctypes.data, *(size * int(d) for d in p[f"of_{name}"])]
    return found, alpha


def run(p):
    """Call the compiled product."""
    found, _alpha = arguments(p)
    product = channel_windows_address if p["of_a"][5] else windows_address
    address = product(str(p["c"].dtype))
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(found))(address)(*found)


@given(products())
@settings(max_examples=150, deadline=None)
def test_compiled_product_equals_numpys_and_touches_nothing_else(p):
    wanted = expected(p)
    run(p)
    tolerance = 1e-4 if p["c"].dtype == np.float32 else 1e-12
    np.testing.assert_allclose(p["c"], wanted, rtol=tolerance, atol=tolerance)


@given(products(most=5))
@settings(max_examples=30, deadline=None)
def test_plain_form_equals_numpys(p):
    wanted, (s, c) = expected(p), (p[name].reshape(-1) for name in "sc")
    multiply_windows(
        0, p["extents"], p["alpha"], p["a"], p["of_a"], p["b"], p["of_b"], s, p["of_s"], c,
        p["of_c"],
    )  # fmt: skip
    np.testing.assert_allclose(p["c"], wanted, rtol=1e-4, atol=1e-4)


@given(products(most=40))
@settings(max_examples=10, deadline=None)
def test_core_as_plain_python_equals_numpys(p):
    wanted, same = expected(p), p["s"] is p["c"]
    p |= {name: p[name].astype(np.float64) for name in "absc"}
    p |= {"s": p["c"]} if same else {}
    found, _alpha = arguments(p)
    (channel_windows if p["of_a"][5] else windows)(*found)
    np.testing.assert_allclose(p["c"], wanted, rtol=1e-4, atol=1e-4)


def summing(p):
    """Return the arguments of a product that adds to C, and sums B; and what S is then."""
    _, _, _, outer, inner, columns = p["extents"]
    sums = np.full((p["extents"][0], columns + 1), SENTINEL, p["c"].dtype)
    sums[:, :columns] = 2
    b = p["b"].reshape(-1, outer, inner, p["of_b"][2])[..., :columns].astype(np.float64)
    wanted = sums.astype(np.float64)
    wanted[:, :columns] += p["alpha"] * b.sum((1, 2))
    return p | {"s": sums, "of_s": (columns + 1, 0, 0)}, wanted


by_channels = products(most=40).filter(lambda p: p["of_a"][5] and p["s"] is p["c"])


@pytest.mark.parametrize("how", ["plain", "core", "compiled"])
@given(by_channels)
@settings(max_examples=15, deadline=None)
def test_a_pass_over_b_sums_it_too(how, p):
    if how == "core":
        p |= {name: p[name].astype(np.float64) for name in "abc"}
    wanted, (p, sums) = expected(p), summing(p)
    found, _alpha = arguments(p)
    if how == "plain":
        s, c = (p[name].reshape(-1) for name in "sc")
        add_windows_and_sum(
            0, p["extents"], p["alpha"], p["a"], p["of_a"], p["b"], p["of_b"], s, p["of_s"], c,
            p["of_c"],
        )  # fmt: skip
    elif how == "core":
        summing_windows(*found)
    else:
        address = summing_windows_address(str(p["c"].dtype))
        ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(found))(address)(*found)
    tolerance = 1e-4 if p["c"].dtype == np.float32 else 1e-12
    np.testing.assert_allclose(p["c"], wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(p["s"], sums, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_that_is_not_finite_stays_so(dtype):
    a, b, c = np.full(4, np.inf, dtype), np.ones(4, dtype), np.zeros(1, dtype)
    nowhere = (0, 0, 0)
    p = {
        "extents": (1, 1, 1, 1, 4, 1), "alpha": 1.0, "a": a, "of_a": (0, 0, 0, 0, 1, 0), "b": b,
        "of_b": (0, 0, 1), "s": c, "of_s": nowhere, "c": c, "of_c": nowhere,
    }  # fmt: skip
    run(p)
    assert np.isinf(c[0])
