"""Wrong calls of public functions: nothing but errors of ours comes out.

    python tests/fuzz/signatures.py --calls 5000 --seed 1

A call is a right one of which one to three arguments are replaced by values of another type or
shape, left out, or given by a name that there isn't. Calls that go well by chance count too.
"""

import argparse
import collections
import copy
import datetime
import decimal
import functools
import inspect
import os
import random
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from scipy.sparse import csr_matrix
from sklearn.utils._param_validation import InvalidParameterError

import steepest
from steepest import (
    Adam,
    Dense,
    Gradients,
    Network,
    ReLU,
    Squared,
    SteepestError,
    Trainer,
)
from steepest.pipeline.recipe import Recipe
from steepest.pipeline.request import Request
from steepest.tables.files import TableWriter, read_table, stream_table
from steepest.tables.options import TableOptions

X = np.linspace(-1, 1, 24).reshape(12, 2)
Y, LABELS = X[:, 0] * 2, np.repeat([0, 1], 6)
TEXTS = [f"a text {k} of some words" for k in range(12)]
IMAGES = np.arange(12 * 8 * 8, dtype=np.uint8).reshape(12, 8, 8)

HUGE = (10**30, 10**400, 2.0**80, np.uint64(2**64 - 1))
VALUES = (
    None, True, False, 0, 1, -1, 2, 2.5, -0.5, float("nan"), float("inf"), 1 + 2j, "", "abc",
    "adam", "relu", b"x", [], [1, 2], (), (1,), ["a", "b"], [[1, 2], [3]], {}, {"a": 1}, {3: None},
    {1, 2}, range(3), slice(2), object(), int,
    Ellipsis, NotImplemented, np.int64(8), np.float32(0.1),
    np.bool_(True), np.array(0.1), np.array(3), np.array([]), np.arange(3), np.ones((2, 3)),
    np.ones((12, 3)), np.ones((2, 2, 2)), np.array(["a", "b"]), np.array([None, 1], object),
    np.array(["2020-01-01"], "M8[D]"), np.ones(12, complex), np.full((12, 2), np.nan), np.ones(11),
    Adam, Adam(), ReLU, ReLU(), Squared, Squared(), Network, Dense(1), Exception("x"), "float16",
    Path("nowhere"), pd.DataFrame({"a": [1, None], "b": ["x", "y"]}), pd.Series(["a", None]),
    pd.DataFrame(), pl.DataFrame({"a": [1.0, 2.0], "c": [[1], [2]]}), pl.Series([1, 2]),
    pa.table({"a": [1], "b": ["\x1b"]}), csr_matrix(np.eye(3)), np.ma.masked_array([1, 2], [0, 1]),
    IMAGES, IMAGES[:, :0], IMAGES[..., None] / 255.0, IMAGES.reshape(12, 2, 4, 8), IMAGES[0],
    datetime.date(2024, 1, 1), decimal.Decimal("NaN"), [{"a": 1}, {"b": "x"}], [{"a": {}}],
)  # fmt: skip
RUNS = ("ensemble", "max_iter", "epochs", "max_fun", "repeats", "entries", "units", "batch")
"""Arguments whose huge values ask for as much work."""
RESULTS = ("ExampleNorms", "Gradient", "Importance", "Model", "Moments", "Ranking", "Report",
           "Progress", "Layer", "Loss", "Schedule")  # fmt: skip
"""What Steepest makes itself, and what is only derived from."""


def network():
    return Network(Dense(3), ReLU(), Dense(1), inputs=2)


def of_images():
    convolution, middle = steepest.Conv2D(2, 3), (steepest.BatchNorm(), steepest.MaxPool(2))
    return Network(convolution, *middle, steepest.Flatten(), Dense(1), inputs=(8, 8, 1))


def on_data():
    return {"network": network(), "loss": Squared(), "X": X, "y": Y}


def estimator(kind, y, **settings):
    return lambda **given: kind(**{**settings, **given}).fit(X, y), kind, {}


def halfway():
    """Return a trainer that has gone forward."""
    trainer = Trainer(network(), Squared())
    trainer.forward(X)
    return trainer


NOT_CALLED = (
    *("get_params", "set_params", "get_metadata_routing", "set_callbacks", "score"),
    *("set_fit_request", "set_partial_fit_request", "set_score_request"),  # scikit-learn's own
    *("index", "count"),  # of every sequence
    *("append", "begin", "due", "fill_onnx", "save_state", "settings", "span"),  # ours alone
    *("judge", "decide", "said"),
)
"""Methods that users don't call, or that are not of Steepest."""


@functools.cache
def fitted(name):
    """Return a fitted estimator."""
    kind, y = getattr(steepest, name), LABELS if "Classifier" in name else Y
    if name.startswith("MLP"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged
            return kind(hidden_layer_sizes=(3,), max_iter=1, solver="sgd").fit(X, y)
    if name == "TextClassifier":
        return kind(settings={"epochs": 1}).fit(TEXTS, y)
    if name == "ImageClassifier":
        return kind(settings={"width": 4, "epochs": 1}).fit(IMAGES, y)
    more = {"quantiles": (0.1, 0.9)} if name == "TabularRegressor" else {}
    return kind(settings={"layers": (3,), "epochs": 1}, **more).fit({"a": X[:, 0]}, y)


def objects():
    """Return by name what makes an object with methods."""
    trained = Trainer(network(), Squared())
    trained.fit(X, Y, epochs=1)
    estimators = ("MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor",
                  "ImageClassifier", "TextClassifier")  # fmt: skip
    return {
        "network": network,
        "network of images": of_images,
        "trainer": halfway,
        "history": lambda: trained.history,
        "gradients": lambda: Gradients(network(), Squared()),
        "model": lambda: fitted("TabularClassifier").model_,
        "model of images": lambda: fitted("ImageClassifier").model_,
        **{f"a {name}": lambda name=name: copy.deepcopy(fitted(name)) for name in estimators},
    }


def methods(thing):
    """Return the names of the methods that users call."""
    return [
        name
        for name in dir(type(thing))
        if name[0] != "_" and name not in NOT_CALLED and callable(getattr(thing, name, None))
    ]


def arguments(name):
    """Return arguments by which the methods of an object, and what reads tables, go well."""
    y = LABELS if "Classifier" in name or name == "model" else Y
    table = {"a": X[:, 0]} if name == "model" or "Tabular" in name else X
    table = IMAGES[..., None] / 255.0 if "images" in name or "Image" in name else table
    return {"X": table, "y": y, "inputs": 2, "path": "t.csv", "table": pa.table({"a": X[:, 0]}),
            "target": "y", "what": "mean", "dy": np.ones((12, 1)), "folder": "here",
            "text": TEXTS[0]}  # fmt: skip


def targets():
    """Return by name: a function, what has its signature, and arguments by which it goes well."""
    found = {}
    given = {"units": 3, "filters": 3, "kernel_size": 2, "groups": 1, "parts": 2, "axes": (2, 1),
             "codes": 3, "dim": 2, "rate": 0.1, "lr": 0.1,
             "every": 3, "activation": ReLU(), "folder": "here", "shape": (2, 3), "state": {},
             "path": "a.onnx", "thing": ReLU(), "low": Y - 1, "high": Y + 1}  # fmt: skip
    for name in steepest.__all__:
        what = getattr(steepest, name)
        if name in RESULTS or (isinstance(what, type) and issubclass(what, Exception)):
            continue
        needed = [
            p.name for p in inspect.signature(what).parameters.values()
            if p.default is p.empty and p.kind is not p.VAR_POSITIONAL
        ]  # fmt: skip
        found[name] = (
            what,
            what,
            lambda needed=needed: {p: {**given, **on_data()}.get(p, 2) for p in needed},
        )
    for name, y in (("MLPClassifier", LABELS), ("MLPRegressor", Y)):
        small = {"hidden_layer_sizes": (3,), "max_iter": 1, "time_limit": 1.0}
        found[name] = (*estimator(getattr(steepest, name), y, **small)[:2], dict)
    for name, y in (("TabularClassifier", LABELS), ("TabularRegressor", Y)):
        small = {"settings": {"layers": (3,), "epochs": 1}, "time_limit": 1.0}
        found[name] = (*estimator(getattr(steepest, name), y, **small)[:2], dict)
    small = {"settings": {"width": 4, "epochs": 1}, "time_limit": 1.0}
    found["ImageClassifier"] = (
        lambda **given: steepest.ImageClassifier(**{**small, **given}).fit(IMAGES, LABELS),
        steepest.ImageClassifier, dict,
    )  # fmt: skip
    small = {"settings": {"epochs": 1}, "time_limit": 1.0}
    found["TextClassifier"] = (
        lambda **given: steepest.TextClassifier(**{**small, **given}).fit(TEXTS, LABELS),
        steepest.TextClassifier, dict,
    )  # fmt: skip
    for name, make in objects().items():
        for method in methods(make()):
            bound = getattr(make(), method)
            needed = [
                p.name
                for p in inspect.signature(bound).parameters.values()
                if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            ]
            found[f"{name}.{method}"] = (
                lambda *positional, make=make, method=method, **given: getattr(make(), method)(
                    *positional, **given
                ),
                bound,
                lambda needed=needed, name=name: {p: arguments(name)[p] for p in needed},
            )
    for what in (TableOptions, Recipe, Request, read_table, stream_table, TableWriter):
        needed = [
            p.name for p in inspect.signature(what).parameters.values() if p.default is p.empty
        ]
        found[what.__name__] = (
            what, what, lambda needed=needed: {p: arguments("table")[p] for p in needed},
        )  # fmt: skip
    return found


def call_of(draw, found):
    """Return a name, positional arguments and keywords of a wrong call."""
    name = draw.choice(sorted(found))
    _, signed, right = found[name]
    keywords, positional = right(), []
    for parameter in draw.sample(
        parameters := list(inspect.signature(signed).parameters.values()),
        min(len(parameters), draw.choice((1, 1, 2, 3))),
    ):
        values = VALUES if parameter.name in RUNS else (*VALUES, *HUGE)
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional = [draw.choice(VALUES) for _ in range(draw.randrange(3))]
        elif draw.random() < 0.05:
            keywords.pop(parameter.name, None)
        elif parameter.kind is not parameter.VAR_KEYWORD:
            keywords[parameter.name] = draw.choice(values)
    if draw.random() < 0.02:
        keywords["no_such_argument"] = 1
    return name, positional, keywords


def outcome(found, name, positional, keywords):
    """Call; return a word for what came of it, and the error's text. Other errors get through."""
    function, signed, _ = found[name]
    try:
        inspect.signature(signed).bind(*positional, **keywords)
        bound = True
    except TypeError:
        bound = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            repr(function(*positional, **keywords))
    except (SteepestError, InvalidParameterError) as error:
        return "refused", f"{type(error).__name__}: {error}"
    except TypeError as error:
        if bound:
            raise
        return "not bound", str(error)
    return "went well", ""


def try_calls(number, seed):
    """Return the counts of outcomes, the messages, and what failed: a traceback by its place."""
    draw, found = random.Random(seed), targets()
    counts, messages, faults = collections.Counter(), [], {}
    for _ in range(number):
        name, positional, keywords = call_of(draw, found)
        try:
            word, message = outcome(found, name, positional, keywords)
        except Exception as error:
            word, message = "FOUND", ""
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{name} {type(error).__name__} {Path(last.filename).name}:{last.lineno}"
            text = f"{name}(*{positional!r}, **{keywords!r})\n{traceback.format_exc(limit=-6)}"
            faults.setdefault(place, text)
        counts[word] += 1
        messages += [message] * bool(message)
    return counts, messages, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=50, help="how many to print")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        counts, messages, faults = try_calls(asked.calls, asked.seed)
        os.chdir("/")
    kept = random.Random(asked.seed).sample(messages, min(asked.messages, len(messages)))
    print(*(text[:400] for text in kept), sep="\n")
    print(*faults.values(), sep="\n")
    print(*faults, dict(counts), sep="\n")
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main())
