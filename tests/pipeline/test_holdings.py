"""What a path holds."""

import pytest
from PIL import Image

from steepest import InputError
from steepest.pipeline.holdings import holds


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["model.json", "theta.safetensors"], "model"),
        (["a.parquet", "b.parquet"], "table"),
        (["part-0.parquet", ".part-0.parquet.crc", "_SUCCESS", "_metadata"], "table"),  # by Spark
        (["a.png", "note.txt"], "pictures"),
        (["a/1.png", "b/1.png", "note.txt"], "classes"),
    ],
)
def test_folders(tmp_path, files, kind):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert holds(tmp_path) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.npz", "arrays"), ("a.PNG", "pictures"), ("a.csv", "table"), ("-", "table")],
)
def test_files_by_their_names(tmp_path, name, kind):
    assert holds(tmp_path / name) == kind


def test_anything_else_is_listed(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "1.png")
    (tmp_path / "1.png").rename(tmp_path / "1.xcf")
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").touch()
    with pytest.raises(InputError, match=r"found: 1 files \.|found: 1 folders without pictures"):
        holds(tmp_path)
