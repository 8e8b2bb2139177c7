import builtins

import numpy as np
import pandas as pd
import polars as pl
import pytest

from steepest import History, InputError
from steepest.errors import HistoryKeyError
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
    with pytest.raises(KeyError, match=r"^no column 'nothing'; there are epoch"):
        history["nothing"]
    for key in (2, 1.5, None):
        with pytest.raises(HistoryKeyError, match=f"the number of one of 2 rows, got {key}"):
            history[key]


def three_epochs():
    history = History()
    history.append(epoch=1, step=10, loss=0.5)
    history.append(epoch=2, step=20, loss=0.25, validation_loss=0.75)
    history.append(epoch=3, step=30, loss=0.125, validation_loss=0.625)
    return history


def test_it_is_a_sequence_of_rows():
    history = three_epochs()
    assert history[-1] == {"epoch": 3, "step": 30, "loss": 0.125, "validation_loss": 0.625}
    assert [row["step"] for row in history] == [10, 20, 30]
    assert [row["step"] for row in reversed(history)] == [30, 20, 10]
    assert history[1:]["loss"].tolist() == [0.25, 0.125]
    assert isinstance(history[1:], History)
    with pytest.raises(IndexError):
        history[3]


def test_it_says_which_columns_it_has():
    history = three_epochs()
    assert "validation_loss" in history
    assert "accuracy" not in history
    assert history[0] in history
    assert {"epoch": 1} not in history


@pytest.mark.parametrize("frame", [History.to_pandas, pd.DataFrame])
def test_it_goes_into_pandas(frame):
    found = frame(three_epochs())
    assert list(found.columns) == ["epoch", "step", "loss", "validation_loss"]
    assert found["step"].tolist() == [10, 20, 30]
    assert found["epoch"].dtype.kind == "i"
    assert found["validation_loss"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("frame", [History.to_polars, pl.DataFrame])
def test_it_goes_into_polars(frame):
    found = frame(three_epochs())
    assert found.columns == ["epoch", "step", "loss", "validation_loss"]
    assert found["step"].to_list() == [10, 20, 30]
    assert found["validation_loss"].to_list()[1:] == [0.75, 0.625]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_package_that_lacks_is_named(monkeypatch, package):
    known = builtins.__import__

    def without(name, *rest):
        if name == package:
            raise ImportError(name)
        return known(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=f"pip install {package}"):
        getattr(three_epochs(), f"to_{package}")()


def test_what_is_printed_is_short():
    assert repr(History()) == "History(0 epochs)"
    text = "History(3 epochs, loss 0.5 to 0.125, validation_loss 0.75 to 0.625)"
    assert repr(three_epochs()) == text
    history = History([{"epoch": k, "loss": 1 / k} for k in range(1, 1001)])
    lines = str(history).splitlines()
    assert len(lines) == 25
    assert lines[1].split()[0] == "1"
    assert lines[-1].split()[0] == "1000"


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
