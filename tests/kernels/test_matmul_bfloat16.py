"""The product in bfloat16 against NumPy's of rounded matrices: plain, compiled, and taken apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.test_matmul import SENTINEL, arguments, as_blas, expected, products
from steepest.compiler import bfloat16 as compiled
from steepest.compiler import store
from steepest.compiler.gemm import own_gemm_address
from steepest.kernels import bfloat16 as plain
from steepest.kernels import matmul_bfloat16

float32 = products(dtypes=("float32",))


def of_rounded(p):
    """Return what is expected of p if its factors are rounded, and how far sums may differ."""
    kept = {name: np.where(p[name] == SENTINEL, SENTINEL, plain.rounded(p[name])) for name in "ab"}
    return expected({**p, **kept})


def check(p, wanted):
    np.testing.assert_allclose(p["c"], wanted, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def taken_apart(tmp_path_factory):
    """Return the address of the product as a processor without such products gets it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEEPEST_CACHE", str(tmp_path_factory.mktemp("kernels")))
        patch.setattr(store, "_addresses", {})
        patch.setattr(compiled, "_FAST", False)
        return own_gemm_address("bfloat16")


@settings(deadline=None, derandomize=True)
@given(float32)
def test_compiled_it_is_numpys_product_of_rounded_matrices_and_writes_nothing_else(p):
    wanted = of_rounded(p)
    as_blas(own_gemm_address("bfloat16"), p)
    check(p, wanted)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(p=float32)
def test_a_processor_without_such_products_takes_pairs_apart(taken_apart, p):
    wanted = of_rounded(p)
    as_blas(taken_apart, p)
    check(p, wanted)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(products(size=st.integers(0, 17), dtypes=("float32",)))
def test_plain_python_means_the_same(p):
    wanted = of_rounded(p)
    matmul_bfloat16.gemm(*arguments(p))
    check(p, wanted)


@pytest.mark.parametrize("turned_a", [False, True])
@pytest.mark.parametrize("turned_b", [False, True])
def test_more_rows_and_a_deeper_sum_than_one_block(turned_a, turned_b):
    rng = np.random.default_rng(0)
    m, n, k = 611, 150, 1101
    a, b = ((k, m) if turned_a else (m, k)), ((n, k) if turned_b else (k, n))
    p = {
        "a": rng.standard_normal((a[0] + 2, a[1])).astype("float32"),
        "b": rng.standard_normal((b[0] + 2, b[1])).astype("float32"),
        "c": np.full((m + 2, n), SENTINEL, "float32"), "turned_a": turned_a, "turned_b": turned_b,
        "alpha": 1.0, "beta": 0.0, "shape": (m, n, k),
    }  # fmt: skip
    wanted = of_rounded(p)
    as_blas(own_gemm_address("bfloat16"), p)
    np.testing.assert_allclose(p["c"], wanted, rtol=1e-3, atol=1e-3)


def test_rounding_is_to_nearest_ties_to_even():
    ulp = 2.0**-7  # of bfloat16, at 1
    values = [1 + ulp / 2, 1 + 3 * ulp / 2, 1 + 0.51 * ulp, -1 - 0.49 * ulp, 3e38 * 1.13, 0.0]
    wanted = [1, 1 + 2 * ulp, 1 + ulp, -1, 3e38 * 1.13, 0.0]
    found = plain.rounded(values)
    np.testing.assert_allclose(found, wanted, rtol=2**-9)
    assert found[:4].tolist() == wanted[:4]
    assert np.isinf(plain.rounded(3.4e38))
    assert np.isnan(plain.rounded(np.array(0x7F800001, np.uint32).view(np.float32)))


@pytest.mark.parametrize("apart", [False, True])
def test_nan_and_infinity_are_seen(taken_apart, apart):
    a, b, c = (np.ones(shape, np.float32) for shape in ((5, 3), (5, 4), (5, 4)))
    a[1, 1], a[2, 1], a[3, 1] = np.nan, np.inf, 3.4e38  # the last is rounded to infinity
    p = {"a": a, "b": b, "c": c, "turned_a": False, "turned_b": False, "alpha": 1.0,
         "beta": 0.0, "shape": (3, 4, 3)}  # fmt: skip
    as_blas(taken_apart if apart else own_gemm_address("bfloat16"), p)
    assert np.isnan(c[1]).all()
    assert np.isinf(c[2:4]).all()
