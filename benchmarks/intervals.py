"""How many held-out rows lie in 90 % prediction intervals of `TabularRegressor`.

    python benchmarks/intervals.py FOLDER

FOLDER holds california_housing, bike_hour and wine_quality as Parquet files; `table_sources.py`
says which rows are the test. Beside the intervals: how many rows lie between the quantiles that the
network gives by itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from steepest import TabularRegressor
from table_sources import draw, read

COVERAGE = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print(f"{'':20} rows held out  quantiles alone  intervals  mean width (sd of y)")
    for name in ("california_housing", "bike_hour", "wine_quality"):
        X, y, test = read(folder, name)
        train = draw(test, 0)
        edge = (1 - COVERAGE) / 2
        model = TabularRegressor(quantiles=(edge, 1 - edge), n_threads=1)
        model.fit(X.iloc[train], y[train])
        X, y = X[test], y[test]
        inside = [
            np.mean((low <= y) & (y <= high))
            for low, high in (model.predict(X).T, model.predict_interval(X, COVERAGE).T)
        ]
        width = np.diff(model.predict_interval(X, COVERAGE), axis=1).mean() / y.std()
        print(f"{name:20} {len(y):13}  {inside[0]:15.3f}  {inside[1]:9.3f}  {width:20.2f}")


if __name__ == "__main__":
    main()
