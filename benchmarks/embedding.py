"""Steps on an embedding of 1,000,000 rows beside one of 10,000, at 100 rows touched a step.

Each training is a process of its own. Printed are the median time of a step, over chunks of a fit;
what the process needs for going back; how large the checkpoints of a fit are, and how long they
take; and the largest memory of the process.

    python benchmarks/embedding.py [--rows 10000 1000000] [--width 16] [--steps 20000] [--quick]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from steepest import SGD, Adagrad, Adam, Checkpoint, Dense, Embedding, Network, Squared, Trainer
from steepest.sampling import InOrder
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

TOUCHED = 100  # rows a step
RULES = {
    "SGD": (SGD(0.1), False),
    "Adagrad": (Adagrad(0.1), False),
    "Adam, lazy": (Adam(0.01), True),
    "Adam": (Adam(0.01), False),
}
MIB = 1 << 20


def network(rows: int, width: int, lazy: bool) -> Network:
    return Network(Embedding(rows, width, lazy=lazy), Dense(1), inputs=1)


def data(rows: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return codes, no two of a step the same, and targets."""
    rng = np.random.default_rng(0)
    codes = [rng.choice(rows, TOUCHED, replace=False) for _ in range(min(steps, 1000))]
    X = np.concatenate(codes)[:, None].astype(np.float32)
    return X, rng.standard_normal((len(X), 1)).astype(np.float32)


def measure(rule: str, rows: int, width: int, steps: int) -> dict[str, float]:
    """Return µs a step, MiB for going back, of a checkpoint and of the process."""
    (kind, lazy), (X, y) = RULES[rule], data(rows, steps)
    descent = Descent(Squared(), kind, InOrder(), TOUCHED)
    net = network(rows, width, lazy)
    run = TrainingRun(net, descent, (X, y, None), slots={}, step=0, threads=1)
    chunk = min(run.most_steps, max(1, steps // 20))
    rates, times = np.full(chunk, 0.01), []
    with run.engine:
        for _ in range(max(3, steps // chunk)):
            began = time.perf_counter()
            mark = run.mark()
            run.run(rates)
            if not run.finite(hidden=False):
                raise SystemExit("it diverged")
            times.append((time.perf_counter() - began) / chunk)
    copied = sum(array.nbytes for array in mark.values()) + run.logged_bytes
    found = {"step": 1e6 * float(np.median(times)), "back": copied / MIB}
    return found | checkpoints(net, kind, X, y)


def checkpoints(net: Network, rule: object, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return MiB and seconds of the first checkpoint of a fit, and of one 100 steps later."""
    trainer = Trainer(net, Squared(), rule, batch=TOUCHED, sampling="sequential", threads=1)
    n = 100 * TOUCHED
    with tempfile.TemporaryDirectory() as folder:
        kept, sizes, times = Checkpoint(Path(folder) / "run", "1 epoch"), [], []
        save = kept.save

        def timed(state: object, **more: bool) -> None:
            began = time.perf_counter()
            save(state, **more)
            times.append(time.perf_counter() - began)
            sizes.append(max(Path(kept.folder).iterdir(), key=lambda f: f.name).stat().st_size)

        kept.save = timed
        trainer.fit(X[:n], y[:n], epochs=1, checkpoint=kept)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first": sizes[0] / MIB, "later": sizes[1] / MIB, "took": times[1], "process": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs=2, metavar=("RULE", "ROWS"), help="as a process of its own")
    options = parser.parse_args()
    steps = 200 if options.quick else options.steps
    if options.only:
        rule, rows = options.only
        print(json.dumps(measure(rule, int(rows), options.width, steps)))
        return
    print(
        "| rule | rows | µs a step | going back, MiB | checkpoint, MiB: first | 100 steps later |",
        end="",
    )
    print(" s | process, MiB |\n|---|---|---|---|---|---|---|---|")
    for rule in RULES:
        for rows in options.rows:
            few = max(40, steps // 100) if rule == "Adam" else steps  # it sweeps over all rows
            own = ["--width", options.width, "--steps", few, "--only", rule, rows]
            done = subprocess.run(
                [sys.executable, __file__, *map(str, own)],
                capture_output=True,
                text=True,
                check=True,
            )
            f = json.loads(done.stdout)
            print(
                f"| {rule} | {rows:,} | {f['step']:.1f} | {f['back']:.1f} | {f['first']:.1f} | "
                f"{f['later']:.1f} | {f['took']:.2f} | {f['process']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
