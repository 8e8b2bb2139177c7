"""Fit times of MLPClassifier and MLPRegressor beside scikit-learn's, with the same settings.

    python benchmarks/estimators.py FOLDER [--rows 10000] [--repeats 5]

FOLDER holds the tables adult, covertype20k, california_housing and bike_hour as Parquet files. Each
is fitted with the defaults (adam, batch 200) and with sgd and batch 32, for a fixed number of
epochs, both libraries in turn. Then a small fit: 1,000 rows × 20 columns, 200 epochs.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import neural_network
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_classification
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import steepest

TABLES = {  # target, columns that tell it, whether it is a class
    "adult": ("income", ["split"], True),
    "covertype20k": ("Cover_Type", [], True),
    "california_housing": ("median_house_value", [], False),
    "bike_hour": ("cnt", ["casual", "registered", "dteday", "instant"], False),
}
SETTINGS = {
    "adam, batch 200": {"max_iter": 20},
    "sgd, batch 32": {"max_iter": 5, "solver": "sgd", "batch_size": 32, "learning_rate_init": 0.01},
}


def table(folder: Path, name: str, rows: int):
    """Return training and test inputs and targets, scaled and encoded."""
    target, drop, classes = TABLES[name]
    frame = pd.read_parquet(folder / f"{name}.parquet").drop(columns=drop, errors="ignore")
    frame = frame.sample(min(rows, len(frame)), random_state=0)
    y = frame.pop(target)
    y = y.astype(str) if classes else (y - y.mean()) / y.std()
    encode = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    train, test, y_train, y_test = train_test_split(
        frame, y.to_numpy(), random_state=0, stratify=y if classes else None
    )
    return encode.fit_transform(train), encode.transform(test), y_train, y_test


def timed(kind: str, settings, X, y):
    """Return the seconds of a fit by each library, and the models."""
    seconds, models = [], []
    for library in (steepest, neural_network):
        model = getattr(library, kind)(random_state=0, tol=0, n_iter_no_change=10_000, **settings)
        time.sleep(0.3)  # the idle threads of the other's BLAS go to sleep
        began = time.perf_counter()
        models.append(model.fit(X, y))
        seconds.append(time.perf_counter() - began)
    return seconds, models


def compare(title: str, kind: str, settings, X, y, X_test, y_test, repeats: int) -> None:
    """Print one line."""
    timed(kind, settings | {"max_iter": 1}, X, y)  # compiles, and wakes the threads of BLAS
    rounds, models = [], []
    for _ in range(repeats):
        seconds, models = timed(kind, settings, X, y)
        rounds.append(seconds)
    ours, theirs = np.median(rounds, axis=0)
    scores = [model.score(X_test, y_test) for model in models]
    print(
        f"{title:38} {len(X):6} × {X.shape[1]:3}  {ours:7.3f} s {theirs:7.3f} s "
        f"{theirs / ours:5.1f} ×  {scores[0]:7.4f} {scores[1]:7.4f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'':38} {'training set':>12}  steepest  sklearn   ratio  held-out scores")
    for name, (_, _, classes) in TABLES.items():
        X, X_test, y, y_test = table(options.folder, name, options.rows)
        kind = "MLPClassifier" if classes else "MLPRegressor"
        for words, settings in SETTINGS.items():
            compare(f"{name}, {words}", kind, settings, X, y, X_test, y_test, options.repeats)
    X, y = make_classification(2000, 20, n_informative=10, random_state=0)
    small = {"max_iter": 200}
    half = X[:1000], y[:1000], X[1000:], y[1000:]
    compare("small: 200 epochs", "MLPClassifier", small, *half, options.repeats)
    single = [array.astype(np.float32) if array.dtype == float else array for array in half]
    compare("small: 200 epochs, float32", "MLPClassifier", small, *single, options.repeats)


if __name__ == "__main__":
    main()
