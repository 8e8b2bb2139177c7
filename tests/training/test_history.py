import numpy as np
import pytest

from steepest import History
from steepest.training.history import EpochLosses


def test_rows_and_columns():
    history = History()
    history.append(epoch=1, loss=0.5)
    history.append(epoch=2, loss=0.25, accuracy=0.9)
    assert history.columns == ["epoch", "loss", "accuracy"]
    assert history["loss"].tolist() == [0.5, 0.25]
    assert len(history) == 2
    assert history.to_dict()["epoch"] == [1, 2]
    lines = str(history).splitlines()
    assert lines[0].split() == ["epoch", "loss", "accuracy"]
    assert lines[1].split() == ["1", "0.5"]
    assert lines[2].split() == ["2", "0.25", "0.9"]
    with pytest.raises(KeyError, match="there are epoch"):
        history["nothing"]


def open_losses(sizes=(4, 4, 2)):
    losses = EpochLosses(sizes)
    losses.add([1.0, 2.0], [0.1, 0.2])
    return losses


def test_the_loss_of_an_epoch_is_the_average_over_its_examples():
    losses = open_losses()
    assert losses.first_epoch() == (1.5, 0.2)  # as far as it went
    losses.add([6.0], [0.3])
    assert losses.first_epoch() == ((4 * 1 + 4 * 2 + 2 * 6) / 10, 0.3)


def test_epochs_are_closed_one_by_one():
    losses = open_losses()
    losses.add(np.arange(3.0, 9.0), np.arange(3.0, 9.0))
    seen = []
    while losses.count >= 3:
        seen.append(losses.losses[:3].tolist())
        losses.close()
    assert seen == [[1, 2, 3], [4, 5, 6]]
    losses.add([9.0], [9.0])
    assert losses.losses.tolist() == losses.rates.tolist() == [7, 8, 9]
    assert losses.first_epoch() == ((4 * 7 + 4 * 8 + 2 * 9) / 10, 9)
    losses.close()
    assert losses.count == 0


def test_an_epoch_that_is_closed_early_is_gone():
    losses = open_losses()
    losses.close()
    assert losses.count == 0
