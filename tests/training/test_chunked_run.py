"""What the trainer does between chunks of steps."""

import numpy as np

from steepest import SGD, Checkpoint, Dense, Network, Squared, Trainer

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 3))
Y = RNG.standard_normal((4, 1))


def trainer(lr=0.1):
    return Trainer(Network(Dense(1), inputs=3), Squared(), SGD(lr=lr), batch=4)


def test_every_epoch_is_judged_however_many_a_chunk_would_take():
    """An epoch is one step here, and nothing else asks for a look at its end."""
    fitted = trainer(lr=1e-30)  # no epoch is better than the first one
    history = fitted.fit(X, Y, epochs=1000, monitor="loss", patience=7)
    assert len(history) == 8


def test_going_on_without_patience_keeps_the_last_parameters(tmp_path):
    options = {"validation": (X, -Y), "checkpoint": Checkpoint(tmp_path)}  # ever worse
    trainer().fit(X, Y, epochs=3, patience=100, **options)
    whole, resumed = trainer(), trainer()
    whole.fit(X, Y, epochs=6, validation=(X, -Y))
    resumed.fit(X, Y, epochs=6, resume=True, **options)
    assert np.array_equal(resumed.network.theta, whole.network.theta)
