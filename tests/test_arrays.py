"""Checks of the arrays that users give."""

import numpy as np
import pytest
from scipy import sparse

from steepest.arrays import as_inputs, as_weights, is_sparse
from steepest.errors import InputError


def test_nothing_is_copied_that_is_as_wanted():
    X = np.zeros((3, 2), np.float32)
    assert as_inputs(X, "float32", "here") is X
    S = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    assert np.shares_memory(as_inputs(S, "float32", "here").data, S.data)


@pytest.mark.parametrize(
    "given", [np.asfortranarray(np.eye(4)), np.eye(8)[::2, ::2], np.eye(4, dtype=int).tolist()]
)
def test_layouts_and_lists_become_contiguous_rows(given):
    X = as_inputs(given, "float64", "here")
    assert X.flags.c_contiguous
    assert X.dtype == np.float64
    np.testing.assert_array_equal(X, given)


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_array])
def test_every_sparse_form_becomes_csr_of_the_dtype(make):
    X = make(np.diag([1, 0, 2]))
    assert is_sparse(X)
    found = as_inputs(X, "float32", "here")
    assert (found.format, found.dtype) == ("csr", np.float32)
    np.testing.assert_array_equal(found.toarray(), np.diag([1, 0, 2]))


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([["a", "b"]], "X must be numbers"),
        ([1.0, 2.0], r"reshape one row to \(1, p\)"),
        (np.zeros((2, 2, 2)), "must be"),
        (np.zeros((3, 0)), "no columns"),
        ([[1.0, 2.0], [np.nan, 0.0]], "row 1"),
        ([[1.0, 2.0], [0.0, 0.0], [-np.inf, 0.0]], "row 2"),
        (sparse.csr_matrix([[1.0, 0.0], [0.0, np.nan]]), "row 1"),
    ],
)
def test_refused_inputs(X, words):
    with pytest.raises(InputError, match=f"here: .*{words}"):
        as_inputs(X, "float64", "here")


def test_weights_have_a_mean_of_one():
    np.testing.assert_array_equal(as_weights(None, 3, "float32", "here"), [1, 1, 1])
    w = as_weights([0, 1, 3], 3, "float64", "here")
    np.testing.assert_allclose(w, [0, 0.75, 2.25])
    np.testing.assert_allclose(as_weights([0, 1e3, 3e3], 3, "float64", "here"), w)


@pytest.mark.parametrize(
    "weights", [[1, 2], [[1, 2, 3]], [1, -1, 1], [0, 0, 0], [1, np.nan, 1], [1, np.inf, 1]]
)
def test_refused_weights(weights):
    with pytest.raises(InputError, match="here: "):
        as_weights(weights, 3, "float32", "here")
