"""The benchmarks run; what they measure is not a test.

Each is a process of its own, which takes seconds. So by default all are imported, which finds names
that are gone, and those are run whose numbers are compared with something; ORACLES=1 runs all.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from thorough import THOROUGH, all_or

ROOT = Path(__file__).parents[1]
thorough = pytest.mark.skipif(not THOROUGH, reason="ORACLES=1 runs this")
IMPORT_ALL = """
import runpy, sys
from pathlib import Path

folder = Path(sys.argv[1])
sys.path[:0] = [str(folder), str(folder.parent)]
ours = {"steepest", "benchmarks", *(file.stem for file in folder.glob("*.py"))}
for file in sorted(folder.glob("*.py")):
    try:
        runpy.run_path(str(file), run_name="benchmark")
    except ImportError as error:  # of a package that it compares with
        if error.name.split(".")[0] in ours:
            raise
    else:
        print(file.stem)
"""


def run(name, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / name), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_all_can_be_imported():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(ROOT / "benchmarks")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "own_layer" in done.stdout


def test_speed_compares_and_reports(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--quick", "--only", "CSR", "gather",
         "--peers", "scikit-learn", "-o", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "GFLOP/s on one core" in done.stdout
    assert "scikit-learn: differs by" in done.stdout
    assert (
        "| 784-128-10, batch 1, SGD, 19 % non-zero in CSR (a step)"
        in (tmp_path / "speed.md").read_text()
    )
    cells = json.loads((tmp_path / "speed.json").read_text())["cells"]
    assert [cell["name"][:6] for cell in cells] == ["784-12", "gather"]
    assert cells[0]["targets"]["fastest peer"]["verdict"] in ("held", "lost")
    assert all(cell["seconds"]["steepest"] > 0 for cell in cells)


@thorough
def test_a_race_is_added_to_the_results(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 640)
    images = rng.integers(0, 50, (640, 28, 28), dtype=np.uint8)
    images[np.arange(640), 2 * labels] = 255  # a bright row tells the class
    parts = {"X_train": images, "y_train": labels, "X_test": images, "y_test": labels}
    np.savez(tmp_path / "images.npz", **parts)
    for words, more in (["gather"], []), (["98 %"], ["--add"]):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed", "--quick", "--only", *words, *more,
             "--mnist", tmp_path / "images.npz", "--peers", "none", "-o", str(tmp_path)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "steepest: Setting(rule=" in done.stdout
    gather, race = json.loads((tmp_path / "speed.json").read_text())["cells"]
    assert gather["name"].startswith("gather")
    assert race["name"] == "784-128-10 to 98 % on MNIST"
    assert race["seconds"]["steepest"] > 0


@thorough
def test_mnist_on_images_made_up(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (400, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, 400)
    np.savez(tmp_path / "m.npz", X_train=images, y_train=labels, X_test=images, y_test=labels)
    done = run("mnist.py", tmp_path / "m.npz", "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test accuracy") == 2
    missing = run("mnist.py", tmp_path / "none.npz")
    assert missing.returncode == 1
    assert "does not exist" in missing.stderr


OTHERS = [
    ("startup.py", ["--quick"], "import steepest"),
    ("scaling.py", ["--quick"], "of the line"),
    ("gradients.py", ["--quick", "--threads", 1], "gradient and norms"),
    ("flipped_labels.py", ["--epochs", 2], "have a flipped label"),
    ("own_layer.py", ["--quick"], "own ÷ Dense"),
    ("together.py", ["--rounds", 1, "--seconds", 0.1], "rows/s"),
    (
        "stream.py",
        ["--size", "1MB", "--memory", "1MB", "--layers", "8", "--format", "csv"],
        "peak memory",
    ),
    ("ladder.py", ["--rows", 300, "--columns", 3, "--classes", 2], "| 300 | 3 | 2 | "),
    ("profile_program.py", ["20,32,2", 4], "y0 = x A0ᵀ + b0"),
]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    all_or([OTHERS[-1]], OTHERS),
)
def test_the_others_print_what_they_measure(name, arguments, words):
    done = run(name, *arguments)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


@pytest.fixture
def made_up(tmp_path):
    """A folder of tables whose rows are made up."""
    rng = np.random.default_rng(0)
    x, age = rng.normal(size=(2, 300))
    targets = {
        "wine_quality": "quality", "bike_hour": "cnt", "california_housing": "median_house_value",
    }  # fmt: skip
    for name, target in targets.items():
        letter = pa.array(rng.choice(["a", "b"], 300).tolist()).dictionary_encode()
        inputs = {"median_income": x, "housing_median_age": age, "c": letter}
        table = pa.table({**inputs, target: 2 * x + 5})
        pa.parquet.write_table(table, tmp_path / f"{name}.parquet")
    return tmp_path


def test_tables_on_rows_made_up(made_up, tmp_path):
    arguments = "tables.py", made_up, tmp_path / "results.jsonl", "--tables", "wine_quality"
    first = run(*arguments, "--models", "steepest,hgb", "--seeds", 1)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("wine_quality steepest 0: ") == 1
    assert "steepest beats hgb by score on 1 of 1; wins/ties/losses 1/0/0" in first.stdout
    again = run(*arguments, "--models", "steepest,hgb", "--seeds", 1)
    assert "wine_quality steepest 0: " not in again.stdout


@thorough
@pytest.mark.parametrize(
    ("name", "only", "words"),
    [
        ("intervals.py", [], "bike_hour"),
        ("monotone.py", ["--tables", "california_housing"], " | 0 | "),
        ("probabilities.py", ["--tables", "wine_quality"], "| wine_quality | "),
    ],
)
def test_others_on_rows_made_up(made_up, name, only, words):
    done = run(name, made_up, *only)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


@thorough
def test_defaults_are_compared_by_training_rows(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    for name, target in (("covertype20k", "Cover_Type"), ("har_lifting", "classe")):
        table = pa.table({"x": x, target: np.digitize(x, [-0.5, 0.5])})
        pa.parquet.write_table(table, tmp_path / f"{name}.parquet")
    arguments = "defaults.py", "multiclass", tmp_path, tmp_path / "errors.json", "--seeds", 1
    done = run(*arguments, "--only", "default,lr 0.1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("har_lifting lr 0.1 0: ") == 1
    assert "1.000 ± 0.000" in done.stdout


@thorough
def test_threads_beside_a_busy_process():
    done = run("threads.py", "--quick", "--busy", 1, "--only", "at 32", "Adam")
    assert done.returncode == 0, done.stderr
    assert "1 busy processes" in done.stdout
    assert "784-128-10 at 32, Adam (a step)" in done.stdout


def test_texts_are_measured(tmp_path):
    rng, words = np.random.default_rng(0), ["red", "green", "blue", "warm", "cold", "fine"]
    labels = rng.choice(["a", "b"], 60)
    texts = [" ".join([y * 3, *rng.choice(words, 4)]) for y in labels]
    pa.parquet.write_table(pa.table({"text": texts, "label": labels}), tmp_path / "some.parquet")
    done = run("text.py", tmp_path / "some.parquet", "--quick")
    assert done.returncode == 0, done.stderr
    assert "| TextClassifier | 1.0000 |" in done.stdout
    assert "| tf-idf, linear |" in done.stdout


def test_embedding_measures_a_rule():
    done = run("embedding.py", "--quick", "--only", "Adam, lazy", 100_000)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["later"] < found["first"] / 5  # only what has changed
    assert found["back"] < found["first"] / 1.3  # a log, not a copy of the table


@pytest.mark.parametrize("name", ["waveform", "agrawal", "friedman1", "friedman2"])
def test_test_rows_of_generated_tables_are_like_the_others(name, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from table_sources import read

    X, _, test = read(Path(), name)
    numbers = X.select_dtypes("number")
    apart = numbers[test].mean() - numbers[~test].mean()
    error = np.sqrt(numbers[test].var() / test.sum() + numbers[~test].var() / (~test).sum())
    assert (apart.abs() < 5 * error).all()
