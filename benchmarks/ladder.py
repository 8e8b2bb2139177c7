"""About how long each step of `quality` takes, by rows, columns and classes.

    python benchmarks/ladder.py [--threads 2]

Nothing is trained to the end: as `steepest train` does before a training, eight batches are
measured on one thread, and the rest is reckoned (`steepest.pipeline.ladder`). Columns are normal
numbers.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
import pyarrow as pa

from steepest.pipeline.ladder import Ladder, told_seconds
from steepest.pipeline.recipe import Recipe
from steepest.pipeline.train import TrainingData
from steepest.tables.encoder import Encoder
from steepest.tables.task import infer_task

SIZES = {"rows": "1000,10000,100000", "columns": "5,20,100", "classes": "2,10,0"}


def seconds(rows: int, columns: int, classes: int, threads: int) -> dict[int, float]:
    """Return the seconds of each step."""
    rng = np.random.default_rng(0)
    table = pa.table({f"x{k}": rng.normal(size=rows) for k in range(columns)})
    y = pa.array(rng.integers(classes, size=rows).astype(str) if classes else rng.normal(size=rows))
    task = infer_task(y, "y")
    encoder, X = Encoder.fit_transform(table, table.column_names)
    settings = {"threads": threads}
    recipe = Recipe.for_task(task, settings, rows, columns)
    ladder = Ladder(recipe, task, encoder, settings, rows)
    return ladder.seconds(ladder.pace_before(TrainingData(X, task.encode(y))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    for name, usual in SIZES.items():
        parser.add_argument(f"--{name}", default=usual, help="numbers, with commas")
    options = parser.parse_args()
    print("| rows | columns | classes | 1 | 2 | 3 | 4 |\n|---|---|---|---|---|---|---|")
    for size in product(*(map(int, getattr(options, name).split(",")) for name in SIZES)):
        rows, columns, classes = size
        steps = map(told_seconds, seconds(*size, options.threads).values())
        what = classes or "a number"
        print(f"| {rows:,} | {columns} | {what} | {' | '.join(steps)} |", flush=True)


if __name__ == "__main__":
    main()
