"""Images in .npz files."""

import numpy as np
import pytest

from steepest import InputError
from steepest.images.archives import read_archive

X, Y = np.zeros((4, 3, 2), np.uint8), np.arange(4)


@pytest.mark.parametrize("names", [("X", "y"), ("x", "Y"), ("X_train", "y_train")])
def test_names_in_any_case(tmp_path, names):
    np.savez(tmp_path / "a.npz", **dict(zip(names, (X, Y[:, None]), strict=True)))
    found = read_archive(tmp_path / "a.npz")
    assert found.X.shape == (4, 3, 2, 1)
    assert found.y.tolist() == [0, 1, 2, 3]
    assert found.X_test is None


def test_images_for_the_test(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X[:1], y_test=Y[:1])
    assert read_archive(tmp_path / "a.npz").X_test.shape == (1, 3, 2, 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pixels": X}, "it has pixels"),
        ({"X": X, "y": Y[:3]}, r"4 images, but y is of shape \(3,\)"),
        ({"X": Y, "y": Y}, "X must be images"),
        ({"X": X, "y": np.array([{}] * 4)}, "can't be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_archive(tmp_path / "a.npz")


def test_what_is_no_archive_or_too_large(tmp_path, monkeypatch):
    (tmp_path / "a.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="can't be read as an"):
        read_archive(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    monkeypatch.setattr("steepest.images.archives.physical_memory", lambda: 100.0)
    with pytest.raises(InputError, match="more than a quarter of this machine's memory"):
        read_archive(tmp_path / "a.npz")
