"""What may be said of windows, and that it is said in one way afterwards."""

import numpy as np
import pytest

from steepest import AveragePool, Conv1D, Conv2D, MaxPool, ZeroPad


@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        (Conv2D(4, np.array([3, 2])), Conv2D(4, (3, 2))),
        (Conv2D(4, [3, 3], stride=[1, np.int64(2)]), Conv2D(4, (3, 3), stride=(1, 2))),
        (Conv2D(4, 3, padding=[[1, 0], [2, 1]]), Conv2D(4, 3, padding=((1, 0), (2, 1)))),
        (Conv1D(4, np.int32(3), dilation=np.array([2])), Conv1D(4, 3, dilation=(2,))),
        (MaxPool([2, 3], padding=np.array([1, 0])), MaxPool((2, 3), padding=(1, 0))),
        (AveragePool(np.int64(2), stride=[1, 2]), AveragePool(2, stride=(1, 2))),
        (ZeroPad([1, [0, 2]]), ZeroPad((1, (0, 2)))),
    ],
    ids=str,
)
def test_arrays_and_lists_are_settings_as_tuples_are(layer, plain):
    assert layer == plain
    assert hash(layer) == hash(plain)
    assert repr(layer) == repr(plain)
