"""What callbacks answer."""

import numpy as np
import pytest

from steepest.training.progress import Progress, ask


@pytest.mark.parametrize(
    ("answer", "stops"),
    [
        (True, True),
        (np.True_, True),
        (np.float32(1) < 2, True),
        (False, False),
        (np.False_, False),
        (None, False),
        (1, False),
        ("yes", False),
        (np.array([True, True]), False),
    ],
)
def test_only_true_stops(answer, stops):
    progress = Progress(None, 1, 2, 3, 6, epoch_ended=True, loss=0.5)
    heard = []
    callbacks = [lambda progress: answer, heard.append]
    assert ask(callbacks, progress) is stops
    assert heard == [progress]
