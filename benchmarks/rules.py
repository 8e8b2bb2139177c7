"""What each update rule, and each average of the weights, does on tables.

    python benchmarks/rules.py FOLDER LOSSES.json [--tables adult] [--only adam,muon] [--seeds 2]

FOLDER holds the tables as Parquet files. The rows that `table_sources.py` keeps for the test have
no part: of the others a seed draws 5,000 to train on, and at most as many to judge by. All else is
as by default, members included. The first seed tries each rule with several learning rates; the
others take the best of these by the geometric mean over tables, and only they count. Log loss of
classes, 1 - R² of numbers; what is in LOSSES.json already is not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss

from defaults import SOURCES, draw
from steepest import TabularClassifier, TabularRegressor
from table_sources import read

ROWS = 5_000
TABLES = [
    "adult", "credit_default", "higgs18k", "covertype20k",
    "california_housing", "bike_hour", "wine_quality",
]  # fmt: skip
STEADY = {"schedule": "constant"}
RULES: dict[str, tuple[dict, tuple[float, ...]]] = {
    "adam": ({}, (0.3, 1.0, 3.0)),
    "adam without average": ({"average": 0.0}, (0.3, 1.0, 3.0, 10.0)),
    "adam with an average of a quarter": ({"average": 0.25}, (0.3, 1.0, 3.0)),
    "adamw": ({"rule": "adamw"}, (0.3, 1.0, 3.0)),
    "nadam": ({"rule": "nadam"}, (0.3, 1.0, 3.0)),
    "radam": ({"rule": "radam"}, (0.3, 1.0, 3.0, 10.0)),
    "adamax": ({"rule": "adamax"}, (3.0, 10.0, 30.0, 100.0)),
    "rmsprop": ({"rule": "rmsprop"}, (0.1, 0.3, 1.0, 3.0)),
    "adagrad": ({"rule": "adagrad"}, (3.0, 10.0, 30.0, 100.0)),
    "adadelta": ({"rule": "adadelta"}, (0.1, 0.3, 1.0, 3.0, 10.0)),
    "adafactor": ({"rule": "adafactor"}, (0.3, 1.0, 3.0)),
    "muon": ({"rule": "muon"}, (0.3, 1.0, 3.0)),
    "schedule-free adamw": ({"rule": "schedule_free_adamw", **STEADY}, (0.3, 1.0, 3.0, 10.0)),
    "sgd": ({"rule": "sgd"}, (0.1, 0.3, 1.0)),
    "asgd": ({"rule": "asgd", **STEADY}, (0.01, 0.03, 0.1, 0.3)),
}
"""Settings of each, and the learning rates it tries, in units of the default for Adam."""


def loss(folder: Path, table: str, settings: dict, rate: float, seed: int) -> float:
    """Return the loss on rows not trained on."""
    X, y, test = read(folder, table, SOURCES)
    train, judges = draw(test, seed, ROWS)
    numbers = y.dtype.kind == "f"
    settings = settings | {"lr": rate * (0.05 if numbers else 0.04)}
    learner = TabularRegressor if numbers else TabularClassifier
    model = learner(settings=settings, quality=1, random_state=seed, n_threads=1)
    model.fit(X.iloc[train], y[train])
    X, y = X.iloc[judges], y[judges]
    if numbers:
        return 1 - float(model.score(X, y))
    return float(log_loss(y, model.predict_proba(X), labels=model.classes_))


def show(losses: dict[str, float], tables: list[str], best: dict[str, float], seeds: int) -> None:
    """Print the mean loss of each rule on each table, and its geometric mean over Adam's."""

    def mean(rule: str, table: str) -> float:
        kept = [losses.get(f"{table} {rule} {best[rule]:g} {seed}") for seed in range(1, seeds)]
        return float(np.mean(kept)) if kept and None not in kept else float("nan")

    print("| rule | lr ÷ Adam's | " + " | ".join(tables) + " | over Adam's |")
    print("|" + "---|" * (len(tables) + 3))
    for rule in best:
        row = np.array([mean(rule, table) for table in tables])
        over = np.exp(np.log(row / [mean("adam", table) for table in tables]).mean())
        cells = " | ".join(f"{value:.3f}" for value in row)
        print(f"| {rule} | {best[rule]:g} | {cells} | {over:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--tables", default=",".join(TABLES), help="names, with commas")
    parser.add_argument("--only", default=",".join(RULES), help="names of rules, with commas")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tables, rules = options.tables.split(","), options.only.split(",")
    losses = json.loads(options.scores.read_text()) if options.scores.exists() else {}

    def tried(rule: str, rate: float, seed: int) -> list[float]:
        for table in tables:
            key = f"{table} {rule} {rate:g} {seed}"
            if key not in losses:
                began = time.process_time()
                losses[key] = loss(options.folder, table, RULES[rule][0], rate, seed)
                options.scores.write_text(json.dumps(losses, indent=0))
                seconds = time.process_time() - began
                print(f"{key}: {losses[key]:.4f} in {seconds:.1f} s", flush=True)
        return [losses[f"{table} {rule} {rate:g} {seed}"] for table in tables]

    best = {}
    for rule in rules:
        rates = RULES[rule][1]
        best[rule] = rates[int(np.argmin([np.log(tried(rule, r, 0)).mean() for r in rates]))]
        for seed in range(1, options.seeds):
            tried(rule, best[rule], seed)
    show(losses, tables, best, options.seeds)


if __name__ == "__main__":
    main()
