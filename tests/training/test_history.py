import pytest

from steepest import History


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
