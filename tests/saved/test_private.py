"""What a model folder tells of the rows that it was trained on, byte by byte."""

import errno
import os
import re
import struct
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from steepest import TabularRegressor
from steepest.cli import app
from steepest.errors import InputError, ModelError
from steepest.pipeline.model import Model
from steepest.saved import folder
from steepest.saved.folder import ENCODER, RECORD
from steepest.tables.columns.number import KNOTS, SHARED

ROWS = 270  # of which 216 train


@pytest.fixture(scope="module")
def people():
    """A table in which nearly every column tells people apart."""
    draw = np.random.default_rng(0)
    income = np.round(draw.lognormal(10, 1, ROWS), 2)
    surnames = [f"Surname{k}" for k in draw.integers(0, 200, ROWS)]
    return pa.table(
        {
            "email": [f"person{k}@example.org" for k in range(ROWS)],
            "surname": surnames,
            "town": [f"Town{k}" for k in draw.integers(0, 40, ROWS)],
            "income": income,
            "phone": draw.integers(10**9, 10**10, ROWS),
            "account": draw.integers(10**17, 10**18, ROWS),
            "born": pa.array(draw.integers(-(10**9), 10**9, ROWS), pa.timestamp("s")),
            "target": np.log(income) + 0.1 * draw.standard_normal(ROWS),
        }
    )


def steepest(*words, monkeypatch):
    words = list(map(str, words))
    monkeypatch.setattr("sys.argv", ["steepest", *words])
    app(words, standalone_mode=False)


def train(people, place, monkeypatch, *options):
    (place / "private").mkdir()
    pq.write_table(people, place / "private/people.parquet")
    monkeypatch.chdir(place / "private")
    table, out = place / "private/people.parquet", place / "model"
    steepest("train", table, "--target", "target", "--epochs", 2, "--layers", 8, "--threads", 1,
             f"--out={out}/", *options, monkeypatch=monkeypatch)  # fmt: skip
    return {path.name: path.read_bytes() for path in out.iterdir()}


def numbers_told(files, people, names):
    """Return the values of columns that stand in a file, in binary or in decimal."""
    found = []
    decimals = set(re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", files[RECORD].decode()))
    for name in names:
        values = people.column(name)
        values = values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
        for value in values.to_pylist():
            binary = struct.pack("<d", value)
            if any(binary in content for content in files.values()) or repr(value) in decimals:
                found.append((name, value))
    return found


def texts_told(files, people, name):
    return [
        text
        for text in set(people.column(name).to_pylist())
        if any(re.search(rf"{text}\b".encode(), content) for content in files.values())
    ]


def rows_with(people, name, text):
    return people.column(name).to_pylist().count(text)


def test_a_folder_tells_of_no_row_alone(people, tmp_path, monkeypatch):
    files = train(people, tmp_path, monkeypatch)
    assert not numbers_told(files, people, ("income", "phone", "account", "born", "target"))
    assert not texts_told(files, people, "email")
    surnames = texts_told(files, people, "surname")
    assert surnames  # those that several people have
    assert min(rows_with(people, "surname", text) for text in surnames) >= 2
    card = files["README.md"].decode()
    assert "those that 2 rows or more have, word for word" in card
    assert f"each the rounded mean of {SHARED} rows or more" in card


def test_a_folder_tells_no_path_but_within_the_folder_of_the_training(
    people, tmp_path, monkeypatch
):
    files = train(people, tmp_path, monkeypatch)
    for content in files.values():
        assert os.fsencode(tmp_path) not in content
        assert b'"/' not in content
    assert Model.load(tmp_path / "model").about["command"] == (
        "steepest train people.parquet --target target --epochs 2 --layers 8 --threads 1 "
        "--out=model"
    )


def test_private_leaves_out_what_predicting_does_not_need(people, tmp_path, monkeypatch):
    files = train(people, tmp_path, monkeypatch, "--private")
    assert not texts_told(files, people, "surname")
    assert all(rows_with(people, "town", text) >= 10 for text in texts_told(files, people, "town"))
    for word in (b"people.parquet", b"email", b"history", b"recipe", b"identifiers", b"command"):
        assert not any(word in content for content in files.values()), word
    model = Model.load(tmp_path / "model")
    assert "r2" in model.about["metrics"]
    assert model.encoder.dropped == {}
    assert np.isfinite(model.predict(people.slice(0, 5)).column("prediction").to_numpy()).all()


def test_an_estimator_saves_privately(people, tmp_path):
    X = people.drop_columns(["target"])
    y = people.column("target").to_numpy()
    with pytest.warns(UserWarning, match="email"):
        model = TabularRegressor(settings={"layers": (8,), "epochs": 2}, n_threads=1).fit(X, y)
    model.model_.save(tmp_path / "model", private=True)
    content = b"".join(path.read_bytes() for path in (tmp_path / "model").iterdir())
    assert b"email" not in content
    loaded = Model.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X).column("prediction"), model.predict(X))
    with pytest.raises(InputError, match=r"Model\.save: private must be True or False, got 'yes'"):
        loaded.save(tmp_path / "model", private="yes")


def test_knots_are_few_means_of_several_rows(people, tmp_path, monkeypatch):
    train(people, tmp_path, monkeypatch)
    arrays = load_file(tmp_path / "model" / ENCODER)
    assert arrays
    assert all(len(array) <= min(KNOTS, ROWS // SHARED) for array in arrays.values())


def test_a_model_that_can_not_be_written_is_kept_elsewhere(people, tmp_path, monkeypatch):
    def full(place, contents, write=folder.write_folder):
        if place == tmp_path / "model":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(place, contents)

    monkeypatch.setattr(folder, "write_folder", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ModelError, match="No space left on device; the model is in ") as caught:
        train(people, tmp_path, monkeypatch)
    kept = str(caught.value).rpartition(" ")[2]
    assert Model.load(kept).task.name == "target"


def test_a_model_that_nobody_can_write_leaves_nothing(people, tmp_path, monkeypatch):
    def broken(place, contents):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(folder, "write_folder", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ModelError, match=r"model: Input/output error$"):
        train(people, tmp_path, monkeypatch)
    assert [path.name for path in tmp_path.iterdir()] == ["private"]


@pytest.fixture(scope="module")
def reports():
    """Texts of which five hold a word, and classes."""
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(list("abcdefgh"), 6)) + f" n{k}" for k in range(ROWS)]
    texts = [text + " syphilis" * (k % (ROWS // 5) == 0) for k, text in enumerate(texts)]
    return pa.table({"report": texts, "target": draw.choice(["p", "q"], ROWS)})


@pytest.mark.parametrize("private", [False, True])
def test_what_is_told_of_texts_and_of_single_rows(private, reports, tmp_path, monkeypatch):
    options = ("--test", "0", *["--private"] * private)
    files = train(reports, tmp_path, monkeypatch, *options)
    model = Model.load(tmp_path / "model")
    x = model.encoder.transform(pa.table({"report": ["syphilis"]}))[0]
    told = model.encoder.columns["report"].told("syphilis", x)
    assert any("syphilis" in name for name in told) != private
    scores = model.calibration.scores
    line = f"calibrated by: {len(scores)} numbers, in order"
    assert (bool(scores), line in files["README.md"].decode()) == (not private, not private)
    if private:
        with pytest.raises(ModelError, match=r"no sets of classes: .* a model that is not private"):
            model.predict_set(reports)
