"""Kernels for the gradients of single examples, plain and compiled, against outer products."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from helpers import run_kernel
from steepest.layers._dense import example_gradients

both = pytest.mark.parametrize("compiled", [False, True])
shapes = pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (5, 37, 19), (4, 16, 32)])


class Case:
    """Random x and dy, the rows of the data that they are, and the gradients that they make."""

    def __init__(self, shape):
        rng = np.random.default_rng(sum(shape))
        n, p, q = self.shape = shape
        self.x = rng.normal(size=(n, p)) * (rng.random((n, p)) < 0.6)
        self.dy = rng.normal(size=(n, q))
        self.i = rng.permutation(n + 3)[:n]
        data = np.zeros((n + 3, p))
        data[self.i] = self.x
        csr = sparse.csr_matrix(data)
        self.csr = {
            "values": csr.data,
            "columns": csr.indices.astype(np.int32),
            "starts": csr.indptr.astype(np.int64),
        }
        self.dA = self.dy[:, :, None] * self.x[:, None, :]

    def run(self, kernel, compiled, threads=2, **more):
        names = {"x": self.x, "dy": self.dy, "i": self.i, "y": self.dy, **self.csr, **more}
        run_kernel(kernel, "float64", compiled, threads, **names)


@both
@shapes
@pytest.mark.parametrize("bias", [0, 1])
def test_norms(shape, compiled, bias):
    case = Case(shape)
    expected = (case.dA**2).sum(axis=(1, 2)) + bias * (case.dy**2).sum(axis=1)
    for kernel in (example_gradients.norms, example_gradients.norms_sparse):
        norms = np.full(shape[0] + 3, 7.0)
        case.run(kernel, compiled, norms=norms, bias=bias)
        np.testing.assert_allclose(norms[case.i], expected, rtol=1e-12)
        assert (np.delete(norms, case.i) == 7).all()


@both
@shapes
@pytest.mark.parametrize("bias", [0, 1])
@pytest.mark.parametrize("columns", [True, False])
def test_gradients(shape, compiled, bias, columns):
    case, (n, p, q) = Case(shape), shape
    dense = example_gradients.gradients_columns if columns else example_gradients.gradients_rows
    csr = example_gradients.gradients_sparse if columns else example_gradients.gradients_sparse_rows
    for kernel in (dense, csr):
        dA, db = np.full((n + 3, *((p, q) if columns else (q, p))), 7.0), np.full((n + 3, q), 7.0)
        case.run(kernel, compiled, bias=bias, db=db, **{"dAt" if columns else "dA": dA})
        found = dA.swapaxes(1, 2) if columns else dA
        np.testing.assert_array_equal(found[case.i], case.dA)
        np.testing.assert_array_equal(db[case.i], case.dy if bias else 7.0)
        assert (np.delete(dA, case.i, axis=0) == 7).all()


@both
@shapes
@pytest.mark.parametrize("columns", [True, False])
def test_squares_of_csr_input(shape, compiled, columns):
    case, (_, p, q) = Case(shape), shape
    kernel = example_gradients.squares_sparse if columns else example_gradients.squares_sparse_rows
    dA, db = np.ones((p, q) if columns else (q, p)), np.ones(q)
    case.run(kernel, compiled, alpha=0.5, db=db, **{"dAt" if columns else "dA": dA})
    found = dA.T if columns else dA
    np.testing.assert_allclose(found, 1 + 0.5 * (case.dA**2).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(db, 1 + 0.5 * (case.dy**2).sum(axis=0), rtol=1e-12)


@both
@shapes
def test_square(shape, compiled):
    case = Case(shape)
    squares = np.empty_like(case.x)
    case.run(example_gradients.square, compiled, a=case.x, squares=squares)
    np.testing.assert_array_equal(squares, case.x**2)
