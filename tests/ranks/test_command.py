"""``steepest train`` by several processes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from mpi import needs_mpi

import steepest
from steepest.pipeline.request import Request
from steepest.pipeline.stream import fit_stream
from steepest.ranks.launch import in_a_job, started_as, surroundings
from steepest.tables.files import read_table, stream_share

RNG = np.random.default_rng(0)
ROWS = 600
AGE, KIND = RNG.normal(40, 12, ROWS).round(1), RNG.choice(["a", "b", "c"], ROWS)
TABLE = pa.table(
    {
        "age": np.where(RNG.random(ROWS) < 0.1, None, AGE),
        "kind": KIND,
        "y": np.where(AGE + 20 * (KIND == "b") > 45, "yes", "no"),
    }
)


def command(*words):
    done = subprocess.run(
        [sys.executable, "-m", "steepest", *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@needs_mpi
def test_several_processes_train_on_their_shares_of_a_table(tmp_path):
    folder = tmp_path / "table"
    folder.mkdir()
    pq.write_table(TABLE.slice(0, 350), folder / "1.parquet", row_group_size=90)
    pq.write_table(TABLE.slice(350), folder / "2.parquet", row_group_size=90)
    own = (
        "train",
        folder,
        "--target",
        "y",
        "--epochs",
        30,
        "--lr",
        0.02,
        "--batch",
        32,
        "--threads",
        1,
    )
    status, out, errors = command(*own, "--ranks", 2, "--average-every", 1, "-o", tmp_path / "two")
    assert status == 0, out + errors
    assert out.count("model written") == out.count("accuracy") == 1
    status, out, errors = command(*own, "--memory", "1GB", "-o", tmp_path / "one")
    assert status == 0, out + errors
    two, one = steepest.load(tmp_path / "two"), steepest.load(tmp_path / "one")
    assert two.encoder == one.encoder
    assert two.task == one.task
    assert two.about["rows"] == one.about["rows"]
    found, expected = np.ravel(two.predict(TABLE)), np.ravel(one.predict(TABLE))
    assert (found == expected).mean() > 0.9
    assert (found == np.array(TABLE["y"].to_pylist())).mean() > 0.9


@needs_mpi
def test_processes_read_their_ranges_of_a_text_and_know_what_one_would(tmp_path):
    file = tmp_path / "table.csv"
    pa.csv.write_csv(TABLE, file)
    settings = {"epochs": 1, "batch": 32, "threads": 1}
    words = [w for name, value in settings.items() for w in (f"--{name}", value)]
    out = tmp_path / "three"
    status, _, errors = command("train", file, "--target", "age", *words, "--ranks", 3, "-o", out)
    assert status == 0, errors
    three, one = steepest.load(out), fit_stream(file, Request("age", settings), 10**9).model
    assert three.encoder == one.encoder
    assert three.about["rows"] == one.about["rows"]
    for name in ("mean", "deviation"):
        np.testing.assert_allclose(getattr(three.task, name), getattr(one.task, name), rtol=1e-13)
    assert (three.task.low, three.task.high) == (one.task.low, one.task.high)


@needs_mpi
def test_processes_with_other_files_are_told(tmp_path):
    for rank in range(2):
        place = tmp_path / str(rank)
        place.mkdir()
        pa.csv.write_csv(TABLE.slice(rank), place / "table.csv")
    words = [sys.executable, "-m", "steepest", "train", "--target", "y"]
    first, second = ([*words, str(tmp_path / k / "table.csv")] for k in "01")
    done = subprocess.run(
        [*started_as(1, first), ":", "-n", "1", *second],
        capture_output=True, text=True, timeout=300, check=False, env=surroundings(),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "the files of table.csv must be the same on all ranks" in " ".join(done.stderr.split())


@needs_mpi
def test_an_error_is_told_once(tmp_path):
    pa.csv.write_csv(TABLE, tmp_path / "table.csv")
    status, _, errors = command("train", tmp_path / "table.csv", "--target", "z", "--ranks", 2)
    assert status == 2
    assert errors.count("no column 'z' in the table") == 1


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("shares", [1, 2, 3, 20])
def test_shares_of_a_table_are_all_of_it(tmp_path, suffix, shares):
    file, table = tmp_path / f"t.{suffix}", pa.table({"a": np.arange(1000), "b": ["x"] * 1000})
    if suffix == "csv":
        pa.csv.write_csv(table, file)
    else:
        pq.write_table(table, file, row_group_size=90)
    found = []
    for own in range(shares):
        for start, block in stream_share(file, (own, shares), rows=70):
            values = [int(a) for a in block["a"].to_pylist()]
            assert values == list(range(start, start + block.num_rows))
            found += values
    assert sorted(found) == list(range(1000))


def test_only_the_files_of_a_share_are_read(tmp_path):
    for k in range(2):
        pq.write_table(pa.table({"a": [k, k]}), tmp_path / f"{k}.parquet", row_group_size=1)
    assert read_table(tmp_path).num_rows == 4
    blocks = list(stream_share(tmp_path, (1, 2)))
    assert [(start, block["a"].to_pylist()) for start, block in blocks] == [(2, [1]), (3, [1])]


def test_a_job_is_known_by_its_surroundings():
    assert in_a_job({"OMPI_COMM_WORLD_SIZE": "4"})
    assert in_a_job({"PMI_SIZE": "2"})
    assert in_a_job({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "8"})
    assert not in_a_job({"SLURM_JOB_ID": "7", "OMPI_COMM_WORLD_SIZE": "1"})
    assert not in_a_job({})
