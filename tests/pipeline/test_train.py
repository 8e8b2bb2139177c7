"""What a recipe trains: an average of networks, and what does not go together."""

import numpy as np
import pyarrow as pa
import pytest

from steepest import Checkpoint, InputError
from steepest.pipeline.recipe import Recipe
from steepest.pipeline.train import RunOptions, TrainingData, train_recipe
from steepest.tables.encoder import Encoder
from steepest.tables.task import infer_task

RNG = np.random.default_rng(0)
TABLE = pa.table({"x": RNG.normal(size=200), "y": RNG.normal(size=200)})


def train(ensemble, seed=0, changes=None, **options):
    task = infer_task(TABLE.column("y"), "y")
    settings = {"layers": (4,), "epochs": 2, "batch": 32, "ensemble": ensemble, "seed": seed}
    settings |= changes or {}
    encoder = Encoder.fit(TABLE, ["x"])
    X = encoder.transform(TABLE)
    recipe = Recipe.for_task(task, settings)
    data = TrainingData(X, task.encode(TABLE.column("y")))
    return train_recipe(recipe, task, encoder, data, RunOptions(**options)), X


def test_an_ensemble_is_the_average_of_its_members():
    both, X = train(2)
    first, second = (train(1, seed)[0].network.predict(X) for seed in (0, 1))
    assert len(both.histories) == 2
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(both.network.predict(X), (first + second) / 2, atol=1e-6)


def test_a_training_goes_on_from_a_checkpoint(tmp_path):
    whole, _ = train(1)
    stopped, _ = train(1, time_limit=1e-9, checkpoint=Checkpoint(tmp_path / "c"))
    assert len(stopped.histories[0]) < 2
    resumed, _ = train(1, checkpoint=Checkpoint(tmp_path / "c"), resume=True)
    assert np.array_equal(resumed.network.theta, whole.network.theta)


def test_products_are_rounded_if_that_is_wanted():
    layers = {"layers": (32, 32)}
    exact, rounded = (train(1, changes=layers | {"matmul_dtype": p})[0] for p in (None, "bfloat16"))
    assert not np.array_equal(exact.network.theta, rounded.network.theta)
    np.testing.assert_allclose(exact.network.theta, rounded.network.theta, atol=0.1)


def test_an_ensemble_keeps_no_checkpoints(tmp_path):
    with pytest.raises(InputError, match="not of an ensemble of 2"):
        train(2, checkpoint=Checkpoint(tmp_path / "c"))
    assert not list(tmp_path.iterdir())
