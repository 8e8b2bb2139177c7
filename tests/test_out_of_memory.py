"""What no machine has memory for is an error of ours, whoever is asked for it."""

import numpy as np
import pytest

from steepest import (
    Dense,
    Gradients,
    InputError,
    MLPRegressor,
    Network,
    OutOfMemoryError,
    Squared,
    SteepestError,
    TabularRegressor,
    Trainer,
    example_norms,
    gradient,
    gradient_moments,
    hardest_examples,
    importance,
    per_example_gradients,
)
from steepest.arrays import within_memory
from steepest.cli import run

ROWS = 10**13
X, Y = np.broadcast_to(np.float64(1), (ROWS, 2)), np.broadcast_to(np.float64(0), ROWS)
LOSS = Squared()


def network():
    return Network(Dense(1), inputs=2)


def trainer():
    return Trainer(network(), LOSS)


def fitted(kind, **settings):
    rows = np.random.default_rng(0).standard_normal((20, 2))
    return kind(**settings).fit(rows, rows[:, 0])


SMALL = {"settings": {"layers": (2,), "epochs": 1}, "n_threads": 1}
CALLS = {
    "Network.predict": lambda: network().predict(X),
    "Trainer.fit": lambda: trainer().fit(X, Y),
    "Trainer.evaluate": lambda: trainer().evaluate(X, Y),
    "Gradients.mean": lambda: gradient(network(), LOSS, X, Y),
    "Gradients.norms": lambda: example_norms(network(), LOSS, X, Y),
    "Gradients.moments": lambda: gradient_moments(network(), LOSS, X, Y),
    "Gradients.each": lambda: per_example_gradients(network(), LOSS, X, Y),
    "hardest_examples": lambda: hardest_examples(network(), LOSS, X, Y),
    "importance": lambda: importance(network(), LOSS, X, Y),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_memory_for_so_many_rows(name):
    with pytest.raises(OutOfMemoryError, match=rf"{name}: there is no memory .*; give fewer rows"):
        CALLS[name]()


def nothing_left(*_, **__):
    raise MemoryError("Unable to allocate 40 TiB")


@pytest.mark.parametrize(
    ("kind", "settings", "part"),
    [
        (MLPRegressor, {"max_iter": 2}, "steepest.estimators.base.BaseMLP._prepared"),
        (TabularRegressor, SMALL, "steepest.tables.encoder.Encoder.transform"),
    ],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_estimators_without_memory(kind, settings, part, monkeypatch):
    model = fitted(kind, **settings)
    monkeypatch.setattr(part, nothing_left)
    for what, call in (
        ("fit", lambda: fitted(kind, **settings)),
        ("predict", lambda: model.predict([[1, 2]])),
    ):
        with pytest.raises(
            OutOfMemoryError, match=rf"{what}: there is no memory for this \(Unable"
        ):
            call()


def test_it_is_of_both_kinds():
    assert issubclass(OutOfMemoryError, (SteepestError, MemoryError))


def test_it_is_told_once_by_whom_was_asked_last():
    @within_memory("outer")
    def outer():
        with within_memory("inner"):
            raise MemoryError

    with pytest.raises(OutOfMemoryError, match="inner: there is no memory for this"):
        outer()


def test_a_trainer_is_as_it_was_and_a_network_not_built():
    one = Trainer(Network(Dense(10**7), Dense(10**7)), LOSS)
    with pytest.raises(InputError, match="its parameters for 2 inputs don't fit into memory"):
        one.fit(np.ones((3, 2)), np.ones(3))
    assert one.network.inputs is None
    two = trainer()
    with pytest.raises(OutOfMemoryError):
        two.fit(X, Y)
    two.fit(np.ones((3, 2)), np.ones(3), epochs=1)
    assert Gradients(two.network, LOSS).mean(np.ones((3, 2)), np.ones(3)).loss >= 0


def test_the_command_line_says_it_in_one_line(monkeypatch, capsys):
    def app():
        raise MemoryError("Unable to allocate 40 TiB")

    monkeypatch.setattr("steepest.cli.app", app)
    with pytest.raises(SystemExit):
        run()
    assert capsys.readouterr().err == (
        "steepest: there is no memory for this (Unable to allocate 40 TiB)\n"
    )
