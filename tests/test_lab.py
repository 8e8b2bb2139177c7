"""The laboratory of the kernel tests finds what it is there to find."""

import numpy as np
import pytest

from lab import Lab


def beyond(x, y, rows):
    """y = x, and one row too many"""
    for i in rows:
        y[i, 0] = x[i, 0]
    y[x.shape[0], 0] = 0


def everybody(x, y, rows):
    """y = x, all of it by every thread"""
    for i in range(x.shape[0]):
        y[i, 0] = x[i, 0]


def proper(x, y, rows):
    """y = x"""
    for i in rows:
        y[i, 0] = x[i, 0]


def lab_for(kernel, threads):
    lab = Lab(5, "float64", threads)
    y = lab.low.array("y", 5, 1)
    lab.low.emit(kernel, {"x": lab.given("x", np.arange(5.0)[:, None]), "y": y})
    return lab, y


@pytest.mark.parametrize(
    ("kernel", "threads", "words"),
    [(beyond, 1, "beyond the end"), (everybody, 2, "two threads, one entry")],
)
def test_a_kernel_that_goes_astray_is_caught(kernel, threads, words):
    lab, _ = lab_for(kernel, threads)
    with pytest.raises(AssertionError, match=words):
        lab.run()


def test_a_proper_kernel_passes():
    lab, y = lab_for(proper, 2)
    lab.run()
    assert y.array[:, 0].tolist() == [0, 1, 2, 3, 4]
