"""Tables of which a step touches few rows: the same bits as all rows, or PyTorch's lazy meaning."""

import math

import numpy as np
import pytest

from helpers import run_kernel
from steepest import (
    SGD,
    Adafactor,
    Adagrad,
    Adam,
    Dense,
    DivergenceError,
    Embedding,
    InputError,
    Network,
    Parallel,
    ScheduleFreeAdamW,
    Squared,
    Tanh,
    Trainer,
)
from steepest.checking import catalogue
from steepest.sampling import SAMPLERS
from steepest.training import touched
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

RNG = np.random.default_rng(0)
CODES, DIM, BATCH = 60, 3, 8
X = RNG.integers(0, CODES, (29, 2)).astype(np.float64)  # the last batch of an epoch is short
Y = RNG.standard_normal((29, 1))
RESTING = [SGD(0.1, factors={"0.E": 0.5}), SGD(0.1, clip_value=0.01), Adagrad(0.1, initial=0.1)]
LAZY = [Adam(0.01), SGD(0.1, momentum=0.9), SGD(0.1, clip_norm=0.05), *RESTING]
threads = pytest.mark.parametrize("threads", [1, 2, 3])


@pytest.fixture
def logged(monkeypatch):
    """Have even a small table be large: by rows for rules that rest, and with a log."""
    monkeypatch.setattr(touched, "_LOGGED", 40)
    monkeypatch.setattr(touched, "_STEPS", 2)


def network(*, lazy=False):
    layers = Embedding(CODES, DIM, lazy=lazy), Dense(4), Tanh(), Dense(1)
    return Network(*layers, inputs=2, dtype="float64")


def fitted(rule, *, lazy=False, threads=1, epochs=3):
    trainer = Trainer(network(lazy=lazy), Squared(), rule, batch=BATCH, threads=threads)
    trainer.fit(X, Y, epochs=epochs)
    return trainer


def bits(trainer):
    slots = trainer.slots
    return np.concatenate([trainer.network.theta, *(slots[name] for name in sorted(slots))])


@threads
@pytest.mark.parametrize("rule", [SGD(0.1), *RESTING], ids=repr)
def test_rows_that_rest_can_be_left_out(rule, threads, request):
    whole = fitted(rule)
    request.getfixturevalue("logged")
    for lazy in (False, True):
        np.testing.assert_array_equal(bits(fitted(rule, lazy=lazy, threads=threads)), bits(whole))


@threads
@pytest.mark.parametrize("rule", LAZY, ids=repr)
def test_a_log_and_threads_change_no_bits(rule, threads, request):
    copied = fitted(rule, lazy=True)
    request.getfixturevalue("logged")
    np.testing.assert_array_equal(bits(fitted(rule, lazy=True, threads=threads)), bits(copied))


def test_a_rule_rests_if_it_says_so():
    """To the last bit, of θ and of what it remembers."""
    theta, zero = RNG.standard_normal(50), np.zeros(50)
    theta[0] = -0.0
    rules = [r for r in catalogue.RULES if r.rests]
    assert {type(r) for r in rules} >= {SGD, Adagrad}
    for rule in rules:
        slots = {name: np.abs(RNG.standard_normal(50)) for name in rule.slots}
        known = {"eta": 0.1, "t": 3, "entries": range(50), **rule.settings(), **slots}
        before = {name: array.copy() for name, array in {**slots, "theta": theta}.items()}
        known |= {"theta": theta, "g": zero}
        wanted = rule.kernel.__code__.co_varnames[: rule.kernel.__code__.co_argcount]
        rule.kernel(**{name: known[name] for name in wanted})
        for name, array in before.items():
            assert known[name].tobytes() == array.tobytes(), (rule, name)


@pytest.mark.parametrize("large", [False, True])
def test_lazy_adam_is_sparse_adam(large, request):
    """The recurrence of ``torch.optim.SparseAdam``, which adds eps to the root of v itself."""
    if large:
        request.getfixturevalue("logged")
    rate, beta1, beta2, eps = 0.05, 0.9, 0.99, 1e-3
    net = Network(Embedding(CODES, DIM, lazy=True), inputs=2, dtype="float64")
    targets = RNG.standard_normal((len(X), 2 * DIM))
    E = net.parameters["0.E"].copy()
    m, v, t = np.zeros_like(E), np.zeros_like(E), 0
    for _ in range(3):
        for first in range(0, len(X), BATCH):
            codes, t = X[first : first + BATCH].astype(int), t + 1
            dy = (E[codes].reshape(len(codes), -1) - targets[first : first + BATCH]) / len(codes)
            g = np.zeros_like(E)
            np.add.at(g, codes, dy.reshape(*codes.shape, DIM))
            rows = np.unique(codes)
            m[rows] = beta1 * m[rows] + (1 - beta1) * g[rows]
            v[rows] = beta2 * v[rows] + (1 - beta2) * g[rows] ** 2
            size = rate * math.sqrt(1 - beta2**t) / (1 - beta1**t)
            E[rows] -= size * m[rows] / (np.sqrt(v[rows]) + eps)
    rule = Adam(rate, beta1=beta1, beta2=beta2, eps=eps, epsilon_hat=True)
    trainer = Trainer(net, Squared(), rule, batch=BATCH, sampling="sequential")
    trainer.fit(X, targets, epochs=3)
    np.testing.assert_allclose(net.parameters["0.E"], E, rtol=1e-12)
    np.testing.assert_allclose(trainer.slots["v"].reshape(E.shape), v, rtol=1e-12)


def test_rows_no_example_touches_stand_still():
    net = network(lazy=True)
    before, codes = net.parameters["0.E"].copy(), np.unique(X).astype(int)
    Trainer(net, Squared(), Adam(0.1), batch=BATCH).fit(X, Y, epochs=2)
    changed = (net.parameters["0.E"] != before).any(axis=1)
    assert np.array_equal(np.flatnonzero(changed), codes)
    assert codes.size < CODES


def test_a_norm_is_that_of_all_of_the_gradient():
    rule = SGD(0.1, clip_norm=0.05)  # rests where it is not touched, but for the order of sums
    np.testing.assert_allclose(bits(fitted(rule, lazy=True)), bits(fitted(rule)), rtol=1e-10)


@pytest.mark.parametrize("rule", [SGD, Adagrad, Adam])
def test_a_divergence_is_taken_back_by_the_log(rule, request):
    """As by a copy: the same parameters, memory and words."""

    def diverged():
        follows = rule(lr=lambda t: np.where(t < 9, 0.01, 1e200))
        trainer = Trainer(network(lazy=True), Squared(), follows, batch=BATCH)
        with pytest.raises(DivergenceError) as caught:
            trainer.fit(X, Y, epochs=5)
        return bits(trainer), str(caught.value)

    copied, told = diverged()
    request.getfixturevalue("logged")
    found, words = diverged()
    np.testing.assert_array_equal(found, copied)
    assert words == told
    assert np.isfinite(found).all()


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize("rule", [SGD(0.1), *LAZY], ids=repr)
def test_a_run_goes_back_to_its_last_mark(rule):
    slots = {}
    descent = Descent(Squared(), rule, SAMPLERS["uniform"], BATCH)
    run = TrainingRun(network(lazy=True), descent, (X, Y, None), slots=slots, step=0, threads=1)
    rates = np.full(run.most_steps, 0.1)
    assert rates.size == 40 // (2 * BATCH)
    with run.engine:
        run.run(rates)
        before = run.state()
        mark = run.mark()
        first, after = run.run(rates), run.state()
        run.rewind(mark)
        assert all(np.array_equal(run.state()[name], array) for name, array in before.items())
        assert np.array_equal(run.run(rates), first)
        assert all(np.array_equal(run.state()[name], array) for name, array in after.items())
    assert all(array.size < run.network.theta.size for array in mark.values())


@pytest.mark.usefixtures("logged")
def test_what_is_not_finite_is_found_in_rows_that_are_touched_and_at_first_in_all():
    for poisoned in (int(X[0, 0]), next(iter(set(range(CODES)) - set(X.flat)))):
        net = network()
        net.parameters["0.E"][poisoned] = np.nan
        with pytest.raises(DivergenceError):
            Trainer(net, Squared(), SGD(0.1), batch=BATCH).fit(X, Y, epochs=1)


@pytest.mark.usefixtures("logged")
def test_several_tables_and_examples_of_several_rows():
    layers = Parallel((1, Embedding(CODES, 2)), (1, Embedding(CODES, DIM, lazy=True))), Dense(1)
    tokens = RNG.integers(0, CODES, (20, 3, 2)).astype(float)
    found = []
    for threads in (1, 2):
        net = Network(*layers, inputs=(3, 2), dtype="float64")
        trainer = Trainer(net, Squared(), Adagrad(0.1), batch=4, threads=threads)
        trainer.fit(tokens, np.ones((20, 3, 1)), epochs=2)
        found.append(bits(trainer))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Adam(ema=0.9), "ema"),
        (ScheduleFreeAdamW(), "another θ"),
        (SGD(l2=0.1, decay_all=True), "penalties or weight_decay"),
        (Adam(weight_decay=0.1, decay_all=True), "penalties or weight_decay"),
        (Adafactor(), "a step for the whole"),
    ],
)
def test_what_changes_all_rows_can_not_be_lazy(rule, told):
    net = network(lazy=True)
    before = net.theta.copy()
    with pytest.raises(InputError, match=rf"0\.E is lazy.*{told}.*leave lazy out"):
        Trainer(net, Squared(), rule).fit(X, Y)
    assert np.array_equal(net.theta, before)


def test_a_layer_names_all_rows_that_its_gradient_is_in():
    tables = [layer for layer in catalogue.LAYERS if isinstance(layer, Embedding)]
    for layer in tables:
        x = RNG.integers(0, layer.codes, (3, 2)).astype(float)
        E, dE = np.zeros((2, layer.codes, layer.dim))
        places = np.full((3, 2), -1, np.int32)
        layer.touches(x, E, places, range(3))
        layer.backward_theta(x, np.ones((3, 2 * layer.dim)), dE, 1.0, 0, 1)
        assert set(places.flat) == set(np.flatnonzero(dE.any(axis=1)))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_kernels(compiled, threads):
    """Beside what NumPy says; what is beyond the rows found is none of theirs."""

    def run(kernel, share=None, **named):
        named |= {} if share is None else {"theta": share}
        run_kernel(kernel, "float64", compiled, threads, **named)

    # rows 1 and 2 of a matrix, of four; the log has row 2 already, and its second beginning
    columns = np.array([5, 7, 2, 2, 2, 9, 7], np.int32)
    named = {"columns": columns, "starts": np.array([0, 1, 4, 7, 7]), "i": np.array([1, 2])}
    for room, added in ((8, [7, 9]), (6, [7]), (0, [])):  # in the others there is less room
        seen, found = np.zeros(10, np.int32), np.full(4, -1, np.int32)
        has, kept = np.zeros(10, np.int32), np.zeros(room, np.int32)
        has[2:4] = 2, 1
        span = np.array([3, 1, 2, 2])
        run(touched.list_rows, **named, seen=seen, found=found, span=span, has=has, kept=kept)
        assert found.tolist() == [7, 2, 9, -1]
        assert span.tolist() == [5, 3, len(added), 2]
        assert kept[5 : 5 + len(added)].tolist() == added
        assert not seen.any()
        assert set(np.flatnonzero(has == 2)) == {2, *added}
    rows, table = found[:3].copy(), RNG.standard_normal((10, 4))
    kept, values = np.array([0, 7, 9], np.int32), np.zeros((4, 4))
    span = np.array([1, 3, 2, 1])
    run(touched.keep_rows, np.empty(2), table=table, kept=kept, span=span, values=values)
    assert np.array_equal(values, [np.zeros(4), table[7], table[9], np.zeros(4)])
    named = {"table": table.copy(), "found": found}
    own = np.full((4, 4), np.nan)
    run(touched.copy_rows, rows, **named, own=own)
    assert np.array_equal(own[:3], table[rows])
    run(touched.put_rows, rows, **named, own=2 * own)
    assert np.array_equal(named["table"][rows], 2 * table[rows])
    run(touched.move_rows_out, rows, **named, own=own)
    assert np.array_equal(own[:3], 2 * table[rows])
    assert np.isnan(own[3]).all()
    assert np.array_equal(np.flatnonzero(~named["table"].any(axis=1)), sorted(rows))
    named |= {"span": span}
    for poison, is_finite in ((1e308, True), (np.inf, False), (np.nan, False)):
        sums, named["table"][2, 1] = np.zeros(4), poison
        with np.errstate(invalid="ignore"):
            run_kernel(touched.watch_rows, "float64", compiled, **named, sums=sums)
        assert np.isfinite(sums).all() == is_finite
