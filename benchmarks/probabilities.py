"""How honest probabilities are, before and after calibration, and what sets of classes cover.

    python benchmarks/probabilities.py FOLDER [--tables adult,fair]

FOLDER holds tables as Parquet files; `defaults.py` names them, and an event of 2 % is generated.
Rows that `table_sources.py` keeps for the test have no part. Of the others, 6,000 train each model,
a tenth of them chooses its epoch and calibrates it, and at most as many more judge it. Means over
draws of rows: log loss and expected calibration error (15 bins of equally many rows) of what the
network says, with label smoothing undone, and as the model has it; then how many sets of 90 % hold
the right class, and of how many classes they are, the most probable class always among them or not.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from defaults import SOURCES, draw
from steepest import TabularClassifier
from steepest.pipeline.train import undoing
from table_sources import read

ROWS, BINS, COVERAGE = 6_000, 15, 0.9
TABLES = {name: source for name, source in SOURCES.items() if source[1] in ("class", "late")} | {
    "mushroom": ("target", "class", []),
    "wine_quality": ("quality", "number", []),
}
RARE = "an event of 2 %"


def load(folder: Path, name: str):
    """Return inputs, classes, and which rows are the test."""
    if name == RARE:
        rng = np.random.default_rng(0)
        X = pd.DataFrame(rng.normal(size=(20_000, 8))).add_prefix("x")
        z = X["x0"] + X["x1"] * X["x2"] + rng.logistic(size=len(X))
        return X, (z > np.quantile(z, 0.98)).to_numpy().astype(str), np.zeros(len(X), bool)
    X, y, test = read(folder, name, TABLES)
    if y.dtype.kind == "f":  # grades of wines, few of the lowest and the highest
        y = np.clip(y, 4, 8).astype(int).astype(str)
    return X, y, test


def error(p, y) -> float:
    """Return the mean distance, over bins of the most probable class, of how often it is right."""
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.array_split(np.argsort(sure, kind="stable"), BINS)
    return sum(abs(sure[b].mean() - right[b].mean()) * len(b) for b in bins) / len(y)


def log_loss(p, y) -> float:
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-15)).mean())


def measure(folder: Path, name: str, seed: int) -> np.ndarray:
    """Return what a draw of rows comes to: three log losses and errors, accuracy, sets."""
    X, y, test = load(folder, name)
    train, judges = draw(test, seed, ROWS)
    model = TabularClassifier(random_state=seed, n_threads=1).fit(X.iloc[train], y[train])
    judges = judges[np.isin(y[judges], model.classes_)]
    X, classes = X.iloc[judges], np.searchsorted(model.classes_, y[judges])
    said, fitted = model._outputs(X), model.model_
    undone = undoing(fitted.task, fitted.loss, None, len(train))
    honest = fitted.judge(said)
    alone = said if said.shape[1] > 1 else np.hstack([1 - said, said])
    said_so = (alone, undone.probabilities(said), honest)
    found = [value for p in said_so for value in (log_loss(p, classes), error(p, classes))]
    found.append((honest.argmax(axis=1) == classes).mean())
    for empty in (False, True):
        sets = model.predict_set(X, COVERAGE, empty=empty)
        found += [sets[np.arange(len(classes)), classes].mean(), sets.sum(axis=1).mean()]
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", default=",".join((*TABLES, RARE)), help="names, with commas")
    parser.add_argument("--seeds", type=int, default=3, help="draws of rows")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| table | network | smoothing undone | now | accuracy | sets of 90 % | may be empty |")
    print("|---|---|---|---|---|---|---|")
    for name in options.tables.split(","):
        draws = [measure(options.folder, name, seed) for seed in range(options.seeds)]
        *losses, right, held, size, held_too, size_too = np.mean(draws, axis=0)
        pairs = zip(losses[::2], losses[1::2], strict=True)
        cells = [name, *(f"{loss:.3f}, {gap:.3f}" for loss, gap in pairs), f"{right:.3f}"]
        cells += [f"{held:.3f}, {size:.2f}", f"{held_too:.3f}, {size_too:.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
