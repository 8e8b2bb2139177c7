"""Checks of single arguments: what passes, and what the error says."""

import warnings

import numpy as np
import pytest

from steepest.errors import InputError
from steepest.validate import fraction, number, one_of, positive_count, renamed, sequence


@pytest.mark.parametrize(
    ("bounds", "good", "bad", "words"),
    [
        ({}, [0, -1.5, np.float32(2)], ["1", None, True, np.inf, np.nan, 1j], "a finite number"),
        ({"above": 0}, [1e-300, 5], [0, -1], "a number above 0"),
        ({"least": 0, "below": 1}, [0, 0.5], [-1, 1], "a number of at least 0 and below 1"),
        ({"above": 0, "most": 1}, [1], [0, 1.5], "a number above 0 and at most 1"),
        ({"least": 2, "whole": True}, [2, 3.0], [1, 2.5], "a whole number of at least 2"),
    ],
)
def test_a_number_is_within_its_bounds_or_the_error_says_them(bounds, good, bad, words):
    for value in good:
        number("Thing", "size", value, **bounds)
    for value in bad:
        with pytest.raises(InputError) as caught:
            number("Thing", "size", value, **bounds)
        assert str(caught.value) == f"Thing: size must be {words}, got {value!r}"


def test_counts_are_integers_and_fractions_below_1():
    positive_count("Thing", "batch", np.int64(3))
    fraction("Thing", "rate", 0)
    for value in (0, 2.0, True, "3", None):
        with pytest.raises(InputError, match="batch must be a whole number of at least 1, got"):
            positive_count("Thing", "batch", value)
    with pytest.raises(InputError, match="rate must be a number of at least 0 and below 1, got 1"):
        fraction("Thing", "rate", 1)


def test_a_name_is_one_of_those_there_are():
    one_of("Thing", "rule", "sgd", {"sgd": 1, "adam": 2})
    for value in ("adamant", ["sgd"], None, 3):
        with pytest.raises(InputError, match=r"^Thing: rule must be one of sgd, adam, got "):
            one_of("Thing", "rule", value, {"sgd": 1, "adam": 2})
    with pytest.raises(InputError, match="dtype must be 'bfloat16', got 'int8'"):
        one_of("Thing", "dtype", "int8", ["bfloat16"])


def test_a_list_is_no_text():
    for value in ([], (1, 2), range(3)):
        sequence("Thing", "layers", value)
    for value in ("12", 12, None, {1: 2}):
        with pytest.raises(InputError, match=r"^Thing: layers must be a list, got "):
            sequence("Thing", "layers", value)


def test_a_former_name_is_taken_with_a_warning_that_names_the_callers_line():
    assert renamed("Thing", "old", None, "new", 3) == 3
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert renamed("Thing", "old", 5, "new", None) == 5
    assert [warning.filename for warning in said] == [__file__]
    assert said[0].category is DeprecationWarning
    assert "old is called new now" in str(said[0].message)
    with pytest.raises(InputError, match="old is the former name of new; give new alone"):
        renamed("Thing", "old", 5, "new", 3)
