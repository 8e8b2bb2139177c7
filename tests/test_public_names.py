import inspect

import pytest

import steepest


@pytest.mark.parametrize("name", steepest.__all__)
def test_every_public_name_is_documented(name):
    assert inspect.getdoc(getattr(steepest, name))


def test_names_are_sorted_and_no_submodule_hides():
    assert len(set(steepest.__all__)) == len(steepest.__all__)
    assert steepest.__version__ == "0.1.0"
