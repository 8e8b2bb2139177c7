"""All ranks: fit estimators to a table that all of them have, and compare; sync.py runs it."""

import warnings

import numpy as np
import pytest
from mpi4py import MPI
from sklearn.base import clone

from steepest import InputError, TabularClassifier, TabularRegressor
from steepest.ranks.together import Ranks

COMM = MPI.COMM_WORLD
RANKS = Ranks(COMM, every=1)
rng = np.random.default_rng(0)
N = 400
AGE, KIND = rng.normal(40, 12, N), rng.choice(["a", "b", "c"], N)
TABLE = {"age": AGE, "kind": KIND}
Y, SOLD = (AGE + 20 * (KIND == "b") > 45).astype(int), AGE / 10 + (KIND == "a")
SETTINGS = {"epochs": 12, "batch": 32, "lr": 0.02, "layers": (16,), "dropout": 0.0}


def same_on_all(found):
    assert len({part.tobytes() for part in RANKS.gather(np.asarray(found))}) == 1
    return found


def main():
    model = clone(TabularClassifier(settings=SETTINGS, ensemble=2, ranks=RANKS)).fit(TABLE, Y)
    together = same_on_all(model.predict_proba(TABLE))
    alone = TabularClassifier(settings=SETTINGS, ensemble=2).fit(TABLE, Y)
    assert model.model_.encoder == alone.model_.encoder
    assert model.model_.task == alone.model_.task
    assert abs(together - alone.predict_proba(TABLE)).mean() < 0.05
    assert (model.predict(TABLE) == Y).mean() > 0.95

    settings = {**SETTINGS, "folds": 3}
    bag = TabularRegressor(settings=settings, ranks=RANKS).fit(TABLE, SOLD)
    alone = TabularRegressor(settings=settings).fit(TABLE, SOLD)  # the same networks
    np.testing.assert_array_equal(same_on_all(bag.predict(TABLE)), alone.predict(TABLE))

    other = TABLE if COMM.rank == 0 else {"age": AGE + 1, "kind": KIND}
    with warnings.catch_warnings(), pytest.raises(InputError, match="all ranks get all of its"):
        TabularRegressor(settings=SETTINGS, ranks=COMM).fit(other, SOLD)
