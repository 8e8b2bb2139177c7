"""Train and predict on a table that is larger than memory: rows, bytes, time and peak memory.

    python benchmarks/stream.py [--size 5GB] [--memory 300MB] [--format csv]

Makes a table of that size in a temporary folder, runs ``steepest train --memory`` and ``steepest
predict`` on it as processes of their own, and prints the most memory that each took, as the system
counted it (the resident set: interpreter, libraries, parameters and all). One in five values of a
column is missing. Needs about three times the size on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUMBERS, KINDS, ROWS = 12, 3, 100_000
ROW = 250  # bytes, about, as text
FORMATS = ("csv", "parquet")


def make(path: Path, size: int) -> None:
    """Write a table of so many bytes, a block of rows at a time."""
    import numpy as np
    import pyarrow as pa

    from steepest.tables.files import TableWriter

    rng = np.random.default_rng(0)
    words = pa.array([f"word {k}" for k in range(20)])
    weights = rng.standard_normal(NUMBERS)
    rows = min(ROWS, size // ROW)
    with TableWriter(path) as writer:
        while not (found := list(path.parent.glob(".*.part"))) or found[0].stat().st_size < size:
            X = rng.standard_normal((rows, NUMBERS))
            codes = rng.integers(0, len(words), (rows, KINDS))
            score = X @ weights + (codes == 3).sum(axis=1) + rng.standard_normal(rows)
            X[rng.random(rows) < 0.2, 0] = np.nan
            columns = {f"x{j}": pa.array(X[:, j], from_pandas=True) for j in range(NUMBERS)}
            columns |= {f"c{j}": words.take(pa.array(codes[:, j])) for j in range(KINDS)}
            columns["y"] = pa.array(np.where(score > 0, "yes", "no"))
            writer.write(pa.table(columns))


def run(*command: object) -> tuple[str, float, float]:
    """Run a process; return what it printed, its seconds, and the bytes that it took at most.

    The system counts the memory of a process from before it becomes another program too, so this
    one must stay small: it imports nothing large.
    """
    began = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    return said, time.perf_counter() - began, used.ru_maxrss * 1024.0


def parse_size(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG])B", text)
    if found is None:
        raise argparse.ArgumentTypeError("a size like 200MB or 5GB")
    return int(float(found[1]) * 1000 ** (1 + "kMG".index(found[2])))


def stream(path: Path, memory: str, layers: str) -> None:
    """Train on a table and predict it."""
    steepest = (sys.executable, "-m", "steepest")
    model, out = path.parent / "model", path.parent / f"predictions{path.suffix}"
    said, seconds, peak = run(
        *steepest, "train", path, "--target", "y", "--memory", memory, "--epochs", 1, "--layers",
        layers, "--batch", 256, "-o", model,
    )  # fmt: skip
    size = path.stat().st_size
    rows = json.loads((model / "model.json").read_text())["about"]["rows"]
    blocks = re.search(r"in (\d+) shuffled blocks", said)
    assert blocks is not None
    print(
        f"train    {path.suffix[1:]:8} {size / 1e9:6.2f} GB, {rows['train']:,} rows in {blocks[1]} "
        f"blocks, twice read, once trained on: {seconds:,.0f} s, peak memory {peak / 1e6:,.0f} MB"
    )
    accuracy = re.search(r"accuracy +(\S+)", said)
    print(f"         accuracy on {rows['test']:,} rows held out: {accuracy and accuracy[1]}")
    _, seconds, peak = run(*steepest, "predict", model, path, "--proba", "-o", out)
    written, _, _ = run(sys.executable, __file__, "--count", out)
    print(
        f"predict  {path.suffix[1:]:8} {size / 1e9:6.2f} GB, {int(written):,} rows: "
        f"{seconds:,.0f} s, peak memory {peak / 1e6:,.0f} MB",
        flush=True,
    )


def count(path: Path) -> int:
    from steepest.tables.files import stream_table

    return sum(block.num_rows for block in stream_table(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=parse_size, default=parse_size("200MB"))
    parser.add_argument("--memory", default="300MB", help="as of steepest train")
    parser.add_argument("--layers", default="64,32", help="as of steepest train")
    parser.add_argument("--format", choices=FORMATS, help="by default both")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.size)
    elif options.count:
        print(count(options.count))
    else:
        for form in [options.format] if options.format else FORMATS:
            with tempfile.TemporaryDirectory(prefix="steepest-stream-") as folder:
                path = Path(folder) / f"table.{form}"
                size = f"{options.size / 1e6}MB"
                run(sys.executable, __file__, "--make", path, "--size", size)
                stream(path, options.memory, options.layers)


if __name__ == "__main__":
    main()
