"""Bad tables and bad settings: a clear line, or a result that says what was done about it."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from steepest.cli import app
from steepest.errors import SteepestError

GOOD = "a,b,y\n" + "".join(f"{k},{k % 7},{'u' if k % 3 else 'v'}\n" for k in range(60))


def train(tmp_path, text, *flags, name="t.csv", target="y"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CliRunner().invoke(
        app, ["train", str(path), "--target", target, "--epochs", "2", *flags]
    )


def cause(result):
    """Return the one line that `steepest.cli.run` would print."""
    assert isinstance(result.exception, SteepestError), result.output
    text = str(result.exception)
    assert len(text) < 1000
    return text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a,b,y\n", "no rows"),
        (GOOD.replace(",y\n", ",z\n"), "'y'"),
        ("a,y\n1,u\n2,u\n3,u\n", "at least two classes"),
        ("a,y\n" + "".join(f"{k},1.5\n" for k in range(30)), "y"),
        ("a,b,y\n1,2,u\n1,2\n", "line 3|row"),
        ("a,b,y\n1,caf\xe9,u\n".encode("latin-1"), "UTF-8"),
        ("a,a,y\n1,2,u\n", "'?a'?"),
        ("a,y\n" + "1,\n" * 9, "y"),
    ],
    ids=["empty", "header only", "no target", "one class", "constant", "ragged", "encoding",
         "duplicates", "no targets"],
)  # fmt: skip
def test_tables_that_cannot_be_used(tmp_path, text, words):
    assert re.search(words, cause(train(tmp_path, text)))


def test_missing_file_and_unknown_format(tmp_path):
    missing = CliRunner().invoke(app, ["train", str(tmp_path / "no.csv"), "--target", "y"])
    assert "no.csv" in cause(missing)
    assert ".parquet" in cause(train(tmp_path, GOOD, name="t.xlsx"))


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--batch", "0"], "batch"),
        (["--batch", "-5"], "batch"),
        (["--lr", "nan"], "lr"),
        (["--lr", "0"], "lr"),
        (["--layers", "8,0"], "layers"),
        (["--layers", "8,x"], "layers"),
        (["--activation", "nope"], "activation"),
        (["--loss", "nope"], "loss"),
        (["--rule", "nope"], "rule"),
        (["--dtype", "int8"], "dtype"),
        (["--matmul-dtype", "int8"], "matmul_dtype"),
        (["--dropout", "1.5"], "rate|dropout"),
        (["--test", "2"], "test"),
        (["--task", "nope"], "task|kind|classification"),
        (["--ignore", "nope"], "nope"),
        (["--memory", "5"], "size like 500MB"),
        (["--memory", "0GB"], "size like 500MB"),
        (["--memory", "1GB", "--test-table", "t.csv"], "--test-table"),
        (["--resume"], "--resume needs the folder"),
        (["--on-fault", "stop"], "--on-fault needs the folder"),
        (["--checkpoint", "run", "--every", "5"], "number and a unit"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, flags, word):
    assert re.search(word, cause(train(tmp_path, GOOD, *flags)))
    assert train(tmp_path, GOOD, "--nonsense").exit_code == 2


def test_rows_without_a_target_are_dropped_and_said(tmp_path):
    done = train(tmp_path, GOOD + "1,2,\n3,4,\n")
    assert done.exit_code == 0, done.output
    assert "2 rows dropped" in done.output


def test_odd_but_usable_columns(tmp_path):
    rows = "".join(
        f"{k},{'inf' if k == 3 else k},{'x' if k % 2 else k},{10**30 + k},2,"
        f"2020-01-{k % 28 + 1:02},{'true' if k % 2 else 'false'},{'u' if k % 3 else 'v'}\n"
        for k in range(80)
    )
    done = train(tmp_path, "🦉 owl,infinite,mixed,huge,constant,date,truth,y\n" + rows)
    assert done.exit_code == 0, done.output
    assert "infinite" in done.output
    assert "'constant' not used" in done.output
    assert "accuracy" in done.output


def test_ten_thousand_columns(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (40, 10_000))
    header = ",".join(f"c{k}" for k in range(10_000)) + ",y\n"
    rows = "".join(",".join(map(str, row)) + f",{'uv'[row[0] % 2]}\n" for row in X)
    done = train(tmp_path, header + rows, "--layers", "4")
    assert done.exit_code == 0, done.output
    assert "10,000 columns" in done.output
