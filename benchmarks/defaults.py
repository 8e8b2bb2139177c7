"""How the defaults for tables were chosen: other settings beside them, by training rows alone.

    python benchmarks/defaults.py KIND FOLDER SCORES.json [--only default,paper] [--seeds 2]

KIND is binary, multiclass or regression. FOLDER holds the tables as Parquet files. The rows that
`table_sources.py` keeps for the test are left out before anything else. A seed draws the rows to
train on from the others, at most `ROWS`, and at most `ROWS` more to validate on; all candidates get
the same ones. A learner knows nothing of the latter: it trains one network, and holds out a tenth
of its own rows for its best epoch. Errors (1 - accuracy, or 1 - R²) are kept in SCORES.json, and
what is there already is not computed again. One rule for all tables of a kind decides: the
geometric mean of the errors, each raised by 0.01 as in Holzmüller et al. 2024 (arXiv:2407.04491),
here over that of the defaults.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

from steepest import TabularClassifier, TabularRegressor
from table_sources import FILES, read

ROWS = 10_000
SHIFT = 0.01
SOURCES = FILES | {"elec2": ("class", "class", []), "noaa_weather": ("target", "class", [])}
KINDS = {
    "binary": ["adult", "credit_default", "higgs18k", "nycflights13", "elec2", "noaa_weather"],
    "multiclass": ["covertype20k", "har_lifting"],
    "regression": [
        "abalone", "ames", "bike_hour", "california_housing", "diamonds", "wine_quality",
        "diabetes", "friedman1", "friedman2", "randhie", "twoyear",
    ],
}  # fmt: skip
PAPER = {"lr": 0.04, "dropout": 0.15, "weight_decay": 0.02, "frequency": 0.1}
CANDIDATES = {
    "binary": {
        "default": {},
        "paper's rates": PAPER,
        "half the batch": {"batch": 128},
        "waves 0.3": {"frequency": 0.3},
        "waves 0.1": {"frequency": 0.1},
        "less dropout": {"dropout": 0.25},
        "less decay": {"weight_decay": 0.02},
        "lr 0.02": {"lr": 0.02},
        "lr 0.08": {"lr": 0.08},
        "no smoothing": {"label_smoothing": 0.0},
        "mish": {"activation": "mish"},
        "256 units": {"layers": (256, 256, 256)},
        "twice as long": {"epochs": 90},
    },
    "multiclass": {
        "default": {},
        "more of all": {"lr": 0.1, "dropout": 0.25, "weight_decay": 0.05, "frequency": 1.0},
        "waves 0.3": {"frequency": 0.3},
        "lr 0.1": {"lr": 0.1},
        "lr 0.02": {"lr": 0.02},
        "256 units": {"layers": (256, 256, 256)},
        "twice as long": {"epochs": 168},
    },
    "regression": {
        "default": {},
        "paper's rates": {**PAPER, "lr": 0.2},
        "less decay": {"weight_decay": 0.02},
        "less dropout": {"dropout": 0.1},
        "lr 0.1": {"lr": 0.1},
        "lr 0.025": {"lr": 0.025},
        "waves 0.1": {"frequency": 0.1},
        "32 bins": {"bins": 32},
        "one network": {"members": 1},
        "8 members": {"members": 8},
    },
}


def draw(test, seed: int, most: int):
    """Return the rows of a seed to train on, and those to validate on."""
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~test))
    train = min(most, round(0.75 * len(rows)))
    return rows[:train], rows[train : train + most]


def error(kind: str, settings: dict, X, y, parts, seed: int) -> float:
    learner = TabularRegressor if kind == "regression" else TabularClassifier
    train, validation = parts
    model = learner(settings=settings, quality=1, random_state=seed, n_threads=1)
    model.fit(X.iloc[train], y[train])
    return 1 - float(model.score(X.iloc[validation], y[validation]))


def show(kind: str, tables: list[str], errors: dict[str, float], seeds: int) -> None:
    """Print the mean error of each candidate on each table, and what decides."""
    print(f"\n{'':20}" + "".join(f"{table[:14]:>15}" for table in tables) + "      over default")
    base = None
    for name in CANDIDATES[kind]:
        found = np.array(
            [[errors.get(f"{table} {name} {seed}", np.nan) for seed in range(seeds)]
             for table in tables]
        )  # fmt: skip
        logs = np.log(found + SHIFT).mean(axis=0)  # a value a seed
        base = logs if base is None else base
        if np.isnan(found).all():
            continue
        means = "".join(f"{mean:15.4f}" for mean in found.mean(axis=1))
        ratio = np.exp(logs - base)
        print(f"{name:20}{means}   {ratio.mean():7.3f} ± {ratio.std():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("errors", type=Path)
    parser.add_argument("--only", help="names of candidates, with commas")
    parser.add_argument("--tables", help="names of tables, with commas")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=ROWS, help="to train on, at most")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    kind = options.kind
    names = options.only.split(",") if options.only else list(CANDIDATES[kind])
    tables = options.tables.split(",") if options.tables else KINDS[kind]
    errors = json.loads(options.errors.read_text()) if options.errors.exists() else {}
    for seed in range(options.seeds):
        for table in tables:
            wanted = [name for name in names if f"{table} {name} {seed}" not in errors]
            if not wanted:
                continue
            X, y, test = read(options.folder, table, SOURCES)
            parts = draw(test, seed, options.rows)
            for name in wanted:
                began = time.process_time()
                found = error(kind, CANDIDATES[kind][name], X, y, parts, seed)
                errors[f"{table} {name} {seed}"] = found
                options.errors.write_text(json.dumps(errors, indent=0))
                print(f"{table} {name} {seed}: {found:.4f} in {time.process_time() - began:.1f} s",
                      flush=True)  # fmt: skip
    show(kind, tables, errors, options.seeds)


if __name__ == "__main__":
    main()
