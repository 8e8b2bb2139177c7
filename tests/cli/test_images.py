"""The commands on pictures and arrays of images."""

import json
import shutil

import numpy as np
import pyarrow.csv as csv
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from steepest import ModelError
from steepest.cli import app

DIGITS = load_digits()
X, Y = (DIGITS.images * 15).astype(np.uint8), DIGITS.target
QUICK = ["--epochs", "6", "--batch", "16"]


def run(*arguments):
    """Return what a command prints; raise what it raises."""
    found = CliRunner().invoke(app, list(map(str, arguments)))
    if found.exception is not None:
        raise found.exception
    return found.output


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with pictures of three digits, and a model of them."""
    place = tmp_path_factory.mktemp("images")
    chosen = np.flatnonzero(Y < 3)[:150]
    for k in chosen:
        (place / "pictures" / f"n{Y[k]}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(X[k]).save(place / "pictures" / f"n{Y[k]}" / f"{k:04}.png")
    np.savez(place / "digits.npz", X=X[chosen], y=Y[chosen])
    test = {"x_test": X[1000:1100], "y_test": Y[1000:1100]}
    np.savez(place / "parts.npz", x_train=X[:300], y_train=Y[:300], **test)
    (place / "said.txt").write_text(
        run("train", place / "pictures", *QUICK, "-o", place / "model"), encoding="utf-8"
    )
    return place


def test_train_says_what_it_found_and_how_well_it_does(place):
    said = (place / "said.txt").read_text("utf-8")
    assert "images of 8×8 pixels, 1 channel" in said
    assert "108 images for training, 12 to choose the epoch by" in said
    accuracy = next(line for line in said.splitlines() if line.startswith("accuracy")).split()
    assert float(accuracy[1]) > 0.8 > float(accuracy[2])
    record = json.loads((place / "model" / "model.json").read_text("utf-8"))
    assert record["about"]["rows"] == {"train": 108, "validation": 12, "test": 30}
    assert "command" in record["about"]


def test_predict_names_the_files(place, tmp_path):
    run("predict", place / "model", place / "pictures", "--proba", "-o", tmp_path / "out.csv")
    found = csv.read_csv(tmp_path / "out.csv").to_pydict()
    assert list(found) == ["file", "prediction", "proba_n0", "proba_n1", "proba_n2"]
    pairs = zip(found["file"], found["prediction"], strict=True)
    right = [file.startswith(f"{label}/") for file, label in pairs]
    assert np.mean(right) > 0.8
    one = run("predict", place / "model", place / "pictures" / found["file"][0])
    assert one.splitlines()[1].split(",")[0] == found["file"][0].rpartition("/")[2]


def test_what_can_not_be_read_is_skipped_on_request(place, tmp_path):
    (tmp_path / "odd.png").write_bytes(b"odd")
    Image.fromarray(X[0]).save(tmp_path / "whole.png")
    with pytest.raises(Exception, match=r"odd\.png can't be read"):
        run("predict", place / "model", tmp_path)
    assert "whole.png,n0" in run("predict", place / "model", tmp_path, "--skip")


def test_explain_counts_and_names_mistakes(place):
    for name in ("n0", "n1", "n2"):
        (place / "swapped" / name).mkdir(parents=True)
    for k, name in enumerate(("n0", "n1", "n2", "n0")):
        file = next((place / "pictures" / f"n{(k + 1) % 3}").iterdir())
        (place / "swapped" / name / f"{k}.png").write_bytes(file.read_bytes())
    said = run("explain", place / "model", place / "swapped")
    assert "0 of 4 right: accuracy 0\n" in said
    assert "100.0%" in said
    mistakes = said[said.index("the worst mistakes") :].splitlines()[1:]
    assert {line.split()[0] for line in mistakes} == {
        "n0/0.png",
        "n0/3.png",
        "n1/1.png",
        "n2/2.png",
    }
    assert len(run("explain", place / "model", place / "swapped", "--hardest", 1).splitlines()) == 9


def test_show_and_export(place, tmp_path):
    said = run("show", place / "model")
    assert "image: 8×8 pixels, 1 channel, pixels from 0 to 255" in said
    assert "Standardise()" in said
    assert "an image of 8×8 pixels, 1 channel to 'class'" in run(
        "export", place / "model", tmp_path / "model.onnx"
    )


def test_a_private_model_tells_less(place, tmp_path):
    run("train", place / "pictures", *QUICK, "--private", "-o", tmp_path / "model", "-q")
    record = json.loads((tmp_path / "model" / "model.json").read_text("utf-8"))
    assert "history" not in record["about"]
    assert "n0" in run("predict", tmp_path / "model", place / "pictures")


@pytest.mark.parametrize(
    "encoder",
    [
        {"images": [8, 8], "bright": True, "scaled": False},
        {"images": [8, 8, 0], "bright": True, "scaled": False},
        {"images": [9, 8, 1], "bright": True, "scaled": False},
        {"images": [8, 8, 1], "bright": 1, "scaled": False},
        {"images": "888", "bright": True, "scaled": True},
    ],
    ids=str,
)
def test_a_damaged_model_is_refused(place, tmp_path, encoder):
    shutil.copytree(place / "model", tmp_path / "model")
    file = tmp_path / "model" / "model.json"
    record = json.loads(file.read_text("utf-8"))
    assert set(record["encoder"]) == set(encoder)
    file.write_text(json.dumps(record | {"encoder": encoder}), encoding="utf-8")
    with pytest.raises(ModelError, match="is damaged"):
        run("show", tmp_path / "model")


def test_arrays_of_a_file(place, tmp_path):
    said = run("train", place / "digits.npz", *QUICK, "-o", tmp_path / "model")
    assert "108 images for training" in said
    assert run("predict", tmp_path / "model", place / "digits.npz").startswith(
        "file,prediction\n0,"
    )
    assert "270 images for training" in run("train", place / "parts.npz", *QUICK)


def test_a_training_goes_on_from_a_checkpoint(place, tmp_path):
    arguments = ["train", place / "pictures", "--batch", 16, "--checkpoint", tmp_path / "kept"]
    run(*arguments, "--epochs", 2, "-o", tmp_path / "first")
    assert "going on from step 14" in run(
        *arguments, "--epochs", 2, "--resume", "-o", tmp_path / "again"
    )
    theta = [(tmp_path / name / "theta.safetensors").read_bytes() for name in ("first", "again")]
    assert theta[0] == theta[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dropout", "0.1"], "--dropout is for tables, and these are images"),
        (["--target", "x"], "--target is for tables"),
        (["--memory", "1GB"], "--memory is for tables"),
        (["--size", "8"], "size must be a width and a height like 64x48"),
        (["--validation", "2"], "validation must be"),
    ],
)
def test_options_that_do_not_fit(place, arguments, message):
    with pytest.raises(Exception, match=message):
        run("train", place / "pictures", *arguments)


def test_options_of_images_are_not_for_tables(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Exception, match="--shift is for images, and this is a table"):
        run("train", tmp_path / "table.csv", "--target", "b", "--shift", 2)


def test_what_is_no_place_to_learn_from(place, tmp_path):
    with pytest.raises(Exception, match="is a model"):
        run("train", place / "model")
    with pytest.raises(Exception, match="found: nothing"):
        run("train", tmp_path)
    with pytest.raises(Exception, match="takes an image of 8×8 pixels"):
        run("predict", place / "model", tmp_path / "table.csv")
    Image.fromarray(X[0]).save(tmp_path / "one.png")
    with pytest.raises(Exception, match="images without a folder"):
        run("explain", place / "model", tmp_path)
