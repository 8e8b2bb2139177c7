"""EmbeddingBag: lists of codes in both forms, the same numbers, whichever way they are computed."""

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Adagrad,
    Adam,
    Checkpoint,
    Concat,
    Dense,
    DivergenceError,
    EmbeddingBag,
    InputError,
    Network,
    Squared,
    Trainer,
    gradient,
    per_example_gradients,
)
from steepest.training import touched
from steepest.training.run import TrainingRun

CODES, DIM, N = 60, 3, 29
RNG = np.random.default_rng(0)
LISTS = [list(RNG.integers(0, CODES, n)) for n in RNG.integers(0, 6, N)]
LISTS[3], LISTS[4] = [], [7, 7, 7]
Y = RNG.standard_normal((N, 1))
BAG = EmbeddingBag(CODES, DIM)
threads = pytest.mark.parametrize("threads", [1, 2, 3])
modes = pytest.mark.parametrize("mode", ["mean", "sum"])


def network(**settings):
    layers = EmbeddingBag(CODES, DIM, **settings), Dense(1)
    return Network(*layers, inputs=CODES, dtype="float64")


def filled_up(lists, padding, width=6):
    return np.array([[*codes, *[padding] * (width - len(codes))] for codes in lists], float)


@modes
@pytest.mark.parametrize("padding", [None, 7])
def test_rows_of_csr_are_weighted(mode, padding):
    weights = [list(RNG.uniform(0 if mode == "mean" else -1, 1, len(codes))) for codes in LISTS]
    net = Network(EmbeddingBag(CODES, DIM, mode, padding=padding), inputs=CODES, dtype="float64")
    E, found = net.parameters["0.E"], net.predict(BAG.matrix(LISTS, weights=weights))
    for y, codes, values in zip(found, LISTS, weights, strict=True):
        pairs = [(c, v) for c, v in zip(codes, values, strict=True) if c != padding]
        total = sum(v for _, v in pairs) if mode == "mean" and pairs else 1
        expected = sum((v * E[c] for c, v in pairs), np.zeros(DIM)) / total
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    assert not found[3].any()


@modes
@threads
def test_both_forms_train_alike(mode, threads):
    """Lists filled up with a code that counts for nothing, and rows of a CSR matrix."""
    settings = {"mode": mode, "padding": CODES - 1}
    lists = [[code % (CODES - 1) for code in codes] for codes in LISTS]
    found = []
    for X in (BAG.matrix(lists), filled_up(lists, CODES - 1)):
        layers = EmbeddingBag(CODES, DIM, **settings), Dense(1)
        net = Network(*layers, inputs=X.shape[1], dtype="float64")
        net.parameters["0.E"][:] = np.linspace(-1, 1, CODES * DIM).reshape(CODES, DIM)
        Trainer(net, Squared(), Adagrad(0.1), batch=8, threads=threads).fit(X, Y, epochs=3)
        found.append(net.theta.copy())
    np.testing.assert_allclose(*found, rtol=1e-10)


@pytest.mark.parametrize(
    ("rule", "lazy"),
    [
        (SGD(0.1), False),
        (SGD(0.1, clip_norm=0.05), True),
        (Adagrad(0.1), False),
        (Adam(0.01), True),
    ],
    ids=repr,
)
def test_a_large_table_learns_as_a_small_one(rule, lazy, monkeypatch):
    """Bit by bit, on any number of threads: by the rows touched, with a log, or by all rows."""
    X, found = BAG.matrix(LISTS), []
    for logged, count in ((1 << 16, 1), (10, 1), (10, 2), (10, 3)):
        monkeypatch.setattr(touched, "_LOGGED", logged)
        net = network(lazy=lazy)
        trainer = Trainer(net, Squared(), rule, batch=8, threads=count)
        trainer.fit(X, Y, epochs=3)
        slots = [trainer.slots[name] for name in sorted(trainer.slots)]
        found.append(np.concatenate([net.theta, *slots]))
    assert all(np.array_equal(found[0], other) for other in found[1:])
    assert not np.array_equal(found[0][: CODES * DIM], network(lazy=lazy).theta[: CODES * DIM])


def test_a_step_back_is_taken_by_the_log(monkeypatch):
    def diverged():
        rule = Adagrad(lr=lambda t: np.where(t < 9, 0.01, 1e200))
        trainer = Trainer(network(), Squared(), rule, batch=8)
        with pytest.raises(DivergenceError) as caught:
            trainer.fit(BAG.matrix(LISTS), Y, epochs=5)
        return trainer.network.theta.copy(), str(caught.value)

    copied, told = diverged()
    monkeypatch.setattr(touched, "_LOGGED", 10)
    found, words = diverged()
    np.testing.assert_array_equal(found, copied)
    assert words == told


def test_a_table_of_a_million_rows_keeps_only_those_that_are_touched(tmp_path):
    bag = EmbeddingBag(1 << 20, 4, std=0, lazy=True)
    lists = [RNG.integers(0, bag.codes, 5) for _ in range(64)]
    net = Network(bag, Dense(1), inputs=bag.codes)
    trainer = Trainer(net, Squared(), Adam(0.01), batch=16)
    folder = tmp_path / "run"
    trainer.fit(bag.matrix(lists), np.ones(64), epochs=2, checkpoint=Checkpoint(folder, "1 epoch"))
    sizes = [file.stat().st_size for file in sorted(folder.iterdir())]
    assert sizes[0] > 3 * 4 * net.theta.size
    assert sizes[-1] < 64 * 5 * 4 * 64 * 3
    used = np.unique(np.concatenate(lists))
    assert np.array_equal(np.flatnonzero(net.parameters["0.E"].any(axis=1)), used)


def test_memory_for_going_back_holds_every_row_once(monkeypatch):
    kept = []
    run = TrainingRun.mark
    monkeypatch.setattr(TrainingRun, "mark", lambda self: kept.append(self) or run(self))
    bag = EmbeddingBag(1 << 17, 2, std=0)
    X = bag.matrix([[k % 7] for k in range(2000)])
    Trainer(Network(bag, Dense(1), inputs=bag.codes), Squared(), SGD(0.1), batch=1).fit(
        X, np.ones(2000), epochs=2
    )
    assert kept[-1].most_steps > 2000
    span = kept[-1]._touched._places["0.E"].span.array
    assert span[0] + span[2] <= 7


@modes
@pytest.mark.parametrize("inside", [False, True])
def test_gradients_of_single_examples_in_csr_form(mode, inside):
    bag = EmbeddingBag(CODES, DIM, mode)
    layers = (Concat(bag, Dense(2)), Dense(1)) if inside else (bag, Dense(1))
    net = Network(*layers, inputs=CODES, dtype="float64")
    X, name = BAG.matrix(LISTS), next(name for name in net.parameters if name.endswith("E"))
    each, E = per_example_gradients(net, Squared(), X, Y)[name], net.parameters[name]
    assert each.shape == (N, *E.shape)
    for k in (3, 4, 5):
        alone = BAG.matrix(LISTS[k : k + 1])
        np.testing.assert_allclose(
            each[k], gradient(net, Squared(), alone, Y[k : k + 1]).theta[name], atol=1e-14
        )
    k, eps, slope = 4, 1e-6, 0.0
    for sign in (1, -1):  # central differences
        E[7, 1] += sign * eps
        slope += sign * np.sum((net.predict(BAG.matrix(LISTS[k : k + 1])) - Y[k]) ** 2) / 2
        E[7, 1] -= sign * eps
    np.testing.assert_allclose(each[k, 7, 1], slope / (2 * eps), rtol=1e-6)


def test_lists_one_behind_the_other_are_the_same_matrix():
    flat = np.concatenate(LISTS).astype(int)
    offsets = np.cumsum([0, *map(len, LISTS[:-1])])
    found = BAG.matrix(flat, offsets), BAG.matrix(LISTS)
    assert (found[0] != found[1]).nnz == 0
    assert found[0].shape == (N, CODES)
    assert BAG.matrix([]).shape == (0, CODES)
    assert BAG.matrix([[], []]).nnz == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([[1], [2, CODES]],), r"list 1: the token must be one of 0, …, 59, got 60"),
        (([[-1]],), "list 0: .* got -1"),
        (([1, 2, -3], [0, 2]), "list 1: .* got -3"),
        (([[0.5]],), "tokens must be whole numbers"),
        ((["ab"],), "list 0 of tokens must be a list, got 'ab'"),
        (([3],), "list 0 of tokens must be a list, got 3"),
        ((5,), "tokens must be a list of lists, got 5"),
        (([[1]], None, 2), "weights must be a list of lists, got 2"),
        (([2**70], [0]), "tokens must be whole numbers in one row"),
        (([1, 2], [1]), "offsets must begin at 0"),
        (([1, 2], [0, 2, 1]), "offsets must begin at 0, rise"),
        (([1, 2], [0, 3]), "end within the 2 tokens"),
        (([1, 2], [0], [1.0]), "weights must be 2 finite numbers"),
        (([1, 2], [0], [1.0, np.nan]), "weights must be 2 finite numbers"),
        (([[1, 2]], None, [[1.0]]), "weights must be lists like tokens"),
    ],
)
def test_bad_lists_are_refused(arguments, told):
    with pytest.raises(InputError, match=told):
        BAG.matrix(*arguments)


def test_bad_input_is_refused():
    net = network()
    with pytest.raises(InputError, match=r"row 1, column 2: the code must be .* got 60\.0"):
        net.predict([[1] * CODES, [1, 2, 60, *[0] * (CODES - 3)]])
    narrow = Network(EmbeddingBag(CODES, DIM), inputs=4)
    with pytest.raises(InputError, match="must have 60 columns, one for each code, got 4"):
        narrow.predict(sparse.csr_matrix((2, 4)))
    with pytest.raises(InputError, match="the mean needs weights of at least 0, got -2"):
        net.predict(BAG.matrix([[1]], weights=[[-2]]))
    for settings in ({"mode": "max"}, {"padding": CODES}, {"std": -1}):
        with pytest.raises(InputError, match="EmbeddingBag"):
            EmbeddingBag(CODES, DIM, **settings)
