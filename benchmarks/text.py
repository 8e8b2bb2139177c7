"""Texts: ours with nothing set beside tf-idf with LogisticRegression, and fastText.

Each split is stratified, a fifth of the rows for the test; accuracy is paired over the test rows of
all splits. Words a second are those of the training, every epoch counted, on one thread.

    python benchmarks/text.py newsgroups20.parquet sms_spam.parquet [--splits 5] [--quick]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from steepest import TabularClassifier, TextClassifier
from steepest.tables.ngrams import bags

Fitted = Callable[[Any], Any]
TARGETS = ("group", "label", "target")
EPOCHS = 25  # of fastText


def data(file: Path, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return texts, all other columns joined, and labels."""
    table = pd.read_parquet(file)
    target = next(name for name in TARGETS if name in table)
    used = [name for name in table if name not in (target, "id", "split")]
    texts = table[used].fillna("").agg("\n".join, axis=1).to_numpy(object)
    labels = table[target].astype(str).to_numpy()
    chosen = np.random.default_rng(0).permutation(len(texts))[: 600 if quick else None]
    return texts[chosen], labels[chosen]


def ours(texts: Any, labels: Any) -> Fitted:
    return TextClassifier(n_threads=1).fit(texts, labels).predict


def table(texts: Any, labels: Any) -> Fitted:
    model = TabularClassifier(n_threads=1).fit({"text": list(texts)}, labels)
    return lambda X: model.predict({"text": list(X)})


def linear(texts: Any, labels: Any) -> Fitted:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=300))
    return model.fit(texts, labels).predict


def fasttext(texts: Any, labels: Any) -> Fitted:
    """FastText's own words and pairs of words; lines are lowered, as its tutorial says."""
    import fasttext as ft

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.txt"
        lines = [f"__label__{y} {_line(x)}" for x, y in zip(texts, labels, strict=True)]
        file.write_text("\n".join(lines), encoding="utf-8")
        more = {"lr": 0.5, "dim": 32, "wordNgrams": 2, "bucket": 1 << 20}
        model = ft.train_supervised(str(file), thread=1, verbose=0, epoch=EPOCHS, **more)
    said = lambda x: model.f.predict(_line(x) + "\n", 1, 0.0, "strict")[0][1]  # noqa: E731
    return lambda X: np.array([said(x).removeprefix("__label__") for x in X])


def _line(text: str) -> str:
    return " ".join(text.lower().split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    kinds: dict[str, Callable[..., Fitted]] = {"TextClassifier": ours, "table": table}
    kinds["tf-idf, linear"] = linear
    try:
        import fasttext as _  # noqa: F401

        kinds["fastText"] = fasttext
    except ImportError:
        print("fastText is not installed, and left out")
    for file in options.files:
        texts, labels = data(file, options.quick)
        words = bags(list(texts), 1, 0).words
        print(f"\n{file.stem}: {len(texts):,} texts, {words:,} words")
        right: dict[str, list[np.ndarray]] = {name: [] for name in kinds}
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for split in range(1 if options.quick else options.splits):
            by = {"test_size": 0.2, "stratify": labels, "random_state": split}
            parts = train_test_split(texts, labels, **by)
            for name, fit in kinds.items():
                began = time.perf_counter()
                predict = fit(parts[0], parts[2])
                times[name].append(time.perf_counter() - began)
                right[name].append(predict(parts[1]) == parts[3])
        print("| | accuracy | by split | fit, s | words/s of the fit | z against linear |")
        print("|---|---|---|---|---|---|")
        for name in kinds:
            found, other = np.concatenate(right[name]), np.concatenate(right["tf-idf, linear"])
            less = found.astype(float) - other
            z = less.mean() / max(1e-12, less.std() / np.sqrt(len(less)))
            each = " ".join(f"{own.mean():.4f}" for own in right[name])
            pace = 0.8 * words / np.median(times[name])
            print(
                f"| {name} | {found.mean():.4f} | {each} | {np.median(times[name]):.1f} | "
                f"{pace:,.0f} | {z:+.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
