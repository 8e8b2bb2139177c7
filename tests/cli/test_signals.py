"""What Ctrl-C, SIGTERM and SIGKILL leave of a real ``steepest train``, and how it goes on."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from steepest import Checkpoint
from steepest.pipeline.model import Model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    x, c = rng.standard_normal(400), rng.choice(["u", "v", "w"], 400)
    place = tmp_path_factory.mktemp("table") / "t.csv"
    pa.csv.write_csv(pa.table({"x": x, "c": c, "y": x + (c == "u") + rng.normal(size=400)}), place)
    return place


def start(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "steepest", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
    )  # fmt: skip


def wait_for_step(process, folder, step):
    """Wait until a checkpoint of that step or a later one is written."""
    for _ in range(6000):
        if process.poll() is not None or (Checkpoint(folder).steps or [-1])[-1] >= step:
            return
        time.sleep(0.005)


def end(process, number):
    """Send a signal; return the exit status, and what was said on the standard error."""
    process.send_signal(number)
    _, error = process.communicate(timeout=600)
    return process.returncode, error


def test_stopped_twice_and_resumed_it_is_the_same_model(table, tmp_path):
    train = ("train", table, "--target", "y", "--layers", "8", "--batch", "16", "--epochs", "4000",
             "--every", "1000 steps", "-o", "model", "--checkpoint")  # fmt: skip
    whole = start(*train, "whole", cwd=tmp_path)
    _, error = whole.communicate(timeout=600)
    assert whole.returncode == 0, error
    (tmp_path / "model").rename(tmp_path / "expected")
    folder, steps = tmp_path / "run", []
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        process = start(*train, "run", *["--resume"] * bool(steps), cwd=tmp_path)
        wait_for_step(process, folder, steps[-1] + 3000 if steps else 3000)
        found, error = end(process, number)
        assert found == status, error
        steps.append(Checkpoint(folder).steps[-1])
        if number == signal.SIGKILL:
            continue
        assert "the best network so far is in model" in error
        command = re.search(r"go on with: steepest (.*)", error)[1]
        assert error.splitlines()[-1] == "steepest: interrupted"
        assert Model.load(tmp_path / "model").predict(pa.csv.read_csv(table)).num_rows == 400
    assert steps == sorted(set(steps))
    # What it said would go on does.
    last = start(*shlex.split(command), cwd=tmp_path)
    output, error = last.communicate(timeout=600)
    assert last.returncode == 0, error
    assert f"going on from step {steps[-1]:,}" in output
    same, expected = (tmp_path / name for name in ("model", "expected"))
    assert (same / "theta.safetensors").read_bytes() == (
        expected / "theta.safetensors"
    ).read_bytes()
    records = [
        json.loads((place / "model.json").read_text())["about"] for place in (same, expected)
    ]
    for record in records:
        record["history"].pop("seconds")
    assert records[0]["history"] == records[1]["history"]
    assert records[0]["metrics"] == records[1]["metrics"]


def test_sigterm_without_checkpoints_keeps_the_best_network(table, tmp_path):
    train = ("train", table, "--target", "y", "--epochs", 10**7, "-o", "model", "--watch")
    process = start(*train, cwd=tmp_path)
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    status, error = end(process, signal.SIGTERM)
    assert status == 143, error
    assert error.splitlines()[-1] == "steepest: SIGTERM"
    assert "with --checkpoint FOLDER it could go on" in error
    assert Model.load(tmp_path / "model").predict(pa.csv.read_csv(table)).num_rows == 400
