"""Held-out scores on twelve real tables: our defaults beside other learners'.

    python benchmarks/tables.py FOLDER scores.json [--models steepest,hgb] [--tables adult,wine]

FOLDER holds the tables as Parquet files. Of each table the same rows are the test for all learners
and seeds: the published split, or a quarter of the rows. A seed draws the training rows, at most
`ROWS`, and seeds the learner. All of them get the same rows, and one thread. Scores are accuracy,
or R²; they are appended to scores.json, and what is there already is not computed again. The table
at the end says how many tables we win, by the mean over the seeds.

`realmlp` (Holzmüller et al. 2024, arXiv:2407.04491) needs pytabkit, which may live in an
environment of its own: the others' packages are imported when they are asked for.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

ROWS = 10_000
TEST_ROWS = 20_000
SEEDS = range(5)
TABLES = {  # target, what is made of it, columns that are no inputs
    "adult": ("income", "class", []),
    "covertype20k": ("Cover_Type", "class", []),
    "credit_default": ("default", "class", []),
    "har_lifting": ("classe", "class", []),
    "higgs18k": ("label", "class", ["source"]),
    "nycflights13": (
        "arr_delay", "late", ["dep_time", "dep_delay", "arr_time", "air_time", "tailnum", "year"],
    ),
    "abalone": ("Rings", "number", []),
    "ames": ("SalePrice", "logarithm", []),
    "bike_hour": ("cnt", "number", ["casual", "registered", "dteday", "instant"]),
    "california_housing": ("median_house_value", "number", []),
    "diamonds": ("price", "logarithm", []),
    "wine_quality": ("quality", "number", []),
}  # fmt: skip
MAKE = {
    "class": lambda y: y.astype(str),
    "late": lambda y: (y > 15).astype(str),
    "number": lambda y: y.astype(float),
    "logarithm": lambda y: np.log(y.astype(float)),
}


def read(folder: Path, name: str, tables=TABLES):
    """Return inputs, targets, and which rows are the test."""
    target, what, drop = tables[name]
    frame = pd.read_parquet(folder / f"{name}.parquet")
    frame = frame[frame[target].notna()].reset_index(drop=True)
    y = MAKE[what](frame.pop(target)).to_numpy()
    rng = np.random.default_rng(0)
    test = rng.random(len(frame)) < 0.25
    if "split" in frame:
        test = np.array(frame.pop("split") != "train")
    test[rng.permutation(np.flatnonzero(test))[TEST_ROWS:]] = False
    return frame.drop(columns=drop, errors="ignore"), y, test


def draw(test, seed: int):
    """Return the training rows of a seed."""
    return np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(~test))[:ROWS])


def steepest(regression: bool, seed: int):
    from steepest import TabularClassifier, TabularRegressor

    kind = TabularRegressor if regression else TabularClassifier
    return kind(random_state=seed, n_threads=1)


def sklearn_mlp(regression: bool, seed: int):
    """Return scikit-learn's MLP with its defaults in the usual pipeline."""
    from sklearn.compose import TransformedTargetRegressor, make_column_selector
    from sklearn.compose import make_column_transformer as columns
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encode = columns(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )
    if not regression:
        return make_pipeline(encode, MLPClassifier(random_state=seed))
    mlp = MLPRegressor(random_state=seed)
    return make_pipeline(encode, TransformedTargetRegressor(mlp, transformer=StandardScaler()))


def hgb(regression: bool, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(random_state=seed, categorical_features="from_dtype")


def realmlp(regression: bool, seed: int):
    """Return RealMLP with tuned defaults; it takes no missing numbers, so medians fill them."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.pipeline import make_pipeline

    class Medians(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.medians_ = X.median(numeric_only=True)
            return self

        def transform(self, X):
            return X.fillna(self.medians_)

    kind = RealMLP_TD_Regressor if regression else RealMLP_TD_Classifier
    model = kind(random_state=seed, device="cpu", n_threads=1, verbosity=0)
    return make_pipeline(Medians(), model)


MODELS = {"steepest": steepest, "sklearn_mlp": sklearn_mlp, "hgb": hgb, "realmlp": realmlp}


def show(scores: dict[str, list[float]], tables: list[str], models: list[str]) -> None:
    """Print means and spreads, fit times, and wins."""
    models = [m for m in models if any(f"{t} {m} 0" in scores for t in tables)]
    print(f"{'mean ± deviation':20}" + "".join(f"{model:>20}" for model in models))
    means: dict[str, dict[str, float]] = {}
    for table in tables:
        line = f"{table:20}"
        means[table] = {}
        for model in models:
            keys = [f"{table} {model} {seed}" for seed in SEEDS]
            found = np.array([scores[key] for key in keys if key in scores])
            if not len(found):
                line += f"{'–':>20}"
                continue
            means[table][model] = found[:, 0].mean()
            few = f" ({len(found)})" * (len(found) < len(SEEDS))
            line += f"{f'{found[:, 0].mean():.4f} ± {found[:, 0].std():.4f}{few}':>20}"
        print(line)
    print(f"\n{'seconds, median':20}" + "".join(f"{model:>20}" for model in models))
    for table in tables:
        line = f"{table:20}"
        for model in models:
            keys = [f"{table} {model} {seed}" for seed in SEEDS]
            found = [scores[key][1] for key in keys if key in scores]
            line += f"{np.median(found):20.1f}" if found else f"{'–':>20}"
        print(line)
    print()
    for model in models[1:]:
        both = [table for table in tables if {models[0], model} <= means[table].keys()]
        wins = sum(means[table][models[0]] > means[table][model] for table in both)
        print(f"{models[0]} beats {model} on {wins} of {len(both)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--models", default=",".join(MODELS), help="names, with commas")
    parser.add_argument("--tables", default=",".join(TABLES), help="names, with commas")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="so many of the five")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    models, tables = options.models.split(","), options.tables.split(",")
    scores = json.loads(options.scores.read_text()) if options.scores.exists() else {}
    for seed in SEEDS[: options.seeds]:
        for table in tables:
            wanted = [m for m in models if f"{table} {m} {seed}" not in scores]
            if not wanted:
                continue
            X, y, test = read(options.folder, table)
            train = draw(test, seed)
            for model in wanted:
                learner = MODELS[model](y.dtype.kind == "f", seed)
                began = time.process_time()
                with threadpool_limits(1):
                    learner.fit(X.iloc[train], y[train])
                seconds = time.process_time() - began
                score = float(learner.score(X[test], y[test]))
                scores[f"{table} {model} {seed}"] = [score, seconds]
                options.scores.write_text(json.dumps(scores, indent=0))
                print(f"{table} {model} {seed}: {score:.4f} in {seconds:.1f} s", flush=True)
    print(f"at most {ROWS:,} training rows and {TEST_ROWS:,} test rows; {len(SEEDS)} seeds; one "
          "thread; seconds of the processor\n")  # fmt: skip
    show(scores, tables, models)


if __name__ == "__main__":
    main()
