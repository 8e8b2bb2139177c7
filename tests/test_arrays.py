"""Checks of the arrays that users give."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Dense,
    Embedding,
    Gradients,
    MLPClassifier,
    MLPRegressor,
    Network,
    SoftmaxCrossEntropy,
    Squared,
    Trainer,
    check,
    gradient,
    hardest_examples,
)
from steepest.arrays import as_inputs, as_numbers, as_weights, distinct, is_sparse
from steepest.errors import InputError
from steepest.training.init_from_data import init_from_data


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


def changed(name, at, value, form="csr"):
    """Return a matrix of which one number was changed after SciPy had checked it."""
    X = sparse.random(20, 5, 0.5, format=form, random_state=0)
    getattr(X, name)[at] = value
    return X


def replaced(name, of, form="csr"):
    """Return a matrix of which one array was replaced."""
    X = sparse.random(20, 5, 0.5, format=form, random_state=0)
    setattr(X, name, of(getattr(X, name)))
    return X


def lists(change):
    X = sparse.lil_matrix(np.eye(3))
    change(X)
    return X


MALFORMED = [
    (changed("indices", 3, 5), r"indices\[3\] \(of row 1\) is 5, expected 0 to 4"),
    (changed("indices", 3, 2**31 - 1), r"indices\[3\]"),
    (changed("indices", 3, -1), r"is -1, expected"),
    (replaced("indices", lambda a: a.astype(np.int64) + 2**32), r"is 4294967\d+, expected"),
    (replaced("indices", lambda a: a.astype(float)), "whole numbers .* got float64"),
    (replaced("indices", lambda a: a[:-1]), "49 indices, but 50 of data"),
    (replaced("indices", lambda a: a[None]), r"one dimension, got int32 of shape \(1, 50\)"),
    (replaced("data", lambda a: a[:-1]), "50 indices, but 49 of data"),
    (replaced("data", lambda a: a[:, None]), r"data must be a 1-dimensional array, got \(50, 1\)"),
    (replaced("data", lambda a: None), "data must be a 1-dimensional array, got NoneType"),
    (changed("indptr", 5, 10**6), "indptr falls from 1000000"),
    (changed("indptr", 5, -3), "indptr falls from .* to -3"),
    (changed("indptr", 0, 1), "indptr goes from 1 to 50"),
    (changed("indptr", -1, 1050), "indptr goes from 0 to 1050, with 50 indices"),
    (replaced("indptr", lambda a: a[:-1]), "indptr has 20 entries, expected 21"),
    (replaced("indptr", lambda a: a[:0]), "indptr has 0 entries, expected 21"),
    (
        changed("indices", 3, 20, "csc"),
        r"CSC .* indices\[3\] \(of column 0\) is 20, expected 0 to 19",
    ),
    (changed("indptr", 2, 999, "csc"), "CSC .* falls"),
    (
        replaced("data", lambda a: a[:, None][:, :0], "csc"),
        r"CSC .* 1-dimensional array, got \(50, 0\)",
    ),
    (
        replaced("data", lambda a: a[:, None][:, :0], "coo"),
        r"COO .* 1-dimensional array, got \(50, 0\)",
    ),
    (changed("row", 7, 20, "coo"), r"COO .* row\[7\] is 20"),
    (changed("col", 7, -6, "coo"), r"COO .* col\[7\] is -6"),
    (replaced("data", lambda a: a[1:], "coo"), "COO .* 50 of row, but 49 of data"),
    (changed("indices", 0, 9, "bsr"), "BSR .* is 9"),
    (replaced("offsets", lambda a: a.astype(np.int64) + 2**32, "dia"), r"DIA .* is 42949\d+"),
    (replaced("offsets", lambda a: a[1:], "dia"), "DIA .* offsets, but data of shape"),
    (lists(lambda X: setattr(X, "rows", X.rows[:2])), "LIL .* rows has 2 entries"),
    (lists(lambda X: X.data[1].extend([1.0] * 9)), "LIL .* row 1 has 1 columns, but 10 values"),
    (lists(lambda X: X.rows.__setitem__(1, [7])), "CSR .* is 7, expected 0 to 2"),
    (lists(lambda X: X.rows.__setitem__(1, None)), "LIL .* row 1 is no list"),
    (lists(lambda X: X.rows.__setitem__(1, ["a"])), "LIL .* a"),
]


@pytest.mark.parametrize(("X", "words"), MALFORMED)
def test_malformed_sparse_matrices(X, words):
    with pytest.raises(InputError, match=f"here: X is no valid .*{words}"):
        as_inputs(X, "float64", "here")


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
@pytest.mark.parametrize("array", [True, False])
def test_well_formed_sparse_matrices_of_every_form(form, array):
    dense = np.diag([1.0, 0, 2, 3]) + np.eye(4, k=-2)
    made = (sparse.csr_array if array else sparse.csr_matrix)(dense).asformat(form)
    found = as_inputs(made, "float32", "here")
    np.testing.assert_array_equal(found.toarray(), dense)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint16, np.uint64])
def test_duplicates_disorder_spare_room_and_other_whole_numbers_are_legal(kind):
    X = sparse.csr_matrix((2, 3))
    X.data, X.indices = np.array([1.0, 2, 4, 8, np.nan]), np.array([2, 0, 0, 2, 99]).astype(kind)
    X.indptr = np.array([0, 3, 4]).astype(kind)
    found = as_inputs(X, "float64", "here")
    assert (found.indices.dtype, found.nnz) == (np.int32, 4)
    np.testing.assert_array_equal(found.toarray(), [[6, 0, 1], [0, 0, 8]])


def test_what_scipy_remembers_of_arrays_that_were_changed_does_not_count():
    X = sparse.csr_matrix(np.array([[1.0, 2.0, 0.0]]))
    assert X.has_canonical_format
    X.indices[:] = 2
    found = as_inputs(X, "float64", "here")
    assert not found.has_canonical_format
    net = Network(Dense(1), dtype="float64", inputs=3)
    dense = Gradients(net, Squared()).norms(X.toarray(), [0.0]).total
    np.testing.assert_allclose(Gradients(net, Squared()).norms(X, [0.0]).total, dense)


def test_what_was_checked_stays_as_it_was_checked():
    X = sparse.csr_matrix(np.eye(3))
    found = as_inputs(X, "float64", "here")
    X.indices[:], X.indptr[:] = 99, 99
    np.testing.assert_array_equal(found.toarray(), np.eye(3))


def test_a_callback_that_spoils_the_matrix_spoils_no_training():
    X = sparse.random(40, 5, 0.5, format="csr", random_state=0, dtype=np.float32)
    y = np.arange(40) % 2

    def trained(*callbacks):
        trainer = Trainer(Network(Dense(2)), SoftmaxCrossEntropy(), SGD(lr=0.1), batch=8)
        trainer.fit(X, y, epochs=3, callbacks=callbacks)
        return trainer.network.theta.copy()

    def spoil(progress):
        X.indices[:] = 10**6

    whole = trained()
    np.testing.assert_array_equal(trained(spoil), whole)


GOOD = sparse.random(20, 5, 0.5, format="csr", random_state=0)
LABELS = np.arange(20) % 2


def network():
    return Network(Dense(2), inputs=5)


def fit(X, y, **options):
    Trainer(network(), SoftmaxCrossEntropy()).fit(X, y, **options)


DOORS = {
    "fit": lambda X: fit(X, LABELS),
    "validation": lambda X: fit(GOOD, LABELS, validation=(X, LABELS)),
    "program": lambda X: Trainer(network(), SoftmaxCrossEntropy()).program(X, LABELS),
    "predict": lambda X: network().predict(X),
    "gradient": lambda X: gradient(network(), SoftmaxCrossEntropy(), X, LABELS),
    "norms": lambda X: Gradients(network(), SoftmaxCrossEntropy()).norms(X, LABELS),
    "each": lambda X: Gradients(network(), SoftmaxCrossEntropy()).each(X, LABELS),
    "hardest": lambda X: hardest_examples(network(), SoftmaxCrossEntropy(), X, LABELS),
    "check": lambda X: check(network(), X=X),
    "init": lambda X: init_from_data(network(), X),
    "MLP fit": lambda X: MLPClassifier(max_iter=1).fit(X, LABELS),
    "MLP lbfgs": lambda X: MLPRegressor(max_iter=1, solver="lbfgs").fit(X, LABELS),
    "MLP partial_fit": lambda X: MLPClassifier().partial_fit(X, LABELS, classes=[0, 1]),
    "MLP eval_set": lambda X: MLPClassifier(max_iter=1).fit(GOOD, LABELS, eval_set=(X, LABELS)),
}


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("door", DOORS)
def test_a_malformed_matrix_comes_through_no_door(door, form):
    at = {"csr": "indices", "csc": "indices", "coo": "col"}[form]
    with pytest.raises(InputError, match="X is no valid"):
        DOORS[door](changed(at, 3, 10**6, form))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_fitted_estimator_takes_no_malformed_matrix():
    model = MLPClassifier(max_iter=1).fit(GOOD, LABELS)
    for predict in (model.predict, model.predict_proba):
        with pytest.raises(InputError, match="X is no valid"):
            predict(changed("indices", 3, 10**6))
    with pytest.raises(InputError, match="compiled: the row must be 5 numbers"):
        model.compiled()(GOOD[:1])


def test_codes_in_a_sparse_matrix_are_refused():
    with pytest.raises(InputError, match="Embedding: can't take CSR input"):
        Network(Embedding(3, 2)).predict(sparse.csr_matrix(np.eye(2)))


COMPLEX = np.array([1.0, 2j, 0.0])
TIMES = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "datetime64[D]")
LOSSY = {
    "complex": (COMPLEX, "complex128; give real and imaginary parts"),
    "complex list": (COMPLEX.tolist(), "complex128"),
    "complex objects": (COMPLEX.astype(object), r"1.0?.*complex\) in row 0|0j\)? \(complex"),
    "NumPy's complex objects": (np.array([*COMPLEX], object), r"\(complex128\) in row 0"),
    "times": (TIMES, r"datetime64\[D\]; turn times"),
    "durations": (TIMES - TIMES[0], r"timedelta64\[D\]; turn durations"),
    "dates": ([datetime.date(2020, 1, day) for day in (1, 2, 3)], r"\(date\) in row 0"),
    "duration objects": (np.array([1, 2, np.timedelta64(3, "s")], object), "in row 2"),
    "masked": (np.ma.array([1.0, 2, 0], mask=[0, 1, 0]), "is masked"),
    "masked elements": ([1.0, np.ma.masked, 0.0], "is masked"),
    "texts": (["1", "2", "0"], "<U1; encode text"),
    "text objects": (np.array(["1", 2, 0], object), r"'1' \(str\) in row 0"),
    "fields": (np.zeros(3, [("a", float)]), "give an array of numbers"),
    "too large": ([1, 2, 10**400], "float64 can't hold"),
}


@pytest.mark.parametrize(("values", "words"), LOSSY.values(), ids=LOSSY)
def test_what_would_lose_its_meaning_as_numbers_is_refused_everywhere(values, words):
    plain = Trainer(Network(Dense(1)), Squared())
    X, y = np.eye(3), np.zeros(3)
    column = [[value] for value in values] if isinstance(values, list) else values[:, None]
    for call in (
        lambda: plain.fit(column, y),
        lambda: plain.fit(X, y, validation=(column, y)),
        lambda: plain.fit(X, values),
        lambda: plain.fit(X, y, validation=(X, values)),
        lambda: plain.fit(X, y, weights=values),
        lambda: Network(Dense(1)).predict(column),
        lambda: gradient(Network(Dense(1)), Squared(), column, y),
        lambda: gradient(Network(Dense(1)), Squared(), X, values),
        lambda: gradient(Network(Dense(1)), Squared(), X, y, values),
        lambda: Squared().targets(values, 1, "float64"),
    ):
        with pytest.raises(InputError, match=words):
            call()


@pytest.mark.parametrize("values", [COMPLEX, COMPLEX.astype(object)])
def test_sparse_matrices_of_no_real_numbers_are_refused(values):
    X = sparse.csr_matrix((2, 3))
    X.data, X.indices, X.indptr = values, np.arange(3), np.array([0, 2, 3])
    with pytest.raises(InputError, match="here: X must be numbers, got"):
        as_inputs(X, "float64", "here")


@pytest.mark.parametrize(
    "values",
    [
        [True, False],
        [np.True_, 2],
        np.array([1, Fraction(1, 2)], object),
        np.array([Decimal("0.5"), np.int8(3)], object),
        np.array([2**70, 1.5], object),
        np.array([1, 2], np.uint8),
        np.array([1, 2], ">f8"),
    ],
)
def test_all_real_numbers_and_truths_are_numbers(values):
    wanted = [float(value) for value in values]
    np.testing.assert_array_equal(as_numbers(values, "X", "here").astype(float), wanted)
    np.testing.assert_array_equal(as_inputs([values], "float64", "here"), [wanted])


def test_missing_objects_are_named():
    with pytest.raises(InputError, match="row 1, column 0; fill or drop missing"):
        as_inputs(np.array([[1.0], [None]], object), "float64", "here")


def test_odd_objects_are_named_in_one_line():
    images = np.array([np.eye(3), None], object)
    with pytest.raises(
        InputError, match=r"got ndarray of shape \(3, 3\) of float64 \(ndarray\) in"
    ):
        as_inputs(images, "float64", "here")


@pytest.mark.parametrize("model", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("X", "y", "w"),
    [
        (np.ma.array(np.eye(3), mask=np.eye(3)), [0, 1, 0], None),
        (np.eye(3), np.ma.array([0, 1, 0], mask=[1, 0, 0]), None),
        (np.eye(3), [0, 1, 0], np.ma.array([1.0, 1, 1], mask=[1, 0, 0])),
        (TIMES[:, None], [0, 1, 0], None),
        (np.eye(3), [0, 1, 0], [1.0, -1.0, 1.0]),
    ],
)
def test_estimators_refuse_what_would_be_lost(model, X, y, w):
    words = r"is masked|turn times|row 1 has -1"
    with pytest.raises(InputError, match=words):
        model(max_iter=1).fit(X, y, sample_weight=w)
    with pytest.raises(InputError, match=words):
        model(max_iter=1).fit(np.eye(3), [0, 1, 0], eval_set=(X, y, w))


def test_a_regressor_takes_no_times_for_targets():
    with pytest.raises(InputError, match="turn times"):
        MLPRegressor(max_iter=1).fit(np.eye(3), TIMES)


@pytest.mark.parametrize("classes", [[0, 2, 1], [0, 1, -1], [0, 1, 2**40], [0, 1.5, 1]])
def test_classes_that_no_output_stands_for_are_named(classes):
    with pytest.raises(InputError, match=r"classes must be 0, …, 1 .* row [12] has"):
        Trainer(Network(Dense(2)), SoftmaxCrossEntropy()).fit(np.eye(3), classes)


@pytest.mark.parametrize("code", [3.0, -1.0, 0.5])
def test_codes_that_no_row_stands_for_are_named(code):
    X = np.array([[0.0], [code]])
    for call in (
        lambda: Trainer(Network(Embedding(3, 2), Dense(1)), Squared()).fit(X, [0, 1]),
        lambda: Network(Embedding(3, 2)).predict(X),
    ):
        with pytest.raises(InputError, match="row 1, column 0: the code must be one of 0, …, 2"):
            call()


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([["a", "b"]], "X must be numbers"),
        ([[1.0], [1.0, 2.0]], "numbers in rows of one length"),
        ([1.0, 2.0], r"reshape one row to \(1, p\)"),
        (np.zeros((2, 0, 2)), r"empty: its shape is \(2, 0, 2\)"),
        ([[[0.0, 1.0]], [[2.0, np.nan]]], r"example 1, entry \(0, 1\)"),
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
    ("weights", "words"),
    [
        ([1, 2], r"each of 3 rows, got shape \(2,\)"),
        ([[1, 2, 3]], r"shape \(1, 3\)"),
        ([1, -1, 1], "row 1 has -1"),
        ([0, 0, 0], "all are 0"),
        ([1, 1, np.nan], "row 2 has nan"),
        ([1, np.inf, 1], "row 1 has inf"),
    ],
)
def test_refused_weights(weights, words):
    with pytest.raises(InputError, match=f"here: .*{words}"):
        as_weights(weights, 3, "float32", "here")


@pytest.mark.parametrize("values", [[], [3], [2, 1, 2, 1, 3], [0.5, -1.0, 0.5], [5, 4, 3, 3]])
def test_distinct_values(values):
    found = distinct(np.array(values))
    assert found.tolist() == sorted(set(values))
