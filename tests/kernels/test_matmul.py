"""Our own matrix product against NumPy's: as plain Python, and compiled, called as BLAS is."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.compiler.gemm import own_gemm_address
from steepest.kernels import matmul
from steepest.system.blas import blas_address

SENTINEL = 12345.0
sizes = st.integers(0, 70)


@st.composite
def products(draw, size=sizes, dtypes=("float32", "float64")):
    """Return the arguments of a product by name: matrices inside larger ones, full of sentinels."""
    m, n, k = draw(size), draw(size), draw(size)
    turned_a, turned_b = draw(st.booleans()), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(dtypes))

    def matrix(rows, columns):
        outer = np.full((rows + 2, columns + draw(st.integers(1, 40))), SENTINEL, dtype)
        outer[1:-1, :columns] = rng.standard_normal((rows, columns))
        return outer

    return {
        "a": matrix(*((k, m) if turned_a else (m, k))), "turned_a": turned_a,
        "b": matrix(*((n, k) if turned_b else (k, n))), "turned_b": turned_b,
        "c": matrix(m, n), "alpha": draw(st.sampled_from([1.0, -0.25])),
        "beta": draw(st.sampled_from([0.0, 1.0, 0.5])), "shape": (m, n, k),
    }  # fmt: skip


def expected(p):
    m, n, k = p["shape"]
    a = p["a"][1:-1, : m if p["turned_a"] else k].astype(np.float64)
    b = p["b"][1:-1, : k if p["turned_b"] else n].astype(np.float64)
    wanted = p["c"].copy()
    product = (a.T if p["turned_a"] else a) @ (b.T if p["turned_b"] else b)
    wanted[1:-1, :n] = p["alpha"] * product + p["beta"] * wanted[1:-1, :n]
    return wanted


def arguments(p):
    """Return the arguments of BLAS ``?gemm``: 13 addresses."""
    m, n, k = p["shape"]
    p["kept"] = [
        *(np.array([ord("T" if p[f"turned_{name}"] else "N")], np.uint8) for name in "ba"),
        *np.array([[n], [m], [k], *([p[name].shape[1]] for name in "bac")], np.int32),
        *np.array([[p["alpha"]], [p["beta"]]], p["c"].dtype),
    ]
    turn_b, turn_a, n, m, k, ldb, lda, ldc, alpha, beta = (v.ctypes.data for v in p["kept"])
    a, b, c = (p[name][1:].ctypes.data for name in "abc")
    return turn_b, turn_a, n, m, k, alpha, b, ldb, a, lda, beta, c, ldc


def as_blas(address, p):
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(address)(*arguments(p))


def check(p, wanted):
    tolerance = 1e-4 if p["c"].dtype == np.float32 else 1e-12
    np.testing.assert_allclose(p["c"], wanted, rtol=tolerance, atol=tolerance)


@settings(deadline=None, derandomize=True)
@given(products())
def test_compiled_it_is_numpys_product_and_writes_nothing_else(p):
    wanted = expected(p)
    as_blas(own_gemm_address(p["c"].dtype.name), p)
    check(p, wanted)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(products(size=st.integers(0, 17), dtypes=("float64",)))
def test_plain_python_means_the_same(p):
    wanted = expected(p)
    matmul.gemm(*arguments(p))
    check(p, wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("turned_a", [False, True])
@pytest.mark.parametrize("turned_b", [False, True])
def test_more_rows_and_a_deeper_sum_than_one_block(dtype, turned_a, turned_b):
    rng = np.random.default_rng(0)
    m, n, k = 407, 150, 1100  # wide enough for A to be copied if it is turned
    a, b = ((k, m) if turned_a else (m, k)), ((n, k) if turned_b else (k, n))
    p = {
        "a": rng.standard_normal((a[0] + 2, a[1])).astype(dtype),
        "b": rng.standard_normal((b[0] + 2, b[1])).astype(dtype),
        "c": np.full((m + 2, n), SENTINEL, dtype), "turned_a": turned_a, "turned_b": turned_b,
        "alpha": 1.0, "beta": 0.0, "shape": (m, n, k),
    }  # fmt: skip
    wanted = expected(p)
    as_blas(own_gemm_address(dtype), p)
    tolerance = 1e-3 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(p["c"], wanted, rtol=tolerance, atol=tolerance)


def test_nan_stays_nan_and_an_overwritten_one_goes():
    for address in (own_gemm_address("float64"), blas_address("float64")):
        a, b, c = np.ones((5, 3)), np.ones((5, 4)), np.full((5, 4), np.nan)
        a[2, 1] = np.nan
        p = {"a": a, "b": b, "c": c, "turned_a": False, "turned_b": False, "alpha": 1.0,
             "beta": 0.0, "shape": (3, 4, 3)}  # fmt: skip
        as_blas(address, p)
        assert np.isnan(c[1:4]).tolist() == [[False] * 4, [True] * 4, [False] * 4]
