"""Epochs over blocks: when they stop, and what is kept then."""

import numpy as np
import pytest

from steepest import SGD, Checkpoint, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer
from steepest.lowering.predict import Predictor
from steepest.pipeline.block_training import BlockPlan, BlockTraining
from steepest.pipeline.monitor import LOSS, Monitor
from steepest.pipeline.recipe import Recipe
from steepest.pipeline.shuffled_blocks import Scratch, draws

ROWS, BATCH = 400, 20
RNG = np.random.default_rng(0)
X = RNG.standard_normal((ROWS, 3)).astype(np.float32)
Y = (X[:, 0] + 0.5 * RNG.standard_normal(ROWS) > 0).astype(int)
HELD_OUT = X[:50], RNG.permutation(Y[:50])


@pytest.fixture
def scratch():
    with Scratch(4, 3, "float32", "int64", seed=0) as scratch:
        scratch.add(X, Y, draws(0, ROWS, 0))
        yield scratch


def training(scratch, epochs=50, lr=0.1, checkpoint=None, callbacks=(), patience=None):
    network = Network(Dense(8), ReLU(), Dense(2), inputs=3)
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(lr=lr), batch=BATCH, threads=1)
    per_epoch = sum(-(-int(rows) // min(BATCH, int(rows))) for rows in scratch.rows)
    plan = BlockPlan(Recipe(epochs=epochs, patience=patience), HELD_OUT, Monitor(LOSS, {}))
    return BlockTraining(trainer, scratch, plan, per_epoch, checkpoint, tuple(callbacks), None)


def loss_of(found):
    predictor = Predictor(found.network.built, 512, 1, SoftmaxCrossEntropy())
    return predictor.evaluate(*HELD_OUT, np.ones(50, np.float32))[1]


def test_it_stops_when_no_epoch_is_better_and_puts_the_best_one_back(scratch):
    found = training(scratch, lr=1.0, patience=4)
    found.run()
    found.restore_best()
    losses = [row["validation_loss"] for row in found.rows]
    assert len(losses) == int(np.argmin(losses)) + 1 + 4
    assert loss_of(found) == min(losses)


def test_the_loss_of_an_epoch_is_the_average_over_all_rows(scratch):
    found = training(scratch, epochs=2, lr=1e-30)  # nothing changes
    found.run()
    predictor = Predictor(found.network.built, 512, 1, SoftmaxCrossEntropy())
    expected = predictor.evaluate(X, Y, np.ones(ROWS, np.float32))[1]
    assert [row["loss"] for row in found.rows] == pytest.approx([expected] * 2, rel=1e-5)
    assert [row["step"] for row in found.rows] == [found.per_epoch, 2 * found.per_epoch]


def test_within_a_block_the_last_checkpoint_stands(scratch, tmp_path):
    def stop(progress):
        return progress.step > found.per_epoch  # at the first step of the second epoch

    found = training(scratch, 3, checkpoint=Checkpoint(tmp_path, "1 steps"), callbacks=[stop])
    found.begin(resume=False)
    found.run()
    assert found.trainer.step == found.per_epoch + 1
    assert Checkpoint(tmp_path).load().step == found.per_epoch
    assert len(found.rows) == 1
    whole, resumed = training(scratch, 3), training(scratch, 3, checkpoint=Checkpoint(tmp_path))
    whole.run()
    resumed.begin(resume=True)
    resumed.run()
    np.testing.assert_array_equal(resumed.network.theta, whole.network.theta)
