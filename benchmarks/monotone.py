"""What columns with which predictions must rise cost, beside a free network and trees.

    python benchmarks/monotone.py FOLDER [--tables california_housing]

FOLDER holds the tables as Parquet files. Of the rows that `table_sources.py` does not keep for the
test, at most 8,000 train each learner, and at most as many judge it, by R² or log loss. Then
100,000 pairs of rows are predicted that differ in one such column alone, a third of them in the
last digits: how many predictions fall that may not.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, r2_score

from defaults import SOURCES, draw
from steepest import TabularClassifier, TabularRegressor
from table_sources import read

ROWS, PAIRS = 8_000, 100_000
SIGNS = {
    "california_housing": {"median_income": 1, "housing_median_age": 1},
    "diamonds": {"carat": 1},
    "credit_default": {"PAY_0": 1, "LIMIT_BAL": -1},
}


def say(model, X) -> np.ndarray:
    """Return the numbers, or the probabilities of the second class."""
    return model.predict_proba(X)[:, 1] if hasattr(model, "classes_") else model.predict(X)


def violations(model, X: pd.DataFrame, signs: dict[str, int]) -> int:
    """Return how many of the pairs have predictions in the wrong order."""
    rng, wrong = np.random.default_rng(0), 0
    for column, sign in signs.items():
        pairs = PAIRS // len(signs)
        low = X.iloc[rng.integers(len(X), size=pairs)].reset_index(drop=True)
        known = X[column].dropna().to_numpy(float)
        values = rng.choice(known, (pairs, 2))
        near = rng.random(pairs) < 1 / 3
        values[near, 1] = values[near, 0] * (1 + rng.choice([1e-15, 1e-9, 1e-6], near.sum()))
        values.sort(axis=1)
        low = low.astype({column: float})
        high = low.copy()
        low[column], high[column] = values.T
        wrong += int((sign * (say(model, high) - say(model, low)) < 0).sum())
    return wrong


def measure(folder: Path, name: str) -> str:
    """Return a row of the table."""
    X, y, test = read(folder, name, SOURCES)
    train, judges = draw(test, 0, ROWS)
    numbers, signs = y.dtype.kind == "f", SIGNS[name]
    ours = TabularRegressor if numbers else TabularClassifier
    trees = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    learners = [
        ours(quality=1, n_threads=1),
        ours(quality=1, n_threads=1, monotonic=signs),
        trees(random_state=0, categorical_features="from_dtype"),
        trees(random_state=0, categorical_features="from_dtype", monotonic_cst=signs),
    ]
    cells = []
    for learner in learners:
        learner.fit(X.iloc[train], y[train])
        said = say(learner, X.iloc[judges])
        score = r2_score(y[judges], said) if numbers else log_loss(y[judges], said)
        cells.append(f"{score:.4f}")
    cells.insert(2, str(violations(learners[1], X.iloc[judges], signs)))
    words = ", ".join(f"{column} {sign:+d}" for column, sign in signs.items())
    return f"| {name}, {'R²' if numbers else 'log loss'}: {words} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", default=",".join(SIGNS), help="names, with commas")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| table, columns | free network | monotone | violations | trees | monotonic_cst |")
    print("|---|---|---|---|---|---|")
    for name in options.tables.split(","):
        print(measure(options.folder, name), flush=True)


if __name__ == "__main__":
    main()
