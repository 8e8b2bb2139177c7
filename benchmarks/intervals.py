"""How many held-out rows lie in 90 % prediction intervals.

    python benchmarks/intervals.py FOLDER

FOLDER holds california_housing, bike_hour and wine_quality as Parquet files. Quantiles at 5 and
95 % are learned on one part of the rows and conformalised on another (Romano, Patterson & Candès,
"Conformalized quantile regression", NeurIPS 2019, arXiv:1905.03222, algorithm 1).
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from estimators import TABLES, table
from steepest import MLPRegressor

MISS = 0.1


def conformal_margin(y, low, high) -> float:
    """Return by how much intervals must widen so that they hold 1 − MISS of the rows."""
    scores = np.maximum(low - y, y - high)
    level = min(1.0, np.ceil((1 - MISS) * (len(y) + 1)) / len(y))
    return float(np.quantile(scores, level, method="higher"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    warnings.simplefilter("ignore")
    tables = ["california_housing", "bike_hour", "wine_quality"]
    TABLES["wine_quality"] = ("quality", [], False)
    print(f"{'':20} rows held out  quantiles alone  conformal  mean width (sd of y)")
    for name in tables:
        X, X_test, y, y_test = table(folder, name, 20_000)
        X, X_held, y, y_held = train_test_split(X, y, test_size=0.25, random_state=0)
        model = MLPRegressor(
            quantiles=(MISS / 2, 1 - MISS / 2), hidden_layer_sizes=(64, 64), max_iter=40,
            learning_rate_init=0.003, random_state=0,
        ).fit(X, y)  # fmt: skip
        margin = conformal_margin(y_held, *model.predict(X_held).T)
        low, high = model.predict(X_test).T
        alone = np.mean((low <= y_test) & (y_test <= high))
        covered = np.mean((low - margin <= y_test) & (y_test <= high + margin))
        width = np.mean(high - low) + 2 * margin
        print(f"{name:20} {len(y_test):13}  {alone:15.3f}  {covered:9.3f}  {width:20.2f}")


if __name__ == "__main__":
    main()
