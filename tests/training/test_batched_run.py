"""Training on batches that come one by one."""

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Adam,
    Cosine,
    Dense,
    DivergenceError,
    Dropout,
    InputError,
    Network,
    ReLU,
    SoftmaxCrossEntropy,
    Squared,
    Trainer,
    Watch,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((103, 6))
Y = (X @ RNG.standard_normal((6, 3))).argmax(axis=1)
W = RNG.uniform(0.5, 2, 103)


def trainer(rule=None, **options):
    network = Network(Dense(20), ReLU(), Dropout(0.2), Dense(3))
    return Trainer(network, SoftmaxCrossEntropy(), rule or Adam(lr=0.01), **options)


def batches(*arrays, size=10):
    """Yield the rows of arrays, in their order."""
    for start in range(0, arrays[0].shape[0], size):
        yield tuple(array[start : start + size] for array in arrays)


@pytest.mark.parametrize("rule", [SGD(lr=0.1), SGD(lr=0.1, momentum=0.9), Adam(lr=0.01),
                                  Adam(lr=Cosine(0.01))])  # fmt: skip
@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_the_same_as_the_rows_in_their_order(rule, threads):
    whole = trainer(rule, batch=10, sampling="sequential", threads=threads)
    by_batch = trainer(rule, threads=threads)
    expected = whole.fit(X, Y, epochs=3)
    found = by_batch.fit(list(batches(X, Y)), epochs=3)
    assert np.array_equal(by_batch.network.theta, whole.network.theta)
    assert by_batch.step == whole.step == 33
    assert found["step"].tolist() == expected["step"].tolist() == [11, 22, 33]
    assert found["lr"].tolist() == expected["lr"].tolist()
    np.testing.assert_allclose(found["loss"], expected["loss"])
    assert by_batch.history["epoch"].tolist() == [1, 2, 3]


def test_a_function_begins_each_epoch_and_a_generator_is_one():
    listed, made, drained = trainer(), trainer(), trainer()
    listed.fit(list(batches(X, Y)), epochs=2)
    made.fit(lambda: batches(X, Y), epochs=2)
    for _ in range(2):
        drained.fit(batches(X, Y))
    assert np.array_equal(made.network.theta, listed.network.theta)
    assert np.array_equal(drained.network.theta, listed.network.theta)
    assert drained.history["epoch"].tolist() == [1, 2]


def test_by_default_a_list_is_gone_through_ten_times():
    assert len(trainer().fit(list(batches(X, Y)))) == 10


def test_batches_of_every_size_and_kind():
    sizes = [1, 7, 2, 3, 4, 5, 6, 7, 1]
    ends = np.cumsum(sizes)
    given = [(X[e - n : e], Y[e - n : e]) for n, e in zip(sizes, ends, strict=True)]
    given.append((X[50:60], Y[50:60], W[50:60]))
    given.append([X[60:70].tolist(), Y[60:70].tolist()])
    fitted, single = trainer(), trainer()
    fitted.fit(given, epochs=2)
    for batch in given * 2:
        single.fit([batch], epochs=1)
    assert fitted.step == single.step == 22
    assert np.array_equal(fitted.network.theta, single.network.theta)


def test_sparse_batches():
    dense, csr = trainer(), trainer()
    dense.fit(batches(X, Y))
    csr.fit((sparse.csr_matrix(x), y) for x, y in batches(X, Y))
    np.testing.assert_allclose(csr.network.theta, dense.network.theta, rtol=1e-4, atol=1e-5)


def test_the_validation_set_decides_when_to_stop():
    fitted = trainer(SGD(lr=1e-30))
    history = fitted.fit(
        list(batches(X, Y)), epochs=50, validation=(X, Y), metrics=["accuracy"], patience=3
    )
    assert len(history) == 4
    assert {"validation_loss", "accuracy"} <= set(history.columns)


def test_callbacks_are_told_and_stop():
    told, watch = [], Watch(share=1.0, examples=8)
    fitted = trainer()
    history = fitted.fit(
        list(batches(X, Y)),
        epochs=5,
        callbacks=[told.append, watch, lambda progress: progress.epoch == 2],
    )
    assert len(history) == 2
    ended = [progress for progress in told if progress.epoch_ended]
    assert [(p.epoch, p.step, p.steps) for p in ended] == [(1, 11, 55), (2, 22, 55)]
    assert ended[0].row["loss"] == history[0]["loss"]
    assert len(watch.noise) == 2


def test_how_long_a_training_lasts_may_be_unknown():
    told = []
    trainer().fit(batches(X, Y), callbacks=[told.append], verbose=True)
    assert told[-1].steps == 0
    with pytest.raises(InputError, match="total, the number of steps, is not known"):
        trainer(Adam(lr=Cosine(0.01))).fit(batches(X, Y))
    known = trainer(Adam(lr=Cosine(0.01, total=11)))
    assert known.fit(batches(X, Y))["lr"][-1] < 0.01


def test_diverging_it_goes_back():
    network = Network(Dense(1), inputs=6)
    fitted = Trainer(network, Squared(), SGD(lr=1e30))
    with pytest.raises(DivergenceError, match="step"):
        fitted.fit(list(batches(X, X[:, :1])), epochs=50)
    assert np.isfinite(network.theta).all()


def endless():
    while True:
        yield X[:10], Y[:10]


def test_a_time_limit_holds_within_an_epoch():
    fitted = trainer()
    history = fitted.fit(endless(), time_limit=0.05)
    assert len(history) == 0
    assert fitted.step > 0


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X,), {}, "y is missing; give X and y, or an iterable of batches"),
        ((None,), {}, "y is missing"),
        (({"a": 1},), {}, "y is missing"),
        ((batches(X, Y),), {"epochs": 2}, "gives its batches once"),
        (([],), {}, "there are no batches"),
        ((lambda: iter([]),), {}, "there are no batches"),
        (([X, Y],), {}, r"batch 0: expected \(X, y\)"),
        (([(X, Y), (X, Y, W, W)],), {}, r"batch 1: expected \(X, y\)"),
        (([(X, Y), (X[:, :3], Y)],), {}, "built for 6 inputs, got 3"),
        (([(X, Y[:-1])],), {}, "batch 0: 103 rows of X"),
        (([(X, Y)],), {"weights": W}, "weights can't be given where y is missing"),
        (([(X, Y)],), {"checkpoint": "here"}, "checkpoint can't be given where y is missing"),
        (([(X, Y)],), {"resume": True}, "resume can't be given where y is missing"),
        (([(X, Y)],), {"validation": 0.2}, "with batches, give rows"),
        (([(X, Y)],), {"metrics": ["accuracy"]}, "metrics need a validation set"),
        (([(X, Y)],), {"epochs": 0}, "epochs must be"),
        (([(X, Y)],), {"callbacks": [3]}, "must be functions of a Progress, got 3"),
        (([(X, Y)],), {"callbacks": [Watch]}, r"has the class Watch; make one: Watch\(\)"),
    ],
)
def test_errors_say_what_to_do(arguments, options, message):
    with pytest.raises(InputError, match=message):
        trainer().fit(*arguments, **options)


def test_factors_that_fit_no_parameter_are_refused_before_the_first_step():
    frozen = trainer(Adam(factors={"layer0.*": 0.0}))
    with pytest.raises(InputError, match=r"Trainer\.fit: .*'layer0\.\*'; there are 0\.A, 0\.b"):
        frozen.fit(list(batches(X, Y)), epochs=1)
    assert frozen.step == 0
    assert not frozen.slots
