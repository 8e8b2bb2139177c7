"""A training run whose number of threads changes."""

import threading

import numpy as np
import pytest

from steepest import SGD, Adam, Checkpoint, Dense, DivergenceError, Network, ReLU, Squared, Trainer
from steepest.engine.team_size import TeamSize
from steepest.sampling import SAMPLERS
from steepest.training import run as module
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 20)).astype("f4")
Y = RNG.standard_normal((70, 4)).astype("f4")


class Following(TeamSize):
    """Has the numbers of a list one after the other, each for a step."""

    most_steps = 1

    def __init__(self, numbers):
        super().__init__(numbers[0], 8)
        self.left = list(numbers)
        self.offers, self.refused = [], []

    def took(self, steps, seconds, lacked=0.0):
        self.left.pop(0)
        self.threads = self.left[0] if self.left else self.threads

    def put_off(self, seconds):
        self.offers.append((self.threads, seconds))
        self.threads = self._present

    def refuse(self):
        self.refused.append(self.threads)
        self.threads = self._present


@pytest.fixture
def lowered(monkeypatch):
    """Return a function that makes a run with these numbers of threads."""

    def make(*numbers, rule=None, lr=0.01):
        monkeypatch.setattr(module, "TeamSize", lambda first, most, **_: Following(numbers))
        network = Network(Dense(16), ReLU(), Dense(4), inputs=20)
        rule = rule or SGD(lr)
        slots = {name: np.zeros_like(network.theta) for name in rule.slots}
        descent = Descent(Squared(), rule, SAMPLERS["shuffled"], 32)
        return TrainingRun(network, descent, (X, Y, None), slots=slots, step=0, threads=4)

    return make


def test_a_chunk_goes_on_with_other_numbers(lowered):
    run, found = lowered(2, 2, 1, 3, 2, 4), []
    one = lowered(1, 1, 1, 1, 1, 1)
    use = run.engine.use
    run.engine.use = lambda *programs: found.append(programs[0].threads) or use(*programs)
    rates = np.full(6, 0.01)
    with run.engine, one.engine:
        losses = run.run(rates)
        np.testing.assert_array_equal(losses, one.run(rates))
    assert found == [1, 3, 2, 4]
    assert losses.size == run.step == 6
    np.testing.assert_array_equal(run.network.theta, one.network.theta)


def test_another_number_has_the_same_memory(lowered):
    run = lowered(2, 1, 3, 2, rule=Adam())
    before = run._arena.nbytes
    with run.engine:
        run.run(np.full(4, 0.01))
    assert run._arena.nbytes == before


def test_a_number_is_lowered_when_it_is_first_wanted(lowered, monkeypatch):
    run, made = lowered(2, 2, 1, 2, 1), []
    lower = run._lower
    monkeypatch.setattr(run, "_lower", lambda threads: made.append(threads) or lower(threads))
    with run.engine:
        run.run(np.full(2, 0.01))
        assert made == []
        run.run(np.full(3, 0.01))
    assert made == [1]


def test_a_try_waits_until_it_is_worth_being_compiled(lowered, monkeypatch):
    monkeypatch.setattr(module, "count_to_compile", lambda programs: 10)
    run = lowered(2, 1, 2, 1, 2)
    with run.engine:
        run.run(np.full(4, 0.01))
    assert run.team.offers == [(1, pytest.approx(3.0))]  # said once; the next time it is worth it
    assert run.step == 4


def test_a_try_whose_threads_cannot_be_started_is_given_up(lowered, monkeypatch):
    run = lowered(2, 7, 2)  # no other test has a team of seven

    def start(thread):
        raise RuntimeError("can't start new thread")

    with run.engine:
        run.run(np.full(1, 0.01))
        monkeypatch.setattr(threading.Thread, "start", start)
        run.run(np.full(2, 0.01))
    assert run.team.refused == [7]
    assert run.step == 3


def test_a_chunk_ends_with_the_piece_whose_loss_is_not_finite(lowered):
    run = lowered(*[2, 1] * 20, lr=1e20)
    with run.engine:
        losses = run.run(np.full(20, 1e20))
    assert losses.size == run.step < 20
    assert np.isfinite(losses).tolist() == [True] * (losses.size - 1) + [False]


def test_by_default_it_begins_with_the_cores_that_are_idle(monkeypatch):
    monkeypatch.setattr(module, "idle_cores", lambda: 1)
    monkeypatch.setattr(module, "threads_for", lambda *_: 2)
    monkeypatch.setattr(module, "threads_to_try", lambda *_: 2)
    network, descent = (
        Network(Dense(4), inputs=20),
        Descent(Squared(), SGD(), SAMPLERS["shuffled"], 10),
    )
    for asked, expected in ((None, 1), (2, 2)):
        begun = TrainingRun(network, descent, (X, Y, None), slots={}, step=0, threads=asked)
        assert begun.team.threads == begun.whole.threads == expected
    monkeypatch.setattr(module, "is_blas", lambda products: True)
    begun = TrainingRun(network, descent, (X, Y, None), slots={}, step=0)
    assert begun.team.threads == begun.whole.threads == 2


def test_where_blas_multiplies_the_number_stays(monkeypatch):
    """There the bits depend on it."""
    monkeypatch.setattr(module, "is_blas", lambda products: True)
    network = Network(Dense(4), inputs=20)
    descent = Descent(Squared(), SGD(0.01), SAMPLERS["shuffled"], 32)
    run = TrainingRun(network, descent, (X, Y, None), slots={}, step=0, threads=2)
    assert run.team.is_fixed
    assert run.threads == 2


def test_a_run_leaves_cores_to_another(monkeypatch):
    monkeypatch.setattr(module, "room_for_threads", lambda: 1)
    network = Network(Dense(4), inputs=20)
    descent = Descent(Squared(), SGD(0.01), SAMPLERS["shuffled"], 32)
    run = TrainingRun(network, descent, (X, Y, None), slots={}, step=0, threads=2)
    with run.engine:
        run.run(np.full(4, 0.01, "f4"))
    assert run.engine.threads == 1


def test_a_trainer_remembers_what_its_fits_have_found_out():
    trainer = Trainer(Network(Dense(4), inputs=20), Squared(), threads=2)
    trainer.fit(X, Y, epochs=1)
    known = trainer._team
    trainer.fit(X, Y, epochs=1)
    assert trainer._team is known
    trainer.threads = 3
    trainer.fit(X, Y, epochs=1)
    assert (trainer._team.first, trainer._team.most) == (3, 3)


@pytest.fixture
def changing(monkeypatch):
    """Have every run change its number of threads from step to step."""
    monkeypatch.setattr(
        module, "TeamSize", lambda first, most, **_: Following([2, 1, 3, 4, 1, 2] * 1000)
    )


def trainer(lr=0.01, rule=Adam):
    return Trainer(Network(Dense(16), ReLU(), Dense(4)), Squared(), rule(lr=lr), threads=4)


def test_divergence_is_replayed_with_any_numbers(request):
    found = []
    for _ in range(2):
        fitted = trainer(lr=1e3, rule=SGD)
        with pytest.raises(DivergenceError) as caught:
            fitted.fit(X, Y, epochs=100)
        found.append((str(caught.value), fitted.step, fitted.network.theta.tobytes()))
        request.getfixturevalue("changing")
    assert found[0] == found[1]


def test_a_checkpoint_goes_on_with_any_numbers(tmp_path, request):
    whole, part, rest = trainer(), trainer(), trainer()
    whole.fit(X, Y, epochs=6)
    part.fit(X, Y, epochs=3, checkpoint=Checkpoint(tmp_path))
    request.getfixturevalue("changing")
    rest.fit(X, Y, epochs=6, checkpoint=Checkpoint(tmp_path), resume=True)
    assert rest.network.theta.tobytes() == whole.network.theta.tobytes()
    assert rest.history["loss"].tobytes() == whole.history["loss"].tobytes()
