"""Lines of texts with labels, as fastText's users have them."""

import pytest

from steepest import TableError, TextClassifier
from steepest.tables.files import read_table, stream_table


def written(tmp_path, content, name="some.txt"):
    file = tmp_path / name
    file.write_bytes(content)
    return file


def test_a_line_is_a_label_and_a_text(tmp_path):
    content = "\ufeff__label__spam win £5 😀\r\n__label__ham see you\n\n__label__ham\nno label"
    file = written(tmp_path, content.encode(), "some.train")
    table = read_table(file)
    assert table["label"].to_pylist() == ["spam", "ham", None, "ham", None]
    assert table["text"].to_pylist() == ["win £5 😀", "see you", "", "", "no label"]
    batches = list(stream_table(file))
    assert sum(batch.num_rows for batch in batches) == 5


def test_read_gives_texts_and_labels(tmp_path):
    file = written(tmp_path, b"__label__a x y\n__label__b z\n")
    assert TextClassifier.read(file) == (["x y", "z"], ["a", "b"])
    with pytest.raises(TableError, match="text 2 has no __label__"):
        TextClassifier.read(written(tmp_path, b"__label__a x\ny\n"))
    with pytest.raises(TableError, match="is a table"):
        TextClassifier.read(written(tmp_path, b"a,b\n1,2\n", "some.csv"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n", "no line that begins with __label__"),
        (b"__label__a x\n__label__a __label__b y\n", "line 2 has several labels"),
        (b"__label__a \xff\xfe\n", "can't be read as lines with labels"),
        (b"", "empty"),
    ],
)
def test_other_files_are_refused(tmp_path, content, told):
    with pytest.raises(TableError, match=told):
        read_table(written(tmp_path, content))
